/**
 * Runs a model as JavaScript runs it: a generator for each call, a call stack for each thread, every closure really run, and
 * the kernel's own numbers. It shares nothing with the control graph, so that what one of them keeps outside of the world
 * the other does not have.
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
  /** What this call was last found to be the same as. */
  compared?: unknown
}

/** A thread: its calls, outermost first, and the step that it has published; none once it has ended. */
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

  /** Begins a run: the world as the model sets it up, and each thread at its first step. */
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
   * Takes the step that a thread has published.
   *
   * @returns what it answered, or {@link BLOCKED}
   * @throws Violation if the step breaks a claim
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

  /** Resumes a thread until it publishes its next step, or ends. */
  private goOn(thread: LiveThread, index: number, answer: unknown): void {
    const { frames } = thread
    thread.step = undefined
    // The control graph says that nobody acts here. What looks at it all the same comes out differently.
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
