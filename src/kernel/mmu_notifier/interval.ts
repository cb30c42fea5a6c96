/**
 * Interval notifiers: a driver watches a range of an address space, and a sequence number tells it whether what it
 * read of the page table is still worth anything.
 *
 * The number of an address space is odd while an interval is being invalidated, and the tree of intervals is frozen
 * for as long: who wants in or out is put on the deferred list.
 *
 * @see reference B.1
 * @module
 */
import { BLOCKED, claim, procedure, step, type World } from '../../world/index.js'
import { Errno } from '../errno.js'
import {
  closeRange,
  type IntervalNotifier,
  type MmStruct,
  type NotifierRange,
  openRange,
  type Subscriptions,
  type Task,
} from '../machine.js'

/** True while an interval of the address space is being invalidated. Under the subscriptions' lock. */
function isInvalidating(subs: Subscriptions, w: World): boolean {
  return (subs.seq.get(w) & 1) === 1
}

function overlaps(sub: IntervalNotifier, range: NotifierRange): boolean {
  return sub.start < range.end && range.start <= sub.last
}

/**
 * Opens an invalidation and tells every interval that it touches.
 *
 * @returns 0, or -EAGAIN if a callback would have to sleep and may not; the invalidation is closed again then
 * @kernel mn_itree_invalidate
 * @see reference B.1 S1 to S6
 */
export const mnItreeInvalidate = procedure(
  'mn_itree_invalidate',
  function* (current: Task, mm: MmStruct, range: NotifierRange) {
    const { curSeq, touched } = yield* mnItreeInvStartRange(current, mm, range)
    for (let i = 0; i < mm.subscriptions.intervals.length; i++) {
      // The tree is frozen while the sequence is odd, so that it can be walked without a lock.
      if (((touched >> i) & 1) === 0) continue
      const done = yield* invalidateInterval(current, mm.subscriptions.intervals[i], range, curSeq)
      if (!done && !range.blockable) {
        yield* mnItreeInvEnd(current, mm)
        return -Errno.EAGAIN
      }
    }
    return 0
  },
)

/**
 * Counts the invalidation and freezes the tree if it touches an interval in it. One step: everyone who reads or
 * changes this state does so under the same spinlock.
 *
 * @kernel mn_itree_inv_start_range
 * @see reference B.1 S1 to S4
 */
export const mnItreeInvStartRange = procedure(
  'mn_itree_inv_start_range',
  function* (current: Task, mm: MmStruct, range: NotifierRange) {
    const subs = mm.subscriptions
    const bits = subs.intervals.length
    const found = yield* subs.lock.critical('count the invalidation', (w) => {
      openRange(current, mm, range, w)
      subs.active.add(w, 1)
      let touched = 0
      for (let i = 0; i < bits; i++) {
        const sub = subs.intervals[i]
        if (sub.allocated.get(w) && sub.inTree.get(w) && overlaps(sub, range)) touched |= 1 << i
      }
      if (touched !== 0) subs.seq.set(w, subs.seq.get(w) | 1)
      return (subs.seq.get(w) << bits) | touched
    })
    return { curSeq: found >> bits, touched: found & ((1 << bits) - 1) }
  },
)

/**
 * Runs one driver callback: 1 when it is done, 0 if it gave up.
 *
 * @kernel mmu_interval_notifier_ops.invalidate
 */
export const invalidateInterval = procedure(
  'mmu_interval_notifier_ops.invalidate',
  function* (current: Task, sub: IntervalNotifier, range: NotifierRange, curSeq: number) {
    const done = yield* sub.ops.invalidate(current, sub, range, curSeq)
    claim(
      'C11',
      done === 1 || !range.blockable,
      `${sub.name}: the callback gave up though the range is blockable`,
    )
    return done
  },
)

/**
 * Closes an invalidation. The last one to close makes the sequence even, lets the deferred in and out, and wakes
 * who waits.
 *
 * The kernel does all of it under the subscriptions' lock. Where there are deferred intervals it takes several
 * steps here, the lock held, because one may look at the sequence without the lock in the middle of it (D2).
 *
 * @kernel mn_itree_inv_end
 * @see reference B.1 E1 to E5
 */
