/**
 * The world: a flat, bit-packed record of small counters, flags and enumerations, declared once and reached
 * through typed handles. A state of a scenario is these bytes and one control location for each thread.
 *
 * The kinds of fields and how they are packed are one piece of arithmetic; that is why the file is long.
 *
 * @module
 */
import { acting, NOBODY, type World } from '../acting.js'
import { claim, SpecificationError } from '../errors.js'
import { recording } from './footprint.js'
import { Lifecycle } from './lifecycle.js'
import type { Lock } from './locks.js'
import type { Pool } from './pool.js'
import { Guard, type Protection } from './protection.js'
import { fieldOf, isRecord, makeRecord, type RecordOf, recordName } from './record.js'
import { SEQUENCE_VIEWS, Sequence } from './sequence.js'

export type { World } from '../acting.js'

/** How a cell is declared. */
export interface CellOptions {
  /** Value in the initial state (default 0). */
  readonly initial?: number
  /** True for bookkeeping that no kernel has, kept so that claims can speak about the past. */
  readonly ghost?: boolean
  /** What must be held for every access but {@link Cell.readOnce}: a lock, or locks in certain modes. */
  readonly guardedBy?: Protection
  /** Beside {@link CellOptions.guardedBy}, what must be held for writing by who puts another value over one that is not 0. */
  readonly replacedUnder?: Protection
  /** The flag, or the reference count, of the object that this field is part of: access while it is 0 is reported. */
  readonly partOf?: Cell<unknown> | undefined
  /**
   * False where nothing in the scenario looks at the field (default true). It then takes no bits, reads as
   * {@link CellOptions.otherwise}, and what is written to it is dropped.
   */
  readonly when?: boolean
  /** What a field reads as that takes no bits (default 0). */
  readonly otherwise?: number
  /**
   * The machine word that the field is part of, by a name that all of its fields in the record share: an access to several
   * of them is one access.
   */
  readonly word?: string
  /** References to the object that the field is part of. While there are none, only who takes it or frees it can reach the field. */
  readonly countedBy?: Cell
  /** True if the field is a lock: 0 while it is free, otherwise its holder's thread plus 1. */
  readonly isLock?: boolean
}

/** What a field holds, beside plain numbers: how its number is read and written. */
export type Codec = 'number' | 'flag' | 'enumeration' | 'reference' | 'sequence'

/**
 * Where a field of a record is kept: a number from 0 to {@link Cell.max}. Procedures read and write the record's property;
 * what is here is for the records themselves, for locks and for tools. Setting it beyond its bound is an error, never a wrap.
 *
 * @typeParam V - what the property reads as
 */
export abstract class Cell<V = number> {
  /** What the property reads as: there for its type only. */
  declare readonly reads: V
  /** How the number is read. */
  codec: Codec = 'number'
  /**
   * Of an enumeration: the names of its values. Of a reference: `undefined`, and then what it may refer to. Of a sequence: its
   * handles, by {@link SEQUENCE_VIEWS}.
   */
  values: readonly unknown[] = []

  constructor(
    /** Full name, as in traces: `mm0.pte[1].frame`. */
    readonly name: string,
    /** Largest value. */
    readonly max: number,
    /** How it was declared. */
    readonly options: CellOptions,
  ) {}

  /** Reads the cell. */
  abstract get(w: World): number

  /** Writes the cell. @throws SpecificationError `bound-overflow` if `value` is no integer of 0 … {@link Cell.max} */
  abstract set(w: World, value: number): void

  /** Reads the cell without the lock that guards it, as `READ_ONCE` does. The value may be stale at once. */
  readOnce(w: World): number {
    return this.get(w)
  }

  /** The number in the world in use. */
  get value(): number {
    return this.get(acting.world)
  }

  set value(value: number) {
    this.set(acting.world, value)
  }

  /** The same, read as {@link Cell.readOnce} does, by the records that READ_ONCE gives. */
  get once(): number {
    return this.readOnce(acting.world)
  }

  /** Where its bits are; `undefined` for one that has more than eight of them, or none. */
  get bits(): Bits | undefined {
    return undefined
  }

