/**
 * What each step does, and what takes it: the fields that it reads and writes, its outcomes with the shortest run to each,
 * recordings and sequences of the suite that take it, mutants of it.
 *
 * @module
 */
import { parametersOf } from '../checker/check.js'
import { Stepper } from '../checker/explore/stepper.js'
import { StateStore } from '../checker/explore/store.js'
import { type State, TransitionSystem } from '../checker/explore/system.js'
import { BREAKS, kindOf, outcomeOf } from '../explorer/outcome.js'
import { Violation } from '../world/errors.js'
import type { Scenario } from '../world/model.js'
import { BLOCKED } from '../world/procedures/procedure.js'
import { type Recorder, recordedBy, recording } from '../world/records/footprint.js'
import type { MutantData, PlacedMutant } from './mutants.js'
import { type Example, exampleOf, sequencesOf, stepName, stepsIn, type TakenBy } from './sequences.js'

/** One way in which a step turns out. */
export interface OutcomeData {
  /** What it returned, in a word. */
  readonly outcome: string
  /** Where the shortest run to it was found, and how many steps that has; absent if only sequences take it. */
  readonly shortest?: { readonly scenario: string; readonly steps: number }
  /** How many sequences take it, by the file that has them. */
  readonly sequences: Readonly<Record<string, number>>
  /** The one with the fewest operations: of the suite if there is one. */
  readonly example?: Example
}

/** A step, by the name that traces print; which one of several of a kind is left out: `mm[].ptl`. */
export interface StepData {
  readonly procedure: string
  readonly step: string
  /** Fields that it reads, but for claims, and that it writes, over its runs; `*` for several that have the same field. */
  readonly reads: readonly string[]
  readonly writes: readonly string[]
  readonly outcomes: readonly OutcomeData[]
  /** How many scenarios take it. */
  readonly scenarios: number
  /** How many sequences take it, by the file that has them: recordings of kernels, and the suite. */
  readonly sequences: Readonly<Record<string, number>>
  /** The one with the fewest operations: of the suite if there is one. */
  readonly example?: Example
  readonly mutants: readonly MutantData[]
}

/** All that was found. */
export interface StepsDocument {
  readonly format: 'hmm-spec-steps'
  readonly version: 1
  /** Distinct states after which the exploring of a scenario ended. */
  readonly most: number
  readonly steps: readonly StepData[]
}

/** Most distinct states that are explored of a scenario. */
const MOST_STATES = 20_000
/** Runs of a step in one scenario whose footprint is looked at. */
const LOOKED_AT = 40
/** Most outcomes that are told of a step. */
const MOST_OUTCOMES = 8

/** Names of fields in order; `*` stands for several devices or objects that have the same field. */
export function collapsed(names: Iterable<string>): string[] {
  const owners = new Map<string, string[]>()
  for (const name of names) {
    const [, owner, field] = /^([^.]*)\.(.*)$/.exec(name) ?? [name, name, '']
    owners.set(field, [...(owners.get(field) ?? []), owner])
  }
  return [...owners]
    .flatMap(([field, all]) =>
      field === '' ? all : all.length > 1 ? [`*.${field}`] : [`${all[0]}.${field}`],
    )
    .sort()
}

/** Gathers what is known of one step. */
class Gathered {
  readonly reads = new Set<string>()
  readonly writes = new Set<string>()
  readonly outcomes = new Map<string, { scenario: string; steps: number }>()
  readonly scenarios = new Set<string>()
  /** In the scenario at hand. */
  looked = 0

  constructor(
    readonly procedure: string,
    readonly step: string,
  ) {}

  turned(outcome: string, scenario: string, steps: number): void {
    const known = this.outcomes.get(outcome)
    if (known === undefined ? this.outcomes.size < MOST_OUTCOMES : steps < known.steps)
      this.outcomes.set(outcome, { scenario, steps })
  }
}

/**
 * Explores every scenario at its smoke bounds, and gathers what its steps do.
 *
 * @param scenarios - what to explore
 * @param takenBy - what sequences take
 * @param mutants - of the sources
 * @param most - distinct states of a scenario
 */
