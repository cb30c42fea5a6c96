/**
 * What protects a field: a lock, or locks in certain modes.
 *
 * @module
 */
import { acting } from './acting.js'
import type { World } from './layout.js'

/** What must be held to read and to write a field. A lock is one: a read-write lock is held in either mode to read. */
export interface Protection {
  /** In words, as messages name it. */
  readonly name: string
  /** True if `thread` may read what it protects. */
  heldBy(thread: number, w?: World): boolean
  /** True if `thread` may change what it protects. */
  heldForWritingBy(thread: number, w?: World): boolean
  /**
   * Has `then` run in each step that releases a lock of it, in whatever mode, once that is released: what was true only while it
   * was held is so no more. For declarations: not for steps.
   */
  onRelease(then: () => void): void
}

/** Held for writing, also by who only reads the field. */
export function exclusive(lock: Protection): Protection {
  const holds = (thread: number, w: World = acting.world) => lock.heldForWritingBy(thread, w)
  return {
    name: `${lock.name} (exclusive)`,
    heldBy: holds,
    heldForWritingBy: holds,
    onRelease: (then) => lock.onRelease(then),
  }
}

/** Held in any mode, also by who changes the field. */
export function shared(lock: Protection): Protection {
  const holds = (thread: number, w: World = acting.world) => lock.heldBy(thread, w)
  return {
    name: `${lock.name} (shared)`,
    heldBy: holds,
    heldForWritingBy: holds,
    onRelease: (then) => lock.onRelease(then),
  }
}

/** At least one of `protections`. */
export function any(...protections: readonly Protection[]): Protection {
  return {
    name: protections.map(({ name }) => name).join(' or '),
    heldBy: (thread, w = acting.world) => protections.some((each) => each.heldBy(thread, w)),
    heldForWritingBy: (thread, w = acting.world) =>
      protections.some((each) => each.heldForWritingBy(thread, w)),
    onRelease: (then) => {
      for (const each of protections) each.onRelease(then)
    },
  }
}

/** All of `protections`. */
export function both(...protections: readonly Protection[]): Protection {
  return {
    name: protections.map(({ name }) => name).join(' and '),
    heldBy: (thread, w = acting.world) => protections.every((each) => each.heldBy(thread, w)),
    heldForWritingBy: (thread, w = acting.world) =>
      protections.every((each) => each.heldForWritingBy(thread, w)),
    onRelease: (then) => {
      for (const each of protections) each.onRelease(then)
    },
  }
}

/** `toRead` held by who reads the field, `toWrite` by who changes it. */
export function readWrite(toRead: Protection, toWrite: Protection): Protection {
  return {
    name: `${toRead.name} to read, ${toWrite.name} to write`,
    heldBy: (thread, w = acting.world) => toRead.heldBy(thread, w),
    heldForWritingBy: (thread, w = acting.world) => toWrite.heldForWritingBy(thread, w),
    onRelease: (then) => {
      toRead.onRelease(then)
      toWrite.onRelease(then)
    },
  }
}
