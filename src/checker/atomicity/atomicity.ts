/**
 * Finds steps that are too large. Other threads could observe or change a state between two
 * accesses of such a step, and no explored run shows it.
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
   * The accesses that other threads may interleave with, and the locks that it takes too late or
   * drops too early, without indices: `mm[].pte[].entry`. A field of a machine word is named by the
   * word.
   */
  readonly accesses: readonly string[]
}

/** The result of {@link atomicity}. */
export interface Atomicity {
  readonly scenario: string
  /** The steps that are too large, sorted by name. */
  readonly large: readonly LargeStep[]
  /** Pairs of accesses by different threads that no common lock orders. */
  readonly unlocked: readonly UnlockedPair[]
  /** Number of steps taken. */
  readonly steps: number
  /** Distinct states explored. */
  readonly states: number
  /** False if the limit of states was reached first. */
  readonly exhaustive: boolean
}

/** Options of {@link atomicity}. */
export interface AtomicityOptions extends Pick<CheckOptions, 'bounds' | 'set' | 'isOwn' | 'defects'> {
  /** Maximum number of distinct states (default none). */
  readonly states?: number
}

/**
 * Explores a scenario, and finds the steps that are too large. A step may take locks, then make one
 * access that another thread could interleave with, then drop locks. All its other accesses must
 * commute with those of other threads. An access commutes if the thread holds the declared lock of
 * the field in the required mode and no thread reads the field without it, if only one thread uses
 * the field, or if no other thread can reach it. A read and a later write of one field, or of one
 * machine word, count as one access.
 *
 * @param scenario - the scenario to explore; violated claims do not stop it
 * @param options - bounds, limit, defects, and the procedures under test
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

/** All runs of steps that differ in thread, location or accesses. */
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