export function findSteps(
  scenarios: readonly Scenario[],
  takenBy: TakenBy,
  mutants: readonly PlacedMutant[],
  most = MOST_STATES,
): StepsDocument {
  const steps = new Map<string, Gathered>()
  for (const scenario of scenarios) explore(scenario, steps, most)
  const taken = stepsIn(takenBy)
  for (const name of taken.keys()) if (!steps.has(name)) steps.set(name, gatheredFor(name))
  const byStep = new Map<string, MutantData[]>()
  for (const { procedure, step, ...mutant } of mutants) {
    const name = kindOf(`${procedure}: ${step ?? ''}`)
    byStep.set(name, [...(byStep.get(name) ?? []), mutant])
  }
  return {
    format: 'hmm-spec-steps',
    version: 1,
    most,
    steps: [...steps]
      .sort(([a], [b]) => a.localeCompare(b, 'en'))
      .map(([name, { procedure, step, reads, writes, outcomes, scenarios }]) => ({
        procedure,
        step,
        reads: collapsed(reads),
        writes: collapsed(writes),
        outcomes: [...new Set([...outcomes.keys(), ...(taken.get(name) ?? [])])].map((outcome) => {
          const shortest = outcomes.get(outcome)
          return {
            outcome,
            ...(shortest && { shortest }),
            ...takenByOf(takenBy, stepName(procedure, step, outcome)),
          }
        }),
        scenarios: scenarios.size,
        ...takenByOf(takenBy, name),
        mutants: byStep.get(name) ?? [],
      })),
  }
}

/** What sequences take `name`, and one of them. */
function takenByOf(takenBy: TakenBy, name: string): Pick<StepData, 'sequences' | 'example'> {
  const example = exampleOf(takenBy, name)
  return { sequences: sequencesOf(takenBy, name), ...(example && { example }) }
}

/** Of a step that no scenario takes, by its name. */
function gatheredFor(name: string): Gathered {
  const at = name.indexOf(': ')
  return new Gathered(name.slice(0, at), name.slice(at + 2))
}

/** Explores one scenario, in the order of the number of steps. */
function explore(scenario: Scenario, steps: Map<string, Gathered>, most: number): void {
  const system = new TransitionSystem(scenario.build(parametersOf(scenario, { bounds: 'smoke' })), [], 'all')
  const stepper = new Stepper(system, 'asItIs')
  const store = new StateStore(system.words)
  const depths = [0]
  const [current, next]: State[] = [new Uint32Array(system.words), new Uint32Array(system.words)]
  if (system.begin(next) !== undefined) return
  store.insert(next, 0)
  for (const known of steps.values()) known.looked = 0
  const gatheredOf = (location: number): Gathered => {
    const [procedure, step] = [
      system.control.procedureAt(location),
      kindOf(system.control.stepAt(location)?.name ?? ''),
    ]
    const name = `${procedure}: ${step}`
    const known = steps.get(name) ?? new Gathered(procedure, step)
    steps.set(name, known)
    return known
  }
  for (let head = 0; head < store.count && store.count < most; head++) {
    store.load(head, current)
    const depth = depths[head] + 1
    for (let thread = 0; thread < system.model.threads.length; thread++) {
      if (stepper.finished(current, thread)) continue
      const gathered = gatheredOf(current[system.worldWords + thread])
      for (let choice = 0; choice < stepper.outcomes(current, thread); choice++) {
        const result = taken(gathered, () => stepper.take(current, thread, choice, next))
        if (result === BLOCKED) continue
        gathered.scenarios.add(scenario.name)
        gathered.turned(result === BROKEN ? BREAKS : outcomeOf(result), scenario.name, depth)
        if (result === BROKEN) continue
        system.normaliser.settle(current, next, system.world(next))
        store.insert(next, head)
        if (store.added) depths.push(depth)
      }
    }
  }
}

const BROKEN = Symbol('a claim was broken')

/** Runs a step; the first few runs with a look at what it touches. */
function taken(gathered: Gathered, run: () => unknown): unknown {
  try {
    if (gathered.looked++ >= LOOKED_AT) return run()
    const recorder: Recorder = {
      // What a claim looks at, or whether a lock may be taken, no kernel reads here.
      read: ({ name }) => void (recording.checking || gathered.reads.add(kindOf(name))),
      write: ({ name }) => void gathered.writes.add(kindOf(name)),
    }
    return recordedBy(recorder, run)
  } catch (error) {
    if (error instanceof Violation) return BROKEN
    throw error
  }
}
