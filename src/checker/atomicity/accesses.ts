/**
 * The accesses of one run of a step to shared places, in order, with the locks that guard them.
 *
 * @module
 */
import { acting, NOBODY } from '../../world/acting.js'
import { type Recorder, recordedBy, recording } from '../../world/records/footprint.js'
import { Cell, type Layout, type World } from '../../world/records/layout.js'
import type { Lock } from '../../world/records/locks.js'
import type { Protection } from '../../world/records/protection.js'

/**
 * Kinds of accesses. For a guarded access the thread holds the declared lock in the required mode.
 */
export const Act = { read: 0, guardedRead: 1, write: 2, guardedWrite: 3, acquire: 4, release: 5 } as const

/** One of {@link Act}. */
export type Act = (typeof Act)[keyof typeof Act]

/** One access: the number of its place, and the kind. */
export interface Access {
  readonly place: number
  readonly act: Act
}

/**
 * A machine word of the world: a field, several fields in one word, or a lock with all its fields.
 */
export interface Place {
  readonly name: string
  readonly isLock: boolean
}

/** Numbers the places of a layout, and records the accesses of a run. */
export class Accesses implements Recorder {
  readonly places: Place[] = []
  /**
   * The accesses of the run so far. A repeated access is recorded once, unless a lock was taken or
   * dropped in between.
   */
  readonly run: Access[] = []
  private readonly numbers = new Map<string, number>()
  /** By field name: its place. By name of a lock's field: the place of the lock. */
  private readonly placeOf = new Map<string, number>()
  private readonly locks = new Map<string, Lock>()

  constructor({ cells, locks }: Layout) {
    for (const lock of locks)
      for (const part of Object.values(lock))
        if (part instanceof Cell) {
          this.locks.set(part.name, lock)
          this.placeOf.set(part.name, this.number(lock.name, true))
        }
    for (const { name, options } of cells) {
      if (options.ghost || this.locks.has(name)) continue
      const word =
        options.word === undefined ? name : `${name.slice(0, name.lastIndexOf('.') + 1)}${options.word}`
      this.placeOf.set(name, this.number(word, options.isLock === true))
    }
  }

  private number(name: string, isLock: boolean): number {
    const known = this.numbers.get(name)
    if (known !== undefined) return known
    this.numbers.set(name, this.places.length)
    return this.places.push({ name, isLock }) - 1
  }

  /** A key that is equal for equal runs. */
  get key(): string {
    let key = ''
    for (const { place, act } of this.run) key += `${place * 8 + act} `
    return key
  }

  /** Runs `run`, and records its accesses in {@link Accesses.run}. */
  of<T>(run: () => T): T {
    this.run.length = 0
    return recordedBy(this, run)
  }

  read(cell: Cell<unknown>, w: World): void {
    this.access(cell, w, false)
  }

  write(cell: Cell<unknown>, w: World): void {
    this.access(cell, w, true)
  }

  private access(cell: Cell<unknown>, w: World, writes: boolean): void {
    if (acting.thread === NOBODY || recording.checking) return
    const place = this.placeOf.get(cell.name)
    if (place === undefined) return
    const lock = this.locks.get(cell.name)
    if (lock !== undefined) this.accessLock(place, held(lock, w, false), writes)
    else if (cell.options.isLock)
      this.accessLock(place, recordedBy(undefined, () => cell.get(w)) === acting.thread + 1, writes)
    else {
      const { guardedBy, countedBy } = cell.options
      if (countedBy !== undefined && recordedBy(undefined, () => countedBy.get(w)) === 0) return
      const guarded = guardedBy !== undefined && held(guardedBy, w, writes)
      if (writes) this.note(place, guarded ? Act.guardedWrite : Act.write)
      else this.note(place, guarded ? Act.guardedRead : Act.read)
    }
  }

  /**
   * Records an access to a lock. A test by the holder is not recorded, since the result cannot
   * change. Taking a lock reads it first.
   */
  private accessLock(place: number, holds: boolean, writes: boolean): void {
    if (!writes) {
      if (!holds) this.note(place, Act.read)
      return
    }
    const { run } = this
    while (run.length > 0 && isOf(run[run.length - 1], place, Act.read)) run.pop()
    // A downgrade releases one mode and takes the other.
    if (!holds && run.length > 0 && isOf(run[run.length - 1], place, Act.release)) return
    this.note(place, holds ? Act.release : Act.acquire)
  }

  private note(place: number, act: Act): void {
    const { run } = this
    for (let i = run.length - 1; i >= 0 && run[i].act < Act.acquire; i--) if (isOf(run[i], place, act)) return
    run.push({ place, act })
  }
}

function isOf(access: Access, place: number, act: Act): boolean {
  return access.place === place && access.act === act
}

/** True if the acting thread holds the guard. The test itself is not recorded. */
function held(guard: Protection, w: World, writes: boolean): boolean {
  const { thread } = acting
  return recordedBy(undefined, () => (writes ? guard.heldForWritingBy(thread, w) : guard.heldBy(thread, w)))
}
