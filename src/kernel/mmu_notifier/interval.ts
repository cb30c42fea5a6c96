/**
 * Interval notifiers: a driver watches a range of an address space, and a sequence number tells it
 * whether a page-table entry that it has read may be stale.
 *
 * `invalidate_seq` of the address space is odd while an interval is being invalidated. As long as
 * it is odd the interval tree is frozen: insertions and removals go to the deferred list.
 *
 * It is all that mm/mmu_notifier.c has of intervals; that is why the file is long.
 *
 * @see reference B.1
 * @module
 */

import {
  closeRange,
  Errno,
  type IntervalNotifier,
  type MmStruct,
  type NotifierRange,
  type OwnNotifier,
  openRange,
  type Subscriptions,
  type Task,
  TOKEN,
} from '../../machine/index.js'
import {
  acting,
  BLOCKED,
  claim,
  fieldOf,
  procedure,
  READ_ONCE,
  type Sequence,
  SpecificationError,
  step,
  unobserved,
} from '../../world/index.js'

/** The `cur_seq` of a callback: it stands for `invalidate_seq` during the current invalidations. */
export const CURRENT_SEQ = -2

/**
 * True while an interval of the address space is being invalidated. Called under the subscriptions'
 * lock.
 */
function isInvalidating(subs: Subscriptions): boolean {
  return (subs.seq & 1) === 1
}

function overlaps(sub: IntervalNotifier, range: NotifierRange): boolean {
  return sub.start < range.end && range.start <= sub.last
}

/**
 * Opens an invalidation and calls back every interval that it overlaps.
 *
 * @returns 0; or -EAGAIN if a callback would have to sleep and may not: then the invalidation is
 * closed again
 * @kernel mn_itree_invalidate mm/mmu_notifier.c
 * @see reference B.1 S1 to S6
 */
export const mn_itree_invalidate = procedure(function* mn_itree_invalidate(
  current: Task,
  mm: MmStruct,
  range: NotifierRange,
) {
  const { curSeq, touched } = yield* mn_itree_inv_start_range(current, mm, range)
  let pending = 0
  for (let i = 0; i < mm.subscriptions.intervals.length; i++) {
    // The tree is frozen while the sequence number is odd, so the walk needs no lock.
    if (((touched >> i) & 1) === 0) continue
    const done = yield* invalidateInterval(current, mm.subscriptions.intervals[i], range, curSeq)
    if (done === TOKEN) pending |= 1 << i
    if (!done && !range.blockable) {
      if (pending) yield* finishRefused(current, mm, pending)
      yield* mn_itree_inv_end(current, mm, range)
      return -Errno.EAGAIN
    }
  }
  if (pending) yield* finishIntervals(current, mm, pending)
  return 0
})

/**
 * The second pass, for the intervals that asked for it in the first, in the same order.
 *
 * @param pending - a bit for each interval of the address space
 * @kernel mmu_interval_notifier_ops.invalidate_finish include/linux/mmu_notifier.h
 * @see reference B.1.1
 */
export const finishIntervals = procedure(
  'mmu_interval_notifier_ops.invalidate_finish',
  function* (current: Task, mm: MmStruct, pending: number) {
    for (const [i, sub] of mm.subscriptions.intervals.entries())
      if ((pending >> i) & 1 && sub.ops.finish) yield* sub.ops.finish(current, sub)
  },
)

/**
 * A callback failed: the second pass still runs for the intervals that started one.
 *
 * @kernel mn_itree_finish_pass mm/mmu_notifier.c
 * @see reference B.1.1
 */
export const finishRefused = procedure(
  'mn_itree_invalidate (refused)',
  function* (current: Task, mm: MmStruct, pending: number) {
    yield* finishIntervals(current, mm, pending)
  },
)

/**
 * Counts the invalidation, and freezes the tree if the range overlaps an interval in it. One step:
 * every access to this state is under the same spinlock.
 *
 * @kernel mn_itree_inv_start_range mm/mmu_notifier.c
 * @see reference B.1 S1 to S4
 */
export const mn_itree_inv_start_range = procedure(function* mn_itree_inv_start_range(
  current: Task,
  mm: MmStruct,
  range: NotifierRange,
) {
  const subs = mm.subscriptions
  const touched = yield* subs.lock.critical('count the invalidation', () => {
    claim(
      'C32',
      subs.intervals.length > 0,
      `an invalidation is counted in ${mm.name}, which has no interval notifier`,
    )
    openRange(current, mm, range)
    subs.active += 1
    let touched = 0
    for (const [i, sub] of subs.intervals.entries())
      if (unobserved(() => sub.allocated) && sub.inTree && overlaps(sub, range)) touched |= 1 << i
    if (touched !== 0) subs.seq = subs.seq | 1
    return touched
  })
  return { curSeq: CURRENT_SEQ, touched }
})

