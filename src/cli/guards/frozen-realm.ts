/**
 * What the language and Node.js bring along, made unchangeable once the modules of somebody else's are loaded: a property that is
 * added to a class, a limit that is set, a list that grows would keep what the world does not hold.
 *
 * @module
 */
import Module, { createRequire } from 'node:module'
import { types } from 'node:util'
import { isGuard } from '../../checker/guard.js'
import { FRAMES } from '../../checker/runs/places.js'
import { HARMLESS_MODULES } from '../../purity/names.js'
import { NODE_OBJECTS } from './node-guards.js'

/**
 * Not touched: these warn, or are changed by Node.js itself. What a process may do is guarded, and that it has no property more is
 * looked at after each scenario.
 */
const LEFT: readonly PropertyKey[] = ['localStorage', 'sessionStorage', 'process']

/** Methods that an object may be given another of, by assignment, although it inherits one. */
const OVERRIDDEN: readonly PropertyKey[] = [
  'constructor',
  'hasOwnProperty',
  'toLocaleString',
  'toString',
  'valueOf',
]

/** What the language and Node.js bring along. */
interface Realm {
  /** What the global object leads to, and modules that a driver may import. */
  readonly fixed: ReadonlySet<object>
  /** What Node.js's own modules lead to. */
  readonly closed: ReadonlySet<object>
}

const COUNTS_NOTHING = Object.freeze({
  get: () => undefined,
  set: () => {},
  has: () => false,
  delete: () => false,
})

let realm: Realm | undefined
let frozen = false

/** Notes what the language and Node.js bring along; call it before any module of somebody else's is loaded. */
export function noteRealm(): void {
  if (realm !== undefined) return
  const require = createRequire(import.meta.url)
  const globals = Reflect.ownKeys(globalThis).filter((key) => !LEFT.includes(key))
  const hidden = [(function* () {})(), (async () => {})(), [].values(), new Map().keys(), new Set().keys()]
  realm = {
    fixed: reachedFrom([
      ...globals.map(globalCalled),
      ...[...HARMLESS_MODULES].map((name) => require(`node:${name}`)),
      ...hidden.map((each) => Object.getPrototypeOf(each)),
    ]),
    closed: reachedFrom(Object.values(NODE_OBJECTS).filter((each) => each !== process)),
  }
}

/** True for an object that the language or Node.js brings along: nobody can give it what it keeps. */
export function isRealms(value: object): boolean {
  return realm !== undefined && (realm.fixed.has(value) || realm.closed.has(value))
}

/**
 * Freezes what {@link noteRealm} has noted. Once for all; call it when everything is loaded. Classes of Node.js's own modules are
 * only closed: Node.js itself gives their objects other methods.
 *
 * @param parts - of the product, whose functions and classes are frozen too
 * @param reached - what functions of somebody else's can reach. Variables, maps, sets and buffers cannot be frozen: they are looked at
 */
export function freezeRealm(parts: readonly unknown[], reached: ReadonlySet<object>): void {
  if (frozen || realm === undefined) return
  frozen = true
  const { fixed, closed } = realm
  for (const key of Object.getOwnPropertySymbols(console)) {
    const counts: unknown = Reflect.get(console, key)
    // What `console.count` has counted: nobody may look at it, and nobody may count with it.
    if (types.isMap(counts)) Reflect.set(console, key, COUNTS_NOTHING)
  }
  Error.stackTraceLimit = FRAMES
  for (const each of fixed) letOverride(each, each === Object.prototype ? OVERRIDDEN : [])
  for (const each of fixed) freeze(each)
  for (const part of parts)
    if (typeof part === 'function') {
      Object.freeze(part)
      if (isObject(part.prototype)) Object.freeze(part.prototype)
    }
  for (const each of reached)
    if (!ArrayBuffer.isView(each) && !types.isModuleNamespaceObject(each) && each !== process) freeze(each)
  for (const each of closed)
    if (!fixed.has(each)) (typeof each === 'function' ? Object.freeze : Object.seal)(each)
  freezeLoader()
}

