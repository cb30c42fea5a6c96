/**
 * Procedures: the protocol as code. A procedure is a generator. Each `yield*` is one atomic step on
 * the world, or a call of another procedure. Between two of them it uses only its local variables.
 *
 * @module
 */
import { SpecificationError } from '../errors.js'
import { isHandle } from '../records/layout.js'

/**
 * A step returns this if it cannot be taken now. A blocked step changes no field, and is tried
 * again in every state in which its thread still waits.
 */
export const BLOCKED = -0x40000000

/**
 * The effect of a step: changes records and returns a result, or {@link BLOCKED}. A result is a
 * number, a flag, a name, a record of the world, or a small object or array of these. `choice` is
 * the number of the outcome, from 0.
 */
export type Run<R = unknown> = (choice: number) => R

/** An atomic step. */
export interface Step {
  readonly kind: 'step'
  /** Name, unique within its procedure. */
  readonly name: string
  readonly run: Run
  /** The number of its outcomes; each is explored. */
  readonly choices: number
  /** The names of the outcomes, if they have any. */
  readonly ways?: readonly string[]
  /** Of a critical section: the effect under the lock, and the lock. */
  readonly section?: Section
}

/** A critical section that is one step. */
export interface Section {
  /** The effect under the lock. */
  readonly effect: Run
  /** Takes the lock, runs `effect`, and releases the lock. */
  readonly around: (effect: Run) => Run
}

/** A call of a procedure. The caller continues with its result. */
export interface Call {
  readonly kind: 'call'
  readonly procedure: AnyProcedure
  readonly args: readonly unknown[]
}

/** A tail call: the frame of the caller is dropped. */
export interface Become {
  readonly kind: 'become'
  readonly procedure: AnyProcedure
  readonly args: readonly unknown[]
}

/** The operations that a procedure yields. */
export type Operation = Step | Call | Become

/** The running generator of a procedure that returns `R`. */
// biome-ignore lint/suspicious/noExplicitAny: what is sent into a generator depends on what it yielded
export type Running<R> = Generator<Operation, R, any>

/** The generator function of a procedure. */
export type Body<A extends unknown[], R> = (...args: A) => Running<R>

/** A procedure. Called with `yield*`. */
export interface Procedure<A extends unknown[], R> {
  (...args: A): Running<R>
  /** Name, as the kernel or the driver calls it. */
  readonly procedureName: string
  /** Its generator function. An override may run it. */
  readonly body: Body<A, R>
}

/** Any procedure, whatever its arguments and result. */
// biome-ignore lint/suspicious/noExplicitAny: a registry of procedures holds all of them
export type AnyProcedure = Procedure<any[], any>

/**
 * Makes a procedure of a generator function. `yield* p(args)` calls it. Until it returns, its
 * caller stays in one control state; then its history is dropped. Its result should be small: a
 * number, a flag, a small record.
 *
 * The procedure has the name of its generator function, so that stack traces, call hierarchies and
 * profilers show it. Inside the function that name is the generator function itself: `become(self,
 * …)` continues as the procedure; a direct call is refused.
 *
 * @param body - the generator function, with the kernel's name
 * @throws SpecificationError `invalid-operation` if it has no name
 *
 * @example
 * ```ts
 * const mmu_interval_read_retry = procedure(function* mmu_interval_read_retry(sub: Sub, seq: number) {
 *   return yield* step('compare', () => (sub.seq === seq ? 0 : 1))
 * })
 * ```
 */
export function procedure<A extends unknown[], R>(body: Body<A, R>): Procedure<A, R>
/**
 * As above, with a name that is not an identifier, or for tools that drop the names of functions.
 *
 * @param name - the name in the kernel or the driver, and the part that this is
 * @param body - the generator function
 */
export function procedure<A extends unknown[], R>(name: string, body: Body<A, R>): Procedure<A, R>
export function procedure<A extends unknown[], R>(
  ...given: [Body<A, R>] | [string, Body<A, R>]
): Procedure<A, R> {
  const [name, body] = given.length === 1 ? [given[0].name, given[0]] : given
  if (name === '')
    throw new SpecificationError(
      'invalid-operation',
      'a procedure has no name; write `procedure(function* its_name(…) { … })`, or pass one: `procedure(name, …)`. ' +
        'A bundler that shortens names drops those of functions: have it keep them (keepNames)',
    )
  const made = make(name, body)
  const other = proceduresByText.has(body) ? undefined : (made as unknown as AnyProcedure)
  proceduresByText.set(body, other)
  return made
}

/** The procedure of each generator function; undefined if several procedures share it. */
const proceduresByText = new WeakMap<object, AnyProcedure | undefined>()

/**
 * Makes a procedure that shares its generator function with another. In the function the name
 * refers to the other.
 */