/**
 * Runs the callback of one interval. Returns 1 when it is done, {@link TOKEN} if a second pass must
 * finish it, 0 if it failed.
 *
 * @kernel mmu_interval_notifier_ops.invalidate include/linux/mmu_notifier.h
 * @see reference B.1 S5, S6
 */
export const invalidateInterval = procedure(
  'mmu_interval_notifier_ops.invalidate',
  function* (current: Task, sub: IntervalNotifier, range: NotifierRange, curSeq: number) {
    const done = yield* sub.ops.invalidate(current, sub, range, curSeq)
    claim(
      'C11',
      done !== 0 || !range.blockable,
      `${sub.name}: the callback gave up though the range is blockable`,
    )
    return done
  },
)

/**
 * Closes an invalidation. The last one to close makes the sequence number even, applies the
 * deferred insertions and removals, and wakes the waiters.
 *
 * The kernel does all of it under the subscriptions' lock. With deferred intervals it takes several
 * steps here, all under the lock, because another thread may read the sequence number without the
 * lock in between (D2).
 *
 * @kernel mn_itree_inv_end mm/mmu_notifier.c
 * @see reference B.1 E1 to E5
 */
export const mn_itree_inv_end = procedure(function* mn_itree_inv_end(
  current: Task,
  mm: MmStruct,
  range: NotifierRange,
) {
  const subs = mm.subscriptions
  const ended = yield* step('uncount the invalidation', () => {
    if (!subs.lock.acquire()) return BLOCKED
    closeRange(current, mm, range)
    claim('C32', subs.active > 0, 'an invalidation is ended that was not counted')
    const last = --subs.active === 0
    if (!last || !isInvalidating(subs)) {
      subs.lock.release()
      return Ended.no
    }
    makeEven(subs)
    if (subs.intervals.some((sub) => isDeferred(sub))) return Ended.withDeferred
    subs.lock.release()
    return Ended.yes
  })
  if (ended === Ended.no) return
  if (ended === Ended.withDeferred) yield* releaseDeferred(subs)
  yield* step('wake', () => {
    subs.wq.wakeAll()
    return 0
  })
})

const Ended = { no: 0, yes: 1, withDeferred: 2 } as const

function isDeferred(sub: IntervalNotifier): boolean {
  return unobserved(() => sub.allocated) && sub.deferred
}

/**
 * The sequence number becomes even: no interval is being invalidated any more. Called under the
 * subscriptions' lock.
 */
export function makeEven(subs: Subscriptions): void {
  for (const sub of subs.intervals)
    if (unobserved(() => sub.allocated && sub.inTree && !sub.deferred && sub.seq === subs.seq))
      sub.lifecycle.signal('INVALIDATION_ENDED')
  subs.seq += 1
}

/**
 * Applies the deferred insertions and removals, one in each step, and drops the lock that the
 * caller holds.
 *
 * @kernel mn_itree_inv_end mm/mmu_notifier.c
 * @see reference B.1 E1 to E5
 */
export const releaseDeferred = procedure('mn_itree_inv_end (deferred)', function* (subs: Subscriptions) {
  for (const sub of subs.intervals)
    yield* step('let a deferred interval in or out', () => {
      if (isDeferred(sub)) letThrough(sub)
      return 0
    })
  yield* subs.lock.unlock()
})

function letThrough(sub: IntervalNotifier): void {
  sub.inTree = !sub.inTree
  sub.deferred = false
  sub.lifecycle.signal('INVALIDATION_ENDED')
}

/**
 * Samples the interval's sequence number before the driver reads the page table. Waits while the
 * interval is being invalidated: an entry read now could be stale without a later retry noticing
 * it.
 *
 * @param place - where the number is stored for {@link mmu_interval_read_retry}: a field of the
 * hmm_range, or of an object of the driver. The number may be stale at once
 * @kernel mmu_interval_read_begin mm/mmu_notifier.c
 * @see reference B.1 R1 to R3
 */
export const mmu_interval_read_begin = procedure(function* mmu_interval_read_begin(
  sub: IntervalNotifier,
  place: Sequence,
) {
  const subs = sub.mm.subscriptions
  const isInvalidated = yield* subs.lock.critical('sample the sequence', () => sampleSequence(sub, place))
  if (isInvalidated) yield* subs.wq.wait(sequenceHasMoved, sub, place)
})

/**
 * Samples the interval's sequence number. Called inside an atomic step, under the subscriptions'
 * lock.
 *
 * @returns 1 if the interval is being invalidated
 * @throws SpecificationError if the place was declared for numbers of another interval
 */