  /** The value in words, for traces. */
  show(w: World): string {
    const value = this.readOnce(w)
    switch (this.codec) {
      case 'enumeration':
        return String(this.values[value])
      case 'reference':
        return value === 0 ? 'none' : nameOf(this.values[value])
      default:
        return String(value)
    }
  }

  /** @internal */
  protected overflow(value: number): never {
    throw new SpecificationError(
      'bound-overflow',
      `${this.name} was set to ${value}, outside its declared bound 0..${this.max}; ` +
        'raise the bound where the scenario declares the world, or bound the scenario so that it is not reached',
    )
  }
}

/** What a trace calls a record: its name where it has one of its own, otherwise where it was declared. */
export function nameOf(record: unknown): string {
  return givenName(record as object) ?? String(record)
}

const names = new WeakMap<object, string>()

/** The name of a record, or of another object that a layout has named. */
export function givenName(value: object): string | undefined {
  return recordName(value) ?? names.get(value)
}

/** Which bits of a world a cell of at most eight bits is. */
export interface Bits {
  /** Byte of the world. */
  readonly offset: number
  /** Lowest bit within the byte. */
  readonly shift: number
  /** The bits, moved down by {@link Bits.shift}. */
  readonly mask: number
}

/** A cell of at most eight bits, which shares its byte with others. */
class PackedCell extends Cell implements Bits {
  private readonly keep: number

  constructor(
    name: string,
    max: number,
    options: CellOptions,
    readonly offset: number,
    readonly shift: number,
    readonly mask: number,
  ) {
    super(name, max, options)
    this.keep = ~(mask << shift) & 0xff
  }

  override get bits(): Bits {
    return this
  }

  get(w: World): number {
    if (recording.by !== undefined) recording.by.read(this, w)
    return (w[this.offset] >> this.shift) & this.mask
  }

  set(w: World, value: number): void {
    if (recording.by !== undefined) recording.by.write(this, w)
    if (value >>> 0 !== value || value > this.max) this.overflow(value)
    w[this.offset] = (w[this.offset] & this.keep) | (value << this.shift)
  }

  // The same once more: an accessor of its own is inlined where a record knows what kind of cell its field is.
  override get value(): number {
    const w = acting.world
    if (recording.by !== undefined) recording.by.read(this, w)
    return (w[this.offset] >> this.shift) & this.mask
  }

  override set value(value: number) {
    this.set(acting.world, value)
  }

  override get once(): number {
    return this.value
  }
}

/** A field that the scenario does not track: it has no bits, and writes to it are dropped. */
class UntrackedCell extends Cell {
  get(): number {
    return this.options.otherwise ?? 0
  }

  set(): void {}
}

/** A cell of nine to thirty-two bits, on bytes of its own. */
class WideCell extends Cell {
  constructor(
    name: string,
    max: number,
    options: CellOptions,
    private readonly offset: number,
    private readonly bytes: number,
  ) {
    super(name, max, options)
  }

  get(w: World): number {
    if (recording.by !== undefined) recording.by.read(this, w)
    let value = 0
    for (let i = this.bytes - 1; i >= 0; i--) value = value * 256 + w[this.offset + i]
    return value
  }

  set(w: World, value: number): void {
    if (recording.by !== undefined) recording.by.write(this, w)
    if (value >>> 0 !== value || value > this.max) this.overflow(value)
    for (let i = 0, rest = value; i < this.bytes; i++, rest = Math.floor(rest / 256))
      w[this.offset + i] = rest % 256
  }
}

/** A cell that reports every access without the lock that guards it, or after its object was freed. */
class GuardedCell extends Cell {
  private readonly lock: Protection | undefined
  private readonly object: Cell<unknown> | undefined

  constructor(private readonly inner: Cell<unknown>) {
    super(inner.name, inner.max, inner.options)
    this.codec = inner.codec
    this.values = inner.values
    this.lock = inner.options.guardedBy
    this.object = inner.options.partOf
  }

  private mustHold(w: World, how: 'read' | 'written'): void {
    const { thread } = acting
    if (thread === NOBODY) return
    const { checking } = recording
    recording.checking = true
    this.mustLive(w, how)
    const { lock } = this
    if (lock !== undefined) this.mustBeGuarded(lock, thread, w, how)
    recording.checking = checking
  }

