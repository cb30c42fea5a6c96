/**
 * The recorded driver's snapshot of the CPU page table: a walk without faults.
 *
 * @see reference E.1
 * @module
 */

import {
  Errno,
  type Frame,
  HMM_PFN_ERROR,
  HMM_PFN_VALID,
  HMM_PFN_WRITE,
  type HmmRange,
  hmm_range_fault,
  type IntervalNotifier,
  isDeviceCoherent,
  type Machine,
  mmget_not_zero,
  mmput,
  mmu_interval_notifier_insert,
  mmu_interval_notifier_remove,
  mmu_interval_read_begin,
  mmu_interval_read_retry,
  mmu_interval_set_seq,
  type NotifierRange,
  resetRange,
  type Task,
  ZERO_PAGE,
} from '../../kernel/index.js'
import { become, choose, procedure, type Running, step } from '../../world/index.js'
import type { Mirror } from '../mirror.js'
import { lockForInvalidation } from '../reference/reference.js'

/** The bytes of a snapshot. */
export const Prot = {
  none: 0x00,
  read: 0x01,
  write: 0x02,
  hugePage: 0x04,
  zeroPage: 0x10,
  ownMemory: 0x20,
  ownCoherent: 0x40,
  otherCoherent: 0x50,
  error: 0xff,
} as const

/** The result of a snapshot: one byte for each page, if the error is 0. */
export interface SnapshotAnswer {
  /** 0, or a negative error number. */
  readonly error: number
  /** A {@link Prot} byte for each page. */
  readonly prot: readonly number[]
}

/**
 * Takes a snapshot of the pages that `ranges` watch, one range after another.
 *
 * @param ranges - one for each chunk, in order, with a notifier that covers the chunk and is not
 * inserted
 * @returns the bytes; -EINVAL for an empty range or an address space without users
 */
export const dmirror_snapshot = procedure(function* dmirror_snapshot(
  current: Task,
  mirror: Mirror,
  ranges: readonly HmmRange[],
): Running<SnapshotAnswer> {
  if (ranges.length === 0) return { error: -Errno.EINVAL, prot: [] }
  if (!(yield* mmget_not_zero(mirror.mm))) return { error: -Errno.EINVAL, prot: [] }
  const prot: number[] = []
  let error = 0
  for (const range of ranges) {
    const piece = yield* dmirror_range_snapshot(current, mirror, range)
    error = piece.error
    if (error) break
    prot.push(...piece.prot)
  }
  yield* mmput(current, mirror.mm)
  return { error, prot: error ? [] : prot }
})

/** One chunk, watched by a notifier that is inserted for the duration of the call. */
export const dmirror_range_snapshot = procedure(function* dmirror_range_snapshot(
  current: Task,
  mirror: Mirror,
  range: HmmRange,
): Running<SnapshotAnswer> {
  const refused = yield* mmu_interval_notifier_insert(range.notifier)
  if (refused) return { error: refused, prot: [] }
  const answer = yield* look(current, mirror, range)
  yield* mmu_interval_notifier_remove(range.notifier)
  yield* step('free the notifier', () => {
    range.notifier.allocated = false
    return 0
  })
  return answer
})

/** One try: walks, and reports the entries unless they were invalidated in between. */
const look = procedure(
  'dmirror_range_snapshot (try)',
  function* (current: Task, mirror: Mirror, range: HmmRange): Running<SnapshotAnswer> {
    const { notifier } = range
    const { mm, updateLock } = mirror
    yield* mmu_interval_read_begin(notifier, range.notifierSeq)
    yield* mm.mmapLock.lockRead()
    const error = yield* hmm_range_fault(current, range, {
      start: notifier.start,
      end: notifier.last + 1,
      defaultFlags: 0,
      pfnFlagsMask: 0,
      owner: mirror.owner,
    })
    yield* mm.mmapLock.unlockRead()
    if (error === -Errno.EBUSY) return yield* become(lookAgain, current, mirror, range)
    if (error) return { error, prot: [] }
    yield* updateLock.lock()
    if (yield* mmu_interval_read_retry(notifier, range.notifierSeq)) {
      yield* updateLock.unlock()
      return yield* become(lookAgain, current, mirror, range)
    }
    const prot: number[] = []
    for (let page = notifier.start; page <= notifier.last; page++)
      prot.push(yield* step('dmirror_mkentry', () => protOf(current.machine, mirror, range, page)))
    yield* updateLock.unlock()
    yield* step('free the range', () => {
      range.lifecycle.signal('RELEASED')
      resetRange(range)
      return 0
    })
    return { error: 0, prot }
  },
)

const lookAgain = procedure(
  'dmirror_range_snapshot (again)',
  function* (current: Task, mirror: Mirror, range: HmmRange): Running<SnapshotAnswer> {
    const expired = yield* choose('HMM_RANGE_DEFAULT_TIMEOUT', ['time is left', 'the time is over'])
    if (!expired) return yield* become(look, current, mirror, range)
    yield* step('free the range', () => {
      range.lifecycle.signal('TIMED_OUT')
      resetRange(range)
      return 0
    })
    return { error: -Errno.EBUSY, prot: [] }
  },
)

/**
 * The byte for one page. Called inside an atomic step of the driver.
 *
 * @kernel dmirror_mkentry
 */
export function protOf(machine: Machine, mirror: Mirror, range: HmmRange, page: number): number {
  const flags = range.pfns[page].flags
  if (flags & HMM_PFN_ERROR) return Prot.error
  if (!(flags & HMM_PFN_VALID)) return Prot.none
  const isHuge = range.pfns[page].order > 0
  const kind = kindOf(machine.frames[range.pfns[page].frame], mirror, isHuge)
  return kind | (isHuge ? Prot.hugePage : 0) | (flags & HMM_PFN_WRITE ? Prot.write : Prot.read)
}

/**
 * The kind of the page. The huge zero page is not recognised. The walk never reports a
 * device-private page of another owner.
 */
function kindOf(frame: Frame, { owner }: Mirror, isHuge: boolean): number {
  if (frame.pfn === ZERO_PAGE) return isHuge ? 0 : Prot.zeroPage
  if (isDeviceCoherent(frame)) return frame.owner === owner ? Prot.ownCoherent : Prot.otherCoherent
  return frame.owner < 0 ? 0 : Prot.ownMemory
}

/**
 * The callback of a snapshot's notifier: it maps no page, so it only sets the sequence number,
 * under the update lock, which the snapshot holds while it validates.
 */
const dmirror_snapshot_invalidate = procedure(function* dmirror_snapshot_invalidate(
  _current: Task,
  mirror: Mirror,
  notifier: IntervalNotifier,
  range: NotifierRange,
  curSeq: number,
) {
  if (!(yield* lockForInvalidation(mirror, range))) return 0
  yield* step('set_seq', () => {
    mmu_interval_set_seq(notifier, curSeq)
    return 0
  })
  yield* mirror.updateLock.unlock()
  return 1
})

/** Attaches the snapshot callback of `mirror` to `notifier`. */
export function attachSnapshot(mirror: Mirror, notifier: IntervalNotifier): void {
  notifier.ops = {
    invalidate: procedure(
      `${notifier.name}: invalidate`,
      function* (current: Task, sub: IntervalNotifier, range: NotifierRange, curSeq: number) {
        return yield* dmirror_snapshot_invalidate(current, mirror, sub, range, curSeq)
      },
    ),
    setUnder: mirror.updateLock,
  }
}
