/**
 * What a driver's modules keep outside of the world. The text of a step does not always show that it counts or notes
 * something: the variables that its functions can reach, and what they hold, are looked at when the driver is loaded, while it
 * is audited, and after each scenario. A module that has changed could have decided by what it kept.
 *
 * @module
 */
import { inspect, types } from 'node:util'
import { isGuard } from '../../checker/guard.js'
import { mayReturnAnother } from '../../purity/returns.js'
import { acting } from '../../world/acting.js'
import { SpecificationError } from '../../world/errors.js'
import type { AnyProcedure } from '../../world/procedures/procedure.js'
import { running } from '../../world/procedures/running.js'
import { recording } from '../../world/records/footprint.js'
import { isHandle } from '../../world/records/layout.js'
import { isRealms, noteRealm } from './frozen-realm.js'
import { Inspector } from './inspector.js'
import { NODE_OBJECTS } from './node-guards.js'

/** Variables and values that are kept: what goes beyond could keep anything. */
const MOST_VALUES = 200_000
/** How deep values are looked at. */
const DEEPEST = 100
/** Variables that a message names. */
const MOST_SHOWN = 4
/** Characters of a value that a message shows. */
const MOST_CHARACTERS = 80
/** Bytes of a buffer that a message shows. */
const MOST_BYTES = 64
/** What every function has. */
const OF_FUNCTIONS: readonly PropertyKey[] = ['length', 'name', 'arguments', 'caller', 'constructor']
/** The text of a class that has private fields. */
const PRIVATE = /^class\b.*#[\p{ID_Start}$_]/su
/** Members of Intl's objects that are made when they are first asked for, and then kept. */
const MADE: readonly (readonly [of: unknown, member: string])[] = [
  [Intl.NumberFormat, 'format'],
  [Intl.DateTimeFormat, 'format'],
  [Intl.Collator, 'compare'],
]
/** What modules of Node.js that anybody may use can be set to, where no property shows it. */
const SETTINGS: readonly (readonly [name: string, read: () => unknown])[] = [
  ['process.exitCode', () => process.exitCode],
  ['process.title', () => process.title],
  ['process.getMaxListeners()', () => process.getMaxListeners()],
  ['util.inspect.defaultOptions', () => JSON.stringify(inspect.defaultOptions)],
]
/** A variable that is not there. */
const ABSENT = 'absent'
/** What the product changes while a model runs, and a driver may have imported. */
const OF_THE_PRODUCT: readonly object[] = [acting, recording, running]
/** What the global object had before any module of somebody else's was loaded. */
let globals: ReadonlyMap<PropertyKey, unknown> | undefined
/** Names of the global object that warn when they are asked for. */
const WARNING: readonly PropertyKey[] = ['localStorage', 'sessionStorage']
/** Classes of the language an object of which keeps nothing, or nothing that is not looked at. */
const PLAIN = new Set<unknown>([
  ...[Object, Array, Map, Set, WeakMap, WeakSet, WeakRef, RegExp, Promise, Boolean, Number, String],
  ...[Symbol, BigInt, ArrayBuffer, SharedArrayBuffer, DataView, Object.getPrototypeOf(Uint8Array)],
  ...[Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError, AggregateError],
  ...Object.getOwnPropertyNames(Intl).map((name) => Reflect.get(Intl, name)),
])
/** Classes of packages that the product works with too, whose objects do not change. */
const UNCHANGING: readonly string[] = ['StateMachine', 'StateNode']
/** Prototypes of iterators: an object of one keeps its place where nobody can look. */
const ITERATORS: readonly object[] = [
  [].values(),
  ''[Symbol.iterator](),
  ''.matchAll(/x/g),
  new Map().keys(),
  new Set().keys(),
  ...('Segmenter' in Intl ? [new Intl.Segmenter().segment('')[Symbol.iterator]()] : []),
  ...helpersOfIterators(),
].map((each) => Object.getPrototypeOf(each))