export function make<A extends unknown[], R>(name: string, body: Body<A, R>): Procedure<A, R> {
  const called: Procedure<A, R> = Object.assign(
    (...args: A) =>
      awaiting<R>({
        kind: 'call',
        procedure: called as unknown as AnyProcedure,
        args: args.map(withoutSign),
      }),
    { procedureName: name, body },
  )
  collected?.add(called as unknown as AnyProcedure)
  return called
}

/**
 * The procedure `target`, or the procedure of the generator function `target`. Inside the function
 * the procedure's name is the generator function.
 *
 * @throws SpecificationError `invalid-operation` if it is neither, or if several procedures share
 * the function
 */
export function procedureOf<A extends unknown[], R>(target: Body<A, R>, use: string): Procedure<A, R> {
  if ('procedureName' in target) return target as Procedure<A, R>
  const found = proceduresByText.get(target)
  if (found !== undefined) return found as unknown as Procedure<A, R>
  const what = proceduresByText.has(target) ? 'the text of several procedures' : 'no procedure'
  throw new SpecificationError(
    'invalid-operation',
    `${use}(${target.name}, …): ${target.name || 'the function'} is ${what}; ` +
      'pass what `procedure(…)` has returned',
  )
}

let collected: Set<AnyProcedure> | undefined

/**
 * Loads a module, and returns the procedures that were made meanwhile: they belong to its author.
 */
export async function proceduresOf<T>(
  load: () => Promise<T>,
): Promise<{ readonly loaded: T; readonly made: ReadonlySet<AnyProcedure> }> {
  const made = new Set<AnyProcedure>()
  collected = made
  try {
    return { loaded: await load(), made }
  } finally {
    collected = undefined
  }
}

/** Called when an operation is yielded. The stack then contains the place in the source. */
export const published: { by: ((operation: Operation) => void) | undefined } = { by: undefined }

/** Calls and steps that were made and have not begun, in order. */
const awaited: object[] = []

/** An operation that `yield*` publishes. Until then it is in {@link awaited}. */
function awaiting<R>(operation: Operation): Running<R> {
  awaited.push(operation)
  return publish(operation)
}

function* publish<R>(operation: Operation): Running<R> {
  begin(operation)
  published.by?.(operation)
  return (yield operation) as R
}

function begin(made: object): void {
  const at = awaited.lastIndexOf(made)
  if (at >= 0) awaited.splice(at, 1)
}

/**
 * A helper of several steps, such as a method of a lock. A missing `yield*` is detected as for a
 * procedure.
 *
 * @param name - its name in the message about a missing `yield*`
 * @param running - its generator function
 */
export function helper<R>(name: string, running: () => Running<R>): Running<R> {
  const made = { name }
  awaited.push(made)
  return (function* () {
    begin(made)
    return yield* running()
  })()
}

/**
 * Finds a call or a step that was made and not run since the last call of this function: its
 * `yield*` is missing.
 *
 * @returns its name, or `undefined` if all have run
 */
export function neverRun(): string | undefined {
  if (awaited.length === 0) return undefined
  const made = awaited[awaited.length - 1] as Operation | { kind?: undefined; name: string }
  awaited.length = 0
  switch (made.kind) {
    case 'call':
      return `${made.procedure.procedureName}(…)`
    case 'become':
      return `become(${made.procedure.procedureName}, …)`
    case 'step':
      return `step '${made.name}'`
    default:
      return made.name
  }
}

/** The outcomes of a step: their names, or their number. */
export type Ways = number | readonly [string, string, ...string[]]

/** Maximum number of outcomes of a step. */
export const MOST_CHOICES = 8192

/**
 * Runs one atomic step.
 *
 * @param name - what it does; unique within its procedure, the same each time, and best a literal
 * @param run - its effect; deterministic, and uses only the world and its arguments
 * @param ways - its outcomes (default one): `run` gets the number of the outcome
 * @returns the result of `run`
 */
export function step<R>(name: string, run: Run<R>, ways: Ways = 1): Running<Exclude<R, typeof BLOCKED>> {
  return stepOf(name, run, ways)
}

/** A step whose effect runs in a critical section. */
export function sectionStep<R>(
  name: string,
  section: Section,
  ways: Ways,
): Running<Exclude<R, typeof BLOCKED>> {
  return stepOf(name, section.around(section.effect), ways, section)
}

