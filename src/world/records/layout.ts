/**
 * The world: a flat, bit-packed record of small counters, flags and enumerations, declared once and
 * accessed through typed handles. A state of a scenario is these bytes and one control location for
 * each thread.
 *
 * The file is long because all kinds of fields share one packing scheme.
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
  /** True for state that no kernel has, kept so that claims can refer to the past. */
  readonly ghost?: boolean
  /** The lock, or locks in certain modes, required for every access but {@link Cell.readOnce}. */
  readonly guardedBy?: Protection
  /** In addition to {@link CellOptions.guardedBy}: required to overwrite a value other than 0. */
  readonly replacedUnder?: Protection
  /**
   * The flag or reference count of the object that contains the field. An access while it is 0 is
   * reported.
   */
  readonly partOf?: Cell<unknown> | undefined
  /**
   * False if nothing in the scenario uses the field (default true). It then takes no bits and reads
   * as {@link CellOptions.otherwise}; writes are dropped.
   */
  readonly when?: boolean
  /** Value of a field that takes no bits (default 0). */
  readonly otherwise?: number
  /**
   * The machine word that contains the field. All fields of the word in a record share this name;
   * an access to several of them is one access.
   */
  readonly word?: string
  /**
   * Reference count of the object that contains the field. While it is 0, only the thread that
   * allocates or frees the object can reach the field.
   */
  readonly countedBy?: Cell
  /** True if the field is a lock: 0 if free, otherwise the holder's thread plus 1. */
  readonly isLock?: boolean
}

/** The type of a field, which determines how its number is read and written. */
export type Codec = 'number' | 'flag' | 'enumeration' | 'reference' | 'sequence'

/**
 * Storage of one field of a record: a number from 0 to {@link Cell.max}. Procedures use the
 * record's property; records, locks and tools use this. A value beyond the bound is an error; it
 * never wraps.
 *
 * @typeParam V - type of the property
 * @typeParam V - what the property reads as
 */
export abstract class Cell<V = number> {
  /** The type of the property. Exists only for the type checker. */
  declare readonly reads: V
  /** How the number is decoded. */
  codec: Codec = 'number'
  /**
   * For an enumeration: the names of its values. For a reference: `undefined` and then its possible
   * targets. For a sequence: its handles, by {@link SEQUENCE_VIEWS}.
   */
  values: readonly unknown[] = []

  constructor(
    /** Full name, as in traces: `mm0.pte[1].frame`. */
    readonly name: string,
    /** Largest value. */
    readonly max: number,
    /** Options of its declaration. */
    readonly options: CellOptions,
  ) {}

  /** Reads the cell. */
  abstract get(w: World): number

  /** Writes the cell. @throws SpecificationError `bound-overflow` if `value` is no integer of 0 … {@link Cell.max} */
  abstract set(w: World, value: number): void

  /**
   * Reads the cell without the lock that guards it, as `READ_ONCE` does. The value may be stale
   * immediately.
   */
  readOnce(w: World): number {
    return this.get(w)
  }

  /** The number in the current world. */
  get value(): number {
    return this.get(acting.world)
  }

  set value(value: number) {
    this.set(acting.world, value)
  }

  /**
   * The number in the current world, read as {@link Cell.readOnce} does, for the records of
   * READ_ONCE.
   */
  get once(): number {
    return this.readOnce(acting.world)
  }

  /** Position of its bits; `undefined` for a cell with more than eight bits, or none. */
  get bits(): Bits | undefined {
    return undefined
  }

  /** The value as traces show it. */
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

/**
 * What a trace calls a record: its own name if it has one, otherwise the place of its declaration.
 */
export function nameOf(record: unknown): string {
  return givenName(record as object) ?? String(record)
}

const names = new WeakMap<object, string>()

/** The name of a record, or of another object that a layout named. */
export function givenName(value: object): string | undefined {
  return recordName(value) ?? names.get(value)
}

/** Position of a cell of at most eight bits in the world. */
export interface Bits {
  /** Byte of the world. */
  readonly offset: number
  /** Lowest bit within the byte. */
  readonly shift: number
  /** The bits, shifted down by {@link Bits.shift}. */
  readonly mask: number
}

/** A cell of at most eight bits. It shares its byte with other cells. */
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