/** A variable, or what it holds: `generation`, `seen[2]`, `state.count`. */
interface Variable {
  readonly name: string
  /** What it held, in words. */
  readonly value: string
  /** Which of the objects that look alike it held: 0 for what is no object. */
  readonly object: number
}

const numbers = new WeakMap<object, number>()
const symbols = new Map<symbol, number>()
let numbered = 0

/** Tells objects, functions and symbols that look alike from each other. */
function numberOf(value: unknown): number {
  if (typeof value === 'symbol') {
    const number = symbols.get(value) ?? ++numbered
    symbols.set(value, number)
    return number
  }
  if (typeof value !== 'function' && (typeof value !== 'object' || value === null)) return 0
  const number = numbers.get(value) ?? ++numbered
  numbers.set(value, number)
  return number
}

/** What variables held, each by the scope or the function that reaches it, and its name. */
export type Captured = ReadonlyMap<string, Variable>

/**
 * What the functions of `procedures` can reach beyond their arguments: variables of their modules, of functions around
 * them, and what those hold. Handles of the product, and what is imported from it, are left out.
 *
 * @param isOwn - whether a file is the driver's author's, or of a package that it uses
 * @param functions - others of its author's: what builds scenarios and makes claims
 * @param reached - what is found is added to it
 * @throws SpecificationError `impure` if there is something that cannot be compared: an iterator, a Proxy
 */
export function capturedBy(
  procedures: Iterable<AnyProcedure>,
  isOwn: (url: string) => boolean,
  functions: readonly object[] = [],
  reached?: Set<object>,
): Captured {
  const inspector = new Inspector()
  try {
    const look = new Look(inspector, isOwn)
    const found = look.look([...[...procedures].map(({ body }) => body), ...functions])
    for (const each of look.reached) reached?.add(each)
    return found
  } finally {
    inspector.close()
  }
}

/** Notes what the global object has, and what that leads to; call it before any module of somebody else's is loaded. */
export function noteGlobals(): void {
  noteRealm()
  globals ??= new Map(
    // What Node.js makes when it is first asked for is made now.
    Reflect.ownKeys(globalThis).map((key) => [
      key,
      WARNING.includes(key) ? undefined : Reflect.get(globalThis, key),
    ]),
  )
}

/**
 * Compares what was captured with what it was.
 *
 * @param when - in words that a sentence begins with: `After munmap`
 * @throws SpecificationError `impure` that names the variables which have changed
 */
export function mustBeAsLoaded(loaded: Captured, now: Captured, when: string): void {
  const changed = new Map<string, string>()
  for (const [key, { name, value, object }] of now) {
    const before = loaded.get(key)
    const was = `\`${name}\` was ${clipped(before?.value ?? ABSENT)} when it was loaded, and is`
    if (before?.value !== value) changed.set(name, `${was} ${clipped(value)}`)
    else if (before.object !== object) changed.set(name, `${was} another, that looks like it`)
  }
  for (const [key, { name, value }] of loaded)
    if (!now.has(key))
      changed.set(name, `\`${name}\` was ${clipped(value)} when it was loaded, and is ${ABSENT}`)
  if (changed.size === 0) return
  const shown = [...changed.values()].slice(0, MOST_SHOWN)
  const rest = changed.size - shown.length
  throw new SpecificationError(
    'impure',
    `the driver keeps state outside of the world. ${when} ${shown.join('; ')}` +
      `${rest > 0 ? `; and ${rest} more` : ''}. The checker does not see it, so that no verdict would be true; keep it in a ` +
      'field of the world',
  )
}

/** As much of a value as a message shows. */
function clipped(value: string): string {
  return value.length <= MOST_CHARACTERS ? value : `${value.slice(0, MOST_CHARACTERS)}…`
}

/** What modules have put on the global object, or replaced there. */
function changedGlobals(): [key: PropertyKey, value: unknown][] {
  return Reflect.ownKeys(globalThis).flatMap((key): [PropertyKey, unknown][] => {
    const property = Object.getOwnPropertyDescriptor(globalThis, key)
    if (property === undefined || !('value' in property) || Inspector.isOwn(key)) return []
    const was = globals === undefined || (globals.has(key) && Object.is(globals.get(key), property.value))
    return was ? [] : [[key, property.value]]
  })
}

