/**
 * Records which fields steps and claims read and write while a scenario is explored.
 *
 * @module
 */
import { acting } from '../world/acting.js'
import { Violation } from '../world/errors.js'
import type { Scenario } from '../world/model.js'
import { BLOCKED } from '../world/procedures/procedure.js'
import { type Footprint, footprintOf } from '../world/records/footprint.js'
import type { World } from '../world/records/layout.js'
import { parametersOf } from './check.js'
import { Stepper } from './explore/stepper.js'
import { TransitionSystem } from './explore/system.js'
import { visitSteps } from './explore/visit.js'
import type { CheckOptions } from './options.js'

/** The fields that a step or a claim accesses, without indices: `mm[].pte[].kind`. */
export interface Touched {
  readonly reads: readonly string[]
  readonly writes: readonly string[]
}

/** The footprint of a step, over all its runs. */
export interface StepFootprint extends Touched {
  readonly procedure: string
  readonly step: string
  /** Number of runs, including blocked ones. */
  readonly runs: number
}

/** The footprint of an invariant. */
export interface ClaimFootprint {
  readonly clause: string
  readonly name: string
  readonly reads: readonly string[]
}

/** The result of {@link footprints}. */
export interface Footprints {
  readonly scenario: string
  readonly steps: readonly StepFootprint[]
  readonly invariants: readonly ClaimFootprint[]
  /** Distinct states explored. */
  readonly states: number
  /** False if the limit of states was reached first. */
  readonly exhaustive: boolean
}

/** Options of {@link footprints}. */
export interface FootprintOptions extends Pick<CheckOptions, 'bounds' | 'set'> {
  /** Maximum number of distinct states (default none). */
  readonly states?: number
  /**
   * Called for each run of a step, with its footprint by full names, and the worlds before and
   * after it.
   */
  readonly onStep?: (touched: Footprint, before: World, after: World, name: string) => void
}

/** Collects the footprints of one name. */
class Gathered {
  readonly reads = new Set<string>()
  readonly writes = new Set<string>()
  runs = 0

  add({ reads, writes }: Footprint): void {
    for (const name of reads) this.reads.add(kindOf(name))
    for (const name of writes) this.writes.add(kindOf(name))
    this.runs++
  }
}

function kindOf(name: string): string {
  return name.replace(/\[\d+\]/g, '[]')
}

/**
 * Explores a scenario and records which fields each step and each invariant accesses. Violated
 * claims do not stop it.
 *
 * @param scenario - the scenario to explore
 * @param options - bounds and limit
 * @throws SpecificationError if the scenario or one of its procedures is wrong
 */
export function footprints(scenario: Scenario, options: FootprintOptions = {}): Footprints {
  const model = scenario.build(parametersOf(scenario, options))
  const system = new TransitionSystem(model, [])
  const stepper = new Stepper(system, 'asItIs')
  const steps = new Map<string, { procedure: string; step: string; gathered: Gathered }>()
  const claims = (model.invariants ?? []).map((claim) => ({ claim, gathered: new Gathered() }))
  const { states, exhaustive } = visitSteps(
    system,
    stepper,
    options.states ?? Number.POSITIVE_INFINITY,
    (current, next) => {
      const [before, after] = [system.world(current), system.world(next)]
      const view = system.view(next)
      return {
        take(thread, choice) {
          const location = current[system.worldWords + thread]
          const [procedure, step] = [
            system.control.procedureAt(location),
            system.control.stepAt(location)?.name ?? 'finished',
          ]
          const name = `${procedure}: ${step}`
          const known = steps.get(name) ?? { procedure, step, gathered: new Gathered() }
          steps.set(name, known)
          const run = footprintOf(() => stepper.take(current, thread, choice, next))
          known.gathered.add(run)
          if (run.error instanceof Violation) return false
          if (run.error !== undefined) throw system.explain(run.error, current, thread)
          if (run.result === BLOCKED) return false
          options.onStep?.(run, before, after, name)
          return true
        },
        reached() {
          acting.world = after
          for (const { claim, gathered } of claims) gathered.add(footprintOf(() => claim.judge(view)))
        },
      }
    },
  )
  return {
    scenario: scenario.name,
    steps: [...steps.values()].map(({ procedure, step, gathered }) => ({
      procedure,
      step,
      runs: gathered.runs,
      reads: [...gathered.reads].sort(),
      writes: [...gathered.writes].sort(),
    })),
    invariants: claims.map(({ claim, gathered }) => ({
      clause: claim.clause,
      name: claim.name,
      reads: [...gathered.reads].sort(),
    })),
    states,
    exhaustive,
  }
}
