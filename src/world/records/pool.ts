/**
 * Objects that are allocated and freed, up to a fixed number at a time, and lists of such objects.
 *
 * @module
 */
import { acting, NOBODY } from '../acting.js'
import { claim } from '../errors.js'
import { recording } from './footprint.js'
import { type Cell, type CellOptions, type Layout, nameOf } from './layout.js'
import type { Lock } from './locks.js'
import type { RecordOf } from './record.js'

/** How a {@link Pool} is declared. */
export interface PoolOptions {
  /** The maximum number of references to one object (default: one for each thread, plus two). */
  readonly references?: number
}

/** By the reference count of an object: the checks when it is freed. */
const freeing = new WeakMap<object, (() => void)[]>()

/**
 * Runs `check` inside the step that frees the object whose fields `layout` declares, for claims
 * about the freed object. Does nothing if the fields are not part of a pool object.
 */
export function beforeFree({ object }: Layout, check: () => void): void {
  if (object !== undefined) freeing.set(object, [...(freeing.get(object) ?? []), check])
}

/** The slot of one object. */
interface Place {
  /** 0 while it is free. */
  readonly refcount: Cell
  readonly fields: readonly Cell[]
  readonly locks: readonly Lock[]
  /** The checks when it is freed. */
  readonly freeing: readonly (() => void)[]
}

/**
 * Objects with a reference count, like `kref`. An object is allocated with one reference, its
 * fields at their initial values, and is freed with the last reference. Access to a field of an
 * object that is not allocated is a violation (`use-after-free`). The owner must free all objects
 * in the end (`own-objects`).
 *
 * As in the kernel, a freed object may be allocated again at once. A reference that was kept too
 * long is then found only by its effects. A pool with one object more than needed makes it likely
 * to be found earlier.
 *
 * @example
 * ```ts
 * const ranges = new Pool(l, 'range', 2, (range) => ({ page: range.counter('page', 3), valid: range.flag('valid') }))
 * // Within a step:
 * const range = ranges.allocate((made) => { made.page = 1 })
 * ```
 */
export class Pool<D extends object> {
  readonly name: string
  /** All objects, allocated or not: the possible targets of references and lists. */
  readonly objects: readonly RecordOf<D>[]
  private readonly places = new Map<object, Place>()
  private readonly threads: number

  constructor(
    layout: Layout,
    name: string,
    count: number,
    declare: (layout: Layout, index: number) => D,
    { references = layout.threads + 2 }: PoolOptions = {},
  ) {
    this.name = layout.qualify(name)
    this.threads = layout.threads
    const places: Place[] = []
    this.objects = layout.array(name, count, (l, index) => {
      const refcount = l.counter('refcount', references)
      const [cells, locks] = [l.cells.length, l.locks.length]
      const fields = declare(l.ofObject(refcount), index)
      places.push({
        refcount,
        fields: l.cells.slice(cells),
        locks: l.locks.slice(locks),
        freeing: freeing.get(refcount) ?? [],
      })
      return fields
    })
    for (const [index, object] of this.objects.entries()) this.places.set(object, places[index])
    layout.addPool(this as unknown as Pool<object>)
  }

  /** True if the object is allocated. */
  isAllocated(object: RecordOf<D>): boolean {
    return this.references(object) > 0
  }

  /** Number of references to the object. */
  references(object: RecordOf<D>): number {
    return this.placeOf(object).refcount.value
  }

  /** The allocated objects. */
  get allocated(): RecordOf<D>[] {
    return this.objects.filter((object) => this.isAllocated(object))
  }

  /**
   * Allocates an object with one reference. Called inside an atomic step.
   *
   * @param initialise - sets its fields before any other thread can reach it, so that no lock is
   * needed
   * @returns the object, or `undefined` if all are allocated
   */
  allocate(initialise?: (object: RecordOf<D>) => void): RecordOf<D> | undefined {
    const object = this.objects.find((free) => !this.isAllocated(free))
    if (object === undefined) return undefined
    this.placeOf(object).refcount.value = 1
    if (initialise) unshared(() => initialise(object))
    return object
  }

  /** Takes a reference. Called inside an atomic step. @kernel kref_get */
  get(object: RecordOf<D>): void {
    claim(
      'use-after-free',
      this.isAllocated(object),
      `a reference to ${nameOf(object)} is taken, which is freed`,
    )
    this.placeOf(object).refcount.value += 1
  }

