/**
 * Finds the steps of a run that the violation needs. Each step is delayed, together with all later
 * steps of its thread, and the run is taken again. A step that can come later or have another
 * outcome does not explain the violation.
 *
 * @module
 */
import { Violation } from '../../world/errors.js'
import { BLOCKED } from '../../world/procedures/procedure.js'
import { Judge } from '../claims/judge.js'
import { type Move, Stepper } from '../explore/stepper.js'
import { brokenBy, DEADLOCK, type State, type Telling, type TransitionSystem } from '../explore/system.js'
import type { Trace } from '../result.js'
import { asItIsOrNormalised, isStuck, judgeStep } from './trace.js'

/** Maximum number of other outcomes of a step that are tried. */
const OTHER_WAYS = 4
/** Maximum number of steps taken for this. Steps that were not examined by then count as needed. */
const MOST_TAKEN = 400_000

/**
 * For each step of a trace, whether the violation needs it. In a run that goes on for ever, these
 * are the steps that repeat. In a run that ends without an expected event, all of them.
 */
export function stepsThatMatter(system: TransitionSystem, trace: Trace): boolean[] {
  const { kind, steps, loopFrom } = trace
  if (kind === 'progress' || kind === 'witness')
    return steps.map((_, i) => loopFrom === undefined || i >= loopFrom)
  return asItIsOrNormalised((how) => new Delays(system, trace, how).matter())
}

/** The trace with `matters` set for each step. */
export function withMatters(trace: Trace, system: TransitionSystem): Trace {
  const matter = stepsThatMatter(system, trace)
  return { ...trace, steps: trace.steps.map((step, i) => ({ ...step, matters: matter[i] })) }
}

/** Takes the steps of one trace in other orders. */
class Delays {
  private readonly stepper: Stepper
  private readonly judge: Judge
  private readonly moves: readonly Move[]
  /** The state before each step. */
  private readonly before: State[] = []
  /** For each step, the last step of another thread before which it may be delayed. */
  private readonly latest: number[] = []
  private readonly matters: boolean[]
  private taken = 0

  constructor(
    private readonly system: TransitionSystem,
    private readonly trace: Trace,
    how: Telling,
  ) {
    this.stepper = new Stepper(system, how)
    this.judge = new Judge(system.model)
    this.moves = trace.steps.map(({ thread, choice }) => ({ thread, choice }))
    this.matters = this.moves.map(() => false)
    let state: State = new Uint32Array(system.words)
    system.begin(state, how)
    for (const move of this.moves) {
      this.before.push(state)
      const next: State = new Uint32Array(state.length)
      this.take(state, move, next)
      state = next
    }
  }

  matter(): boolean[] {
    const last = this.moves.length - 1
    if (last < 0) return []
    this.matters[last] = true
    // Backwards: no step may come after the next one of its thread.
    const bound = this.system.model.threads.map(() => last)
    for (let i = last; i >= 0; i--) {
      const { thread } = this.moves[i]
      if (this.taken > MOST_TAKEN) {
        this.matters[i] = true
        continue
      }
      this.latest[i] = this.latestOf(i, bound[thread])
      if (this.latest[i] < bound[thread]) {
        this.matters[i] = true
        this.matters[this.nextOfOthers(thread, this.latest[i])] = true
      }
      bound[thread] = this.latest[i]
      if (!this.matters[i]) this.matters[i] = !this.mayGoAnotherWay(i)
    }
    return this.matters
  }

  /**
   * The last step, at most `bound`, after which step `i` and the later steps of its thread up to
   * there may be taken.
   */
  private latestOf(i: number, bound: number): number {
    const { thread } = this.moves[i]
    const others: number[] = []
    for (let at = i + 1; at <= bound; at++) if (this.moves[at].thread !== thread) others.push(at)
    const mayComeAfter = (n: number) => this.stillBreaks(i, this.delayed(i, others[n]))
    // Tries the points where the thread changes first, then those within the steps of one thread.
    let n = others.length - 1
    while (n >= 0 && !((n === others.length - 1 || this.isLast(others[n])) && mayComeAfter(n))) n--
    while (n + 1 < others.length - 1 && mayComeAfter(n + 1)) n++
    return n === others.length - 1 ? bound : n < 0 ? i : others[n]
  }

  /** Whether another thread takes the next step. */
  private isLast(at: number): boolean {
    return this.moves[at + 1]?.thread !== this.moves[at].thread
  }

  private nextOfOthers(thread: number, after: number): number {
    for (let i = after + 1; i < this.moves.length; i++) if (this.moves[i].thread !== thread) return i
    return this.moves.length - 1
  }

  /** The steps from `i` on, with those of its thread delayed until after step `after`. */
  private delayed(i: number, after: number): Move[] {
    const { thread } = this.moves[i]
    const until = this.moves.slice(i, after + 1)
    return [
      ...until.filter((move) => move.thread !== thread),
      ...until.filter((move) => move.thread === thread),
      ...this.moves.slice(after + 1),
    ]
  }

  private mayGoAnotherWay(i: number): boolean {
    const { choice, choices } = this.trace.steps[i]
    if (choices === 1) return true
    const rest = this.moves.slice(i + 1)
    const others = Array.from({ length: Math.min(choices, OTHER_WAYS + 1) }, (_, way) => way)
    return others.some(
      (way) => way !== choice && this.stillBreaks(i, [{ ...this.moves[i], choice: way }, ...rest]),
    )
  }

  /** Whether the same claim is violated if these steps are taken from the state before step `i`. */
  private stillBreaks(i: number, moves: readonly Move[]): boolean {
    const { system, trace } = this
    let state = this.before[i]
    for (const move of moves) {
      const next: State = new Uint32Array(state.length)
      const broken = this.take(state, move, next)
      if (broken === 'cannot') return false
      if (broken !== undefined)
        return broken.clause === trace.clause && broken.claim === trace.claim && broken.kind === trace.kind
      state = next
    }
    return trace.clause === DEADLOCK && isStuck(system, state)
  }

  /** Takes a step and returns what it violates; `cannot` if it cannot be taken. */
  private take(state: State, { thread, choice }: Move, next: State) {
    const { stepper, system } = this
    this.taken++
    if (stepper.finished(state, thread) || choice >= stepper.outcomes(state, thread)) return 'cannot'
    try {
      if (stepper.take(state, thread, choice, next) === BLOCKED) return 'cannot'
    } catch (error) {
      if (error instanceof Violation) return brokenBy(error)
      throw error
    }
    return judgeStep(system, this.judge, thread, state, next)
  }
}