function helpersOfIterators(): object[] {
  const { Iterator } = globalThis as { Iterator?: { from?(of: object): { take(n: number): object } } }
  return Iterator?.from === undefined
    ? []
    : [Iterator.from([]).take(0), Iterator.from({ next: () => ({ done: true }) })]
}

/** In which files functions are. */
const urls = new WeakMap<object, string | undefined>()
/** Functions all of whose scopes others share, and those scopes. */
const shared = new WeakMap<object, readonly string[]>()
/** By the functions that a scope declares: which one it is. */
const scopes: Map<unknown, unknown> = new Map()
let scopesSeen = 0
/** A scope of so many functions is known by them. */
const MANY_FUNCTIONS = 8

/**
 * What a scope is called that has many functions: each that it declares is made anew with it, so that no two have the same.
 * Undefined for one that is looked at by way of each function.
 */
function placeOf(variables: readonly Own[]): string | undefined {
  const functions = variables.map(([, value]) => value).filter((value) => typeof value === 'function')
  if (functions.length < MANY_FUNCTIONS) return undefined
  let at = scopes
  for (const each of functions) {
    const next = (at.get(each) as typeof at | undefined) ?? new Map()
    at.set(each, next)
    at = next
  }
  const known = (at.get(functions.length) as string | undefined) ?? `scope ${scopesSeen++}`
  at.set(functions.length, known)
  return known
}

/** One look at everything that is reachable. */
class Look {
  private readonly found = new Map<string, Variable>()
  private readonly seen = new Set<object>([...OF_THE_PRODUCT, ...Object.values(NODE_OBJECTS), globalThis])
  /** Functions looked at so far: their order is the same in each look. */
  private functions = 0
  /** Scopes of many functions that this look has been to. */
  private readonly places = new Set<string>()
  /** Objects and functions that have been looked at, but for handles of the world. */
  readonly reached: object[] = []
  private readonly visited: { place: string; name: string; value: object; depth: number }[] = []
  private hasPrivateFields = false
  /** By class: whether an instance of it may keep something. */
  private readonly keeping = new Map<object, boolean>()

  constructor(
    private readonly inspector: Inspector,
    private readonly isOwn: (url: string) => boolean,
  ) {}

  look(roots: readonly object[]): Captured {
    for (const root of roots)
      if (typeof root === 'function' && this.closure(root))
        this.members('root', nameOf(root), root, 0, OF_FUNCTIONS)
    for (const [key, value] of changedGlobals()) this.value('global', `globalThis.${String(key)}`, value, 0)
    for (const [name, read] of SETTINGS) this.value('setting', name, read(), 0)
    this.privateFields()
    return this.found
  }

  private say(place: string, name: string, value: string, held: unknown): void {
    if (this.found.size >= MOST_VALUES) tooMuch(name)
    const object = numberOf(held)
    let key = `${place} ${name}`
    // Two scopes that look alike and hold different things are two.
    for (let known = this.found.get(key); known !== undefined; known = this.found.get(key)) {
      if (known.value === value && known.object === object) return
      key += "'"
    }
    this.found.set(key, { name, value, object })
  }

  /**
   * A function: the variables of the scopes that it was made in.
   *
   * @returns true if it is of a text that is somebody else's: the author's, or an installed package's
   */
  private closure(of: object): boolean {
    if (this.seen.has(of)) return false
    this.seen.add(of)
    if (!this.isSomebodyElses(of)) return false
    const prefix = String(this.functions++)
    const known = shared.get(of)
    if (known?.every((place) => this.places.has(place))) return true
    const places: string[] = []
    let isShared = true
    let within: string | undefined
    for (const [depth, { description, object }] of this.inspector.scopesOf(of).entries()) {
      // `Global` is everybody's; the others are `Module`, `Closure (name)`, `Block`, `Script`.
      if (description === 'Global') continue
      const variables = own(object)
      // What is around a scope that is known is known with it.
      const place: string | undefined = within === undefined ? placeOf(variables) : `${within}^`
      within = place
      if (place === undefined) isShared = false
      else {
        places.push(place)
        if (this.places.has(place)) continue
        this.places.add(place)
      }
      for (const [name, value] of variables) this.value(place ?? `${prefix}.${depth}`, String(name), value, 0)
    }
    if (isShared) shared.set(of, places)
    return true
  }

