import { beforeAll, describe, expect, it } from 'vitest'
import { statecharts } from '../../models/index.js'
import { scenarios } from '../../spec/index.js'
import { compileStatechart } from '../../src/checker/claims/statechart.js'
import type { CheckResult } from '../../src/checker/index.js'
import { vacuityOf } from '../../src/report/vacuity.js'
import { type Scenario, Violation } from '../../src/world/index.js'
import { type ChartMutant, explored, mutantsOf, nameOf, withMutant } from './mutants.js'

/** Small scenarios that take every transition of every chart between them. */
const TAKING = [
  'recorded/mirrored/migrate_to_dev+madv_dontneed',
  'insert-and-exit',
  'hmm-range-dma',
  'devmem-hotplug',
  'unplug',
  'copy-fails',
  'amdgpu-userptr/munmap',
  'amdgpu-userptr/validate',
  'write-to-own-memory',
  'hmm-mirror',
  'dma-mapping',
  'speculative-reference',
  'device-out-of-memory',
  'close-at-once',
  'pages-valid',
  'compared-twice',
  'large-folio-split',
]

const charts = Object.values(statecharts).map(compileStatechart)
const mutants = charts.flatMap(mutantsOf)

/** The state and the event of the first transition of a chart. */
const firstOf = ({ states, events, transitions: [{ state, event }] }: (typeof charts)[number]) => ({
  state: states[state],
  event: events[event],
})

const key = ({ transition: { chart, state, event } }: Pick<ChartMutant, 'transition'>) =>
  `${chart}: ${state} ${event}`

/** The clause that a scenario breaks as it is set up or as it runs, if it breaks one. */
async function brokenBy(scenario: Scenario): Promise<string | undefined> {
  try {
    return (await explored(scenario)).violation?.clause
  } catch (error) {
    if (error instanceof Violation) return error.clause
    throw error
  }
}

describe('a wrong statechart', () => {
  const results: CheckResult[] = []
  /** For each transition the scenarios that take it, the smallest first. */
  const takers = new Map<string, Scenario[]>()

  beforeAll(async () => {
    const named = new Map(scenarios.map((scenario) => [scenario.name, scenario]))
    for (const name of TAKING) results.push(await explored(named.get(name) as Scenario))
    for (const { scenario, coverage } of results.toSorted((a, b) => a.states - b.states))
      for (const { taken, ...transition } of coverage.transitions) {
        if (taken === 0) continue
        const at = key({ transition })
        takers.set(at, [...(takers.get(at) ?? []), named.get(scenario) as Scenario])
      }
  }, 600_000)

  it('is made in every way: transitions removed, redirected and added', () => {
    const count = (kind: ChartMutant['kind']) => mutants.filter((mutant) => mutant.kind === kind).length
    const transitions = charts.flatMap((chart) => chart.transitions).length
    const entries = charts.map(({ states, events }) => states.length * events.length).reduce((a, b) => a + b)
    expect(count('removed')).toBe(transitions)
    expect(count('added')).toBe(entries - transitions)
    expect(count('redirected')).toBe(
      charts
        .flatMap(({ states, transitions }) => transitions.map(() => states.length - 1))
        .reduce((a, b) => a + b),
    )
  })

  it('the right ones hold in the scenarios that are to refuse the wrong ones', () => {
    expect(results.filter(({ verdict }) => verdict !== 'holds')).toEqual([])
  })

  it.each(mutants.filter(({ kind }) => kind !== 'added').map((mutant) => [nameOf(mutant), mutant] as const))(
    '%s is refused',
    async (_, mutant) => {
      for (const scenario of takers.get(key(mutant)) ?? []) {
        const clause = await brokenBy(withMutant(scenario, mutant))
        if (clause === undefined) continue
        expect(['refinement', 'C8']).toContain(clause)
        return
      }
      expect.fail('no scenario refuses it')
    },
    120_000,
  )

  it.each(charts.map((chart) => [chart.name, chart] as const))(
    '%s with a transition too many holds, and says that it is never taken',
    async (name, chart) => {
      const mutant = mutantsOf(chart).find(({ kind }) => kind === 'added') as ChartMutant
      const [scenario] = takers.get(
        key({ transition: { ...mutant.transition, ...firstOf(chart) } }),
      ) as Scenario[]
      const result = await explored(withMutant(scenario, mutant))
      expect(result.verdict).toBe('holds')
      expect(result.coverage.transitions).toContainEqual({ ...mutant.transition, taken: 0 })
      const { never } = vacuityOf([result], { transitions: [], steps: [], requirements: [] }).transitions
      expect(never, name).toContainEqual(mutant.transition)
    },
    120_000,
  )

  it('a transition too many fails the coverage of a complete check', () => {
    for (const mutant of mutants.filter(({ kind }) => kind === 'added')) {
      const universe = { transitions: [mutant.transition], steps: [], requirements: [] }
      expect(vacuityOf(results, universe).transitions.never, nameOf(mutant)).toContainEqual(mutant.transition)
    }
  })
})