  // Repeats `get`: V8 inlines an accessor of the class itself if a record knows the class of its
  // field.
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

/** A field that the scenario does not use: it has no bits, and writes are dropped. */
class UntrackedCell extends Cell {
  get(): number {
    return this.options.otherwise ?? 0
  }

  set(): void {}
}

/** A cell of nine to thirty-two bits, in bytes of its own. */
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

/** A cell that reports accesses without the lock that guards it, or after its object was freed. */
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

/**
 * True for objects that a {@link Layout} hands out, and for locks and wait queues. They are
 * compared by identity.
 */
export function isHandle(value: object): boolean {
  return value instanceof Cell || isRecord(value) || handles.has(value)
}

/** Refuses declarations once the model runs: stored states have no room for them. */
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
  /**
   * By width in bits: the first byte that may have room. Earlier bytes never will, since room only
   * shrinks.
   */
  readonly firstWithRoom: number[]
  bytes: number
  readonly cells: Cell[]
  locks: readonly Lock[]
  /** Conditions under which a thread may not sleep, whatever it holds. */
  nonBlocking: readonly ((thread: number) => boolean)[]
  readonly lifecycles: Lifecycle[]
  readonly pools: Pool<object>[]
  readonly sequences: Sequence[]
  /** Handed-out objects, which are frozen when the model starts to run. */
  readonly handedOut: object[]
  /** Handed-out arrays, with their contents when the model started to run. */
  readonly arrays: { readonly array: readonly unknown[]; readonly held: readonly unknown[] }[]
  /**
   * Handed-out objects that are not frozen, with their properties when the model started to run.
   */
  readonly watched: { readonly handle: object; readonly held: Readonly<PropertyDescriptorMap> }[]
  /** The targets of each reference. They may be declared after the reference. */
  readonly references: Map<readonly unknown[], unknown[]>
}

/** How a {@link Layout} is made. */
export interface LayoutOptions {
  /** Number of threads of the scenario, which bounds the owners of locks. */
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
  /** Private to the layout: claims depend on what it knows of locks. */
  readonly #allocation: Allocation

