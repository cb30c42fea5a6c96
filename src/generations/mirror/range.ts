/**
 * Ranges of Linux 5.1 to 5.4. They are registered before they are read, and every invalidation that
 * overlaps them marks them invalid.
 *
 * @see reference A.2
 * @module
 */
import { type Mirror, rangeOf } from '../../driver/index.js'
import {
  Errno,
  failRange,
  HMM_PFN_REQ_FAULT,
  HMM_PFN_REQ_WRITE,
  type HmmRange,
  hmm_range_fault,
  hmm_vma_fault,
  hmm_vma_walk_pmd,
  mmget_not_zero,
  mmput,
  mmu_interval_check_retry,
  RangeResult,
  readEntry,
  type Task,
  VM_READ,
  VmaKind,
} from '../../kernel/index.js'
import {
  acting,
  type Override,
  onStep,
  override,
  procedure,
  READ_ONCE,
  type Running,
  step,
} from '../../world/index.js'
import { hmmOf, type TrackedRange, trackedOf, useRange } from './hmm.js'

/** The fault may drop the mmap lock. Then -EAGAIN is returned and the lock is not held. */
export const HMM_FAULT_ALLOW_RETRY = 1
/** Faults nothing in; reports what is present. */
export const HMM_FAULT_SNAPSHOT = 2

/** Pages, and the requests for them. @kernel struct hmm_range */
export interface Pages {
  /** First page. */
  readonly start: number
  /** Page after the last. */
  readonly end: number
  /** `HMM_PFN_REQ_` bits requested for every page. */
  readonly defaultFlags: number
  /** Mask of the bits of `requests` that count. */
  readonly pfnFlagsMask: number
  /** `HMM_PFN_REQ_` bits by page, starting with the first. */
  readonly requests?: readonly number[]
}

/** Requests every page, for writing if `write`. */
export function everyPage(start: number, end: number, write: boolean): Pages {
  return { start, end, defaultFlags: HMM_PFN_REQ_FAULT | (write ? HMM_PFN_REQ_WRITE : 0), pfnFlagsMask: 0 }
}

/**
 * Registers a range, and pins the address space until it is unregistered. The range is valid unless
 * an invalidation is running anywhere in the address space.
 *
 * @returns 0; -EINVAL for no pages; -EFAULT if the address space has no user left
 * @kernel hmm_range_register
 */
export const hmm_range_register = procedure(function* hmm_range_register(
  range: HmmRange,
  start: number,
  end: number,
): Running<number> {
  if (start >= end) return -Errno.EINVAL
  const { mm } = range.notifier
  if (!(yield* mmget_not_zero(mm))) return -Errno.EFAULT
  const hmm = hmmOf(mm)
  const trackedRange = trackedOf(range)
  yield* hmm.rangesLock.critical('put on the list', () => {
    range.start = start
    range.end = end
    trackedRange.listed = true
    useRange(range)
    trackedRange.valid = hmm.notifiers === 0
    return 0
  })
  return 0
})

/**
 * Unregisters a range, and drops its user of the address space. The last user tears the address
 * space down, so the caller must not hold a lock that this takes.
 *
 * @kernel hmm_range_unregister
 */
export const hmm_range_unregister = procedure(function* hmm_range_unregister(
  current: Task,
  range: HmmRange,
): Running<void> {
  const { mm } = range.notifier
  const trackedRange = trackedOf(range)
  yield* hmmOf(mm).rangesLock.critical('take off the list', () => {
    trackedRange.listed = false
    trackedRange.valid = false
    return 0
  })
  yield* mmput(current, mm)
})

/**
 * Waits until no invalidation is running.
 *
 * @returns 1 if the range is valid; 0 on timeout (in the kernel after some milliseconds, here at
 * any moment)
 * @kernel hmm_range_wait_until_valid
 */
export const hmm_range_wait_until_valid = procedure(function* hmm_range_wait_until_valid(
  range: HmmRange,
): Running<number> {
  return yield* hmmOf(range.notifier.mm).wq.waitTimeout(isValid, trackedOf(range))
})

function isValid(trackedRange: TrackedRange): boolean {
  return READ_ONCE(trackedRange).valid
}

