/**
 * Which steps take each transition of each statechart, in which scenarios, and the shortest run that does.
 *
 * @module
 */

import type { CompiledStatechart } from '../checker/claims/statechart.js'
import type { CheckOptions } from '../checker/options.js'
import type { CheckResult, TraceStep } from '../checker/result.js'
import { Violation } from '../world/errors.js'
import type { Scenario } from '../world/model.js'
import type { TransitionTable } from '../world/records/lifecycle.js'
import type { ProcedureData } from './procedures.js'
import { sequencesOf, type TakenBy, transitionName } from './sequences.js'

/** One transition of a statechart, and the evidence for it. */
export interface TransitionData {
  readonly chart: string
  readonly state: string
  readonly event: string
  readonly target: string
  /** What the chart says of it, or an empty text. */
  readonly description: string
  /** How often it was taken, in all scenarios. */
  readonly taken: number
  readonly scenarios: readonly { readonly name: string; readonly taken: number }[]
  /** Steps whose text signals the event, of those that the scenarios took. */
  readonly steps: readonly { readonly procedure: string; readonly step: string }[]
  /** How many sequences take it, by the file that has them: recordings of kernels, and the suite. */
  readonly sequences: Readonly<Record<string, number>>
  /** The shortest run to it in the first scenario, of those with the fewest states, that has one at its smoke bounds. */
  readonly shortest?: {
    readonly scenario: string
    readonly threads: readonly string[]
    readonly steps: readonly TraceStep[]
  }
}

/** All that was found. */
export interface TransitionsDocument {
  readonly format: 'hmm-spec-transitions'
  readonly version: 1
  readonly transitions: readonly TransitionData[]
}

/** What to look in. */
export interface TransitionSources {
  readonly charts: readonly CompiledStatechart[]
  readonly scenarios: readonly Scenario[]
  readonly results: readonly CheckResult[]
  readonly procedures: readonly ProcedureData[]
  /** What sequences take. */
  readonly takenBy: TakenBy
  readonly check: (scenario: Scenario, options: CheckOptions) => Promise<CheckResult>
}

/** In how many scenarios a run is looked for. */
const TRIES = 3

/** Finds the evidence for every transition. */
export async function findTransitions(sources: TransitionSources): Promise<TransitionsDocument> {
  const transitions: TransitionData[] = []
  for (const chart of sources.charts)
    for (const { state, event, target, description } of chart.transitions)
      transitions.push(
        await evidenceOf(sources, {
          chart: chart.name,
          state: chart.states[state],
          event: chart.events[event],
          target: chart.states[target],
          description,
        }),
      )
  return { format: 'hmm-spec-transitions', version: 1, transitions }
}

type Transition = Pick<TransitionData, 'chart' | 'state' | 'event' | 'target' | 'description'>

async function evidenceOf(sources: TransitionSources, transition: Transition): Promise<TransitionData> {
  const { chart, state, event } = transition
  const found = sources.results
    .map((result) => ({
      result,
      taken:
        result.coverage.transitions.find(
          (one) => one.chart === chart && one.state === state && one.event === event,
        )?.taken ?? 0,
    }))
    .filter(({ taken }) => taken > 0)
  const smallest = [...found].sort((a, b) => a.result.states - b.result.states).slice(0, TRIES)
  const shortest = await shortestRun(
    sources,
    transition,
    smallest.map(({ result }) => result.scenario),
  )
  const taken = new Set(found.flatMap(({ result }) => result.coverage.steps))
  const steps = sources.procedures.flatMap(({ name, steps }) =>
    steps
      .filter((step) => step.signals.includes(event) && taken.has(`${name}: ${step.name}`))
      .map((step) => ({ procedure: name, step: step.name })),
  )
  const last = shortest?.steps.at(-1)
  if (
    last !== undefined &&
    !steps.some(({ procedure, step }) => procedure === last.procedure && step === last.step)
  )
    steps.unshift({ procedure: last.procedure, step: last.step })
  return {
    ...transition,
    taken: found.reduce((sum, { taken }) => sum + taken, 0),
    sequences: sequencesOf(sources.takenBy, transitionName(chart, state, event, transition.target)),
    scenarios: found.map(({ result, taken }) => ({ name: result.scenario, taken })),
    steps: [...new Map(steps.map((step) => [`${step.procedure}: ${step.step}`, step])).values()],
    ...(shortest === undefined ? {} : { shortest }),
  }
}

/** With the transition struck from its chart, the first run that the checker refuses is the shortest that takes it. */
async function shortestRun(
  { scenarios, check }: TransitionSources,
  { chart, state, event }: Transition,
  names: readonly string[],
): Promise<TransitionData['shortest']> {
  for (const name of names) {
    const scenario = scenarios.find((candidate) => candidate.name === name)
    if (scenario === undefined) continue
    try {
      const { violation } = await check(without(scenario, chart, state, event), { bounds: 'smoke' })
      if (violation?.kind === 'refinement')
        return { scenario: name, threads: violation.trace.threads, steps: violation.trace.steps }
    } catch (error) {
      if (!(error instanceof Violation)) throw error
      // It is taken as the world is set up, before any thread's first step.
      return { scenario: name, threads: [], steps: [] }
    }
  }
  return undefined
}

function without(scenario: Scenario, chart: string, state: string, event: string): Scenario {
  return {
    ...scenario,
    build(parameters) {
      const model = scenario.build(parameters)
      const table = model.charts?.[chart]
      if (table === undefined) return model
      return { ...model, charts: { ...model.charts, [chart]: struck(table, state, event) } }
    },
  }
}

function struck(table: TransitionTable, state: string, event: string): TransitionTable {
  const targets = Int16Array.from(table.targets)
  targets[table.states.indexOf(state) * table.events.length + table.events.indexOf(event)] = -1
  return { ...table, targets }
}
