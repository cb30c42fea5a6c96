/**
 * A driver that compares the number twice: when it has found the pages, so that it need not go on with stale ones, and again when it
 * programs the device, since it has dropped its lock in between. The range, with its number, is kept.
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

/** A fault: finds the pages and, in a section of its own, binds them. After a collision the device faults again. */
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

/** Under the lock: -EBUSY if the pages are stale; else programs those from `start` to `end`, of which there may be none. */
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
