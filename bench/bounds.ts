/**
 * Writes `docs/bounds.md`: the bounds of each scenario, and the cost of the next bound.
 */
import { writeFileSync } from 'node:fs'
import { boundedBy, nextBounds } from '../spec/bounds.js'
import { type MirroringScenario, mirroringScenarios } from '../spec/index.js'
import { type CheckResult, check, parametersOf } from '../src/checker/index.js'
import { SpecificationError } from '../src/world/index.js'

/** States after which a larger scenario is abandoned. */
const MOST_STATES = 1_000_000

/** Checks every scenario at default bounds and at the next, and writes the page. */
export async function writeBounds(): Promise<void> {
  const rows: string[] = []
  for (const scenario of mirroringScenarios) {
    const parameters = parametersOf(scenario)
    const { states, elapsedMs } = await check(scenario)
    const next = await firstThatHolds(scenario, Math.max(MOST_STATES, 2 * states))
    rows.push(
      `| ${[
        scenario.name,
        boundedBy(scenario, parameters),
        states.toLocaleString('en'),
        ...(next === undefined ? ['none worth exploring', '', '', ''] : costOf(next, states, elapsedMs)),
      ].join(' | ')} |`,
    )
    console.log(rows.at(-1))
  }
  writeFileSync(new URL('../../docs/bounds.md', import.meta.url), `${[...HEAD, ...rows].join('\n')}\n`)
}

interface Larger {
  readonly name: string
  readonly result: CheckResult
}

/** The first larger scenario that holds, as far as it is explored. A call that cannot be repeated gives none. */
async function firstThatHolds(scenario: MirroringScenario, states: number): Promise<Larger | undefined> {
  for (const { name, scenario: larger, parameters } of nextBounds(scenario))
    try {
      const result = await check(larger, { set: parameters, limits: { states } })
      if (result.verdict === 'holds' || result.verdict === 'limit') return { name, result }
    } catch (error) {
      if (!(error instanceof SpecificationError)) throw error
    }
  return undefined
}

function costOf({ name, result }: Larger, states: number, elapsedMs: number): string[] {
  const cut = result.verdict === 'limit'
  return [
    name,
    `${cut ? 'more than ' : ''}${result.states.toLocaleString('en')}`,
    `${cut ? '> ' : ''}${(result.states / states).toFixed(1)}`,
    cut ? '' : (result.elapsedMs / elapsedMs).toFixed(1),
  ]
}

const HEAD = [
  '---',
  'title: Bounds',
  '---',
  '',
  '# The bounds of each scenario',
  '',
  '<!-- Written by `npm run bench -- --write-bounds`: do not edit. -->',
  '',
  'The states of each scenario at its default bounds, with the reductions, and the cost of the next bound: the first',
  'parameter that can be raised, by one, or otherwise the last call of a thread a second time. Ratios are of states and',
  'of time, larger by default, from one run each on the same machine. Sequence numbers are no bound: they are',
  `renumbered (decision 19). A larger scenario is abandoned after ${MOST_STATES.toLocaleString('en')} states.`,
  '',
  '| scenario | bounded by | states | next bound | states | ratio | ratio of time |',
  '| --- | --- | ---: | --- | ---: | ---: | ---: |',
]