function stepOf<R>(name: string, run: Run, ways: Ways, section?: Section): Running<R> {
  const named = Array.isArray(ways) ? (ways as readonly string[]) : undefined
  const choices = named === undefined ? (ways as number) : named.length
  if (!(Number.isInteger(choices) && choices >= 1 && choices <= MOST_CHOICES))
    throw new SpecificationError(
      'invalid-operation',
      `step "${name}" is to go ${String(choices)} ways; a step goes 1 to ${MOST_CHOICES} ways`,
    )
  if (named !== undefined && new Set(named).size < named.length)
    throw new SpecificationError(
      'invalid-operation',
      `two ways of step "${name}" have one name: ${named.join(', ')}; a trace tells them apart by it`,
    )
  return awaiting({
    kind: 'step',
    name,
    run,
    choices,
    ...(named ? { ways: named } : {}),
    ...(section ? { section } : {}),
  })
}

/**
 * A step that changes no field and has several outcomes, such as a timeout that expires or not.
 *
 * @returns the number of the outcome, from 0
 *
 * @example
 * ```ts
 * const expired = yield* choose('HMM_RANGE_DEFAULT_TIMEOUT', ['time is left', 'expired'])
 * ```
 */
export function choose(name: string, ways: Ways): Running<number> {
  return stepOf(name, takeChoice, ways)
}

const takeChoice: Run = (choice) => choice

/**
 * A tail call: continues as another procedure, `return yield* become(p, args)`. A retry loop
 * returns to the same control state with it.
 *
 * @param target - a procedure, or inside a procedure its own name
 * @throws SpecificationError `invalid-operation` if it is neither
 */
export function become<A extends unknown[], R>(target: Body<A, R>, ...args: A): Running<R> {
  return awaiting({
    kind: 'become',
    procedure: procedureOf(target, 'become') as unknown as AnyProcedure,
    args: args.map(withoutSign),
  })
}

/** 0 for -0. `-error` is -0 if there is no error, and the two must not differ. */
export function withoutSign<T>(value: T): T {
  return value === 0 ? (0 as T) : value
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

/** Maximum nesting of an argument or a result. */
const DEEPEST = 32

/**
 * A string that is equal for equal values, and only for them. Numbers, strings, flags, arrays and
 * plain objects are compared by contents; handles and functions by identity. Frames and histories
 * are keyed by it.
 *
 * @throws SpecificationError `invalid-value` for a value with contents that a key cannot represent:
 * a symbol, an instance of a class, a Map, an object with getters or hidden properties
 */
export function keyOf(value: unknown): string {
  return keyWithin(value, 0)
}

function keyWithin(value: unknown, depth: number): string {
  switch (typeof value) {
    case 'number':
      return Object.is(value, -0) ? '-0' : String(value)
    case 'bigint':
      return `${value}n`
    case 'string':
      return JSON.stringify(value)
    case 'function':
      return identity(value)
    case 'symbol':
      return refuse('a symbol')
    case 'object': {
      if (value === null) return 'null'
      if (isHandle(value)) return identity(value)
      if (depth >= DEEPEST) return refuse('an object that holds itself, or nests too deeply')
      return Array.isArray(value) ? keyOfArray(value, depth) : keyOfObject(value, depth)
    }
    default:
      return String(value)
  }
}

function keyOfArray(array: readonly unknown[], depth: number): string {
  mustBePlain(array)
  return `[${array.map((value) => keyWithin(value, depth + 1)).join(',')}]`
}

function keyOfObject(object: object, depth: number): string {
  mustBePlain(object)
  return `{${Object.entries(object)
    .map(([key, value]) => `${JSON.stringify(key)}:${keyWithin(value, depth + 1)}`)
    .join(',')}}`
}

function mustBePlain(object: object): void {
  const why = whyNotPlain(object)
  if (why !== undefined) refuse(why)
}

/**
 * Why an object or array is not plain: what it has beside its elements or enumerable properties.
 * Undefined for a plain one.
 */
export function whyNotPlain(object: object): string | undefined {
  const isArray = Array.isArray(object)
  const prototype = Object.getPrototypeOf(object)
  if (prototype !== (isArray ? Array : Object).prototype) {
    const { name } = prototype?.constructor ?? {}
    if (isArray) return 'an instance of a class'
    return typeof name === 'string' && name !== '' ? `an instance of ${name}` : 'an object with a prototype'
  }
  const keys = Reflect.ownKeys(object)
  if (isArray && keys.length !== object.length + 1)
    return 'an array with holes, or with properties of its own'
  for (const key of keys) {
    if (typeof key === 'symbol') return 'an object with a symbol for a key'
    if (isArray && key === 'length') continue
    const property = Object.getOwnPropertyDescriptor(object, key)
    if (property === undefined || !('value' in property)) return `an object with a getter (${key})`
    if (!property.enumerable) return `an object with a hidden property (${key})`
  }
  return undefined
}

function refuse(what: string): never {
  throw new SpecificationError(
    'invalid-value',
    `${what}; pass numbers, strings, flags, arrays and plain objects of them, and what the layout hands out`,
  )
}