export function sampleSequence(sub: IntervalNotifier, place: Sequence): number {
  if (place.of !== fieldOf(sub, 'seq'))
    throw new SpecificationError(
      'scenario',
      `mmu_interval_read_begin on ${sub.name} puts its number into ${place.cell.name}, which was declared for numbers of ` +
        'another notifier; declare it with `l.sequence(name, notifier)`, of the notifier that is read',
    )
  const seq = sub.seq
  if (place.number !== seq) {
    place.number = seq
    const reader = sub.readers.get(acting.thread)
    if (reader?.place === place) reader.moved()
  }
  return seq === sub.mm.subscriptions.seq ? 1 : 0
}

/**
 * True if `invalidate_seq` of the address space differs from the number in `place`. Reads without a
 * lock.
 */
export function sequenceHasMoved(sub: IntervalNotifier, place: Sequence): boolean {
  return READ_ONCE(sub.mm.subscriptions).seq !== place.number
}

/**
 * 1 if the interval was invalidated since {@link mmu_interval_read_begin}: the driver must discard
 * the entries that it has read. Called under the driver's update lock, which the callback takes
 * too: a result of 0 holds until the driver drops the lock.
 *
 * @param place - where mmu_interval_read_begin stored the number
 * @kernel mmu_interval_read_retry include/linux/mmu_notifier.h
 * @see reference B.1
 */
export const mmu_interval_read_retry = procedure(function* mmu_interval_read_retry(
  sub: IntervalNotifier,
  place: Sequence,
) {
  return yield* step('compare the sequence', () => {
    claim(
      'C8',
      place.of === fieldOf(sub, 'seq'),
      `mmu_interval_read_retry on ${sub.name} compares ${place.cell.name}, a number of another notifier`,
    )
    const retry = isCurrent(place, sub) ? 0 : 1
    // The range holds this number too, or an equivalent one.
    const reader = sub.readers.get(acting.thread)
    if (reader && isCurrent(reader.place, sub) === isCurrent(place, sub)) reader.compared(retry)
    return retry
  })
})

/**
 * True if no invalidation of the interval was recorded since the number in `place` was sampled.
 * Called inside an atomic step, under the driver's update lock.
 */
export function isCurrent(place: Sequence, sub: IntervalNotifier): boolean {
  return place.number === sub.seq
}

/**
 * Records the invalidation in the interval, so that readers retry. Every callback must call it
 * under the driver's update lock. Called inside an atomic step of the driver.
 *
 * @kernel mmu_interval_set_seq
 */
export function mmu_interval_set_seq(sub: IntervalNotifier, curSeq: number): void {
  if (curSeq !== CURRENT_SEQ)
    throw new SpecificationError(
      'scenario',
      `mmu_interval_set_seq(${sub.name}) is given ${curSeq}, and that is not the callback's cur_seq: pass on that argument as it came`,
    )
  const { setUnder } = sub.ops
  claim(
    'C9',
    () => setUnder.heldForWritingBy(acting.thread),
    () => `the callback sets the sequence of ${sub.name} without ${setUnder.name}`,
  )
  // This is `cur_seq`: no thread changes it while an invalidation of the interval is open.
  sub.seq = unobserved(() => READ_ONCE(sub.mm.subscriptions).seq)
  sub.lifecycle.signal('SEQUENCE_SET')
}

/**
 * Inserts the interval. If the tree is frozen the insertion is deferred. If any invalidation is
 * open, the sequence number of the interval makes readers wait until it has ended. The kernel may
 * take the mmap lock here, so the caller must not hold it.
 *
 * @param pages - the pages to watch: only for a notifier that the driver has declared itself
 * @returns 0, or -EINVAL if the address space has no users
 * @throws SpecificationError `scenario` for pages that a notifier cannot watch
 * @kernel mmu_interval_notifier_insert mm/mmu_notifier.c
 * @see reference B.1 N1, N2
 */
export const mmu_interval_notifier_insert = procedure(function* mmu_interval_notifier_insert(
  sub: IntervalNotifier,
  pages?: Pick<NotifierRange, 'start' | 'end'>,
) {
  const { mmapLock, subscriptions: subs } = sub.mm
  return yield* subs.lock.critical('insert', () => {
    claim(
      'lock-order',
      () => !mmapLock.heldBy(acting.thread),
      `mmu_interval_notifier_insert may take ${mmapLock.name}, which its caller holds`,
    )
    return insertInterval(sub, pages)
  })
})

/**
 * Puts the interval into the tree or onto the deferred list. Called under the subscriptions' lock.
 */
