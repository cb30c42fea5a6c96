/**
 * Writes `docs/bounds.md`: the bounds of each scenario, and the cost of the next bound.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { boundedBy, nextBounds } from '../spec/bounds.js'
import { type MirroringScenario, mirroringScenarios } from '../spec/index.js'
import { type CheckResult, check, parametersOf } from '../src/checker/index.js'
import { SpecificationError } from '../src/world/index.js'

/** States after which a larger scenario is abandoned. */
const MOST_STATES = 1_000_000

const PAGE = new URL('../../docs/bounds.md', import.meta.url)

/**
 * Checks scenarios at default bounds and at the next, and writes the page.
 *
 * @param named - only these: the rows of the others stay as they are (default all)
 */
export async function writeBounds(named: readonly string[] = []): Promise<void> {
  const before = new Map(
    [...readFileSync(PAGE, 'utf8').matchAll(/^\| (\S+) \|.*$/gm)].map(([row, name]) => [name, row]),
  )
  const rows: string[] = []
  for (const scenario of mirroringScenarios) {
    const kept = before.get(scenario.name)
    if (named.length > 0 && !named.includes(scenario.name)) {
      if (kept !== undefined) rows.push(kept)
      continue
    }
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
  writeFileSync(PAGE, `${[...HEAD, ...rows, ...TAIL].join('\n')}\n`)
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

/** What `hmm-spec saturate` was found to say: measured apart, since it takes longer. */
const TAIL = [
  '',
  '## What the next bound shows',
  '',
  '`hmm-spec saturate` raises every bound of a scenario by one, and says which answers of steps, transitions of statecharts and',
  'claims are new. A bound is a parameter; where none can be raised, it is the last call of each thread, made twice. If no',
  'scenario shows it at its default bounds, the default is raised, or `spec/bound-reasons.ts` has the reason.',
  '',
  'So far the first 40 scenarios were measured, retry-protocol to large-folio-and-fork, with at most 60,000 states or twice',
  'those of the default: of 79 bounds 63 show nothing new, 5 cannot be raised, as a process does not exit twice or a claim',
  'breaks, and these show something that is not in the scenario:',
  '',
  '- retry-protocol, pages=3: a third page is chosen.',
  '- snapshot, the last call of cpu twice; classic-only, pages=2; driver-encoding, the last call of cpu twice; large-folio, the',
  '  last call of discarder twice: only what other scenarios of these 40 show.',
  '- starvation, endless=1: the steps of an endless stream, which is what the parameter is for.',
  '- huge-page, the last call of cpu twice: munmap of what is not mapped any more.',
  '- huge-page-faults and empty-page-table, the last call of a CPU twice: a zap of a huge page that has been zapped or replaced.',
  '- huge-page-migrates and large-folio-and-fork, the last call of driver twice: a migration without memory for the',
  '  destination, and a huge page whose lock somebody else has.',
  '',
  'The last three lines are open: whether one of the other scenarios shows it was not measured.',
]
