/**
 * A driver that calls mmu_interval_read_retry twice: after the walk, to stop early if its report is
 * stale, and again when it programs the device, since it dropped its lock in between. It keeps the
 * range with its sequence number.
 *
 * @see xe: `xe_vma_userptr_pin_pages`, `xe_pt_userptr_pre_commit`
 * @module
 */
import {
  Errno,
  HMM_PFN_REQ_FAULT,
  HMM_PFN_REQ_WRITE,
  hmm_range_fault,
  mmget_not_zero,
  mmput,
  mmu_interval_read_begin,
  mmu_interval_read_retry,
  type Task,
} from '../../kernel/index.js'
import { procedure, type Running } from '../../world/index.js'
import type { Driver, FaultAnswer } from '../driver.js'
import { type Mirror, rangeOf } from '../mirror.js'
import { invalidate, program } from '../reference/reference.js'

/**
 * A device fault: walks, then binds the pages in a separate critical section. After a collision the
 * device faults again.
 */
export const findThenBind = procedure(
  'fault (find, then bind)',
  function* (
    current: Task,
    mirror: Mirror,
    start: number,
    end: number,
    write: boolean,
  ): Running<FaultAnswer> {
    if (!(yield* mmget_not_zero(mirror.mm))) return -Errno.EFAULT
    let error = yield* findPages(current, mirror, start, end, write)
    if (!error) error = yield* inSection(current, mirror, 0, 0)
    if (!error) error = yield* inSection(current, mirror, start, end)
    yield* mmput(current, mirror.mm)
    return error === -Errno.EBUSY ? 'again' : error
  },
)

const findPages = procedure(
  'fault (find)',
  function* (current: Task, mirror: Mirror, start: number, end: number, write: boolean): Running<number> {
    const { mm, notifier } = mirror
    const range = rangeOf(mirror, current)
    yield* mmu_interval_read_begin(notifier, range.notifierSeq)
    yield* mm.mmapLock.lockRead()
    const error = yield* hmm_range_fault(current, range, {
      start,
      end,
      defaultFlags: HMM_PFN_REQ_FAULT | (write ? HMM_PFN_REQ_WRITE : 0),
      pfnFlagsMask: 0,
      owner: -1,
    })
    yield* mm.mmapLock.unlockRead()
    return error
  },
)

/**
 * Under the lock: returns -EBUSY if the pages are stale; otherwise programs the pages from `start`
 * to `end`, of which there may be none.
 */
const inSection = procedure(
  'fault (compare, and program)',
  function* (current: Task, mirror: Mirror, start: number, end: number): Running<number> {
    yield* mirror.updateLock.lock()
    const stale = yield* mmu_interval_read_retry(mirror.notifier, rangeOf(mirror, current).notifierSeq)
    const error = stale ? -Errno.EBUSY : yield* program(current, mirror, start, end)
    yield* mirror.updateLock.unlock()
    return error
  },
)

/** The driver. */
export const compareTwiceDriver: Driver = { name: 'compare twice', invalidate, fault: findThenBind }
