/**
 * Procedures: the protocol as text. A procedure is a generator; each `yield*` is one atomic step on the world,
 * or a call of another procedure, and between two of them it touches only its own locals.
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
 * A step's effect: changes records, and answers (or returns {@link BLOCKED}). An answer is a number, a flag, a name, a record of
 * the world, or a small object or array of such. `choice` is 0 … n-1.
 */
export type Run<R = unknown> = (choice: number) => R

/** An atomic step. */
export interface Step {
  readonly kind: 'step'
  /** Name within its procedure. */
  readonly name: string
  readonly run: Run
  /** The number of its outcomes; each is explored. */
  readonly choices: number
  /** The names of the outcomes, if they have any. */
  readonly ways?: readonly string[]
  /** Of a critical section: what is done under the lock, and the lock around it. */
  readonly section?: Section
}

/** A critical section that is one step. */
export interface Section {
  /** What is done under the lock. */
  readonly effect: Run
  /** Takes the lock, has `effect` done, and gives the lock back. */
  readonly around: (effect: Run) => Run
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
 * flag, a small record.
 *
 * The procedure has the name of its generator, so that stack traces, call hierarchies and profilers show it too. Inside
 * its own text that name is the generator: `become(self, …)` goes on as the procedure; a direct call is refused.
 *
 * @param body - the text; its name is as the kernel calls it
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
 * The same with a name that is no identifier, or where a tool drops the names of functions.
 *
 * @param name - as the kernel or the driver calls it, and which part of it this is
 * @param body - the text
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

/** The procedure of each text; none where several procedures share a text. */
const proceduresByText = new WeakMap<object, AnyProcedure | undefined>()

/** A procedure whose text is another's as well: its name in that text is the other's. */
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
 * The procedure that `target` is, or is the text of: within its own text, a procedure's name is its generator.
 *
 * @throws SpecificationError `invalid-operation` if it is neither, or the text of several
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

/** Loads a module, and tells which procedures were made meanwhile: they are its author's. */
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

/** Whoever is called as a text publishes an operation: on the stack is then the place in the text where it stands. */
export const published: { by: ((operation: Operation) => void) | undefined } = { by: undefined }

/** Calls and steps that were made and have not begun, in the order in which they were made. */
const awaited: object[] = []

/** An operation that `yield*` publishes; until then it is awaited. */
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
 * A helper of several steps, as the methods of a lock are: it is awaited as a call of a procedure is.
 *
 * @param name - what to call it where its `yield*` was forgotten
 * @param running - its text
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
 * What was called and never run since the last time that this was asked: `yield*` was forgotten before it.
 *
 * @returns its name, or `undefined` if all has run
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

/** In which ways a step may go: their names, or how many there are. */
export type Ways = number | readonly [string, string, ...string[]]

/** Most ways in which a step may go. */
export const MOST_CHOICES = 8192

/**
 * Runs one atomic step.
 *
 * @param name - says what it does, unique within its procedure and the same each time; best a
 * literal
 * @param run - its effect; deterministic, touches nothing but the world
 * @param ways - in which ways it may go (default one): `run` gets the number of the way
 * @returns what `run` returned
 */
export function step<R>(name: string, run: Run<R>, ways: Ways = 1): Running<Exclude<R, typeof BLOCKED>> {
  return stepOf(name, run, ways)
}

/** A step whose effect runs within a critical section. */
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
 * @returns the number of the way, from 0
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
 * returns to the same control state this way.
 *
 * @param target - a procedure, or the text of one, as its own name is within it
 * @throws SpecificationError `invalid-operation` if it is neither
 */
export function become<A extends unknown[], R>(target: Body<A, R>, ...args: A): Running<R> {
  return awaiting({
    kind: 'become',
    procedure: procedureOf(target, 'become') as unknown as AnyProcedure,
    args: args.map(withoutSign),
  })
}

/** 0 for -0, which `-error` makes of no error: nobody means them to differ. */
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

/** Deepest nesting of an argument or a result. */
const DEEPEST = 32

/**
 * A string that is equal for equal values, and for no others: numbers, strings, flags, arrays and plain objects by what
 * they hold; handles and functions by identity. Frames and histories are keyed by it.
 *
 * @throws SpecificationError `invalid-value` for a value that may hold what a key cannot tell: a symbol, an instance of a
 * class, a Map, an object with getters or hidden properties
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

/** What of an object or array is more than its elements, or its properties that everybody sees; undefined for a plain one. */
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