export const mnItreeInvEnd = procedure('mn_itree_inv_end', function* (current: Task, mm: MmStruct) {
  const subs = mm.subscriptions
  const ended = yield* step('uncount the invalidation', (w) => {
    if (!subs.lock.acquire(w)) return BLOCKED
    closeRange(current, w)
    const last = subs.active.add(w, -1) === 0
    if (!last || !isInvalidating(subs, w)) {
      subs.lock.release(w)
      return Ended.no
    }
    makeEven(subs, w)
    if (subs.intervals.some((sub) => isDeferred(sub, w))) return Ended.withDeferred
    subs.lock.release(w)
    return Ended.yes
  })
  if (ended === Ended.no) return
  if (ended === Ended.withDeferred) yield* releaseDeferred(subs)
  yield* step('wake', (w) => {
    subs.wq.wakeAll(w)
    return 0
  })
})

const Ended = { no: 0, yes: 1, withDeferred: 2 } as const

function isDeferred(sub: IntervalNotifier, w: World): boolean {
  return sub.allocated.get(w) === 1 && sub.deferred.get(w) === 1
}

/** The sequence goes from odd to even: nothing is being invalidated any more. Under the subscriptions' lock. */
export function makeEven(subs: Subscriptions, w: World): void {
  for (const sub of subs.intervals)
    if (
      sub.allocated.get(w) &&
      sub.inTree.get(w) &&
      !sub.deferred.get(w) &&
      sub.seq.get(w) === subs.seq.get(w)
    )
      sub.lifecycle.signal(w, 'INVALIDATION_ENDED')
  subs.seq.add(w, 1)
}

/** Lets the deferred intervals in and out of the tree, one a step, and drops the lock that the caller holds. */
export const releaseDeferred = procedure('mn_itree_inv_end (deferred)', function* (subs: Subscriptions) {
  for (const sub of subs.intervals)
    yield* step('let a deferred interval in or out', (w) => {
      if (isDeferred(sub, w)) letThrough(sub, w)
      return 0
    })
  yield* subs.lock.unlock()
})

function letThrough(sub: IntervalNotifier, w: World): void {
  sub.inTree.set(w, sub.inTree.get(w) ? 0 : 1)
  sub.deferred.set(w, 0)
  sub.lifecycle.signal(w, 'INVALIDATION_ENDED')
}

/**
 * Takes the interval's sequence number before the page table is read, and waits while the interval is being
 * invalidated: what would be read now would be thrown away, or worse, would not.
 *
 * @returns the sequence number for {@link mmuIntervalReadRetry}; it may be stale at once
 * @kernel mmu_interval_read_begin
 * @see reference B.1 R1 to R3
 */
export const mmuIntervalReadBegin = procedure('mmu_interval_read_begin', function* (sub: IntervalNotifier) {
  const subs = sub.mm.subscriptions
  const sampled = yield* subs.lock.critical('sample the sequence', (w) => {
    const seq = sub.seq.get(w)
    return (seq << 1) | (seq === subs.seq.get(w) ? 1 : 0)
  })
  const seq = sampled >> 1
  if (sampled & 1) yield* subs.wq.wait(sequenceHasMoved, subs, seq)
  return seq
})

function sequenceHasMoved(w: World, subs: Subscriptions, seq: number): boolean {
  return subs.seq.readOnce(w) !== seq
}

/**
 * True (1) if what was read of the page table since {@link mmuIntervalReadBegin} must be thrown away. Under the
 * driver's update lock, which the callback takes too: that makes the answer last until the lock is dropped.
 *
 * @kernel mmu_interval_read_retry
 */
export const mmuIntervalReadRetry = procedure(
  'mmu_interval_read_retry',
  function* (current: Task, sub: IntervalNotifier, seq: number) {
    return yield* step('compare the sequence', (w) => {
      const retry = sub.seq.get(w) === seq ? 0 : 1
      sub.readers.get(current.thread)?.(w, retry)
      return retry
    })
  },
)

