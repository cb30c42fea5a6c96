/**
 * Locks with owners. A lock is part of the world like any other field, so lock discipline, lock
 * order and deadlock can be checked.
 *
 * The file is long because it holds all kinds of locks, whose steps have one form.
 *
 * @module
 */
import { acting } from '../acting.js'
import { asserted, claim } from '../errors.js'
import {
  BLOCKED,
  become,
  helper,
  procedure,
  type Run,
  type Running,
  sectionStep,
  step,
  type Ways,
} from '../procedures/procedure.js'
import { recording } from './footprint.js'
import type { Cell, Layout, World } from './layout.js'
import { believe, Guard, type Protection } from './protection.js'

/** The rank and kind of a lock. */
export interface LockOptions {
  /** Locks are taken in ascending rank. 0 (the default): no rank. */
  readonly rank?: number
  /** True for a lock under which a thread must not sleep. */
  readonly spinning?: boolean
}

/** A lock of the world: see {@link Protection} for what it protects. */
export interface Lock extends Protection {
  readonly rank: number
  readonly spinning: boolean
  /** The flag or reference count of the object that contains it. */
  readonly partOf: Cell<unknown> | undefined
}

function lockOf(layout: Layout, name: string, options: LockOptions) {
  return {
    name: layout.qualify(name),
    rank: options.rank ?? 0,
    spinning: options.spinning ?? false,
    partOf: layout.object,
  }
}

/**
 * Options of a lock's own fields. Testing who holds a lock does not access the object that contains
 * it; taking the lock does.
 */
const OF_LOCK = { partOf: undefined } as const

/** Claims that the acting thread may take `lock` now: lock order, and not held by it already. */
function mayAcquire(locks: readonly Lock[], lock: Lock): void {
  const thread = acting.thread
  if (lock.partOf !== undefined && lock.partOf.value === 0)
    claim('use-after-free', false, `${lock.name} is taken, and what it is part of is not allocated`)
  const { checking } = recording
  recording.checking = true
  for (let i = 0; i < locks.length; i++) {
    const other = locks[i]
    if (other === lock) claim('deadlock', !lock.heldBy(thread), `${lock.name} is taken again by its holder`)
    else if (lock.rank !== 0 && other.rank !== 0 && other.heldBy(thread)) {
      if (other.rank < lock.rank) asserted('lock-order')
      else
        claim('lock-order', false, `${lock.name} is taken while ${other.name}, which comes after it, is held`)
    }
  }
  recording.checking = checking
}

/** The conditions under which a thread must not sleep. A {@link Layout} has them. */
export type Sleeping = Pick<Layout, 'locks' | 'nonBlocking'>

function isNonBlocking(conditions: Sleeping['nonBlocking']): boolean {
  for (let i = 0; i < conditions.length; i++) if (conditions[i](acting.thread)) return true
  return false
}

/** Counts a trylock by a thread that may not sleep: it had to keep the rule. */
function mayNotWait({ nonBlocking }: Sleeping): void {
  const { checking } = recording
  recording.checking = true
  if (isNonBlocking(nonBlocking)) asserted('non-blocking')
  recording.checking = checking
}

/**
 * Claims that the acting thread may sleep: it holds no spinning lock, and is in no section that
 * forbids sleeping.
 *
 * @throws Violation `atomic-sleep`, `non-blocking`
 */
export function mightSleep({ locks, nonBlocking }: Sleeping, what: string): void {
  const { checking } = recording
  recording.checking = true
  if (isNonBlocking(nonBlocking))
    claim(
      'non-blocking',
      false,
      `${what} may sleep, and the range that is being invalidated is not blockable`,
    )
  for (let i = 0; i < locks.length; i++) {
    const lock = locks[i]
    if (!lock.spinning) continue
    if (!lock.heldBy(acting.thread)) asserted('atomic-sleep')
    else claim('atomic-sleep', false, `${what} may sleep, and ${lock.name} is held, under which nobody may`)
  }
  recording.checking = checking
}

/** A lock with one holder: a mutex (whose taker may sleep) or a spinlock. */
abstract class OwnedLock extends Guard implements Lock {
  static {
    believe(OwnedLock.prototype)
  }

