/**
 * Whether somebody has replaced what the language brings along. A driver that does it changes the engine too: nothing
 * that is said after that can be relied on.
 *
 * @module
 */

// Taken before any code but the product's own has run.
const { getOwnPropertyDescriptor, getPrototypeOf, is, isExtensible } = Object
const { ownKeys } = Reflect

/** What the language defines. What Node.js adds is made when it is first used, and would look replaced. */
const NAMES = [
  'Array ArrayBuffer Atomics BigInt BigInt64Array BigUint64Array Boolean DataView Date Error Float32Array Float64Array',
  'Function Int16Array Int32Array Int8Array JSON Map Math Number Object Promise Proxy RangeError Reflect RegExp Set',
  'SharedArrayBuffer String Symbol SyntaxError TypeError Uint16Array Uint32Array Uint8Array Uint8ClampedArray WeakMap',
  'WeakRef WeakSet isFinite isNaN parseFloat parseInt',
]
  .join(' ')
  .split(' ')

/** A member of a built-in object, and where it stands. */
interface Member {
  readonly holder: object
  readonly key: string | symbol
  readonly path: string
  readonly value: unknown
  readonly get: unknown
  readonly set: unknown
}

/** What an object of the language is beside its members: properties that were added, or a bit that was set, could keep something. */
interface Shape {
  readonly of: object
  readonly path: string
  readonly keys: number
  readonly extensible: boolean
  readonly prototype: object | null
}

/** Every function of the language, and of the product's classes, as it is now. */
export class BuiltIns {
  private readonly members: Member[] = []
  private readonly shapes: Shape[] = []
  private readonly shaped = new Set<object>()
  private readonly seen = new Set<object>()

  /** @param others - classes of the product, and objects of Node.js, by name: claims and locks are judged by what they do */
  constructor(others: Readonly<Record<string, unknown>> = {}) {
    for (const [name, value] of Object.entries(others))
      if (typeof value === 'function') {
        this.shape(value, name)
        if (isObject(value.prototype)) this.look(value.prototype, `${name}.prototype`)
      } else if (isObject(value)) this.shape(value, name)
    for (const name of NAMES) this.note(globalThis, name, name)
    // What no name leads to: the prototypes of generators and of iterators.
    const hidden: [path: string, value: object][] = [
      ['Generator.prototype', (function* () {})()],
      ['%ArrayIterator%', [].values()],
      ['%MapIterator%', new Map().entries()],
      ['%SetIterator%', new Set().values()],
      ['%StringIterator%', ''[Symbol.iterator]()],
      ['%RegExpStringIterator%', ''.matchAll(/x/g)],
    ]
    for (const [path, value] of hidden) {
      let at: object | null = getPrototypeOf(value)
      for (let depth = 0; at !== null && !this.seen.has(at); depth++, at = getPrototypeOf(at))
        this.look(at, `${path}${'.__proto__'.repeat(depth)}`)
    }
  }

  /** The first member that is no longer what it was: `Array.prototype.map`; `undefined` if all are. */
  replaced(): string | undefined {
    for (let i = 0; i < this.members.length; i++) {
      const { holder, key, path, value, get, set } = this.members[i]
      const now = getOwnPropertyDescriptor(holder, key)
      if (now === undefined || !is(now.value, value) || now.get !== get || now.set !== set) return path
    }
    for (let i = 0; i < this.shapes.length; i++) {
      const { of, path, keys, extensible, prototype } = this.shapes[i]
      if (ownKeys(of).length !== keys || isExtensible(of) !== extensible || getPrototypeOf(of) !== prototype)
        return path
    }
    return undefined
  }

  private note(holder: object, key: string | symbol, path: string): void {
    const descriptor = getOwnPropertyDescriptor(holder, key)
    if (descriptor === undefined) return
    const { value, get, set } = descriptor
    if (!isObject(value) && get === undefined) return
    this.members.push({ holder, key, path, value, get, set })
    for (const each of [value, get, set]) if (isObject(each)) this.shape(each, path)
    if (isObject(value) && (holder === globalThis || key === 'prototype')) this.look(value, path)
  }

  private shape(of: object, path: string): void {
    // What Node.js adds to the global object is made when it is first used.
    if (of === globalThis || this.shaped.has(of)) return
    this.shaped.add(of)
    this.shapes.push({
      of,
      path,
      keys: ownKeys(of).length,
      extensible: isExtensible(of),
      prototype: getPrototypeOf(of),
    })
  }

  private look(holder: object, path: string): void {
    if (this.seen.has(holder)) return
    this.seen.add(holder)
    this.shape(holder, path)
    for (const key of ownKeys(holder)) this.note(holder, key, `${path}.${nameOf(key)}`)
  }
}

function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function'
}

function nameOf(key: string | symbol): string {
  return typeof key === 'string' ? key : `[${key.description ?? 'symbol'}]`
}
