/**
 * Executes a model as plain JavaScript: a generator for each call, a call stack for each thread,
 * every closure executed each time, and unnormalised sequence numbers. It shares nothing with the
 * control graph, so that state which code keeps outside of the world shows up as a difference.
 *
 * @module
 */
import { act, acting, inside, NO_WORLD, NOBODY, use, type World } from '../../world/acting.js'
import type { Model } from '../../world/model.js'
import { bodiesOf, type Override } from '../../world/procedures/override.js'
import {
  type AnyProcedure,
  BLOCKED,
  type Body,
  type Running,
  type Step,
  withoutSign,
} from '../../world/procedures/procedure.js'

/** A call that has not returned. */
export interface LiveFrame {
  readonly procedure: AnyProcedure
  readonly args: readonly unknown[]
  readonly running: Running<unknown>
  /** The control location with which this call was last compared. */
  compared?: unknown
}

/** A thread: its calls, outermost first, and the step that it has yielded; none after its end. */
export interface LiveThread {
  readonly frames: LiveFrame[]
  step: Step | undefined
}

/** One run of a model. */
export class LiveRun {
  readonly threads: LiveThread[] = []
  readonly world: World
  private readonly bodies: ReadonlyMap<AnyProcedure, Body<unknown[], unknown>>
  private readonly unclaimed: ReadonlySet<string>

  /** Starts a run: sets the world up, and moves each thread to its first step. */
  constructor(model: Model, overrides: readonly Override[], bytes: number) {
    this.bodies = bodiesOf([...(model.overrides ?? []), ...overrides])
    this.unclaimed = new Set(model.unclaimed)
    this.world = new Uint8Array(bytes)
    this.world.set(model.layout.initial())
    act(NOBODY, this.unclaimed)
    use(this.world)
    model.initialise?.()
    try {
      inside(() => this.startAll(model))
    } finally {
      acting.thread = NOBODY
    }
  }

  private startAll({ threads }: Model): void {
    for (const [i, { program, args }] of threads.entries()) {
      const thread: LiveThread = { frames: [], step: undefined }
      this.threads.push(thread)
      this.enter(thread, program, args)
      this.goOn(thread, i, undefined)
    }
  }

  /**
   * Takes the step that a thread has yielded.
   *
   * @returns the result of the step, or {@link BLOCKED}
   * @throws Violation if the step violates a claim
   */
  take(thread: number, choice: number): unknown {
    const runner = this.threads[thread]
    const { step } = runner
    if (step === undefined) throw new Error('a thread that has ended takes no step')
    const before = acting.inside
    act(thread, this.unclaimed)
    acting.inside = true
    use(this.world)
    try {
      const answer = withoutSign(step.run(choice))
      if (acting.raised !== undefined) throw acting.raised
      if (answer !== BLOCKED) this.goOn(runner, thread, answer)
      return answer
    } finally {
      acting.thread = NOBODY
      acting.inside = before
    }
  }

  /** Resumes a thread until it yields its next step or ends. */
  private goOn(thread: LiveThread, index: number, answer: unknown): void {
    const { frames } = thread
    thread.step = undefined
    // The control graph sets NOBODY here. Code that depends on the acting thread behaves
    // differently.
    acting.thread = index
    acting.world = NO_WORLD
    let input = answer
    while (frames.length > 0) {
      const { value, done } = frames[frames.length - 1].running.next(input)
      if (acting.raised !== undefined) throw acting.raised
      input = undefined
      if (done) {
        frames.pop()
        input = withoutSign(value)
      } else if (value.kind === 'step') {
        thread.step = value
        return
      } else {
        if (value.kind === 'become') frames.pop()
        this.enter(thread, value.procedure, value.args)
      }
    }
  }

  private enter({ frames }: LiveThread, procedure: AnyProcedure, args: readonly unknown[]): void {
    const body = this.bodies.get(procedure) ?? (procedure.body as Body<unknown[], unknown>)
    frames.push({ procedure, args, running: body(...args) })
  }
}
