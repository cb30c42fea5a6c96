/**
 * A run that is made step by step: what can be done next, what each step would do, what the state is.
 *
 * @module
 */

import type { Broken } from '../checker/claims/judge.js'
import { Judge } from '../checker/claims/judge.js'
import { answerIn, type Move, Stepper } from '../checker/explore/stepper.js'
import { brokenBy, type State, type Telling, TransitionSystem } from '../checker/explore/system.js'
import type { TraceStep } from '../checker/result.js'
import { acting, NOBODY } from '../world/acting.js'
import { SpecificationError, Violation } from '../world/errors.js'
import { FINISHED } from '../world/procedures/control.js'
import { BLOCKED } from '../world/procedures/procedure.js'
import type { Resolved } from './subject.js'

/** One way in which a thread may go on. */
export interface Way {
  readonly choice: number
  /** Whether it can be taken; `blocked` waits for another thread. */
  readonly is: 'enabled' | 'blocked'
  /** What the step would return. */
  readonly result?: number | string
  /** What it would break at once. */
  readonly broken?: Broken
}

/** Where a thread stands, and how it may go on. */
export interface ThreadNow {
  readonly thread: number
  readonly name: string
  readonly procedure: string
  readonly step: string
  /** The procedures that it is in, outermost first. Empty if it has ended. */
  readonly stack: readonly string[]
  /** Empty if it has ended. */
  readonly ways: readonly Way[]
}

/** A field of the world. */
export interface Field {
  readonly name: string
  readonly value: string
  /** True for what no kernel has: it is kept for the claims. */
  readonly ghost: boolean
}

/** A lock, who holds it and who waits for it. */
export interface LockNow {
  readonly name: string
  readonly holders: readonly { readonly thread: number; readonly how: 'holds' | 'reads' | 'writes' }[]
  readonly waiters: readonly number[]
}

/** An instance of a statechart. */
export interface ChartNow {
  readonly chart: string
  readonly of: string
  readonly state: string
}

/** A state, for people. */
export interface StateNow {
  readonly fields: readonly Field[]
  readonly locks: readonly LockNow[]
  readonly charts: readonly ChartNow[]
}

/** A run that cannot be taken. The message names the step. */
export class WalkError extends Error {
  override readonly name = 'WalkError'
  constructor(
    /** Index of the step. */
    readonly step: number,
    message: string,
  ) {
    super(message)
  }
}

/** A run of one scenario. */
export class Walk {
  readonly system: TransitionSystem
  readonly threads: readonly string[]
  /** The steps taken. */
  readonly steps: TraceStep[] = []
  /** What is broken after so many steps. */
  readonly broken = new Map<number, Broken>()
  /** True if the last step broke a claim in the middle of its work: nothing can follow it. */
  ended = false
  /** True if a thread breaks a claim before its first step. */
  private brokenAtOnce = false
  private how: Telling = 'asItIs'
  private readonly judge: Judge
  /** The states as they are, and as the checker stores them; one more than there are steps. */
  private readonly states: State[] = []
  private readonly stored: State[] = []

  constructor({ scenario, parameters, defects }: Resolved) {
    const model = scenario.build(parameters)
    this.system = new TransitionSystem(
      model,
      defects.flatMap(({ overrides }) => overrides),
      'all',
    )
    this.threads = model.threads.map(({ name }) => name)
    this.judge = new Judge(model)
    this.begin()
  }

  private begin(): void {
    const { system, steps, states, stored, broken } = this
    steps.length = 0
    states.length = 0
    stored.length = 0
    broken.clear()
    for (const [list, how] of [
      [states, this.how],
      [stored, 'normalised'],
    ] as const) {
      const state: State = new Uint32Array(system.words)
      const early = system.begin(state, how)
      if (early !== undefined) broken.set(0, early)
      list.push(state)
    }
    this.brokenAtOnce = broken.has(0)
    this.ended = this.brokenAtOnce
    const seen = this.ended
      ? undefined
      : this.judged(() => this.judge.state(system.world(states[0]), system.view(states[0])))
    if (seen !== undefined) broken.set(0, seen)
  }

