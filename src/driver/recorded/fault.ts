/**
 * The recorded driver's fault handler and callback.
 *
 * @see reference E.1
 * @module
 */

import {
  Errno,
  HMM_PFN_REQ_FAULT,
  HMM_PFN_REQ_WRITE,
  HMM_PFN_WRITE,
  type HmmRange,
  hmm_range_fault,
  hmm_range_fault_unlocked_timeout,
  mmget_not_zero,
  mmput,
  mmu_interval_read_begin,
  mmu_interval_read_retry,
  mmu_interval_set_seq,
  type NotifierRange,
  type Task,
} from '../../kernel/index.js'
import { become, choose, procedure, type Running, step } from '../../world/index.js'
import type { Driver } from '../driver.js'
import { endOfRange, serveFault } from '../fault.js'
import { isOwnMigration, type Mirror, rangeOf } from '../mirror.js'
import { mapPage, unmapPages } from '../page-table.js'
import { lockForInvalidation } from '../reference/reference.js'

/** The chunk, in pages, in which the driver migrates or takes exclusive access. */
export const PAGES_AT_A_TIME = 64

/**
 * Maps the pages from `start` to `end`, writable if `write`. The chunks before one that fails stay
 * mapped.
 *
 * @returns 0; -EFAULT if the address space has no users; or the error of the chunk that failed
 */
export const dmirror_fault = procedure(function* dmirror_fault(
  current: Task,
  mirror: Mirror,
  start: number,
  end: number,
  write: boolean,
): Running<number> {
  if (!(yield* mmget_not_zero(mirror.mm))) return -Errno.EFAULT
  const error = yield* faultPieces(current, mirror, start, end, write)
  yield* mmput(current, mirror.mm)
  return error
})

/**
 * The same for reading, with hmm_range_fault_unlocked_timeout.
 *
 * @kernel dmirror_fault_unlocked
 */
export const dmirror_fault_unlocked = procedure(function* dmirror_fault_unlocked(
  current: Task,
  mirror: Mirror,
  start: number,
  end: number,
): Running<number> {
  if (!(yield* mmget_not_zero(mirror.mm))) return -Errno.EFAULT
  const pages = current.machine.rules.dmirrorPages
  let error = 0
  for (let at = start; at < end && !error; at += pages) {
    error = yield* dmirror_range_fault_unlocked(current, mirror, at, Math.min(at + pages, end))
    yield* endOfRange(current, mirror, error)
  }
  yield* mmput(current, mirror.mm)
  return error
})

/**
 * One chunk: the walk takes and drops its locks itself; its report is mapped unless it was
 * invalidated since.
 */
const dmirror_range_fault_unlocked = procedure(function* dmirror_range_fault_unlocked(
  current: Task,
  mirror: Mirror,
  start: number,
  end: number,
): Running<number> {
  const { notifier, updateLock, owner } = mirror
  const range = rangeOf(mirror, current)
  const error = yield* hmm_range_fault_unlocked_timeout(current, range, {
    start,
    end,
    defaultFlags: HMM_PFN_REQ_FAULT,
    pfnFlagsMask: 0,
    owner,
  })
  if (error) return error
  yield* updateLock.lock()
  if (yield* mmu_interval_read_retry(notifier, range.notifierSeq)) {
    yield* updateLock.unlock()
    return yield* become(dmirror_range_fault_unlocked, current, mirror, start, end)
  }
  const refused = yield* dmirror_do_fault(current, mirror, start, end, false)
  yield* updateLock.unlock()
  return refused
})

const faultPieces = procedure(
  'dmirror_fault (pieces)',
  function* (current: Task, mirror: Mirror, start: number, end: number, write: boolean): Running<number> {
    const next = Math.min(start + current.machine.rules.dmirrorPages, end)
    const error = yield* serveFault(current, mirror, start, next, write)
    if (error || next === end) return error
    return yield* become(faultPieces, current, mirror, next, end, write)
  },
)

/**
 * One chunk: walks the CPU page table, and maps the report unless it was invalidated in between.
 *
 * @see reference B.4
 */