function insertInterval(sub: IntervalNotifier, pages?: Pick<NotifierRange, 'start' | 'end'>): number {
  const { subscriptions: subs } = sub.mm
  if (pages !== undefined) watchPages(sub, pages)
  if (sub.mm.users === 0) return -Errno.EINVAL
  sub.allocated = true
  if (subs.active === 0) {
    insertAtRest(sub)
  } else if (isInvalidating(subs)) {
    sub.seq = subs.seq
    sub.deferred = true
    sub.lifecycle.signal('INSERT_DEFERRED')
  } else {
    // An open invalidation may cover the interval, and has not found it in the tree.
    subs.seq = subs.seq | 1
    sub.seq = subs.seq
    sub.inTree = true
    sub.lifecycle.signal('INSERTED_DURING_INVALIDATION')
  }
  return 0
}

/** Puts the interval into the tree while nothing is being invalidated. Called inside an atomic step. */
export function insertAtRest(sub: IntervalNotifier): void {
  // The sequence number of an interval whose last invalidation has just ended.
  sub.seq = sub.mm.subscriptions.seq - 1
  sub.inTree = true
  sub.lifecycle.signal('INSERTED')
}

/** True for one that is in the tree, or will be before the next invalidation looks. */
export function isInserted(sub: IntervalNotifier): boolean {
  return sub.allocated && (sub.inTree || sub.deferred)
}

/**
 * Sets the pages that the interval watches once it is inserted. Called inside an atomic step.
 *
 * @throws SpecificationError `scenario` for pages that it cannot watch
 */
export function watchPages(
  sub: IntervalNotifier,
  { start, end }: Pick<NotifierRange, 'start' | 'end'>,
): void {
  if (!isOwnNotifier(sub))
    throw new SpecificationError(
      'scenario',
      `${sub.name} watches the whole mirror, and nothing else; declare another in the driver's state: mirror.declareNotifier(layout)`,
    )
  if (!(start < end && end <= sub.mm.pte.length))
    throw new SpecificationError('scenario', `${sub.name} is to watch the pages from ${start} to ${end}`)
  claim('use-after-free', sub.holder !== 0, `${sub.name} is inserted, and what it is part of is freed`)
  claim(
    'C17',
    !sub.allocated || !sub.inTree,
    `${sub.name} is inserted at other pages while it is in the tree`,
  )
  sub.start = start
  sub.last = end - 1
}

function isOwnNotifier(sub: IntervalNotifier): sub is OwnNotifier {
  return 'holder' in sub
}

/**
 * Removes the interval. When it returns, no callback runs for the interval or will run, and the
 * driver may free it.
 *
 * @kernel mmu_interval_notifier_remove mm/mmu_notifier.c
 * @see reference B.1 M1, M2
 */
export const mmu_interval_notifier_remove = procedure(function* mmu_interval_notifier_remove(
  sub: IntervalNotifier,
) {
  const subs = sub.mm.subscriptions
  const mustWait = yield* subs.lock.critical('remove', () => {
    if (!isInvalidating(subs)) {
      claim('C17', sub.inTree, `${sub.name} is removed and was not in the tree`)
      sub.inTree = false
      sub.lifecycle.signal('REMOVED')
      return 0
    }
    if (!sub.inTree) {
      sub.deferred = false
      sub.lifecycle.signal('REMOVED')
      return 0
    }
    sub.deferred = true
    sub.lifecycle.signal('REMOVE_DEFERRED')
    sub.removalSeq.number = subs.seq
    return 1
  })
  if (mustWait) yield* mmu_interval_seq_released(sub)
})

/**
 * Waits until the deferred list is empty. The condition is read under the lock that also covers the
 * walk of the list: the sequence number changes first, while the list is still being walked (D2).
 *
 * @kernel mmu_interval_seq_released mm/mmu_notifier.c
 * @see reference B.1 M1, M2
 */
export const mmu_interval_seq_released = procedure(function* mmu_interval_seq_released(
  sub: IntervalNotifier,
) {
  yield* sub.mm.subscriptions.wq.wait(sequenceIsReleased, sub)
})

function sequenceIsReleased(sub: IntervalNotifier): boolean | typeof BLOCKED {
  const { lock } = sub.mm.subscriptions
  if (!lock.acquire()) return BLOCKED
  const released = sequenceHasMoved(sub, sub.removalSeq)
  lock.release()
  return released
}

/**
 * The address space goes away: every interval is invalidated (MMU_NOTIFY_RELEASE).
 *
 * @kernel mn_itree_release mm/mmu_notifier.c
 * @see reference B.1 release
 */
export const mn_itree_release = procedure(function* mn_itree_release(
  current: Task,
  mm: MmStruct,
  range: NotifierRange,
) {
  yield* mn_itree_invalidate(current, mm, range)
  yield* mn_itree_inv_end(current, mm, range)
})
