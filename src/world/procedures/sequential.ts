/**
 * Runs one procedure to completion on one world, without other threads. The oracle of the
 * conformance suite uses it.
 *
 * @module
 */
import { ALL_CLAIMED, act, acting, NOBODY } from '../acting.js'
import { SpecificationError } from '../errors.js'
import { bodiesOf, type Override } from './override.js'
import {
  type AnyProcedure,
  BLOCKED,
  type Body,
  type Procedure,
  type Running,
  type Step,
} from './procedure.js'

/** How {@link SequentialRunner} chooses outcomes. */
export interface SequentialOptions {
  /** Which of `step.choices` outcomes to take; default the first. */
  readonly choose?: (step: Step) => number
  readonly overrides?: readonly Override[]
  /** Most steps of one run (default 10000000). */
  readonly maxSteps?: number
  /** Clauses that are not claimed (default none). */
  readonly unclaimed?: ReadonlySet<string>
  /** Called after each step. */
  readonly onStep?: (procedure: AnyProcedure, step: Step, result: unknown) => void
}

/** Runs procedures one after another, each to its end, without other threads. */
export class SequentialRunner {
  private readonly bodies: ReadonlyMap<AnyProcedure, Body<unknown[], unknown>>

  constructor(private readonly options: SequentialOptions = {}) {
    this.bodies = bodiesOf(options.overrides ?? [])
  }

  /**
   * Runs `program(...args)` to its end, in the current world.
   *
   * @param thread - index of the acting thread
   * @returns the result of the procedure
   * @throws SpecificationError if a step is blocked: no other thread could unblock it
   */
  run<A extends unknown[], R>(thread: number, program: Procedure<A, R>, ...args: A): R {
    const maxSteps = this.options.maxSteps ?? 10_000_000
    const stack: { procedure: AnyProcedure; running: Running<unknown> }[] = []
    const enter = (target: AnyProcedure, given: readonly unknown[]) => {
      const body = this.bodies.get(target) ?? (target.body as Body<unknown[], unknown>)
      stack.push({ procedure: target, running: body(...given) })
    }
    enter(program as unknown as AnyProcedure, args)
    let input: unknown
    for (let steps = 0; ; ) {
      const top = stack[stack.length - 1]
      const { value, done } = top.running.next(input)
      if (done) {
        stack.pop()
        if (stack.length === 0) return value as R
        input = value
        continue
      }
      switch (value.kind) {
        case 'step':
          if (++steps > maxSteps)
            throw new SpecificationError(
              'runaway',
              `${top.procedure.procedureName} took ${maxSteps} steps and has not ended; bound its loops`,
            )
          input = take(
            thread,
            value,
            value.choices > 1 ? (this.options.choose?.(value) ?? 0) : 0,
            this.options.unclaimed,
          )
          if (input === BLOCKED)
            throw new SpecificationError(
              'scenario',
              `step "${value.name}" of ${top.procedure.procedureName} is blocked, and no other thread runs that could unblock it`,
            )
          this.options.onStep?.(top.procedure, value, input)
          break
        case 'call':
          enter(value.procedure, value.args)
          input = undefined
          break
        case 'become':
          stack.pop()
          enter(value.procedure, value.args)
          input = undefined
          break
      }
    }
  }
}

/** Takes one step as `thread`. Afterwards no thread acts. */
function take(thread: number, step: Step, choice: number, unclaimed = ALL_CLAIMED): unknown {
  act(thread, unclaimed)
  try {
    return step.run(choice)
  } finally {
    acting.thread = NOBODY
  }
}
