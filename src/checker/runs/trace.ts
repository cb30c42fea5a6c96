/**
 * Makes a trace from a violation, and replays traces.
 *
 * @module
 */
import { inside, use } from '../../world/acting.js'
import { SpecificationError, Violation } from '../../world/errors.js'
import type { Model, ProgressClaim, Scenario, Witness } from '../../world/model.js'
import { BLOCKED } from '../../world/procedures/procedure.js'
import { type Broken, Judge } from '../claims/judge.js'
import type { Exploration } from '../explore/explore.js'
import { type Move, Stepper } from '../explore/stepper.js'
import { brokenBy, type State, type Telling, TransitionSystem } from '../explore/system.js'
import type { Injection } from '../options.js'
import type { Trace, TraceStep, ViolationReport } from '../result.js'

/** The subject of a trace. */
export type TraceSubject = Pick<Trace, 'scenario' | 'parameters' | 'defects' | 'threads'>

/** The report of a claim that `steps` violate. */
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

/** The steps of the shortest run to state `index`. */
export function movesTo(exploration: Exploration, index: number): Move[] {
  const path: number[] = [index]
  for (let at = index; at !== 0; ) {
    at = exploration.store.parent(at)
    path.push(at)
  }
  return movesAlong(exploration, path.reverse())
}

/** The steps from each of the states to the next. */
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

/** The steps of a run, as traces show them. */
export interface Told {
  readonly steps: readonly TraceStep[]
  /** The claim that its last step, or the state after it, violates. */
  readonly broken: Broken | undefined
}

/** Takes the steps again from the initial state. */
export function retell(system: TransitionSystem, moves: readonly Move[]): Told {
  return asItIsOrNormalised((how) => tell(system, moves, how))
}

/**
 * The result of `run` without reductions, since renamed values are hard to read. If a counter
 * overflows that way, which can happen in a run of representative states, the result with
 * reductions.
 */
export function asItIsOrNormalised<T>(run: (how: Telling) => T): T {
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
      // The step may throw before it is complete. The trace shows what it had changed until then.
      if (!(error instanceof Violation) || i < moves.length - 1) throw error
      broken = brokenBy(error)
    }
    steps.push(stepper.describe(state, next, thread, choice, result))
    if (i === moves.length - 1) broken ??= judgeStep(system, judge, thread, state, next)
    state = next
  }
  return { steps, broken }
}

