/**
 * From a broken claim to a trace, and from a trace back to a run.
 *
 * @module
 */
import { SpecificationError, Violation } from '../world/errors.js'
import type { Scenario } from '../world/model.js'
import { BLOCKED } from '../world/procedure.js'
import type { Exploration } from './explore.js'
import { type Broken, Judge } from './judge.js'
import type { Injection } from './options.js'
import type { Trace, TraceStep, ViolationReport } from './result.js'
import { type Move, Stepper } from './stepper.js'
import { brokenBy, type State, type Telling, TransitionSystem } from './system.js'

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

/** The steps of the run by which state `index` was first reached. */
export function movesTo(exploration: Exploration, index: number): Move[] {
  const path: number[] = [index]
  for (let at = index; at !== 0; ) {
    at = exploration.store.parent(at)
    path.push(at)
  }
  return movesAlong(exploration, path.reverse())
}

/** The steps that lead from each of the states to the next. */
export function movesAlong(
  exploration: Pick<Exploration, 'system' | 'store'>,
  path: readonly number[],
): Move[] {
  const stepper = new Stepper(exploration.system)
  const load = (index: number): State => {
    const state = new Uint32Array(exploration.store.words)
    exploration.store.load(index, state)
    return state
  }
  return path.slice(1).map((index, i) => stepper.between(load(path[i]), load(index)))
}

/** A run told step by step. */
export interface Told {
  readonly steps: readonly TraceStep[]
  /** What its last step, or the state after it, breaks. */
  readonly broken: Broken | undefined
}

/** Takes the steps again from the initial state. */
export function retell(system: TransitionSystem, moves: readonly Move[]): Told {
  return asItIsOrNormalised((how) => tell(system, moves, how))
}

/**
 * What `run` makes of a run as it is: reductions rename what a reader wants to see as it is. Where a counter does not
 * reach that far, which only a run of states that stand for others can pass, as the checker stores it.
 */
function asItIsOrNormalised<T>(run: (how: Telling) => T): T {
  try {
    return run('asItIs')
  } catch (error) {
    if (!(error instanceof SpecificationError) || error.code !== 'bound-overflow') throw error
    return run('normalised')
  }
}

function tell(system: TransitionSystem, moves: readonly Move[], how: Telling): Told {
  const stepper = new Stepper(system, how)
  const judge = new Judge(system.model)
  const steps: TraceStep[] = []
  let state: State = new Uint32Array(system.words)
  stepper.begin(state)
  let broken: Broken | undefined
  for (const [i, { thread, choice }] of moves.entries()) {
    const next: State = new Uint32Array(system.words)
    let result: unknown = 0
    broken = undefined
    try {
      result = stepper.take(state, thread, choice, next)
    } catch (error) {
      // It may throw in the middle of its work: what it had changed until then is shown.
      if (!(error instanceof Violation) || i < moves.length - 1) throw error
      broken = brokenBy(error)
    }
    steps.push(stepper.describe(state, next, thread, choice, result))
    if (i === moves.length - 1) broken ??= judgeStep(system, judge, thread, state, next)
    state = next
  }
  return { steps, broken }
}

function judgeStep(
  system: TransitionSystem,
  judge: Judge,
  thread: number,
  before: State,
  after: State,
): Broken | undefined {
  const [from, to] = [system.view(before), system.view(after)]
  try {
    return (
      judge.step(system.world(before), system.world(after), thread, from, to) ??
      judge.state(system.world(after), to)
    )
  } catch (error) {
    if (error instanceof Violation) return brokenBy(error)
    throw error
  }
}

/** The run up to and including the step that broke the claim, and what it breaks. */
export function breachingRun(exploration: Exploration): Told & { readonly broken: Broken } {
  const { breach, system } = exploration
  if (breach === undefined) throw new Error('no claim is broken')
  const moves = movesTo(exploration, breach.state)
  const told = retell(system, breach.step === undefined ? moves : [...moves, breach.step])
  // A deadlock is a breach of nothing that is judged: there is nothing more to be said of it.
  return { steps: told.steps, broken: told.broken?.clause === breach.clause ? told.broken : breach }
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
  const system = new TransitionSystem(
    scenario.build(trace.parameters),
    defects.flatMap((defect) => defect.overrides),
    'all',
  )
  return asItIsOrNormalised((how) => replayed(system, trace, how))
}

function replayed(system: TransitionSystem, trace: Trace, how: Telling): ReplayedStep[] {
  const { model } = system
  const stepper = new Stepper(system, how)
  let state: State = new Uint32Array(system.words)
  stepper.begin(state)
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
    let result: unknown = 0
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