  /** True for a function of the author's, or of a package. */
  private isSomebodyElses(of: object): boolean {
    if (!urls.has(of)) urls.set(of, this.inspector.urlOf(of))
    const url = urls.get(of)
    if (url === undefined || !this.isOwn(url)) return false
    this.mayHaveFields(of)
    return true
  }

  private mayHaveFields(of: object): void {
    if (!this.hasPrivateFields) this.hasPrivateFields = PRIVATE.test(Function.prototype.toString.call(of))
  }

  /** @param place - scope, or function, from which the variable is reached */
  private value(place: string, name: string, value: unknown, depth: number): void {
    if (depth > DEEPEST) tooMuch(name)
    if (typeof value === 'function') this.function(place, name, value, depth)
    else if (typeof value === 'object' && value !== null) this.object(place, name, value, depth)
    else this.say(place, name, wordsFor(value), value)
  }

  private function(place: string, name: string, value: object, depth: number): void {
    this.say(place, name, 'a function', value)
    if (this.seen.has(value) || isGuard(value) || isRealms(value)) return
    if (types.isProxy(value)) refuse(name, OPAQUE.proxy)
    if (isWasm(value)) refuse(name, OPAQUE.wasm)
    const bound = isNative(value) ? this.inspector.boundIn(value) : []
    if (this.closure(value)) {
      this.reached.push(value)
      this.putsFields(name, value)
      this.members(place, name, value, depth, OF_FUNCTIONS)
    } else if (this.isNodes(value)) this.reached.push(value)
    for (const [part, inner] of bound) this.value(place, `${name}${String(part)}`, inner, depth + 1)
  }

  private object(place: string, name: string, value: object, depth: number): void {
    if (isGuard(value)) return
    if (this.seen.has(value) || isRealms(value)) {
      this.say(place, name, 'an object', value)
      return
    }
    this.seen.add(value)
    // A function that an object of Intl makes when it is first asked for it.
    for (const made of madeBy(value)) this.reached.push(made)
    if (types.isPromise(value))
      this.value(place, `${name}'s result`, this.inspector.settledIn(value), depth + 1)
    const opaque = opaqueIn(value)
    if (opaque !== undefined && !(types.isGeneratorObject(value) && this.inspector.hasEnded(value)))
      refuse(name, OPAQUE[opaque])
    const slot = slotOf(value)
    this.say(
      place,
      name,
      `an object of ${classOf(value)?.name || 'Object'}${slot === '' ? '' : `: ${slot}`}`,
      value,
    )
    if (types.isMap(value) || types.isSet(value) || types.isWeakMap(value) || types.isWeakSet(value)) {
      for (const [i, entry] of this.inspector.entriesOf(value).entries())
        for (const [part, inner] of own(entry))
          this.value(place, `${name}[${i}].${String(part)}`, inner, depth + 1)
    }
    this.prototypeOf(place, name, value, depth)
    if (types.isTypedArray(value)) return
    // What records, layouts and the like hold is the world, or does not change.
    if (isHandle(value)) return
    this.reached.push(value)
    if (!Array.isArray(value) && !this.mayKeep(name, value)) return
    this.members(place, name, value, depth, ['constructor'])
  }

  /** What an object inherits from, where that is somebody else's: a class leads to its own, an object that was made without one may not. */
  private prototypeOf(place: string, name: string, value: object, depth: number): void {
    const prototype = Object.getPrototypeOf(value)
    const made = prototype && Object.getOwnPropertyDescriptor(prototype, 'constructor')?.value
    if (prototype !== null && !isRealms(prototype) && (made === undefined || this.isAuthors(made)))
      this.value(place, `${name}.__proto__`, prototype, depth + 1)
  }