  readonly name: string
  readonly rank: number
  readonly spinning: boolean
  readonly partOf: Cell<unknown> | undefined
  /** 0, or the holder's thread plus 1. */
  readonly owner: Cell
  protected readonly layout: Layout
  private readonly afterRelease: (() => void)[] = []

  constructor(layout: Layout, name: string, options: LockOptions) {
    super()
    const lock = lockOf(layout, name, options)
    this.name = lock.name
    this.rank = lock.rank
    this.spinning = lock.spinning
    this.partOf = lock.partOf
    this.owner = layout.counter(name, layout.threads, OF_LOCK)
    this.layout = layout
    layout.addLock(this)
  }

  heldBy(thread: number, w: World = acting.world): boolean {
    return this.owner.get(w) === thread + 1
  }

  heldForWritingBy(thread: number, w: World = acting.world): boolean {
    return this.heldBy(thread, w)
  }

  /** True if any thread holds it. */
  isHeld(): boolean {
    return this.owner.value !== 0
  }

  /**
   * Takes the lock inside a step. Returns false, and changes nothing, if another thread holds it.
   */
  acquire(): boolean {
    mayAcquire(this.layout.locks, this)
    return this.tryAcquire()
  }

  /** As {@link acquire}, for a trylock, which lock order does not restrict. */
  tryAcquire(): boolean {
    if (this.owner.value !== 0) return false
    this.owner.value = acting.thread + 1
    return true
  }

  /** Releases the lock within a step. */
  release(): void {
    claim(
      'lock-discipline',
      this.heldBy(acting.thread),
      `${this.name} is released by a thread that does not hold it`,
    )
    this.owner.value = 0
    for (const then of this.afterRelease) then()
  }

  onRelease(then: () => void): void {
    this.afterRelease.push(then)
  }

  /** Waits for the lock and takes it. One step, since acquisition is atomic. */
  lock(): Running<number> {
    return step(`lock ${this.name}`, () => {
      if (!this.spinning) mightSleep(this.layout, `lock ${this.name}`)
      return this.acquire() ? 0 : BLOCKED
    })
  }

  /** Takes the lock if it is free: 1 if taken, 0 if not. */
  trylock(): Running<number> {
    return step(`trylock ${this.name}`, () => {
      mayNotWait(this.layout)
      return this.tryAcquire() ? 1 : 0
    })
  }

  /** Releases the lock. */
  unlock(): Running<number> {
    return step(`unlock ${this.name}`, () => {
      this.release()
      return 0
    })
  }

  /**
   * A whole critical section as one step. This is sound because every thread that accesses the
   * guarded fields takes the lock. It waits while another thread holds the lock.
   *
   * @param name - a literal that describes the effect
   */
  critical<R>(name: string, run: Run<R>, ways: Ways = 1): Running<Exclude<R, typeof BLOCKED>> {
    const around = (effect: Run) => (choice: number) => {
      if (!this.spinning) mightSleep(this.layout, `lock ${this.name}`)
      if (!this.acquire()) return BLOCKED
      const result = effect(choice)
      this.release()
      return result
    }
    return sectionStep<R>(name, { effect: run, around }, ways)
  }
}

/** A mutex: its taker may sleep. */
export class Mutex extends OwnedLock {
  constructor(layout: Layout, name: string, options: LockOptions = {}) {
    super(layout, name, { ...options, spinning: false })
  }
}

/** A spinlock: its holder must not sleep. */
export class Spinlock extends OwnedLock {
  constructor(layout: Layout, name: string, options: LockOptions = {}) {
    super(layout, name, { ...options, spinning: true })
  }
}

/**
 * A read-write semaphore. As in the kernel, a waiting writer blocks new readers, so that a thread
 * which takes it for reading twice can deadlock if a writer waits in between.
 */
export class RwSemaphore extends Guard implements Lock {
  static {
    believe(RwSemaphore.prototype)
  }

  readonly name: string
  readonly rank: number
  readonly spinning = false
  readonly partOf: Cell<unknown> | undefined
  /** 0, or the writer's thread plus 1. */
  readonly writer: Cell
  /** The readers, one bit for each thread. */
  readonly readers: Cell
  /** The waiting writers, one bit for each thread. */
  readonly waiting: Cell
  private readonly layout: Layout
  private readonly afterRelease: (() => void)[] = []

