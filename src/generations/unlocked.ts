/**
 * A driver of the newest kernels: its walk takes the mmap lock itself, and drops it before each
 * fault.
 *
 * @see reference A.5
 * @module
 */
import { type Driver, type Mirror, program, rangeOf, referenceDriver } from '../driver/index.js'
import {
  Errno,
  HMM_PFN_REQ_FAULT,
  HMM_PFN_REQ_WRITE,
  hmm_range_fault_unlocked_timeout,
  mmget_not_zero,
  mmput,
  mmu_interval_read_retry,
  type Task,
} from '../kernel/index.js'
import { become, choose, procedure, type Running } from '../world/index.js'

/**
 * A fault of the device. It maps what the walk read, unless an invalidation made that stale. Then
 * it starts over, until the timeout expires.
 */
const populateUnlocked = procedure(
  'populate (unlocked)',
  function* (current: Task, mirror: Mirror, start: number, end: number, write: boolean): Running<number> {
    if (!(yield* mmget_not_zero(mirror.mm))) return -Errno.EFAULT
    const error = yield* populateUnlockedOnce(current, mirror, start, end, write)
    yield* mmput(current, mirror.mm)
    return error
  },
)

/** One try. */
const populateUnlockedOnce = procedure(
  'populate (try, unlocked)',
  function* (current: Task, mirror: Mirror, start: number, end: number, write: boolean): Running<number> {
    const { notifier, owner, updateLock } = mirror
    const defaultFlags = HMM_PFN_REQ_FAULT | (write ? HMM_PFN_REQ_WRITE : 0)
    const range = rangeOf(mirror, current)
    const error = yield* hmm_range_fault_unlocked_timeout(current, range, {
      start,
      end,
      owner,
      defaultFlags,
      pfnFlagsMask: 0,
    })
    if (error) return error
    yield* updateLock.lock()
    const overtaken = yield* mmu_interval_read_retry(notifier, range.notifierSeq)
    if (!overtaken) yield* program(current, mirror, start, end)
    yield* updateLock.unlock()
    if (!overtaken) return 0
    const expired = yield* choose('HMM_RANGE_DEFAULT_TIMEOUT', ['time is left', 'the time is over'])
    return expired ? -Errno.EBUSY : yield* become(populateUnlockedOnce, current, mirror, start, end, write)
  },
)

/** A driver whose walks take the mmap lock themselves. */
export const unlockedDriver: Driver = {
  ...referenceDriver,
  name: 'reference, unlocked',
  fault: populateUnlocked,
}
