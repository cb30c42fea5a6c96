/**
 * Ranges of Linux 5.1 to 5.4: registered before they are read, and marked by every invalidation that touches them.
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
  override,
  procedure,
  READ_ONCE,
  type Running,
  step,
} from '../../world/index.js'
import { hmmOf, type TrackedRange, trackedOf, useRange } from './hmm.js'

/** The fault may drop the mmap lock: then -EAGAIN is returned, and it is not held any more. */
export const HMM_FAULT_ALLOW_RETRY = 1
/** Nothing is faulted in: what is there is told. */
export const HMM_FAULT_SNAPSHOT = 2

/** Pages, and what is asked of each of them. @kernel struct hmm_range */
export interface Pages {
  /** First page. */
  readonly start: number
  /** Page after the last. */
  readonly end: number
  /** `HMM_PFN_REQ_` bits asked of every page. */
  readonly defaultFlags: number
  /** Which bits of `requests` count. */
  readonly pfnFlagsMask: number
  /** `HMM_PFN_REQ_` bits by page, from the first on. */
  readonly requests?: readonly number[]
}

/** Asks for every page, to be written if `write`. */
export function everyPage(start: number, end: number, write: boolean): Pages {
  return { start, end, defaultFlags: HMM_PFN_REQ_FAULT | (write ? HMM_PFN_REQ_WRITE : 0), pfnFlagsMask: 0 }
}

/**
 * Begins to follow what becomes of the pages, and pins the address space for as long. The range is valid unless
 * something is being invalidated, wherever that is.
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
 * Ends to follow the pages, and gives the address space up: the last user takes it down. Hence no lock may be held that
 * this needs.
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
 * Waits until nothing is being invalidated.
 *
 * @returns 1 if the range is valid; 0 if the time (in the kernel some milliseconds, here any moment) is over
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
 * True (1) if the range is valid: nothing that touches it is being invalidated now. Called under
 * the driver's update lock. It does not say that nothing has been since the range was read (D55).
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

/** What was read may not be used. Called inside an atomic step. */
export function collide(range: HmmRange): void {
  range.result = RangeResult.collided
  range.lifecycle.signal('COLLIDED')
}

/**
 * Reads the page table, and faults in what is asked for. The caller holds the mmap lock for reading, and still does
 * afterwards, except after -EAGAIN.
 *
 * @param flags - {@link HMM_FAULT_ALLOW_RETRY}, {@link HMM_FAULT_SNAPSHOT}
 * @returns how many pages from the first on are told; or -EBUSY if the range is not valid; -EAGAIN if the mmap lock had
 * to be dropped; -EPERM for pages that may not be read, or not written as asked; -EFAULT for what cannot be reached
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

/** The walk looks at `valid` where today's looks at a sequence number. */
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
 * What may not be read is an error, also for who has asked for nothing there. Today only who asked is told so.
 *
 * @see reference D27
 */
export const strictAreas = override(
  hmm_vma_walk_pmd,
  () =>
    function* (range, request, page) {
      return yield* step('read an entry', () => {
        const backing = range.notifier.mm.vma[page].kind
        const error =
          backing === VmaKind.none || backing === VmaKind.pfnmap
            ? Errno.EFAULT
            : range.notifier.mm.vma[page].flags & VM_READ
              ? 0
              : Errno.EPERM
        if (error === 0) return readEntry(range, request, page)
        return failRange(range, error)
      })
    },
)

/** A fault that has to wait for a page drops the mmap lock first, if it may. The caller takes it anew, and starts again. */
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

/** The page that the next fault of `current` meets is locked: who may not drop the mmap lock waits with it held. */
export const lockNextPage = procedure(
  'the next page is locked',
  function* (current: Task, mirror: Mirror): Running<void> {
    yield* step('lock it', () => {
      trackedOf(rangeOf(mirror, current)).lockedPages = true
      return 0
    })
  },
)

/** What the walk of Linux 5.3 and 5.4 has in place of today's. */
export const walkOf54: readonly Override[] = [checkValid, strictAreas, dropLock]