  /** The moves that lead to where it stands. */
  get moves(): Move[] {
    return this.steps.map(({ thread, choice }) => ({ thread, choice }))
  }

  /** The state after `at` steps as the checker stores it. */
  storedAt(at: number): State {
    return this.stored[at]
  }

  /** Forgets all steps after the first `at`. */
  cut(at: number): void {
    if (at >= this.steps.length) return
    for (const key of this.broken.keys()) if (key > at) this.broken.delete(key)
    this.steps.length = at
    this.states.length = at + 1
    this.stored.length = at + 1
    this.ended = at === 0 && this.brokenAtOnce
  }

  /**
   * Takes steps.
   *
   * @throws WalkError if one cannot be taken; those before it have been
   */
  take(moves: readonly Move[]): void {
    for (const move of moves) {
      try {
        this.takeOne(move)
      } catch (error) {
        // A counter that counts relative to others does not reach that far as it is, but does as it is stored.
        if (
          !(error instanceof SpecificationError) ||
          error.code !== 'bound-overflow' ||
          this.how === 'normalised'
        )
          throw error
        const before = this.moves
        this.how = 'normalised'
        this.begin()
        for (const known of [...before, move]) this.takeOne(known)
      }
    }
  }

  private takeOne({ thread, choice }: Move): void {
    const { system, steps, states, stored } = this
    const at = steps.length
    const refuse = (why: string): never => {
      throw new WalkError(at, `step ${at + 1} cannot be taken: ${why}`)
    }
    if (this.ended) refuse('a claim was broken in the middle of the step before it')
    if (this.threads[thread] === undefined) refuse(`there is no thread ${thread}`)
    const stepper = new Stepper(system, this.how)
    const state = states[at]
    if (stepper.finished(state, thread)) refuse(`${this.threads[thread]} has ended`)
    const place = system.place(state, thread)
    const ways = stepper.outcomes(state, thread)
    if (choice >= ways) refuse(`${place} has no choice ${choice}, only ${ways}`)
    const next: State = new Uint32Array(system.words)
    const taken = this.attempt(stepper, state, thread, choice, next)
    if (taken.is === 'blocked') refuse(`${place} is blocked`)
    const nextStored: State = new Uint32Array(system.words)
    if (!taken.cut) new Stepper(system, 'normalised').take(stored[at], thread, choice, nextStored)
    steps.push(stepper.describe(state, next, thread, choice, taken.result))
    states.push(next)
    stored.push(nextStored)
    this.ended = taken.cut
    if (taken.broken !== undefined) this.broken.set(at + 1, taken.broken)
  }

  /** Tries a step: whether it can be taken, and what comes of it. */
  private attempt(
    stepper: Stepper,
    state: State,
    thread: number,
    choice: number,
    next: State,
  ): { is: Way['is']; result: unknown; broken: Broken | undefined; cut: boolean } {
    const { system, judge } = this
    let result: unknown = 0
    try {
      result = stepper.take(state, thread, choice, next)
    } catch (error) {
      if (!(error instanceof Violation)) throw error
      return { is: 'enabled', result, broken: brokenBy(error), cut: true }
    }
    if (result === BLOCKED) return { is: 'blocked', result, broken: undefined, cut: false }
    const [before, after] = [system.world(state), system.world(next)]
    const [from, to] = [system.view(state), system.view(next)]
    const broken = this.judged(
      () => judge.step(before, after, thread, from, to) ?? judge.state(after, to) ?? this.stuck(next),
    )
    return { is: 'enabled', result, broken, cut: false }
  }

  private judged(judge: () => Broken | undefined): Broken | undefined {
    try {
      return judge()
    } catch (error) {
      if (error instanceof Violation) return brokenBy(error)
      throw error
    }
  }