export function judgeStep(
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

/** The run to the violation, including its step, and the violation. */
export function breachingRun(exploration: Exploration): Told & { readonly broken: Broken } {
  const { breach, system } = exploration
  if (breach === undefined) throw new Error('no claim is broken')
  const moves = movesTo(exploration, breach.state)
  const told = retell(system, breach.step === undefined ? moves : [...moves, breach.step])
  // No judge reports a deadlock, so the breach itself is the description.
  return { steps: told.steps, broken: told.broken?.clause === breach.clause ? told.broken : breach }
}

/**
 * The shortest run to an obstacle to a witness, with its description; undefined if none is known.
 */
export function runInstead(
  exploration: Exploration,
  { instead }: Witness,
): { readonly steps: readonly TraceStep[]; readonly what: string } | undefined {
  const { control, model, store, system } = exploration
  const met = new Map<number, string>()
  for (let location = 0; location < control.runs.length; location++) {
    const what = instead?.(control.history(location))
    if (what !== undefined) met.set(location, what)
  }
  const state: State = new Uint32Array(system.words)
  for (let index = 0; met.size > 0 && index < store.count; index++) {
    store.load(index, state)
    for (let thread = 0; thread < model.threads.length; thread++) {
      const what = met.get(state[system.worldWords + thread])
      if (what !== undefined) return { steps: retell(system, movesTo(exploration, index)).steps, what }
    }
  }
  return undefined
}

/** A step of a replayed trace, with the state after it. */
export interface ReplayedStep {
  readonly step: TraceStep
  /** Every nonzero cell after the step, as text. */
  readonly state: readonly { readonly cell: string; readonly value: string }[]
}

/** A trace that was replayed and judged. */
export interface Judged {
  /** The steps in the current version. */
  readonly steps: readonly ReplayedStep[]
  /** The violation, which is the recorded one. */
  readonly broken: Broken
}

/**
 * Replays a trace as far as it goes. Does not check that it violates its claim: {@link judgeTrace}
 * does.
 *
 * @param scenario - the scenario that it names
 * @param trace - as a check reported it
 * @param defects - the defects that it names
 * @throws SpecificationError if it does not replay: scenario or procedures have changed since it
 * was recorded
 */
export function replay(scenario: Scenario, trace: Trace, defects: readonly Injection[] = []): ReplayedStep[] {
  const system = systemOf(scenario, trace, defects)
  return asItIsOrNormalised((how) => retake(system, trace, how).steps)
}

/**
 * Replays a trace and judges it. It must take the recorded steps, violate no claim before its end
 * but those in `past`, and violate the recorded claim there, in the recorded way.
 *
 * @param scenario - the scenario that it names
 * @param trace - as a check reported it
 * @param defects - the defects that it names
 * @throws SpecificationError `trace` with what was not confirmed
 */
export function judgeTrace(scenario: Scenario, trace: Trace, defects: readonly Injection[] = []): Judged {
  if (trace.kind === 'witness')
    throw refusal('that no state shows something cannot be seen in a run; check the scenario again')
  const system = systemOf(scenario, trace, defects)
  const { steps, broken } = asItIsOrNormalised((how) => retake(system, trace, how))
  if (trace.kind !== 'progress' && trace.loopFrom !== undefined)
    throw refusal(`it has a loop (loopFrom ${trace.loopFrom}), and only a claim of progress is broken by one`)
  const { clause, claim, kind } = trace
  if (trace.kind === 'progress') {
    if (broken !== undefined) throw refusal(`its last step breaks ${named(broken)}, not ${named(trace)}`)
    // Values of which only the order matters recur only after the checker's reductions.
    const detail = new LoopJudge(system, trace).judge()
    return { steps, broken: { kind, clause, claim, detail } }
  }
  if (broken === undefined)
    throw refusal(
      `${trace.steps.length === 0 ? 'the initial state breaks nothing' : `after its last step, ${trace.steps.length}, nothing is broken`}; ` +
        `it was recorded to break ${named(trace)}`,
    )
  if (broken.clause !== clause || broken.claim !== claim || broken.kind !== kind)
    throw refusal(`it breaks ${named(broken)}, not ${named(trace)}, which it was recorded to break`)
  return { steps, broken }
}

function named({ clause, claim, kind }: Broken): string {
  return claim === clause ? `${clause} (${kind})` : `${clause} (${kind}: ${claim})`
}

function refusal(why: string): SpecificationError {
  return new SpecificationError('trace', why)
}

/** The transition system of a trace. */
export function systemOf(
  scenario: Scenario,
  trace: Pick<Trace, 'parameters'>,
  defects: readonly Injection[],
): TransitionSystem {
  return new TransitionSystem(
    scenario.build(trace.parameters),
    defects.flatMap((defect) => defect.overrides),
    'all',
  )
}

/**
 * Takes the steps of a trace, each of which must be the recorded one. Returns the violation at its
 * end.
 */
function retake(
  system: TransitionSystem,
  trace: Trace,
  how: Telling,
): { steps: ReplayedStep[]; broken: Broken | undefined } {
  const { model } = system
  const judge = new Judge(withoutClaims(model, trace.past ?? []))
  const stepper = new Stepper(system, how)
  let state: State = new Uint32Array(system.words)
  let broken = system.begin(state, how) ?? judgeState(system, judge, state)
  const steps = trace.steps.map((recorded, i) => {
    const where = `step ${i + 1}, recorded as ${recorded.name}: ${recorded.procedure}: ${recorded.step}`
    const refuse = (why: string): never => {
      throw refusal(`${where}, ${why}`)
    }
    if (broken !== undefined) refuse(`comes after ${named(broken)} is broken already: ${broken.detail}`)
    const next: State = new Uint32Array(state.length)
    const thread = model.threads[recorded.thread]
    if (thread === undefined) refuse(`cannot be taken: there is no thread ${recorded.thread}`)
    if (thread.name !== recorded.name)
      refuse(`is of thread ${recorded.thread}, which is called ${thread.name}`)
    if (stepper.finished(state, recorded.thread)) refuse('cannot be taken: the thread has ended')
    const is = stepper.describe(state, state, recorded.thread, recorded.choice, recorded.result)
    if (is.procedure !== recorded.procedure || is.step !== recorded.step)
      refuse(`differs: the thread is at ${is.procedure}: ${is.step}`)
    if (recorded.choice >= is.choices || recorded.choices !== is.choices)
      refuse(
        `differs: it was choice ${recorded.choice} of ${recorded.choices}, and the step has ${is.choices}`,
      )
    if (recorded.way !== is.way)
      refuse(
        `differs: it went the way "${recorded.way ?? recorded.choice}", which is now "${is.way ?? is.choice}"`,
      )
    let result: unknown = 0
    try {
      result = stepper.take(state, recorded.thread, recorded.choice, next)
    } catch (error) {
      // The step may throw before it is complete. The trace shows what it had changed until then.
      if (!(error instanceof Violation)) throw error
      broken = brokenBy(error)
    }
    if (result === BLOCKED) refuse('cannot be taken: it is blocked')
    const step = stepper.describe(state, next, recorded.thread, recorded.choice, result)
    if (step.result !== recorded.result)
      refuse(`differs: it returned ${recorded.result} and now returns ${step.result}`)
    broken ??= judgeStep(system, judge, recorded.thread, state, next)
    state = next
    const w = stepper.world(state)
    const cells = model.layout.cells.filter((cell) => cell.readOnce(w) !== 0)
    return { step, state: cells.map((cell) => ({ cell: cell.name, value: cell.show(w) })) }
  })
  if (broken === undefined && isStuck(system, state)) broken = system.stuck(state)
  return { steps, broken }
}

/**
 * Calls `look` for each step of a trace, with the location of its thread and the state before it,
 * and returns the results. The steps must be those of the trace; nothing is judged.
 */
export function alongTrace<T>(
  system: TransitionSystem,
  { steps }: Pick<Trace, 'steps'>,
  look: (location: number, state: State) => T,
): T[] {
  return asItIsOrNormalised((how) => {
    const stepper = new Stepper(system, how)
    let state: State = new Uint32Array(system.words)
    system.begin(state, how)
    return steps.map(({ thread, choice }) => {
      const looked = look(state[system.worldWords + thread], state)
      const next: State = new Uint32Array(state.length)
      try {
        stepper.take(state, thread, choice, next)
      } catch (error) {
        // The last step of a run may violate a claim by throwing.
        if (!(error instanceof Violation)) throw error
      }
      state = next
      return looked
    })
  })
}

/** The model without its claims of some clauses, so that a run known to violate them continues. */
function withoutClaims(model: Model, clauses: readonly string[]): Model {
  if (clauses.length === 0) return model
  const isKept = ({ clause }: { readonly clause: string }) => !clauses.includes(clause)
  return {
    ...model,
    invariants: (model.invariants ?? []).filter(isKept),
    stepClaims: (model.stepClaims ?? []).filter(isKept),
  }
}

function judgeState(system: TransitionSystem, judge: Judge, state: State): Broken | undefined {
  try {
    return judge.state(system.world(state), system.view(state))
  } catch (error) {
    if (error instanceof Violation) return brokenBy(error)
    throw error
  }
}

/** True if no thread can take a step from `state`. */
export function isStuck(system: TransitionSystem, state: State): boolean {
  return system.model.threads.every((_, thread) => !canMove(system, state, thread))
}

/** True if `thread` can take a step from `state`, even one that violates a claim. */
function canMove(system: TransitionSystem, state: State, thread: number): boolean {
  const stepper = new Stepper(system)
  if (stepper.finished(state, thread)) return false
  const next: State = new Uint32Array(state.length)
  for (let choice = 0; choice < stepper.outcomes(state, thread); choice++)
    try {
      if (stepper.take(state, thread, choice, next) !== BLOCKED) return true
    } catch (error) {
      if (error instanceof Violation) return true
      throw error
    }
  return false
}

/** Judges a trace of a progress claim: what is pending at its end must be pending for ever. */
class LoopJudge {
  private readonly states: State[]
  private readonly claim: ProgressClaim

  constructor(
    private readonly system: TransitionSystem,
    private readonly trace: Trace,
  ) {
    const claim = system.model.progress?.find(
      ({ clause, name }) => clause === trace.clause && name === trace.claim,
    )
    if (claim === undefined) throw refusal(`${trace.scenario} has no claim ${named(trace)}`)
    this.claim = claim
    const stepper = new Stepper(system)
    const first: State = new Uint32Array(system.words)
    stepper.begin(first)
    this.states = [first]
    for (const { thread, choice } of trace.steps) {
      const next: State = new Uint32Array(system.words)
      stepper.take(this.states[this.states.length - 1], thread, choice, next)
      this.states.push(next)
    }
  }

  /**
   * The description of the violation.
   *
   * @throws SpecificationError if the state is not pending for ever
   */
  judge(): string {
    const { loopFrom } = this.trace
    return loopFrom === undefined ? this.judgeEnd() : this.judgeLoop(loopFrom)
  }

  private judgeEnd(): string {
    const last = this.states[this.states.length - 1]
    if (!this.isPending(last))
      throw refusal(`nothing is pending in its last state: "${this.claim.name}" holds`)
    const mover = this.system.model.threads.findIndex((_, thread) => canMove(this.system, last, thread))
    if (mover >= 0)
      throw refusal(`it says that the run ends, and ${this.system.model.threads[mover].name} can go on`)
    return 'this run ends, and what must not last lasts for ever'
  }

  private judgeLoop(from: number): string {
    const { states, system, trace } = this
    const loop = states.slice(from)
    const last = loop[loop.length - 1]
    if (!last.every((word, i) => word === loop[0][i]))
      throw refusal(`its loop does not close: the state after its last step is not that after step ${from}`)
    const over = loop.findIndex((state) => !this.isPending(state))
    if (over >= 0)
      throw refusal(`nothing is pending after step ${from + over}: "${this.claim.name}" holds there`)
    system.model.threads.forEach(({ name }, thread) => {
      const moves = trace.steps.slice(from).some((step) => step.thread === thread)
      if (!moves && loop.every((state) => canMove(system, state, thread)))
        throw refusal(`its loop is not fair: ${name} can always go on in it, and never does`)
    })
    return `this run never gets on: the last ${loop.length - 1} steps repeat for ever, though every thread that can go on does`
  }

  private isPending(state: State): boolean {
    use(this.system.world(state))
    return inside(() => this.claim.pending(this.system.view(state)))
  }
}