  private mustBeGuarded(lock: Protection, thread: number, w: World, how: 'read' | 'written'): void {
    acting.asserted.guarded++
    if (!lock.heldBy(thread, w))
      claim('lock-discipline', false, `${this.name} is ${how} without ${lock.name}, which guards it`)
    if (how === 'written' && !lock.heldForWritingBy(thread, w))
      claim('lock-discipline', false, `${this.name} is written while ${lock.name} is held for reading only`)
  }

  private mustLive(w: World, how: string): void {
    if (this.object !== undefined && this.object.get(w) === 0)
      claim('use-after-free', false, `${this.name} is ${how}, and what it is part of is not allocated`)
  }

  get(w: World): number {
    this.mustHold(w, 'read')
    return this.inner.get(w)
  }

  override readOnce(w: World): number {
    if (acting.thread !== NOBODY && this.object !== undefined) {
      const { checking } = recording
      recording.checking = true
      this.mustLive(w, 'read')
      recording.checking = checking
    }
    return this.inner.get(w)
  }

  set(w: World, value: number): void {
    this.mustHold(w, 'written')
    const { replacedUnder } = this.inner.options
    if (replacedUnder !== undefined && acting.thread !== NOBODY) this.mayReplace(replacedUnder, w, value)
    this.inner.set(w, value)
  }

  private mayReplace(lock: Protection, w: World, value: number): void {
    const { checking } = recording
    recording.checking = true
    const was = this.inner.get(w)
    if (was !== 0 && was !== value)
      claim(
        'lock-discipline',
        lock.heldForWritingBy(acting.thread, w),
        () => `${this.name} is taken back without ${lock.name}, under which that is done`,
      )
    recording.checking = checking
  }
}

const handles = new WeakSet<object>()

/** True for what a {@link Layout} hands out, and for locks and wait queues: it is compared by identity. */
export function isHandle(value: object): boolean {
  return value instanceof Cell || isRecord(value) || handles.has(value)
}

/** Refuses to declare anything once the model is being run: states that were stored have no room for it. */
function mustDeclareBefore(what: string): void {
  if (acting.inside)
    throw new SpecificationError(
      'layout',
      `${what} is made while procedures run; declare it with the layout of the scenario, before they do`,
    )
}

/** A list of records, by the first one in it. */
function describeArray(held: readonly unknown[]): string {
  const first = held[0]
  const name = typeof first === 'object' && first !== null ? givenName(first) : undefined
  return name === undefined ? `of ${held.length}` : `with ${name} in it`
}

interface Allocation {
  /** Free bits of each byte that packed cells share. */
  readonly free: number[]
  /** By width in bits: the first byte that may have room. What is before it never will, since room only shrinks. */
  readonly firstWithRoom: number[]
  bytes: number
  readonly cells: Cell[]
  locks: readonly Lock[]
  /** True for a thread that may not sleep, whatever it holds. */
  nonBlocking: readonly ((thread: number) => boolean)[]
  readonly lifecycles: Lifecycle[]
  readonly pools: Pool<object>[]
  readonly sequences: Sequence[]
  /** What was handed out: it is frozen when the model is run. */
  readonly handedOut: object[]
  /** The arrays that were handed out, and what they held when the model began to run. */
  readonly arrays: { readonly array: readonly unknown[]; readonly held: readonly unknown[] }[]
  /** What was handed out and is not frozen, and its properties when the model began to run. */
  readonly watched: { readonly handle: object; readonly held: Readonly<PropertyDescriptorMap> }[]
  /** What each reference may refer to, which may be declared after it. */
  readonly references: Map<readonly unknown[], unknown[]>
}

/** How a {@link Layout} is made. */
export interface LayoutOptions {
  /** Number of threads of the scenario: what a lock's owner ranges over. */
  readonly threads: number
}