/**
 * Records the invalidation in the interval: whoever read before must retry. In the callback, under the driver's
 * update lock, always. Part of a step of the driver.
 *
 * @kernel mmu_interval_set_seq
 */
export function mmuIntervalSetSeq(w: World, sub: IntervalNotifier, curSeq: number): void {
  sub.seq.set(w, curSeq)
  sub.lifecycle.signal(w, 'SEQUENCE_SET')
}

/**
 * Begins to watch the interval. While invalidations run it is let into the tree at once only if that is not frozen;
 * either way its sequence number makes readers wait until they have ended.
 *
 * @kernel mmu_interval_notifier_insert
 * @see reference B.1 N1, N2
 */
export const mmuIntervalNotifierInsert = procedure(
  'mmu_interval_notifier_insert',
  function* (sub: IntervalNotifier) {
    const { subscriptions: subs, users } = sub.mm
    return yield* subs.lock.critical('insert', (w) => {
      if (users.get(w) === 0) return -Errno.EINVAL
      sub.allocated.set(w, 1)
      if (subs.active.get(w) === 0) {
        // As if its last invalidation had just ended.
        sub.seq.set(w, subs.seq.get(w) - 1)
        sub.inTree.set(w, 1)
        sub.lifecycle.signal(w, 'INSERTED')
      } else if (isInvalidating(subs, w)) {
        sub.seq.set(w, subs.seq.get(w))
        sub.deferred.set(w, 1)
        sub.lifecycle.signal(w, 'INSERT_DEFERRED')
      } else {
        // The invalidation that runs may cover it: nobody looked for it in the tree.
        subs.seq.set(w, subs.seq.get(w) | 1)
        sub.seq.set(w, subs.seq.get(w))
        sub.inTree.set(w, 1)
        sub.lifecycle.signal(w, 'INSERTED_DURING_INVALIDATION')
      }
      return 0
    })
  },
)

/**
 * Ends to watch the interval. When it returns no callback runs for it, nor will, and its memory is the driver's.
 *
 * @kernel mmu_interval_notifier_remove
 * @see reference B.1 M1, M2
 */
export const mmuIntervalNotifierRemove = procedure(
  'mmu_interval_notifier_remove',
  function* (sub: IntervalNotifier) {
    const subs = sub.mm.subscriptions
    const awaited = yield* subs.lock.critical('remove', (w) => {
      if (!isInvalidating(subs, w)) {
        claim('C17', sub.inTree.get(w) === 1, `${sub.name} is removed and was not in the tree`)
        sub.inTree.set(w, 0)
        sub.lifecycle.signal(w, 'REMOVED')
        return 0
      }
      if (!sub.inTree.get(w)) {
        sub.deferred.set(w, 0)
        sub.lifecycle.signal(w, 'REMOVED')
        return 0
      }
      sub.deferred.set(w, 1)
      sub.lifecycle.signal(w, 'REMOVE_DEFERRED')
      return subs.seq.get(w)
    })
    if (awaited !== 0) yield* waitUntilReleased(subs, awaited)
  },
)

/**
 * Waits until the deferred list has been dealt with. The condition is read under the lock under which that is done:
 * the sequence moves first, and the list is still being walked then (D2).
 *
 * @kernel mmu_interval_seq_released
 */
export const waitUntilReleased = procedure(
  'mmu_interval_seq_released',
  function* (subs: Subscriptions, seq: number) {
    yield* subs.wq.wait(sequenceIsReleased, subs, seq)
  },
)

function sequenceIsReleased(w: World, subs: Subscriptions, seq: number): boolean | typeof BLOCKED {
  if (!subs.lock.acquire(w)) return BLOCKED
  const released = subs.seq.get(w) !== seq
  subs.lock.release(w)
  return released
}

/**
 * The address space goes away: every interval is told to drop everything.
 *
 * @kernel mn_itree_release
 */
export const mnItreeRelease = procedure(
  'mn_itree_release',
  function* (current: Task, mm: MmStruct, range: NotifierRange) {
    yield* mnItreeInvalidate(current, mm, range)
    yield* mnItreeInvEnd(current, mm)
  },
)