  /** True for a function of the language's or of Node.js, that every look may meet and nobody has frozen. */
  private isNodes(of: object): boolean {
    const url = urls.get(of)
    return url === undefined || url.startsWith('node:')
  }

  /** Refuses a class whose private fields a superclass has put on an object of its choice: they can be put on a frozen one too. */
  private putsFields(name: string, of: object): void {
    if (!PRIVATE.test(Function.prototype.toString.call(of))) return
    for (let above = Object.getPrototypeOf(of); above !== null; above = Object.getPrototypeOf(above))
      if (typeof above === 'function' && this.mayReturn(above))
        throw new SpecificationError(
          'impure',
          `\`${name}\` has private fields, and its superclass \`${nameOf(above)}\` has a constructor that returns an object, ` +
            'or is bound: the fields would be of that object, whatever it is, and keep what is outside of the world; return nothing ' +
            'from the constructor',
        )
  }

  /** True for what may construct any object: somebody's text that returns one, or what the language makes of a function. */
  private mayReturn(of: object): boolean {
    if (types.isProxy(of)) return true
    if (isNative(of)) return this.inspector.boundIn(of).length > 0
    if (!this.isSomebodyElses(of) && !this.isNodes(of)) return false
    return mayReturnAnother(Function.prototype.toString.call(of))
  }

  private isAuthors(of: unknown): boolean {
    return typeof of !== 'function' || this.isSomebodyElses(of)
  }

  private members(
    place: string,
    name: string,
    value: object,
    depth: number,
    except: readonly PropertyKey[],
  ): void {
    const listed = Array.isArray(value)
    this.visited.push({ place, name, value, depth })
    for (const [key, inner] of own(value, except))
      this.value(place, listed ? `${name}[${String(key)}]` : `${name}.${String(key)}`, inner, depth + 1)
  }

  /**
   * Private fields, also of objects that are of another class than the one that gave them. The inspector is slow, so it is asked
   * only where a class that was met has any.
   */
  private privateFields(): void {
    for (let at = 0; this.hasPrivateFields && at < this.visited.length; at++) {
      const { place, name, value, depth } = this.visited[at]
      for (const [field, inner] of this.inspector.privateOf(value))
        this.value(place, `${name}.${field}`, inner, depth + 1)
    }
  }

  /** False for an object of a package that the product works with too. */
  private mayKeep(name: string, value: object): boolean {
    const of = classOf(value)
    if (of === undefined) return true
    const known = this.keeping.get(of)
    if (known !== undefined) return known
    const may = this.isSomebodyElses(of) || this.isEverybodys(name, of)
    if (may) this.mayHaveFields(of)
    this.keeping.set(of, may)
    return may
  }

  /** True for a class of the language's, of Node's or the product's. @throws SpecificationError if what its objects keep cannot be looked at */
  private isEverybodys(name: string, of: { readonly name: string }): boolean {
    const url = urls.get(of)
    if (url === undefined && !PLAIN.has(of) && of !== Date && !isGuard(of)) refuse(name, unseen(of.name))
    if (url?.includes('/node_modules/xstate/') && !UNCHANGING.includes(of.name)) refuse(name, unseen(of.name))
    return url === undefined || !url.includes('/node_modules/xstate/')
  }
}

/** A property and what it holds. */
type Own = readonly [key: PropertyKey, value: unknown]

/** The properties of an object. A getter is not asked, since to ask is to run it: it is a function that may reach something. */
function own(value: object, except: readonly PropertyKey[] = []): Own[] {
  return Reflect.ownKeys(value).flatMap((key): Own[] => {
    if (except.includes(key)) return []
    const property = Object.getOwnPropertyDescriptor(value, key)
    if (property === undefined) return []
    if ('value' in property) return [[key, property.value]]
    return [property.get, property.set].flatMap((each): Own[] => (each === undefined ? [] : [[key, each]]))
  })
}