/** The class of CommonJS modules, which each of them leads to, and its lists. What it has loaded, and where, it goes on to note. */
function freezeLoader(): void {
  for (const key of Reflect.ownKeys(Module)) {
    const value: unknown = Object.getOwnPropertyDescriptor(Module, key)?.value
    if (isObject(value) && !isGuard(value)) Object.freeze(value)
  }
  Object.freeze(Module)
}

/** The value of a global name; what Node.js makes when it is first asked for is made now. */
function globalCalled(key: PropertyKey): unknown {
  try {
    return Reflect.get(globalThis, key)
  } catch {
    return undefined
  }
}

/**
 * Lets objects that inherit what is frozen be given properties of their own, by assignment, as if it were not: those in `keys`,
 * and those that hold no object, which stand for what an instance has not been given yet.
 */
function letOverride(of: object, keys: readonly PropertyKey[]): void {
  if (!Object.hasOwn(of, 'constructor')) return
  for (const key of Reflect.ownKeys(of)) {
    const property = Object.getOwnPropertyDescriptor(of, key)
    if (property?.configurable !== true || property.writable !== true) continue
    const { value, enumerable } = property
    if (!keys.includes(key) && isObject(value)) continue
    Object.defineProperty(of, key, {
      get: () => value,
      set(this: object, given: unknown) {
        if (this === of) throw new TypeError(`Cannot assign to read only property '${String(key)}' of object`)
        Object.defineProperty(this, key, {
          value: given,
          configurable: true,
          enumerable: true,
          writable: true,
        })
      },
      configurable: false,
      enumerable: enumerable === true,
    })
  }
}

const BufferPrototype = Object.getPrototypeOf(Uint8Array.prototype)

/**
 * As `Object.freeze`, but for three kinds of objects, which are frozen property by property. The prototypes that all objects and all
 * buffers have: V8 makes elements slow once it has frozen them itself. A prototype with a symbol that Node.js lets each instance
 * have of its own and nobody can redefine: that stays writable. And a regular expression, which sets its place to 0 whenever it
 * is used: the place is compared.
 */
function freeze(of: object): void {
  const keys = Reflect.ownKeys(of).filter((key) => key !== 'lastIndex' || !types.isRegExp(of))
  const isHot =
    of === Object.prototype || of === BufferPrototype || Object.getPrototypeOf(of) === BufferPrototype
  if (!isHot && !types.isRegExp(of) && !keys.some((key) => isEachInstances(of, key))) {
    Object.freeze(of)
    return
  }
  Object.preventExtensions(of)
  for (const key of keys) {
    const property = Object.getOwnPropertyDescriptor(of, key)
    if (property === undefined || isEachInstances(of, key)) continue
    Object.defineProperty(
      of,
      key,
      'value' in property ? { configurable: false, writable: false } : { configurable: false },
    )
  }
}

function isEachInstances(of: object, key: PropertyKey): boolean {
  if (typeof key !== 'symbol' || !Object.hasOwn(of, 'constructor')) return false
  const property = Object.getOwnPropertyDescriptor(of, key)
  return property?.configurable === false && property.writable === true && !isObject(property.value)
}

/** Everything that `roots` lead to, by properties and prototypes. */
function reachedFrom(roots: readonly unknown[]): Set<object> {
  const reached = new Set<object>()
  const waiting = [...roots]
  while (waiting.length > 0) {
    const value = waiting.pop()
    if (!isObject(value) || reached.has(value) || value === globalThis || value === process) continue
    // The elements of a buffer cannot be frozen.
    if (ArrayBuffer.isView(value)) continue
    reached.add(value)
    waiting.push(Object.getPrototypeOf(value))
    for (const key of Reflect.ownKeys(value)) {
      const property = Object.getOwnPropertyDescriptor(value, key)
      waiting.push(property?.value, property?.get, property?.set)
    }
  }
  return reached
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}