/**
 * True (1) if the range is valid: no invalidation that overlaps it is running. Called under the
 * driver's update lock. It does not report an invalidation that has started and ended since the
 * range was read (D55).
 *
 * @kernel hmm_range_valid
 */
export const hmm_range_valid = procedure(function* hmm_range_valid(range: HmmRange): Running<number> {
  return yield* step('look at valid', () => {
    const valid = READ_ONCE(trackedOf(range)).valid
    if (!valid) collide(range)
    else range.notifier.readers.get(acting.thread)?.compared(0)
    return valid ? 1 : 0
  })
})

/** What the walk read is stale. Called inside an atomic step. */
export function collide(range: HmmRange): void {
  range.result = RangeResult.collided
  range.lifecycle.signal('COLLIDED')
}

/**
 * Walks the page table and faults in what is requested. The caller holds the mmap lock for reading,
 * and still holds it afterwards, except after -EAGAIN.
 *
 * @param flags - {@link HMM_FAULT_ALLOW_RETRY}, {@link HMM_FAULT_SNAPSHOT}
 * @returns the number of pages reported, from the first on; -EBUSY if the range is not valid;
 * -EAGAIN if the mmap lock was dropped; -EPERM if the VMA does not permit the requested access;
 * -EFAULT if there is no page that can be mirrored
 * @kernel hmm_range_fault, of Linux 5.3 and 5.4
 */
export const hmmRangeFaultWithFlags = procedure(
  'hmm_range_fault (flags)',
  function* (current: Task, range: HmmRange, pages: Pages, flags: number): Running<number> {
    const asked = flags & HMM_FAULT_SNAPSHOT ? { ...pages, defaultFlags: 0, pfnFlagsMask: 0 } : pages
    if (flags & HMM_FAULT_ALLOW_RETRY)
      yield* step('allow the mmap lock to be dropped', () => {
        trackedOf(range).mayDrop = true
        return 0
      })
    const error = yield* hmm_range_fault(current, range, { ...asked, owner: -1 })
    return error ? error : pages.end - pages.start
  },
)

/** The walk checks `valid`; the reference checks a sequence number. */
const checkValid = override(
  mmu_interval_check_retry,
  () =>
    function* (range, last) {
      return yield* step('look at valid', () => {
        range.last = last
        if (READ_ONCE(trackedOf(range)).valid) return 0
        collide(range)
        return 1
      })
    },
)

/**
 * A page that cannot be read is an error even if it was not requested. Current kernels return an
 * error only if it was requested.
 *
 * @see reference D27
 */
export const strictAreas = onStep(
  hmm_vma_walk_pmd,
  'read an entry',
  (_original, range, request, page) => () => {
    const backing = range.notifier.mm.vma[page].kind
    const error =
      backing === VmaKind.none || backing === VmaKind.pfnmap
        ? Errno.EFAULT
        : range.notifier.mm.vma[page].flags & VM_READ
          ? 0
          : Errno.EPERM
    if (error === 0) return readEntry(range, request, page)
    return failRange(range, error)
  },
)

/**
 * A fault that must wait for a page drops the mmap lock first, if that is allowed. The caller takes
 * the lock again and starts over.
 */
export const dropLock = override(
  hmm_vma_fault,
  (original) =>
    function* (current, range, page, end, need): Running<number> {
      const trackedRange = trackedOf(range)
      const dropped = yield* step('VM_FAULT_RETRY', () => {
        if (!trackedRange.mayDrop || !trackedRange.lockedPages) return 0
        trackedRange.lockedPages = false
        collide(range)
        return 1
      })
      if (!dropped) return yield* original(current, range, page, end, need)
      yield* range.notifier.mm.mmapLock.unlockRead()
      return -Errno.EAGAIN
    },
)

/**
 * Makes the page of the next fault of `current` locked. A fault that must not drop the mmap lock
 * waits with it held.
 */
export const lockNextPage = procedure(
  'the next page is locked',
  function* (current: Task, mirror: Mirror): Running<void> {
    yield* step('lock it', () => {
      trackedOf(rangeOf(mirror, current)).lockedPages = true
      return 0
    })
  },
)

/** The overrides of the walk for Linux 5.3 and 5.4. */
export const walkOf54: readonly Override[] = [checkValid, strictAreas, dropLock]
