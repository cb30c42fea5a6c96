/**
 * Procedures: the protocol as text. A procedure is a generator; each `yield*` is one atomic step on the world,
 * or a call of another procedure, and between two of them it touches only its own locals.
 *
 * @module
 */
import { isHandle, type World } from './layout.js'
import { Lifecycle } from './lifecycle.js'

/**
 * What a step returns when it cannot be taken now. A blocked step changes nothing and is tried again in every
 * state in which its thread still waits.
 */
export const BLOCKED = -0x40000000

/** A step's effect: changes the world, returns a small integer (or {@link BLOCKED}). `choice` is 0 … n-1. */
export type Run = (w: World, choice: number) => number

/** An atomic step. */
export interface Step {
  readonly kind: 'step'
  /** Name within its procedure. */
  readonly name: string
  readonly run: Run
  /** In how many ways it may go; each is explored. */
  readonly choices: number
}

/** A call of a procedure; the caller goes on with what it returns. */
export interface Call {
  readonly kind: 'call'
  readonly procedure: AnyProcedure
  readonly args: readonly unknown[]
}

/** A tail call: the caller's frame is gone. */
export interface Become {
  readonly kind: 'become'
  readonly procedure: AnyProcedure
  readonly args: readonly unknown[]
}

/** What a procedure yields. */
export type Operation = Step | Call | Become

/** The running text of a procedure that returns `R`. */
// biome-ignore lint/suspicious/noExplicitAny: what is sent into a generator depends on what it yielded
export type Running<R> = Generator<Operation, R, any>

/** The text of a procedure. */
export type Body<A extends unknown[], R> = (...args: A) => Running<R>

/** A procedure: use it with `yield*`, which calls it. */
export interface Procedure<A extends unknown[], R> {
  (...args: A): Running<R>
  /** Name, as the kernel or the driver calls it. */
  readonly procedureName: string
  /** The text itself, as an override may want to run it. */
  readonly body: Body<A, R>
}

/** Any procedure, whatever it takes and returns. */
// biome-ignore lint/suspicious/noExplicitAny: a registry of procedures holds all of them
export type AnyProcedure = Procedure<any[], any>

/**
 * Makes a procedure of a generator function. `yield* p(args)` then calls it: while it runs, its caller waits in
 * one control state, and its own history is dropped when it returns. What it returns should be small: a number, a
 * flag, a short array of numbers.
 *
 * @param name - as the kernel calls it
 * @param body - the text
 *
 * @example
 * ```ts
 * const readRetry = procedure('mmu_interval_read_retry', function* (sub: Sub, seq: number) {
 *   return yield* step('compare', (w) => (sub.seq.get(w) === seq ? 0 : 1))
 * })
 * ```
 */
export function procedure<A extends unknown[], R>(name: string, body: Body<A, R>): Procedure<A, R> {
  const self = Object.assign(
    function* (...args: A): Running<R> {
      return (yield { kind: 'call', procedure: self as unknown as AnyProcedure, args }) as R
    },
    { procedureName: name, body },
  )
  return self
}

/**
 * Takes one atomic step.
 *
 * @param name - a literal that says what it does, unique within its procedure
 * @param run - its effect; deterministic, touches nothing but the world
 * @param choices - in how many ways it may go (default 1)
 * @returns what `run` returned
 */
export function* step(name: string, run: Run, choices = 1): Running<number> {
  return (yield { kind: 'step', name, run, choices }) as number
}

/** A step that changes nothing and may go `outcomes` ways: a time-out that expires or not. Returns 0 … outcomes-1. */
export function* choose(name: string, outcomes: number): Running<number> {
  return (yield { kind: 'step', name, run: (_w, choice) => choice, choices: outcomes }) as number
}

/** Goes on as another procedure: `return yield* become(p, args)`. Retry loops fold back on themselves. */
export function* become<A extends unknown[], R>(target: Procedure<A, R>, ...args: A): Running<R> {
  return (yield { kind: 'become', procedure: target as unknown as AnyProcedure, args }) as R
}

/** Another text for one procedure. */
export interface Override {
  readonly target: AnyProcedure
  readonly body: Body<unknown[], unknown>
}

/**
 * Replaces the text of `target` wherever it is called: a defect, a generation of the API, a user's driver.
 *
 * @param target - the procedure to replace
 * @param make - gets the original, to be called with `yield*` in a frame of its own; returns the new text
 */
export function override<A extends unknown[], R>(
  target: Procedure<A, R>,
  make: (original: Body<A, R>) => Body<A, R>,
): Override {
  // In a frame of its own, so that a tail call of the original does not take the new text with it.
  const original = procedure(target.procedureName, target.body)
  return {
    target: target as unknown as AnyProcedure,
    body: make(original) as unknown as Body<unknown[], unknown>,
  }
}

const identities = new WeakMap<object, number>()
let lastIdentity = 0

function identity(value: object): string {
  let id = identities.get(value)
  if (id === undefined) {
    id = ++lastIdentity
    identities.set(value, id)
  }
  return `#${id}`
}

/**
 * A string that is equal for equal values: numbers, strings, flags, arrays and plain objects by what they hold;
 * handles, functions and instances of classes by identity. Frames and histories are keyed by it.
 */
export function keyOf(value: unknown): string {
  switch (typeof value) {
    case 'number':
      return String(value)
    case 'string':
      return JSON.stringify(value)
    case 'function':
      return identity(value)
    case 'object': {
      if (value === null) return 'null'
      if (isHandle(value) || value instanceof Lifecycle) return identity(value)
      if (Array.isArray(value)) return `[${value.map(keyOf).join(',')}]`
      if (Object.getPrototypeOf(value) !== Object.prototype) return identity(value)
      return `{${Object.entries(value)
        .map(([key, inner]) => `${JSON.stringify(key)}:${keyOf(inner)}`)
        .join(',')}}`
    }
    default:
      return String(value)
  }
}
