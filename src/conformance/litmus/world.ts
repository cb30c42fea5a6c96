/**
 * The world of a litmus test: the oracle's, with several threads. Its operations are the oracle's own: what the oracle would run
 * to its end for an operation, a thread here runs step by step.
 *
 * @module
 */
import { releases } from '../../generations/releases.js'
import type { Machine } from '../../kernel/index.js'
import { acting } from '../../world/acting.js'
import {
  type AnyProcedure,
  type Override,
  type Procedure,
  procedure,
  type Run,
  type Running,
  SequentialRunner,
  step,
  type World,
} from '../../world/index.js'
import { Oracle, type OracleState, type Runner } from '../oracle.js'
import type { KernelVersion } from '../result.js'
import { driverOfRaces, recordsOwnMigrations } from '../validate/driver.js'
import { NOTHING_CLAIMED } from '../validate/threads.js'
import { answerText, NO_CHILD, outcomeText } from './outcome.js'
import { LITMUS_SIZE, LitmusError, type ReadTest } from './test.js'

/** The next procedure that an operation calls. */
class NextCall {
  constructor(
    readonly procedure: AnyProcedure,
    readonly args: readonly unknown[],
  ) {}
}

/**
 * Runs procedures to their end; or, given what the calls of an operation have returned so far, returns these again, and throws
 * the next as a {@link NextCall}.
 */
class ReplayingRunner implements Runner {
  private returned: readonly unknown[] | undefined
  private at = 0

  constructor(private readonly sequential: SequentialRunner) {}

  run<A extends unknown[], R>(thread: number, called: Procedure<A, R>, ...args: A): R {
    if (this.returned === undefined) return this.sequential.run(thread, called, ...args)
    if (this.at < this.returned.length) return this.returned[this.at++] as R
    throw new NextCall(called as unknown as AnyProcedure, args)
  }

  /** Calls `perform` while calls return what is given. */
  replaying<T>(returned: readonly unknown[], perform: () => T): T {
    this.returned = returned
    this.at = 0
    try {
      return perform()
    } finally {
      this.returned = undefined
    }
  }
}

/** What the calls of each operation of a thread have returned. */
type Returned = readonly (readonly unknown[])[]

const ended = new WeakMap<Run, Returned>()

/** What a thread's operations have returned, if `run` is the step at which it has ended. */
export function returnedAt(run: Run): Returned | undefined {
  return ended.get(run)
}

function end(returned: Returned): Running<number> {
  const run = () => 0
  ended.set(run, returned)
  return step('end of the thread', run)
}

/** Which kernel, and which other texts it runs. */
export interface LitmusOptions {
  /** The kernel that is followed (default 6.1). */
  readonly kernel?: KernelVersion
  /** Other texts for procedures of the driver or of the kernel. */
  readonly overrides?: readonly Override[]
}

/** The world of one test. */
export class LitmusWorld {
  readonly overrides: readonly Override[]
  readonly machine: Machine
  /** The world after the setup. */
  readonly initial: World
  private readonly oracle: Oracle
  private readonly runner: ReplayingRunner
  private readonly begun: OracleState
  private readonly programs: readonly AnyProcedure[]
  /** The first call of each operation. */
  private readonly first = new Map<number, NextCall>()

  /**
   * @param test - whose world it is
   * @param options - the kernel
   * @throws LitmusError if an operation of the setup fails
   */
  constructor(
    private readonly test: ReadTest,
    { kernel = '6.1', overrides = [] }: LitmusOptions = {},
  ) {
    const { setup, threads, final, of } = test
    const ofRelease = releases[kernel].overrides
    this.overrides = [...ofRelease, ...driverOfRaces, ...overrides]
    this.runner = new ReplayingRunner(
      new SequentialRunner({
        overrides: [...ofRelease, recordsOwnMigrations, ...overrides],
        unclaimed: NOTHING_CLAIMED,
      }),
    )
    this.oracle = new Oracle([...setup, ...threads.flat(), ...final], {
      kernel,
      runner: this.runner,
      threads: of,
    })
    for (const [index, operation] of setup.entries()) {
      const answer = this.oracle.perform(operation)
      if (answer.rc !== 0)
        throw new LitmusError(
          `litmus test ${test.test.test}: "${test.test.setup[index]}" of the setup answers ${answerText(operation.name, answer)}`,
        )
    }
    this.machine = this.oracle.machine
    this.begun = this.oracle.save()
    this.initial = this.begun.world
    this.programs = threads.map((_, thread) => this.programOf(thread))
  }

  /** What each thread runs. */
  get threads(): readonly { readonly program: AnyProcedure; readonly args: readonly unknown[] }[] {
    return this.programs.map((program) => ({ program, args: [] }))
  }

  /**
   * The outcome of a run.
   *
   * @param world - where it has ended
   * @param returned - by thread: what its operations have returned
   */
  outcome(world: World, returned: readonly Returned[]): string {
    const { oracle, test } = this
    oracle.restore(this.begun)
    const threads = test.threads.map((operations, thread) =>
      operations.map((operation, index) =>
        answerText(
          operation.name,
          this.runner.replaying(returned[thread][index], () => oracle.perform(operation, thread)),
        ),
      ),
    )
    oracle.world.set(world.subarray(0, oracle.world.length))
    const { childIsAlive } = oracle.save()
    const final = test.final.map((operation, index) => ({
      op: test.test.final[index],
      answer:
        operation.inChild && !childIsAlive ? NO_CHILD : answerText(operation.name, oracle.perform(operation)),
    }))
    return outcomeText(threads, final)
  }

  private programOf(thread: number): AnyProcedure {
    const operations = this.test.threads[thread]
    const next = (index: number, returned: readonly unknown[]) => this.next(thread, index, returned)
    return procedure(`thread ${thread}`, function* (): Running<void> {
      const all: (readonly unknown[])[] = []
      for (const index of operations.keys()) {
        const returned: unknown[] = []
        for (;;) {
          const call = next(index, returned)
          if (call === undefined) break
          returned.push(yield* call.procedure(...call.args))
        }
        all.push(returned)
      }
      yield* end(all)
    }) as unknown as AnyProcedure
  }

  /** What an operation calls next, given what its calls have returned; `undefined` if it calls nothing more. */
  private next(thread: number, index: number, returned: readonly unknown[]): NextCall | undefined {
    const { oracle } = this
    const key = thread * LITMUS_SIZE.operations + index
    // What is called first depends on nothing, and must be the same each time: a snapshot makes its notifier for it.
    const first = returned.length === 0 ? this.first.get(key) : undefined
    if (first !== undefined) return first
    const { world } = acting
    oracle.restore(this.begun)
    try {
      this.runner.replaying(returned, () => oracle.perform(this.test.threads[thread][index], thread))
      return undefined
    } catch (error) {
      if (!(error instanceof NextCall)) throw error
      if (returned.length === 0) this.first.set(key, error)
      return error
    } finally {
      oracle.restore(this.begun)
      acting.world = world
    }
  }
}