  constructor(layout: Layout, name: string, options: LockOptions = {}) {
    super()
    const lock = lockOf(layout, name, options)
    const everybody = 2 ** layout.threads - 1
    this.name = lock.name
    this.rank = lock.rank
    this.partOf = lock.partOf
    this.writer = layout.counter(`${name}.writer`, layout.threads, OF_LOCK)
    this.readers = layout.counter(`${name}.readers`, everybody, OF_LOCK)
    this.waiting = layout.counter(`${name}.waiting`, everybody, OF_LOCK)
    this.layout = layout
    layout.addLock(this)
  }

  heldBy(thread: number, w: World = acting.world): boolean {
    return this.heldForWritingBy(thread, w) || ((this.readers.get(w) >> thread) & 1) === 1
  }

  /** True if `thread` holds it for writing. */
  heldForWritingBy(thread: number, w: World = acting.world): boolean {
    return this.writer.get(w) === thread + 1
  }

  private acquireRead(): boolean {
    if (this.writer.value !== 0 || this.waiting.value !== 0) return false
    this.readers.value = this.readers.value | (1 << acting.thread)
    return true
  }

  private acquireWrite(): boolean {
    if (this.writer.value !== 0 || this.readers.value !== 0) return false
    this.writer.value = acting.thread + 1
    return true
  }

  /** Takes it for reading. Waits for the writer, and for waiting writers. */
  lockRead(): Running<number> {
    return step(`down_read ${this.name}`, () => {
      mightSleep(this.layout, `down_read ${this.name}`)
      mayAcquire(this.layout.locks, this)
      return this.acquireRead() ? 0 : BLOCKED
    })
  }

  /** Takes it for reading without waiting: 1 if taken, 0 if not. */
  trylockRead(): Running<number> {
    return step(`down_read_trylock ${this.name}`, () => {
      mayNotWait(this.layout)
      return this.acquireRead() ? 1 : 0
    })
  }

  /** Releases it from reading. */
  unlockRead(): Running<number> {
    return step(`up_read ${this.name}`, () => {
      const bit = 1 << acting.thread
      claim(
        'lock-discipline',
        (this.readers.value & bit) !== 0,
        `${this.name} is released by a thread that does not read`,
      )
      this.readers.value = this.readers.value & ~bit
      this.released()
      return 0
    })
  }

  /**
   * Takes it for writing. One step if it is free. Otherwise the writer queues first, which blocks
   * new readers, and then waits.
   */
  lockWrite(): Running<number> {
    return helper(`${this.name}.lockWrite()`, () => this.takeForWriting())
  }

  private *takeForWriting(): Running<number> {
    const taken = yield* step(`down_write ${this.name}`, () => {
      mightSleep(this.layout, `down_write ${this.name}`)
      mayAcquire(this.layout.locks, this)
      if (this.waiting.value === 0 && this.acquireWrite()) return 1
      this.waiting.value = this.waiting.value | (1 << acting.thread)
      return 0
    })
    if (taken) return 0
    return yield* step(`down_write ${this.name} (queued)`, () => {
      if (!this.acquireWrite()) return BLOCKED
      this.waiting.value = this.waiting.value & ~(1 << acting.thread)
      return 0
    })
  }

  /** Takes it for writing without waiting: 1 if taken, 0 if not. */
  trylockWrite(): Running<number> {
    return step(`down_write_trylock ${this.name}`, () => {
      mayNotWait(this.layout)
      return this.acquireWrite() ? 1 : 0
    })
  }

  /** Releases it from writing. */
  unlockWrite(): Running<number> {
    return step(`up_write ${this.name}`, () => {
      this.mustWrite()
      this.writer.value = 0
      this.released()
      return 0
    })
  }

  /** Turns the write lock into a read lock. No other writer gets it in between. */
  downgrade(): Running<number> {
    return step(`downgrade_write ${this.name}`, () => {
      this.mustWrite()
      this.writer.value = 0
      this.readers.value = this.readers.value | (1 << acting.thread)
      this.released()
      return 0
    })
  }

