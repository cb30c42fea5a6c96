/**
 * States per second of the real scenarios.
 */
import { scenarios } from '../spec/index.js'
import { check } from '../src/checker/index.js'
import type { TimedScenario } from '../src/publish/bench.js'
import { plain } from '../src/report/form/colours.js'
import { type Column, table } from '../src/report/form/table.js'
import type { Bounds } from '../src/world/index.js'

const COLUMNS: readonly Column[] = [
  { head: 'scenario' },
  { head: 'bounds' },
  { head: 'verdict' },
  ...['states', 'steps', 'seconds', 'states/s', 'MiB stored'].map((head) => ({
    head,
    align: 'right' as const,
  })),
]

/**
 * Checks scenarios and prints how fast it went.
 *
 * @param names - which; all if there are none
 * @param bounds - at which sizes
 * @param seconds - most for each check
 * @returns what each took, and false if a scenario could not be checked
 */
export async function timeScenarios(
  names: readonly string[],
  bounds: readonly Bounds[],
  seconds: number,
): Promise<{ readonly right: boolean; readonly scenarios: readonly TimedScenario[] }> {
  const unknown = names.filter((name) => !scenarios.some((scenario) => scenario.name === name))
  if (unknown.length > 0) throw new Error(`there is no scenario ${unknown.join(', ')}`)
  const rows: string[][] = []
  const timed: TimedScenario[] = []
  let states = 0
  let elapsed = 0
  let right = true
  for (const scenario of scenarios) {
    if (names.length > 0 && !names.includes(scenario.name)) continue
    for (const size of bounds) {
      try {
        const result = await check(scenario, { bounds: size, limits: { timeMs: seconds * 1000 } })
        const verdict =
          result.limit === undefined ? result.verdict : `${result.verdict} (${result.limit.kind})`
        timed.push({
          name: scenario.name,
          bounds: size,
          verdict,
          states: result.states,
          steps: result.transitions,
          seconds: Math.round(result.elapsedMs) / 1000,
          storedBytes: result.storedBytes,
        })
        states += result.states
        elapsed += result.elapsedMs
        rows.push([
          scenario.name,
          size,
          verdict,
          result.states.toLocaleString('en'),
          result.transitions.toLocaleString('en'),
          (result.elapsedMs / 1000).toFixed(2),
          Math.round((result.states / result.elapsedMs) * 1000).toLocaleString('en'),
          (result.storedBytes / 2 ** 20).toFixed(1),
        ])
      } catch (error) {
        right = false
        rows.push([
          scenario.name,
          size,
          `error: ${error instanceof Error ? error.message : error}`,
          '',
          '',
          '',
          '',
          '',
        ])
      }
    }
  }
  console.log(table(COLUMNS, rows, plain))
  const speed = Math.round((states / elapsed) * 1000).toLocaleString('en')
  console.log(
    `together ${states.toLocaleString('en')} states in ${(elapsed / 1000).toFixed(1)} s: ${speed} states/s`,
  )
  return { right, scenarios: timed }
}