export const dmirror_range_fault = procedure(function* dmirror_range_fault(
  current: Task,
  mirror: Mirror,
  start: number,
  end: number,
  write: boolean,
): Running<number> {
  const { mm, notifier, updateLock } = mirror
  const range = rangeOf(mirror, current)
  yield* mmu_interval_read_begin(notifier, range.notifierSeq)
  yield* mm.mmapLock.lockRead()
  const error = yield* hmm_range_fault(current, range, {
    start,
    end,
    defaultFlags: HMM_PFN_REQ_FAULT | (write ? HMM_PFN_REQ_WRITE : 0),
    pfnFlagsMask: 0,
    owner: mirror.owner,
  })
  yield* mm.mmapLock.unlockRead()
  if (error === -Errno.EBUSY) return yield* become(faultAgain, current, mirror, start, end, write)
  if (error) return error
  yield* updateLock.lock()
  if (yield* mmu_interval_read_retry(notifier, range.notifierSeq)) {
    yield* updateLock.unlock()
    return yield* become(faultAgain, current, mirror, start, end, write)
  }
  const refused = yield* dmirror_do_fault(current, mirror, start, end, write)
  yield* updateLock.unlock()
  return refused
})

const faultAgain = procedure(
  'dmirror_range_fault (again)',
  function* (current: Task, mirror: Mirror, start: number, end: number, write: boolean): Running<number> {
    const expired = yield* choose('HMM_RANGE_DEFAULT_TIMEOUT', ['time is left', 'the time is over'])
    if (expired) return -Errno.EBUSY
    return yield* become(dmirror_range_fault, current, mirror, start, end, write)
  },
)

/**
 * Stores the report of the walk, one entry in each step, under the update lock. A page that is
 * reported writable is mapped writable, even if only read access was requested. For a page in the
 * device's own memory the driver stores the struct page that the walk reports, and does not look up
 * the memory behind it (H16).
 *
 * @returns 0, or -EFAULT at the first page that should be writable and is not
 */
export const dmirror_do_fault = procedure(function* dmirror_do_fault(
  current: Task,
  mirror: Mirror,
  start: number,
  end: number,
  write: boolean,
): Running<number> {
  const range = rangeOf(mirror, current)
  for (let page = start; page < end; page++) {
    const refused = yield* step('store an entry', () => {
      if (write && !(range.pfns[page].flags & HMM_PFN_WRITE)) return 1
      mapPage(mirror, range, page)
      mirror.pageTable[page].unbacked = isOwnMemory(range, page)
      return 0
    })
    if (refused) return -Errno.EFAULT
  }
  return 0
})

/** True if the walk reported a page of the device's own memory. */
function isOwnMemory(range: HmmRange, page: number): boolean {
  return range.ownerOf(range.pfns[page].frame) >= 0
}

/**
 * The callback: sets the sequence number and drops the entries of the range, and also the entry of
 * the page after the last. Its device has no TLB and copies under the update lock, so no access is
 * in progress while the callback holds the lock.
 *
 * It ignores an invalidation by the device's own migration: neither entries nor sequence number
 * change.
 */
export const dmirror_interval_invalidate = procedure(function* dmirror_interval_invalidate(
  _current: Task,
  mirror: Mirror,
  range: NotifierRange,
  curSeq: number,
) {
  if (isOwnMigration(mirror, range)) return 1
  if (!(yield* lockForInvalidation(mirror, range))) return 0
  // One step: every reader of the entries, and every validation of the sequence number, holds the
  // update lock.
  yield* step('set_seq and drop the entries', () => {
    mmu_interval_set_seq(mirror.notifier, curSeq)
    unmapPages(mirror, { start: range.start, end: range.end + 1 })
    return 0
  })
  yield* mirror.updateLock.unlock()
  return 1
})

/** The driver with which the recordings were made, unchanged. */
export const recordedDriver: Driver = {
  name: 'recorded',
  invalidate: dmirror_interval_invalidate,
  fault: dmirror_range_fault,
}
