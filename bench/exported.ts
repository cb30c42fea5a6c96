/**
 * The same scenarios explored here and by SPIN, which is given the exported model: the same states, steps and claims.
 */
import { fileURLToPath } from 'node:url'
import { scenarios } from '../spec/index.js'
import { promelaOfScenario } from '../src/export/scenario.js'
import type { Against } from '../src/publish/bench.js'
import { plain } from '../src/report/form/colours.js'
import { type Column, table } from '../src/report/form/table.js'
import { findTools, type Tools, withVerifier } from '../src/second-opinion/spin.js'
import type { Bounds } from '../src/world/index.js'
import { measure, median } from './measure.js'

/** Small and large, mirroring and migration. */
const MEASURED = ['munmap', 'madvise', 'zero-page', 'snapshot', 'migrate', 'exclusive'] as const

const EXPLORE = fileURLToPath(new URL('./explore.js', import.meta.url))

const COLUMNS: readonly Column[] = [
  { head: 'scenario' },
  { head: 'bounds' },
  ...['states', 'hmm-spec s', 'pan s', 'SPIN = 1', 'compile s (clock)', 'with compiler, SPIN = 1'].map(
    (head) => ({
      head,
      align: 'right' as const,
    }),
  ),
]

/**
 * Explores scenarios in turns, and prints the medians of the processor time.
 *
 * @returns what they took, and false if SPIN counts something else
 */
export async function compareExported(
  bounds: Bounds,
  turns: number,
): Promise<{ readonly right: boolean; readonly against: readonly Against[] }> {
  const tools = findTools()
  if (tools === undefined) {
    console.log('exported scenarios are not compared with SPIN: spin and a C compiler are not both here')
    return { right: true, against: [] }
  }
  const against: Against[] = []
  const rows: string[][] = []
  let right = true
  for (const name of MEASURED) {
    const { row, isSame, taken } = await compared(tools, name, bounds, turns)
    rows.push(row)
    against.push(taken)
    right &&= isSame
  }
  console.log(
    'scenarios, exported to SPIN: processor time of exploring with claims, without progress; speed of hmm-spec, SPIN = 1',
  )
  console.log(table(COLUMNS, rows, plain))
  return { right, against }
}

async function compared(
  tools: Tools,
  name: string,
  bounds: Bounds,
  turns: number,
): Promise<{ readonly row: string[]; readonly isSame: boolean; readonly taken: Against }> {
  const scenario = scenarios.find((candidate) => candidate.name === name)
  if (scenario === undefined) throw new Error(`there is no scenario ${name}`)
  const states = Number.POSITIVE_INFINITY
  const { text } = promelaOfScenario(scenario, { bounds, set: {}, defects: [], reductions: 'all', states })
  const flags = ['-w', '-O2', '-DNOREDUCE', '-DSAFETY']
  return withVerifier(tools, text, [], flags, async (pan, compileSeconds) => {
    const ours: number[] = []
    const theirs: number[] = []
    let isSame = true
    let count = 0
    for (let turn = 0; turn < turns; turn++) {
      const here = JSON.parse((await measure([process.execPath, EXPLORE, name, bounds])).output) as {
        readonly states: number
        readonly transitions: number
        readonly seconds: number
      }
      const there = await measure([pan, '-m1000000', '-w22'])
      count = here.states
      ours.push(here.seconds)
      theirs.push(there.cpu)
      const found = ['states, stored', 'transitions'].map((what) =>
        Number(new RegExp(`(\\d+) ${what}`).exec(there.output)?.[1]),
      )
      // SPIN counts the initial state as a transition.
      if (found[0] === here.states && found[1] === here.transitions + 1) continue
      console.log(
        `WRONG: ${name} has ${here.states} states and ${here.transitions} steps, SPIN counts ${found}`,
      )
      isSame = false
    }
    const [own, other] = [median(ours), median(theirs)]
    const row = [
      name,
      bounds,
      count.toLocaleString('en'),
      own.toFixed(2),
      other.toFixed(2),
      (other / own).toFixed(2),
      compileSeconds.toFixed(1),
      ((compileSeconds + other) / own).toFixed(1),
    ]
    const taken: Against = {
      name: `${name}, ${bounds} bounds, exported`,
      states: count,
      ours: { seconds: own, peakBytes: null },
      spin: { seconds: other, peakBytes: null },
    }
    return { row, isSame, taken }
  })
}