  /** A deadlock, if `state` is one. */
  private stuck(state: State): Broken | undefined {
    const stepper = new Stepper(this.system, this.how)
    const next: State = new Uint32Array(this.system.words)
    for (const thread of this.threads.keys())
      for (let choice = 0; choice < stepper.outcomes(state, thread); choice++)
        try {
          if (!stepper.finished(state, thread) && stepper.take(state, thread, choice, next) !== BLOCKED)
            return undefined
        } catch (error) {
          if (error instanceof Violation) return undefined
          throw error
        }
    return this.system.stuck(state)
  }

  /** What every thread can do after `at` steps. */
  threadsAt(at: number): ThreadNow[] {
    const { system } = this
    const state = this.states[at]
    const stepper = new Stepper(system, this.how)
    const next: State = new Uint32Array(system.words)
    const over = this.ended && at === this.steps.length
    return this.threads.map((name, thread) => {
      const location = state[system.worldWords + thread]
      const now = {
        thread,
        name,
        procedure: system.control.procedureAt(location),
        step: system.control.stepAt(location)?.name ?? 'finished',
        stack: system.control
          .stack(location)
          .map(({ procedure }) => procedure)
          .reverse(),
      }
      if (location === FINISHED || over) return { ...now, ways: [] }
      const ways = Array.from({ length: stepper.outcomes(state, thread) }, (_, choice): Way => {
        const { is, result, broken } = this.tried(stepper, state, thread, choice, next)
        if (is === 'blocked') return { choice, is }
        return { choice, is, result: answerIn(result), ...(broken === undefined ? {} : { broken }) }
      })
      return { ...now, ways }
    })
  }

  /** As {@link attempt}; of what only the stored state can count, the result is not known before it is taken. */
  private tried(stepper: Stepper, state: State, thread: number, choice: number, next: State) {
    try {
      return this.attempt(stepper, state, thread, choice, next)
    } catch (error) {
      if (!(error instanceof SpecificationError) || error.code !== 'bound-overflow') throw error
      return { is: 'enabled' as const, result: '?', broken: undefined }
    }
  }

  /** The state after the step `(thread, choice)` from there, as the checker stores it; undefined if there is none. */
  storedAfter(at: number, thread: number, choice: number): State | undefined {
    const next: State = new Uint32Array(this.system.words)
    try {
      const result = new Stepper(this.system, 'normalised').take(this.stored[at], thread, choice, next)
      return result === BLOCKED ? undefined : next
    } catch (error) {
      if (error instanceof Violation) return undefined
      throw error
    }
  }

  /** The state after `at` steps, for people; `now` is what {@link threadsAt} has said of it. */
  stateAt(at: number, now: readonly ThreadNow[]): StateNow {
    const { layout } = this.system.model
    const w = this.system.world(this.states[at])
    acting.thread = NOBODY
    const blocked = now.filter(({ ways }) => ways.length > 0 && ways.every(({ is }) => is === 'blocked'))
    return {
      fields: layout.cells.map((cell) => ({
        name: cell.name,
        value: cell.show(w),
        ghost: cell.options.ghost ?? false,
      })),
      locks: layout.locks.map((lock) => ({
        name: lock.name,
        holders: this.threads.flatMap((_, thread) => {
          if (!lock.heldBy(thread, w)) return []
          const isSemaphore = layout.cells.some(({ name }) => name === `${lock.name}.writer`)
          const how = !isSemaphore ? 'holds' : lock.heldForWritingBy(thread, w) ? 'writes' : 'reads'
          return [{ thread, how } as const]
        }),
        waiters: blocked
          .filter(({ step }) => step.split(' ').includes(lock.name))
          .map(({ thread }) => thread),
      })),
      charts: layout.lifecycles.map(({ kind, cell }) => ({
        chart: kind,
        of: cell.name.replace(/\.lifecycle$/, ''),
        state: cell.show(w),
      })),
    }
  }
}