function nameOf(of: object): string {
  const name = Object.getOwnPropertyDescriptor(of, 'name')?.value
  return typeof name === 'string' && name !== '' ? name : 'a function'
}

/** What made an object. */
function classOf(value: object): { readonly name: string } | undefined {
  for (let at = Object.getPrototypeOf(value); at !== null; at = Object.getPrototypeOf(at)) {
    const made = Object.getOwnPropertyDescriptor(at, 'constructor')?.value
    if (typeof made === 'function') return made
  }
  return undefined
}

/** What keeps its place, or more, where nobody can look: an object of such a kind may not be reachable at all. */
const OPAQUE = {
  generator: 'a generator, which keeps its place',
  iterator: 'an iterator, which keeps its place',
  proxy: 'a Proxy, which may keep anything',
  wasm: 'of WebAssembly, which keeps what nobody sees',
} as const

function unseen(kind: string): string {
  return `an object of ${kind}, which may keep what nobody sees,`
}

function opaqueIn(value: object): keyof typeof OPAQUE | undefined {
  if (types.isProxy(value)) return 'proxy'
  if (types.isGeneratorObject(value)) return 'generator'
  if (ITERATORS.some((each) => Object.prototype.isPrototypeOf.call(each, value))) return 'iterator'
  const { Instance, Memory, Global, Table } = WebAssembly
  return [Instance, Memory, Global, Table].some((kind) => value instanceof kind) ? 'wasm' : undefined
}

/** Functions that `value` makes when it is first asked for them. */
function madeBy(value: object): object[] {
  return MADE.flatMap(([of, member]) =>
    typeof of === 'function' && Object.prototype.isPrototypeOf.call(of.prototype, value)
      ? [Reflect.get(value, member) as object]
      : [],
  )
}

/** True for a function of the language's, of WebAssembly's, or a bound one. */
function isNative(value: object): boolean {
  return Function.prototype.toString.call(value).endsWith('{ [native code] }')
}

/** True of a function that a module of WebAssembly exports: nothing else may be put into a table of it. */
function isWasm(value: object): boolean {
  if (!isNative(value)) return false
  try {
    new WebAssembly.Table({ element: 'anyfunc', initial: 1 }).set(0, value)
    return true
  } catch {
    return false
  }
}

/** The parts of an object of the language that are no members, in words. */
function slotOf(value: object): string {
  if (types.isDate(value)) return String(value.getTime())
  if (types.isPromise(value)) return inspect(value, { depth: 0 })
  if (types.isRegExp(value)) return `${value.source} at ${value.lastIndex}`
  if (types.isAnyArrayBuffer(value)) return bytesOf(new Uint8Array(value))
  if (ArrayBuffer.isView(value))
    return bytesOf(new Uint8Array(value.buffer, value.byteOffset, value.byteLength))
  return ''
}

/** The bytes of a buffer; of many a number that differs where they do. */
function bytesOf(bytes: Uint8Array): string {
  if (bytes.length <= MOST_BYTES) return `${bytes.length} bytes [${bytes}]`
  let [a, b] = [0x811c9dc5, 0x9e3779b9]
  for (const byte of bytes) {
    a = Math.imul(a ^ byte, 0x01000193)
    b = Math.imul(b + byte, 0x85ebca6b) ^ (b >>> 13)
  }
  return `${bytes.length} bytes (${(a >>> 0).toString(16)}${(b >>> 0).toString(16)})`
}

function tooMuch(name: string): never {
  throw new SpecificationError(
    'impure',
    `\`${name}\` is too much to look through (more than ${MOST_VALUES} values, or more than ${DEEPEST} deep), so that it could ` +
      'keep what is not in the world; keep less within the reach of procedures',
  )
}

function refuse(name: string, what: string): never {
  throw new SpecificationError(
    'impure',
    `\`${name}\`, which procedures can reach, is ${what} outside of the world; make it where it is used, or keep what it ` +
      'says in a field of the world',
  )
}

function wordsFor(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'bigint') return `${value}n`
  return Object.is(value, -0) ? '-0' : String(value)
}