/**
 * Declares the records of a world. Their fields are packed into bits, first fit.
 *
 * @example
 * ```ts
 * const layout = new Layout({ threads: 2 })
 * const device = layout.scope('device', (l) => ({
 *   lock: new Mutex(l, 'lock'),
 *   pte: l.array('pte', 2, (entry) => ({ frame: entry.counter('frame', 3), write: entry.flag('write') })),
 * }))
 * layout.initial()
 * device.pte[1].frame = 2
 * ```
 */
export class Layout {
  /** Number of threads of the scenario. */
  readonly threads: number
  /** Nobody who declares gets at it: what it knows of locks decides what is claimed. */
  readonly #allocation: Allocation

  constructor(
    options: LayoutOptions,
    private readonly prefix = '',
    parent?: Layout,
    /** The flag, or reference count, of the object that all its fields are part of. */
    readonly object: Cell<unknown> | undefined = parent?.object,
  ) {
    if (!Number.isInteger(options.threads) || options.threads < 1 || options.threads > 8)
      throw new SpecificationError('layout', `a layout is for 1 to 8 threads, not ${options.threads}`)
    if (parent === undefined) mustDeclareBefore('a layout')
    this.threads = options.threads
    this.#allocation = (parent === undefined ? undefined : parent.#allocation) ?? {
      free: [],
      firstWithRoom: [],
      bytes: 0,
      cells: [],
      locks: [],
      nonBlocking: [],
      lifecycles: [],
      pools: [],
      sequences: [],
      handedOut: [],
      arrays: [],
      watched: [],
      references: new Map(),
    }
  }

  /** A counter from 0 to `max`. */
  counter(name: string, max: number, options: CellOptions = {}): Cell {
    if (!Number.isInteger(max) || max < 1 || max > 0xffffffff)
      throw new SpecificationError('layout', `${this.qualify(name)}: a bound is 1 to 4294967295, not ${max}`)
    return this.declare(name, max, options, 'number', [])
  }

  /** A flag: false or true. */
  flag(name: string, options: CellOptions = {}): Cell<boolean> {
    return this.declare(name, 1, options, 'flag', [])
  }

  /** One of the values of an enumeration, the first of which it is initially: `{ none: 'none', present: 'present' } as const`. */
  oneOf<V extends string>(
    name: string,
    values: Readonly<Record<string, V>>,
    options: CellOptions = {},
  ): Cell<V> {
    const names = Object.values(values)
    return this.declare(name, Math.max(1, names.length - 1), options, 'enumeration', names)
  }

  /**
   * A reference to one of `targets`, or to nothing (`undefined`), which it is initially. Records that are still to be declared
   * may be added to the array until the first world is made.
   */
  ref<T extends object>(
    name: string,
    targets: readonly T[],
    options: CellOptions = {},
    count: number = targets.length,
  ): Cell<T | undefined> {
    let values = this.#allocation.references.get(targets)
    if (values === undefined) {
      // All references to the same records share the list of them.
      values = [undefined, ...targets]
      this.#allocation.references.set(targets, values)
    }
    return this.declare(name, Math.max(1, count), options, 'reference', values)
  }

  /**
   * A number taken of a counter: none, initially. The property reads as the {@link Sequence}; assigning another one copies the
   * number.
   *
   * @param of - what counts: a record by its field `seq`, or that field itself
   */
  sequence(name: string, of: { seq: number } | Cell, options: CellOptions = {}): Cell<Sequence> {
    const counter = of instanceof Cell ? of : fieldOf(of, 'seq')
    const handles: unknown[] = []
    const cell = this.declare<Sequence>(name, counter.max, options, 'sequence', handles)
    for (const view of SEQUENCE_VIEWS) {
      const handle = this.handOut(new Sequence(cell, counter, view))
      names.set(handle, cell.name)
      handles.push(handle)
      if (view === 'plain') this.#allocation.sequences.push(handle)
    }
    return cell
  }

  private declare<V>(
    name: string,
    max: number,
    options: CellOptions,
    codec: Codec,
    values: readonly unknown[],
  ): Cell<V> {
    const full = this.qualify(name)
    mustDeclareBefore(full)
    if (options.when === false) {
      const untracked = new UntrackedCell(full, max, options)
      untracked.codec = codec
      untracked.values = values
      return untracked as Cell<unknown> as Cell<V>
    }
    const bare = this.allocate(
      full,
      max,
      this.object === undefined ? options : { partOf: this.object, ...options },
    )
    bare.codec = codec
    bare.values = values
    for (const lock of [bare.options.guardedBy, bare.options.replacedUnder])
      if (lock !== undefined) Guard.mustBe(lock, bare.name)
    const guarded = bare.options.guardedBy || bare.options.partOf ? new GuardedCell(bare) : bare
    const cell = this.handOut(guarded)
    this.#allocation.cells.push(cell)
    return cell as Cell<unknown> as Cell<V>
  }

  /** A record of `fields`, under the names that they were declared with. */
  record<D extends object>(fields: D): RecordOf<D> {
    return this.handOut(makeRecord(fields))
  }

  /** A record whose fields have names that start with `name`. */
  scope<D extends object>(name: string, declare: (layout: Layout) => D): RecordOf<D> {
    const full = this.qualify(name)
    return this.named(declare(new Layout({ threads: this.threads }, full, this)), full)
  }

  /** The same layout for the fields of an object that is allocated while `object` is not 0. */
  ofObject(object: Cell<unknown>): Layout {
    return new Layout({ threads: this.threads }, this.prefix, this, object)
  }

  /** `length` records, named `name[0]`, `name[1]`, … */
  array<D extends object>(
    name: string,
    length: number,
    declare: (layout: Layout, index: number) => D,
  ): RecordOf<D>[] {
    const records: RecordOf<D>[] = []
    for (let i = 0; i < length; i++) {
      const full = this.qualify(`${name}[${i}]`)
      records.push(this.named(declare(new Layout({ threads: this.threads }, full, this), i), full))
    }
    return this.handOut(records)
  }

  /**
   * The ghost state of one instance of a statechart: procedures signal events at it, the checker binds it.
   *
   * @param kind - which statechart, by name (`range`)
   * @param name - which instance
   */
  lifecycle(kind: string, name: string): Lifecycle {
    const cell = this.counter(name, 15, { ghost: true })
    const lifecycle = new Lifecycle(kind, cell)
    handles.add(lifecycle)
    this.#allocation.lifecycles.push(lifecycle)
    return lifecycle
  }

  /** @internal called by the locks themselves */
  addLock(lock: Lock): void {
    if (this.#allocation.locks.some(({ name }) => name === lock.name))
      throw new SpecificationError(
        'layout',
        `there are two locks "${lock.name}"; traces and claims tell them apart by name, so give each its own`,
      )
    this.handOut(lock)
    this.#allocation.locks = Object.freeze([...this.#allocation.locks, lock])
  }

  /**
   * A thread may not sleep while `condition` is true of it, whether it holds a lock or not: `mightSleep` claims it.
   *
   * @param condition - a function of the world and the thread
   * @kernel non_block_start
   */
  forbidSleep(condition: (thread: number) => boolean): void {
    this.#allocation.nonBlocking = Object.freeze([...this.#allocation.nonBlocking, condition])
  }

  /** The record of what was declared, by that name; a list of records, or an instance of a class, is what it is. */
  private named<D extends object>(declared: D, name: string): RecordOf<D> {
    const isPlain = Object.getPrototypeOf(declared) === Object.prototype
    if (isPlain) return this.handOut(makeRecord(declared, name))
    names.set(declared, name)
    return this.handOut(declared as RecordOf<D>)
  }

  /** @internal called by the pools themselves */
  addPool(pool: Pool<object>): void {
    this.handOut(pool)
    this.#allocation.pools.push(pool)
  }

  /** @internal a handle: it is compared by identity, and frozen by {@link seal} */
  handOut<T>(value: T): T {
    if (typeof value === 'object' && value !== null) {
      if (!(value instanceof Cell) && !isRecord(value)) handles.add(value)
      this.#allocation.handedOut.push(value)
    }
    return value
  }

  /**
   * Freezes what was handed out. All threads share it, in all states, so that nobody may keep on it what is not in the
   * world. Arrays are compared afterwards instead ({@link mustBeAsSealed}): to read a frozen one takes half as long again.
   */
  seal(): void {
    const { handedOut, arrays } = this.#allocation
    for (const handle of handedOut)
      if (Array.isArray(handle)) arrays.push({ array: handle, held: [...handle] })
      else Object.freeze(handle)
    handedOut.length = 0
  }

  /**
   * Notes what was handed out in place of freezing it: a write to what is frozen has no effect, and in sloppy mode, or where the error
   * is caught, nobody is told of it.
   */
  watch(): void {
    const { handedOut, watched } = this.#allocation
    for (const handle of handedOut) watched.push({ handle, held: Object.getOwnPropertyDescriptors(handle) })
    handedOut.length = 0
  }

  /** @throws SpecificationError if an array of handles, or what is watched, is not what it was when it was sealed */
  mustBeAsSealed(): void {
    for (const { handle, held } of this.#allocation.watched)
      for (const key of new Set([...Reflect.ownKeys(held), ...Reflect.ownKeys(handle)]))
        if (!Object.is(Reflect.get(held, key)?.value, Object.getOwnPropertyDescriptor(handle, key)?.value))
          throw new SpecificationError(
            'impure',
            `\`${String(key)}\` of an object that the layout handed out was changed while the model ran; keep what changes in ` +
              'fields of the world',
          )
    for (const { array, held } of this.#allocation.arrays)
      if (Reflect.ownKeys(array).length !== held.length + 1 || held.some((value, i) => array[i] !== value))
        throw new SpecificationError(
          'impure',
          `an array that the layout handed out (${describeArray(held)}) was changed while the model ran; keep what ` +
            'changes in fields of the world',
        )
  }

  /** Every cell, in the order of declaration. */
  get cells(): readonly Cell[] {
    return this.#allocation.cells
  }

  /** Every lock, in the order of declaration. */
  get locks(): readonly Lock[] {
    return this.#allocation.locks
  }

  /** Conditions under which a thread may not sleep: see {@link forbidSleep}. */
  get nonBlocking(): readonly ((thread: number) => boolean)[] {
    return this.#allocation.nonBlocking
  }

  /** Every pool, in the order of declaration. */
  get pools(): readonly Pool<object>[] {
    return this.#allocation.pools
  }

  /** Every statechart instance, in the order of declaration. */
  get lifecycles(): readonly Lifecycle[] {
    return this.#allocation.lifecycles
  }

  /** Every sequence number, in the order of declaration: what must be renumbered together. */
  get sequences(): readonly Sequence[] {
    return this.#allocation.sequences
  }

  /** Size of a world, in bytes. */
  get bytes(): number {
    return this.#allocation.bytes
  }

  /** A new world in its initial state. It is the world in use from then on. */
  initial(): World {
    const w = new Uint8Array(Math.max(1, this.bytes))
    const before = acting.thread
    acting.thread = NOBODY
    for (const [targets, values] of this.#allocation.references)
      for (let i = values.length - 1; i < targets.length; i++) values.push(targets[i])
    for (const cell of this.cells) if (cell.options.initial) cell.set(w, cell.options.initial)
    acting.thread = before
    acting.world = w
    return w
  }

  /** The full name of a cell that is declared here as `name`. */
  qualify(name: string): string {
    return this.prefix === '' ? name : `${this.prefix}.${name}`
  }

  private allocate(name: string, max: number, options: CellOptions): Cell {
    const allocation = this.#allocation
    const bits = 32 - Math.clz32(max)
    if (bits > 8) {
      const bytes = Math.ceil(bits / 8)
      const offset = allocation.bytes
      allocation.bytes += bytes
      return new WideCell(name, max, options, offset, bytes)
    }
    const mask = (1 << bits) - 1
    for (let offset = allocation.firstWithRoom[bits] ?? 0; offset < allocation.free.length; offset++) {
      const free = allocation.free[offset] ?? 0
      if (free >= bits) {
        allocation.firstWithRoom[bits] = offset
        allocation.free[offset] = free - bits
        return new PackedCell(name, max, options, offset, 8 - free, mask)
      }
    }
    const offset = allocation.bytes++
    allocation.firstWithRoom[bits] = offset
    allocation.free[offset] = 8 - bits
    return new PackedCell(name, max, options, offset, 0, mask)
  }
}