  constructor(
    options: LayoutOptions,
    private readonly prefix = '',
    parent?: Layout,
    /** The flag or reference count of the object that contains all of its fields. */
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

  /**
   * One of the values of an enumeration, such as `{ none: 'none', present: 'present' } as const`.
   * The first is the initial value.
   */
  oneOf<V extends string>(
    name: string,
    values: Readonly<Record<string, V>>,
    options: CellOptions = {},
  ): Cell<V> {
    const names = Object.values(values)
    return this.declare(name, Math.max(1, names.length - 1), options, 'enumeration', names)
  }

  /**
   * A reference to one of `targets`, or to nothing (`undefined`), the initial value. Records that
   * are declared later may be added to the array until the first world is made.
   */
  ref<T extends object>(
    name: string,
    targets: readonly T[],
    options: CellOptions = {},
    count: number = targets.length,
  ): Cell<T | undefined> {
    let values = this.#allocation.references.get(targets)
    if (values === undefined) {
      // All references to the same array share one list.
      values = [undefined, ...targets]
      this.#allocation.references.set(targets, values)
    }
    return this.declare(name, Math.max(1, count), options, 'reference', values)
  }

  /**
   * A value sampled from a counter, initially none. The property reads as the {@link Sequence};
   * assigning another sequence copies its number.
   *
   * @param of - the counter: a record, of which the field `seq` counts, or the field itself
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

  /** A record of `fields`. Its properties have the names in `fields`. */
  record<D extends object>(fields: D): RecordOf<D> {
    return this.handOut(makeRecord(fields))
  }

  /** A record whose fields are named with the prefix `name`. */
  scope<D extends object>(name: string, declare: (layout: Layout) => D): RecordOf<D> {
    const full = this.qualify(name)
    return this.named(declare(new Layout({ threads: this.threads }, full, this)), full)
  }

  /** The same layout, for the fields of an object that is allocated while `object` is not 0. */
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
   * The ghost state of one instance of a statechart. Procedures signal events to it; the checker
   * binds the chart.
   *
   * @param kind - name of the statechart (`range`)
   * @param name - name of the instance
   */
  lifecycle(kind: string, name: string): Lifecycle {
    const cell = this.counter(name, 15, { ghost: true })
    const lifecycle = new Lifecycle(kind, cell)
    handles.add(lifecycle)
    this.#allocation.lifecycles.push(lifecycle)
    return lifecycle
  }

  /**
   * @internal called by locks
   * @internal called by the locks themselves
   */
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
   * Forbids a thread to sleep while `condition` is true for it, even without locks: `mightSleep`
   * claims it.
   *
   * @param condition - a function of the world and the thread
   * @kernel non_block_start
   */
  forbidSleep(condition: (thread: number) => boolean): void {
    this.#allocation.nonBlocking = Object.freeze([...this.#allocation.nonBlocking, condition])
  }

  /**
   * The record of `declared`, with that name. Arrays and instances of classes are returned
   * unchanged.
   */
  private named<D extends object>(declared: D, name: string): RecordOf<D> {
    const isPlain = Object.getPrototypeOf(declared) === Object.prototype
    if (isPlain) return this.handOut(makeRecord(declared, name))
    names.set(declared, name)
    return this.handOut(declared as RecordOf<D>)
  }

  /**
   * @internal called by pools
   * @internal called by the pools themselves
   */
  addPool(pool: Pool<object>): void {
    this.handOut(pool)
    this.#allocation.pools.push(pool)
  }

  /**
   * @internal a handle: compared by identity, and frozen by {@link seal}
   * @internal a handle: it is compared by identity, and frozen by {@link seal}
   */
  handOut<T>(value: T): T {
    if (typeof value === 'object' && value !== null) {
      if (!(value instanceof Cell) && !isRecord(value)) handles.add(value)
      this.#allocation.handedOut.push(value)
    }
    return value
  }

  /**
   * Freezes the handed-out objects. All threads share them in all states, so nobody may store state
   * in them that is not in the world. Arrays are compared afterwards instead ({@link
   * mustBeAsSealed}): reading a frozen array takes half as long again.
   */
  seal(): void {
    const { handedOut, arrays } = this.#allocation
    for (const handle of handedOut)
      if (Array.isArray(handle)) arrays.push({ array: handle, held: [...handle] })
      else Object.freeze(handle)
    handedOut.length = 0
  }

  /**
   * Records the handed-out objects instead of freezing them. A write to a frozen object has no
   * effect, and is not reported in sloppy mode or if the error is caught.
   */
  watch(): void {
    const { handedOut, watched } = this.#allocation
    for (const handle of handedOut) watched.push({ handle, held: Object.getOwnPropertyDescriptors(handle) })
    handedOut.length = 0
  }

  /**
   * @throws SpecificationError if a handed-out array or a recorded object has changed since it was
   * sealed
   */
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

  /** All cells, in the order of declaration. */
  get cells(): readonly Cell[] {
    return this.#allocation.cells
  }

  /** All locks, in the order of declaration. */
  get locks(): readonly Lock[] {
    return this.#allocation.locks
  }

  /** Conditions under which a thread may not sleep: see {@link forbidSleep}. */
  get nonBlocking(): readonly ((thread: number) => boolean)[] {
    return this.#allocation.nonBlocking
  }

  /** All pools, in the order of declaration. */
  get pools(): readonly Pool<object>[] {
    return this.#allocation.pools
  }

  /** All statechart instances, in the order of declaration. */
  get lifecycles(): readonly Lifecycle[] {
    return this.#allocation.lifecycles
  }

  /** All sequence numbers, in the order of declaration. They must be renumbered together. */
  get sequences(): readonly Sequence[] {
    return this.#allocation.sequences
  }

  /** Size of a world, in bytes. */
  get bytes(): number {
    return this.#allocation.bytes
  }

  /** A new world in its initial state. It becomes the current world. */
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

  /** The full name of a cell that is declared here with `name`. */
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
