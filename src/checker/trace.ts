/**
 * From a broken claim to a trace, and from a trace back to a run.
 *
 * @module
 */
import { SpecificationError, Violation } from '../world/errors.js'
import type { Scenario } from '../world/model.js'
import { BLOCKED } from '../world/procedure.js'
import type { Exploration } from './explore.js'
import type { Broken } from './judge.js'
import type { Injection } from './options.js'
import type { Trace, TraceStep, ViolationReport } from './result.js'
import { Stepper } from './stepper.js'
import { type State, TransitionSystem } from './system.js'

/** What a trace is of. */
export type TraceSubject = Pick<Trace, 'scenario' | 'parameters' | 'defects' | 'threads'>

/** The report of a claim that `steps` break. */
export function reportOf(
  about: TraceSubject,
  broken: Broken,
  steps: readonly TraceStep[],
  rest: Pick<Trace, 'shortest' | 'loopFrom'>,
): ViolationReport {
  const { kind, clause, claim, detail } = broken
  const trace: Trace = {
    format: 'hmm-spec-trace',
    version: 1,
    ...about,
    clause,
    claim,
    kind,
    detail,
    steps,
    ...rest,
  }
  return { kind, clause, claim, detail, trace }
}

/** A stepper over the states of `exploration`. */
export function stepperOf(exploration: Exploration): Stepper {
  return new Stepper(exploration.system)
}

/** The steps of the run by which state `index` was first reached, and that state. */
export function runTo(exploration: Exploration, index: number): { steps: TraceStep[]; state: State } {
  const stepper = stepperOf(exploration)
  const path: number[] = [index]
  for (let at = index; at !== 0; ) {
    at = exploration.store.parent(at)
    path.push(at)
  }
  path.reverse()
  const load = (i: number): State => {
    const state = new Uint32Array(exploration.store.words)
    exploration.store.load(i, state)
    return state
  }
  const steps: TraceStep[] = []
  let state = load(0)
  for (const i of path.slice(1)) {
    const next = load(i)
    steps.push(stepper.between(state, next))
    state = next
  }
  return { steps, state }
}

/** The steps up to and including the one that broke the claim. */
export function breachingRun(exploration: Exploration): TraceStep[] {
  const breach = exploration.breach
  if (breach === undefined) throw new Error('no claim is broken')
  const { steps, state } = runTo(exploration, breach.state)
  if (breach.step === undefined) return steps
  const { thread, choice } = breach.step
  return [...steps, lastStep(stepperOf(exploration), state, thread, choice)]
}

/** The last step may throw, in the middle of its work: what it had changed until then is shown. */
function lastStep(stepper: Stepper, state: State, thread: number, choice: number): TraceStep {
  const next = new Uint32Array(state.length)
  let result = 0
  try {
    result = stepper.take(state, thread, choice, next)
  } catch (error) {
    if (!(error instanceof Violation)) throw error
  }
  return stepper.describe(state, next, thread, choice, result)
}

/** The state before and after each step of a replayed trace. */
export interface ReplayedStep {
  readonly step: TraceStep
  /** Every cell that is not 0 after the step, in words. */
  readonly state: readonly { readonly cell: string; readonly value: string }[]
}

/**
 * Runs a trace again.
 *
 * @param scenario - the scenario that it names
 * @param trace - as a check reported it
 * @param defects - the defects that it names
 * @throws SpecificationError if it does not replay: scenario or procedures have changed since it was recorded
 */
export function replay(scenario: Scenario, trace: Trace, defects: readonly Injection[] = []): ReplayedStep[] {
  const model = scenario.build(trace.parameters)
  const system = new TransitionSystem(
    model,
    defects.flatMap((defect) => defect.overrides),
  )
  const stepper = new Stepper(system)
  let state: State = new Uint32Array(system.words)
  system.begin(state)
  return trace.steps.map((recorded, i) => {
    const next: State = new Uint32Array(state.length)
    const last = i === trace.steps.length - 1
    const refuse = (why: string): never => {
      throw new SpecificationError(
        'scenario',
        `step ${i + 1} of the trace (${recorded.name}: ${recorded.step}) does not replay: ${why}; ` +
          'the scenario or its procedures are not those that it was recorded with',
      )
    }
    if (!(recorded.thread in model.threads)) refuse(`there is no thread ${recorded.thread}`)
    if (recorded.choice >= stepper.outcomes(state, recorded.thread))
      refuse('the thread has no such outcome here')
    let result = 0
    try {
      result = stepper.take(state, recorded.thread, recorded.choice, next)
    } catch (error) {
      if (!(error instanceof Violation) || !last) throw error
    }
    if (result === BLOCKED) refuse('it is blocked')
    const step = stepper.describe(state, next, recorded.thread, recorded.choice, result)
    if (step.step !== recorded.step) refuse(`the thread is at "${step.step}"`)
    state = next
    const w = stepper.world(state)
    const cells = model.layout.cells.filter((cell) => cell.readOnce(w) !== 0)
    return { step, state: cells.map((cell) => ({ cell: cell.name, value: cell.show(w) })) }
  })
}
