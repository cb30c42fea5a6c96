/**
 * Finds steps that are too large: others could see, or change, what is between two accesses of such a step, and no run that is
 * explored shows it.
 *
 * @module
 */
import { Violation } from '../../world/errors.js'
import type { Scenario } from '../../world/model.js'
import { type AnyProcedure, BLOCKED } from '../../world/procedures/procedure.js'
import { parametersOf } from '../check.js'
import { Stepper } from '../explore/stepper.js'
import { TransitionSystem } from '../explore/system.js'
import { visitSteps } from '../explore/visit.js'
import type { CheckOptions } from '../options.js'
import { Accesses } from './accesses.js'
import { type Run, tooLarge, Uses } from './movers.js'
import { type UnlockedPair, unlockedPairs } from './unlocked.js'

/** A step that is too large. */
export interface LargeStep {
  readonly procedure: string
  readonly step: string
  /** True if its procedure is under test. */
  readonly isOwn: boolean
  /**
   * What it accesses that others may access meanwhile, and locks that it takes too late or drops too early, as `mm[].pte[].entry`:
   * which one of several of a kind is left out. A field that is part of a machine word is named by the word.
   */
  readonly accesses: readonly string[]
}

/** The answer of {@link atomicity}. */
export interface Atomicity {
  readonly scenario: string
  /** The steps that are too large, in the order of their names. */
  readonly large: readonly LargeStep[]
  /** Accesses of different threads that no lock keeps apart. */
  readonly unlocked: readonly UnlockedPair[]
  /** Steps that were taken. */
  readonly steps: number
  /** Distinct states explored. */
  readonly states: number
  /** False if the limit of states came first. */
  readonly exhaustive: boolean
}

/** Options of {@link atomicity}. */
export interface AtomicityOptions extends Pick<CheckOptions, 'bounds' | 'set' | 'isOwn' | 'defects'> {
  /** Most distinct states (default none). */
  readonly states?: number
}

/**
 * Explores a scenario, and finds the steps that are too large. A step may take locks, then make one access that another thread
 * could come between, then drop locks; all else that it does must commute with what other threads do: it is guarded by a lock
 * that the thread holds in the mode which the field declares and that nobody reads the field without, only one thread uses the
 * field, or nobody can reach it. Reading and then writing one field, or one machine word, is one access.
 *
 * @param scenario - what to explore; claims that do not hold are passed
 * @param options - at which bounds, how far, with which defects, and which procedures are under test
 * @throws SpecificationError if the scenario or one of its procedures is wrong
 *
 * @example
 * ```ts
 * const { large } = atomicity(scenario, { bounds: 'smoke' })
 * for (const { procedure, step, accesses } of large) console.log(`${procedure}: ${step}: ${accesses.join(', ')}`)
 * ```
 */
export function atomicity(scenario: Scenario, options: AtomicityOptions = {}): Atomicity {
  const { runs, accesses, states, exhaustive } = runsOf(scenario, options)
  const uses = new Uses(accesses.places, runs)
  const large = new Map<string, Omit<LargeStep, 'accesses'> & { readonly accesses: Set<string> }>()
  for (const run of runs) {
    const found = tooLarge(run, uses)
    if (found === undefined) continue
    const { procedure, step, isOwn } = run
    const key = keyOfStep(run)
    const known = large.get(key) ?? { procedure, step, isOwn, accesses: new Set() }
    large.set(key, known)
    for (const place of [...found.places, ...found.locks])
      known.accesses.add(accesses.places[place].name.replace(/\[\d+\]/g, '[]'))
  }
  return {
    scenario: scenario.name,
    large: [...large]
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([, found]) => ({ ...found, accesses: [...found.accesses].sort() })),
    unlocked: unlockedPairs(runs, accesses.places),
    steps: new Set(runs.map(keyOfStep)).size,
    states,
    exhaustive,
  }
}

function keyOfStep({ procedure, step }: Pick<Run, 'procedure' | 'step'>): string {
  return `${procedure}: ${step}`
}

/** All runs of steps that differ in who takes them, from where, or in what they access. */
function runsOf(scenario: Scenario, options: AtomicityOptions) {
  const model = scenario.build(parametersOf(scenario, options))
  const overrides = (options.defects ?? []).flatMap((defect) => defect.overrides)
  const system = new TransitionSystem(model, overrides, 'all')
  const { control, worldWords } = system
  control.isOwn = options.isOwn ?? nobodys
  const stepper = new Stepper(system)
  const accesses = new Accesses(model.layout)
  const runs = new Map<string, Run>()
  const { states, exhaustive } = visitSteps(
    system,
    stepper,
    options.states ?? Number.POSITIVE_INFINITY,
    (current, next) => ({
      take(thread, choice) {
        try {
          if (accesses.of(() => stepper.take(current, thread, choice, next)) === BLOCKED) return false
        } catch (error) {
          if (error instanceof Violation) return false
          throw system.explain(error, current, thread)
        }
        const location = current[worldWords + thread]
        const key = `${thread} ${location} ${accesses.key}`
        if (!runs.has(key))
          runs.set(key, {
            procedure: control.procedureAt(location),
            step: control.stepAt(location)?.name ?? 'finished',
            isOwn: control.own[location],
            thread,
            accesses: [...accesses.run],
          })
        return true
      },
    }),
  )
  return { runs: [...runs.values()], accesses, states, exhaustive }
}

const nobodys: (procedure: AnyProcedure) => boolean = () => false
