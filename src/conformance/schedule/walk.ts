/**
 * Takes the steps of a run, and notes at which entries and returns of functions each thread is between them.
 *
 * @module
 */
import { Judge } from '../../checker/claims/judge.js'
import { type Move, Stepper } from '../../checker/explore/stepper.js'
import { brokenBy, type State, TransitionSystem } from '../../checker/explore/system.js'
import { act, inside, NOBODY, use } from '../../world/acting.js'
import { Violation } from '../../world/errors.js'
import { BLOCKED, type Model, type Override } from '../../world/index.js'
import { eventOf, instrumented, type ModelEvent } from '../validate/instrument.js'
import { judgedIn } from '../validate/table.js'
import { NOTHING_CLAIMED } from '../validate/threads.js'

/** The release of the test kernel. */
const KERNEL = '6.1'

/**
 * The kernel calls these with the update lock held, which the model takes within them: a thread would stand at another place of the
 * kernel than of the model.
 */
const UNDER_LOCK: ReadonlySet<string> = new Set(['dmirror_do_read', 'dmirror_do_write'])

/** An entry or a return of a function. */
export interface Point {
  readonly function: string
  readonly at: 'entry' | 'return'
}

/** What a thread does next: it comes to a point, or takes the step with this index. A step after the end of the run has none. */
export type Item = { readonly point: Point } | { readonly step: number; readonly move: Move }

/** A run, thread by thread. */
export interface Walk {
  /** What each thread does, in its order; behind its last step up to the next point that it comes to. */
  readonly items: readonly (readonly Item[])[]
  /** Whether each thread has ended: then no point follows. */
  readonly ended: readonly boolean[]
  /** By step: `procedure: step`. */
  readonly names: readonly string[]
}

/** Walks runs of one model. */
export class Walker {
  private readonly system: TransitionSystem
  private readonly stepper: Stepper
  private readonly judge: Judge

  /**
   * @param model - a world of its own
   * @param overrides - what replaces texts of it: defects
   * @param clause - the clause that runs break; what else they break is let pass
   */
  constructor(
    model: Model,
    overrides: readonly Override[],
    private readonly clause: string,
  ) {
    const rest = [...(model.overrides ?? []), ...overrides]
    const functions = [...judgedIn(KERNEL).values()].filter((each) => !UNDER_LOCK.has(each.function))
    const points = instrumented(functions, rest)
    this.system = new TransitionSystem(model, [...overrides, ...points])
    this.stepper = new Stepper(this.system, 'asItIs')
    const ofClause = (claim: { readonly clause: string }) => claim.clause === clause
    this.judge = new Judge({
      layout: model.layout,
      threads: model.threads,
      invariants: (model.invariants ?? []).filter(ofClause),
      stepClaims: (model.stepClaims ?? []).filter(ofClause),
    })
  }

  /**
   * Takes `moves` from the initial state.
   *
   * @returns the walk, or the index of the step that cannot be taken; `moves.length` if they do not break the clause at their end
   */
  walk(moves: readonly Move[]): Walk | number {
    const { system, stepper } = this
    const items: Item[][] = system.model.threads.map(() => [])
    const names: string[] = []
    let state: State = new Uint32Array(system.words)
    system.begin(state, 'asItIs')
    // A claim may look at where threads stand, which is not at a point.
    items.forEach((of, thread) => {
      state = this.comeToPoints(state, thread, of)
    })
    for (const [index, move] of moves.entries()) {
      const { thread, choice } = move
      if (stepper.finished(state, thread) || choice >= stepper.outcomes(state, thread)) return index
      const location = state[system.worldWords + thread]
      names.push(`${system.control.procedureAt(location)}: ${system.control.stepAt(location)?.name}`)
      const taken: State = new Uint32Array(system.words)
      items[thread].push({ step: index, move })
      const outcome = this.taken(state, move, taken)
      if (outcome === 'blocked') return index
      if (outcome === 'breaks') {
        // It may have thrown in the middle: the others go on from the state before.
        return index === moves.length - 1 ? this.ending(state, items, names, thread) : index
      }
      if (outcome === 'breaks something else') return index
      const next = this.comeToPoints(taken, thread, items[thread])
      if (this.isBroken(thread, state, next))
        return index === moves.length - 1 ? this.ending(next, items, names) : index
      state = next
    }
    return moves.length
  }

  private taken(state: State, { thread, choice }: Move, next: State) {
    try {
      return this.stepper.take(state, thread, choice, next) === BLOCKED ? 'blocked' : 'taken'
    } catch (error) {
      if (!(error instanceof Violation)) throw error
      return brokenBy(error).clause === this.clause ? 'breaks' : 'breaks something else'
    }
  }

  private isBroken(thread: number, before: State, after: State): boolean {
    const { system, judge } = this
    const [from, to] = [system.view(before), system.view(after)]
    try {
      const broken =
        judge.step(system.world(before), system.world(after), thread, from, to) ??
        judge.state(system.world(after), to)
      return broken !== undefined
    } catch (error) {
      if (error instanceof Violation) return error.clause === this.clause
      throw error
    }
  }

  /** What each thread does after the end of the run, by itself, up to the next point. */
  private ending(state: State, items: Item[][], names: string[], thrown?: number): Walk {
    const ended = items.map((of, thread) => {
      if (thread === thrown) return false
      let at = state
      for (let step = 0; step < MOST_BEYOND; step++) {
        const last = of.at(-1)
        if (last !== undefined && 'point' in last) return false
        if (this.stepper.finished(at, thread)) return true
        const next: State = new Uint32Array(at.length)
        const move = this.firstWay(at, thread, next)
        if (move === undefined) return false
        of.push({ step: Number.POSITIVE_INFINITY, move })
        at = this.comeToPoints(next, thread, of)
      }
      return false
    })
    return { items, ended, names }
  }

  private firstWay(state: State, thread: number, next: State): Move | undefined {
    for (let choice = 0; choice < this.stepper.outcomes(state, thread); choice++)
      if (this.taken(state, { thread, choice }, next) === 'taken') return { thread, choice }
    return undefined
  }

  /** Goes past the points at which `thread` is, and notes them. */
  private comeToPoints(from: State, thread: number, items: Item[]): State {
    const { system, stepper } = this
    let state = from
    while (!stepper.finished(state, thread)) {
      const location = state[system.worldWords + thread]
      const event = eventOf(system.control.runs[location])
      if (event === undefined || event.at === 'end') break
      if (event.at !== 'sample' && this.happens(state, location, event))
        items.push({ point: { function: event.judged.function, at: event.at } })
      const next: State = new Uint32Array(state.length)
      stepper.take(state, thread, 0, next)
      state = next
    }
    return state
  }

  /** False for a call that the kernel does not make. */
  private happens(state: State, location: number, { judged, args }: ModelEvent): boolean {
    const calls = this.system.control
      .history(location)
      .filter(({ procedure }) => procedure === judged.procedure)
    if (judged.loops && calls.length > 1) return false
    return inside(() => {
      act(NOBODY, NOTHING_CLAIMED)
      use(this.system.world(state))
      return judged.happens(args)
    })
  }
}

const MOST_BEYOND = 200