  onRelease(then: () => void): void {
    this.afterRelease.push(then)
  }

  private released(): void {
    for (const then of this.afterRelease) then()
  }

  private mustWrite(): void {
    claim(
      'lock-discipline',
      this.heldForWritingBy(acting.thread),
      `${this.name} is released by a thread that does not write`,
    )
  }
}

/**
 * A condition for which a thread waits. It must be a stable function: histories are keyed by its
 * identity. It returns BLOCKED if it cannot be evaluated yet, because another thread holds the lock
 * under which it is read.
 */
export type Condition<A extends unknown[]> = (...args: A) => boolean | typeof BLOCKED

/**
 * A wait queue: threads sleep on it until they are woken, and then evaluate their condition again.
 */
export class WaitQueue {
  readonly name: string
  /** The sleeping threads, one bit for each. */
  readonly sleepers: Cell
  /**
   * @internal the conditions under which a thread must not sleep on it
   * @internal what keeps a thread from sleeping on it
   */
  readonly layout: Sleeping

  constructor(layout: Layout, name: string) {
    this.name = layout.qualify(name)
    this.sleepers = layout.counter(name, 2 ** layout.threads - 1)
    this.layout = layout
    layout.handOut(this)
  }

  /** Wakes all sleepers, inside a step. */
  wakeAll(): void {
    this.sleepers.value = 0
  }

  /**
   * Sleeps until `condition` holds, and evaluates it after each wake-up. Evaluating and falling
   * asleep are one step, since the kernel's `wait_event` queues the thread before it evaluates the
   * condition: no wake-up in between is lost. A wake-up that is never sent is found as a deadlock.
   *
   * @param condition - a stable function of the world and `args`
   */
  wait<A extends unknown[]>(condition: Condition<A>, ...args: A): Running<number> {
    return wait_event(this, condition as Condition<unknown[]>, args)
  }

  /**
   * As {@link wait}, with a timeout that may expire at any moment of the sleep.
   *
   * @returns 1 if the condition holds, 0 if it does not and the timeout has expired
   */
  waitTimeout<A extends unknown[]>(condition: Condition<A>, ...args: A): Running<number> {
    return wait_event_timeout(this, condition as Condition<unknown[]>, args)
  }
}

const wait_event = procedure(function* wait_event(
  queue: WaitQueue,
  condition: Condition<unknown[]>,
  args: unknown[],
): Running<number> {
  const holds = yield* step('look at the condition', () => lookOrQueue(queue, condition, args))
  if (holds) return 0
  yield* step('sleep', () => ((queue.sleepers.value >> acting.thread) & 1 ? BLOCKED : 0))
  return yield* become(wait_event, queue, condition, args)
})

/** Evaluates the condition, and queues the thread if it does not hold: 1, 0, or BLOCKED. */
function lookOrQueue(queue: WaitQueue, condition: Condition<unknown[]>, args: unknown[]): number {
  mightSleep(queue.layout, `wait_event on ${queue.name}`)
  const answer = condition(...args)
  if (answer === BLOCKED) return BLOCKED
  if (answer) return 1
  queue.sleepers.value = queue.sleepers.value | (1 << acting.thread)
  return 0
}

const wait_event_timeout = procedure(function* wait_event_timeout(
  queue: WaitQueue,
  condition: Condition<unknown[]>,
  args: unknown[],
): Running<number> {
  const holds = yield* step('look at the condition', () => lookOrQueue(queue, condition, args))
  if (holds) return 1
  const woken = yield* step(
    'sleep',
    (expired) => {
      if (!expired) return (queue.sleepers.value >> acting.thread) & 1 ? BLOCKED : Woken.called
      queue.sleepers.value = queue.sleepers.value & ~(1 << acting.thread)
      // As in the kernel, the result depends on the condition even after the timeout.
      return condition(...args) === true ? Woken.inTime : Woken.late
    },
    2,
  )
  if (woken === Woken.called) return yield* become(wait_event_timeout, queue, condition, args)
  return woken
})

const Woken = { late: 0, inTime: 1, called: 2 } as const
