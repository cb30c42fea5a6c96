/**
 * The protection of a field: a lock, or a combination of locks in certain modes.
 *
 * @module
 */
import { acting } from '../acting.js'
import { SpecificationError } from '../errors.js'
import type { World } from './layout.js'

/**
 * The locks that a thread must hold to read and to write a field. A lock is a protection; a
 * read-write lock is held in either mode for reading.
 */
export interface Protection {
  /** Its name in messages. */
  readonly name: string
  /** True if `thread` may read what it protects. */
  heldBy(thread: number, w?: World): boolean
  /** True if `thread` may change what it protects. */
  heldForWritingBy(thread: number, w?: World): boolean
  /**
   * Runs `then` in each step that releases one of its locks, in any mode, after the release: a
   * value that was only valid under the lock is stale from then on. For declarations, not for
   * steps.
   */
  onRelease(then: () => void): void
}

/** The prototypes whose methods are trusted. */
const GENUINE: Protection[] = []

/**
 * Trusts the instances of a class, unless they override its methods. For the classes of this
 * folder; not exported from the package.
 */
export function believe(prototype: Protection): void {
  GENUINE.push(prototype)
}

const ANSWERS = ['heldBy', 'heldForWritingBy', 'onRelease'] as const satisfies readonly (keyof Protection)[]

/**
 * Base class of protections: the locks of the world, and the results of {@link exclusive}, {@link
 * shared}, {@link any}, {@link both} and {@link readWrite} on them. Other objects are refused,
 * since their methods could return anything.
 */
export abstract class Guard {
  readonly #isGuard = true

  /**
   * Refuses a value that is neither a lock nor a combination of locks. The methods of an accepted
   * value cannot change afterwards.
   *
   * @param what - the protected thing, for the message
   * @throws SpecificationError `scenario`
   */
  static mustBe(value: unknown, what: string): asserts value is Protection {
    const isOne =
      typeof value === 'object' &&
      value !== null &&
      #isGuard in value &&
      ANSWERS.every((answer) =>
        GENUINE.some((each) => (value as unknown as Protection)[answer] === each[answer]),
      )
    if (!isOne)
      throw new SpecificationError(
        'scenario',
        `${what} is protected by ${value === undefined ? 'nothing' : 'a value that is not a lock'}; give a Mutex, Spinlock or RwSemaphore that ` +
          'the state declares, or exclusive, shared, any, both or readWrite of them',
      )
    Object.freeze(value)
  }
}

/** Which thread holds which locks. */
interface Held {
  readonly toRead: Protection['heldBy']
  readonly toWrite: Protection['heldForWritingBy']
}

/** A combination of locks in certain modes. */
class Combined extends Guard implements Protection {
  readonly #locks: readonly Protection[]
  readonly #held: Held

  constructor(
    readonly name: string,
    locks: readonly Protection[],
    held: Held,
  ) {
    super()
    for (const lock of locks) Guard.mustBe(lock, name)
    this.#locks = locks
    this.#held = held
  }

  heldBy(thread: number, w: World = acting.world): boolean {
    return this.#held.toRead(thread, w)
  }

  heldForWritingBy(thread: number, w: World = acting.world): boolean {
    return this.#held.toWrite(thread, w)
  }

  onRelease(then: () => void): void {
    for (const lock of this.#locks) lock.onRelease(then)
  }
}

believe(Combined.prototype)

/** The lock must be held for writing, even to read the field. */
export function exclusive(lock: Protection): Protection {
  const holds = (thread: number, w?: World) => lock.heldForWritingBy(thread, w)
  return new Combined(`${lock.name} (exclusive)`, [lock], { toRead: holds, toWrite: holds })
}

/** The lock may be held in any mode, even to write the field. */
export function shared(lock: Protection): Protection {
  const holds = (thread: number, w?: World) => lock.heldBy(thread, w)
  return new Combined(`${lock.name} (shared)`, [lock], { toRead: holds, toWrite: holds })
}

/** At least one of `protections` must be held. */
export function any(...protections: readonly Protection[]): Protection {
  return new Combined(protections.map(({ name }) => name).join(' or '), protections, {
    toRead: (thread, w) => protections.some((each) => each.heldBy(thread, w)),
    toWrite: (thread, w) => protections.some((each) => each.heldForWritingBy(thread, w)),
  })
}

/** All of `protections` must be held. */
export function both(...protections: readonly Protection[]): Protection {
  return new Combined(protections.map(({ name }) => name).join(' and '), protections, {
    toRead: (thread, w) => protections.every((each) => each.heldBy(thread, w)),
    toWrite: (thread, w) => protections.every((each) => each.heldForWritingBy(thread, w)),
  })
}

/** `toRead` must be held to read the field, `toWrite` to write it. */
export function readWrite(toRead: Protection, toWrite: Protection): Protection {
  return new Combined(`${toRead.name} to read, ${toWrite.name} to write`, [toRead, toWrite], {
    toRead: (thread, w) => toRead.heldBy(thread, w),
    toWrite: (thread, w) => toWrite.heldForWritingBy(thread, w),
  })
}