  /**
   * Puts a reference. Called inside an atomic step.
   *
   * @returns true if it was the last: the object is freed
   * @kernel kref_put
   */
  put(object: RecordOf<D>): boolean {
    const { refcount, fields, locks, freeing: checks } = this.placeOf(object)
    claim('own-objects', refcount.value > 0, `${nameOf(object)} is put, and is freed already`)
    refcount.value -= 1
    if (refcount.value > 0) return false
    for (const lock of locks)
      for (let thread = 0; thread < this.threads; thread++)
        claim('own-objects', !lock.heldBy(thread), `${nameOf(object)} is freed, and ${lock.name} is held`)
    for (const check of checks) unshared(check)
    unshared(() => {
      for (const field of fields) field.value = field.options.initial ?? 0
    })
    return true
  }

  /**
   * Claims that all objects have been freed. Called inside the atomic step that frees their owner.
   */
  mustBeEmpty(): void {
    const [left] = this.allocated
    claim('own-objects', left === undefined, `${left && nameOf(left)} is never freed`)
  }

  private placeOf(object: RecordOf<D>): Place {
    const place = this.places.get(object)
    if (place === undefined) throw new Error(`${nameOf(object)} is no object of ${this.name}`)
    return place
  }
}

/** Runs code on an object that no other thread can reach, so that no lock is needed. */
function unshared(run: () => void): void {
  const { thread } = acting
  acting.thread = NOBODY
  try {
    run()
  } finally {
    acting.thread = thread
  }
}

/**
 * A list of objects of a pool, in order. It holds no references: the object must be removed before
 * it is freed. The links are part of the objects, so that following the link of a freed object is
 * reported.
 *
 * Its methods are called inside atomic steps.
 *
 * @kernel struct list_head
 */
export class List<D extends object> {
  readonly name: string
  private readonly slots: readonly { item: RecordOf<D> | undefined }[]

  /**
   * @param pool - the pool of its objects
   * @param options - of the list's field, such as `guardedBy`
   */
  constructor(
    layout: Layout,
    name: string,
    private readonly pool: Pool<D>,
    options: CellOptions = {},
  ) {
    this.name = layout.qualify(name)
    this.slots = layout.array(name, pool.objects.length, (slot) => ({
      item: slot.ref('item', pool.objects as readonly (RecordOf<D> & object)[], options),
    })) as unknown as typeof this.slots
    layout.handOut(this)
  }

  /** Its objects, first to last. @kernel list_for_each_entry */
  get items(): RecordOf<D>[] {
    const items = this.linked
    for (const item of items) this.mustLive(item)
    return items
  }

  /** The first object; `undefined` if the list is empty. @kernel list_first_entry_or_null */
  get first(): RecordOf<D> | undefined {
    return this.slots[0].item
  }

  /** Appends the object. @kernel list_add_tail */
  addTail(object: RecordOf<D>): void {
    const { linked } = this
    claim('own-objects', !linked.includes(object), `${nameOf(object)} is added to ${this.name}, and is on it`)
    if (linked.length > 0) this.mustLive(linked[linked.length - 1])
    this.slots[linked.length].item = object
  }

  /** Removes the object. @kernel list_del */
  remove(object: RecordOf<D>): void {
    const { linked } = this
    const at = linked.indexOf(object)
    claim('own-objects', at >= 0, `${nameOf(object)} is removed from ${this.name}, and is not on it`)
    for (const neighbour of linked.slice(Math.max(0, at - 1), at + 2)) this.mustLive(neighbour)
    for (let i = at; i < linked.length; i++) this.slots[i].item = linked[i + 1]
  }

  private get linked(): RecordOf<D>[] {
    return this.slots.flatMap(({ item }) => (item === undefined ? [] : [item]))
  }

  private mustLive(object: RecordOf<D>): void {
    // Claims evaluate this too.
    if (acting.thread === NOBODY) return
    const { checking } = recording
    recording.checking = true
    claim(
      'use-after-free',
      this.pool.isAllocated(object),
      `${nameOf(object)} is freed, and is still on ${this.name}`,
    )
    recording.checking = checking
  }
}
