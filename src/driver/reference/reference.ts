/**
 * The reference driver: the complete pattern of Documentation/mm/hmm.rst.
 *
 * @see reference B.4
 * @module
 */

import { flushDevice } from '../../device/index.js'
import {
  Errno,
  HMM_PFN_REQ_FAULT,
  HMM_PFN_REQ_WRITE,
  HMM_PFN_WRITE,
  hmm_range_fault,
  isMappable,
  mmget_not_zero,
  mmput,
  mmu_interval_read_begin,
  mmu_interval_read_retry,
  mmu_interval_set_seq,
  type NotifierRange,
  NotifyEvent,
  RangeResult,
  type Task,
} from '../../kernel/index.js'
import { become, choose, claim, procedure, type Running, step } from '../../world/index.js'
import type { Driver } from '../driver.js'
import { endOfRange, serveFault } from '../fault.js'
import { migrateToSystem } from '../memory/device-memory.js'
import { type Mirror, rangeOf } from '../mirror.js'
import { dirtyPages, mapPage, unmapPages } from '../page-table.js'
import { disturb } from './migrate-and-map.js'

/** The request of a driver for a walk. @see reference B.3 */
export interface Wanted {
  /** `HMM_PFN_REQ_` bits requested of every page. */
  readonly defaultFlags: number
  /** `HMM_PFN_REQ_` bits that `requests` may set. */
  readonly pfnFlagsMask: number
  /** `HMM_PFN_REQ_` bits by page, from the first on. */
  readonly requests?: readonly number[]
  /**
   * How often the driver has migrated its own pages back for this request; it gives up after {@link
   * MOST_TRIES}.
   */
  readonly tries?: number
}

/** How often a driver migrates its own read-only pages back for a write before it gives up. */
export const MOST_TRIES = 2

/** Requests no page: the walk reports present pages and faults in none. */
export const SNAPSHOT: Wanted = { defaultFlags: 0, pfnFlagsMask: 0 }

/** A device fault: requests every page. */
export const populate = procedure(function* populate(
  current: Task,
  mirror: Mirror,
  start: number,
  end: number,
  write: boolean,
): Running<number> {
  const defaultFlags = HMM_PFN_REQ_FAULT | (write ? HMM_PFN_REQ_WRITE : 0)
  return yield* become(populatePinned, current, mirror, start, end, { defaultFlags, pfnFlagsMask: 0 })
})

/**
 * Maps the requested pages and those that are present. Holds a reference to the address space
 * meanwhile.
 *
 * @see reference B.4 D0, D8
 */
export const populatePinned = procedure(
  'populate (pinned)',
  function* (current: Task, mirror: Mirror, start: number, end: number, wanted: Wanted): Running<number> {
    if (!(yield* mmget_not_zero(mirror.mm))) return -Errno.EFAULT
    const error = yield* populateOnce(current, mirror, start, end, wanted)
    yield* mmput(current, mirror.mm)
    return error
  },
)

/**
 * One try: reads the page table, then maps the reported pages unless they were invalidated in
 * between.
 *
 * @see reference B.4 D3 to D7
 */
export const populateOnce = procedure(
  'populate (try)',
  function* (current: Task, mirror: Mirror, start: number, end: number, wanted: Wanted): Running<number> {
    const { mm, notifier, updateLock } = mirror
    const range = rangeOf(mirror, current)
    yield* mmu_interval_read_begin(notifier, range.notifierSeq)
    yield* mm.mmapLock.lockRead()
    const error = yield* hmm_range_fault(current, range, {
      start,
      end,
      owner: mirror.owner,
      ...wanted,
    })
    yield* mm.mmapLock.unlockRead()
    if (error === -Errno.EBUSY) return yield* become(populateAgain, current, mirror, start, end, wanted)
    if (error) return error
    yield* updateLock.lock()
    if (yield* mmu_interval_read_retry(notifier, range.notifierSeq)) {
      yield* updateLock.unlock()
      return yield* become(populateAgain, current, mirror, start, end, wanted)
    }
    if (mirror.owner >= 0 && (yield* lacksWrite(current, mirror, start, end, wanted))) {
      yield* updateLock.unlock()
      const tries = (wanted.tries ?? 0) + 1
      if (tries > MOST_TRIES) return -Errno.EBUSY
      yield* migrateToSystem(current, mirror, start, end)
      return yield* become(populateAgain, current, mirror, start, end, { ...wanted, tries })
    }
    const failed = yield* program(current, mirror, start, end)
    yield* updateLock.unlock()
    return failed
  },
)

/**
 * 1 if write was requested for a read-only page of the driver's own memory: the walk reports such a
 * page as is, without a fault (H4). Once it is migrated back to system memory it can be faulted in
 * writable.
 *
 * @see reference B.3.1 note (b)
 */
export const lacksWrite = procedure(
  'populate (look for WRITE)',
  function* (current: Task, mirror: Mirror, start: number, end: number, wanted: Wanted): Running<number> {
    if (!(wanted.defaultFlags & HMM_PFN_REQ_WRITE)) return 0
    const range = rangeOf(mirror, current)
    return yield* step('look for WRITE', () => {
      claim(
        'C49',
        (wanted.tries ?? 0) <= MOST_TRIES,
        `${mirror.name} has brought its own pages back ${wanted.tries} times for one write, and does not give up`,
      )
      for (let page = start; page < end; page++)
        if (isMappable(range, page) && !(range.pfns[page].flags & HMM_PFN_WRITE)) {
          range.result = RangeResult.collided
          range.lifecycle.signal('COLLIDED')
          return 1
        }
      return 0
    })
  },
)

/**
 * Retries unless the timeout has expired.
 *
 * @see reference B.4 D1, D2
 */
export const populateAgain = procedure(
  'populate (again)',
  function* (current: Task, mirror: Mirror, start: number, end: number, wanted: Wanted): Running<number> {
    const expired = yield* choose('HMM_RANGE_DEFAULT_TIMEOUT', ['time is left', 'the time is over'])
    if (expired) return -Errno.EBUSY
    return yield* become(populateOnce, current, mirror, start, end, wanted)
  },
)

/**
 * Populates without a device fault: the pages that `wanted` requests and those that are present. A
 * driver with state of its own does this as in a fault, under its own locks.
 */
export const prefault = procedure(function* prefault(
  current: Task,
  mirror: Mirror,
  start: number,
  end: number,
  wanted: Wanted,
) {
  if (mirror.driver.state)
    return yield* serveFault(current, mirror, start, end, (wanted.defaultFlags & HMM_PFN_REQ_WRITE) !== 0)
  const error = yield* populatePinned(current, mirror, start, end, wanted)
  yield* endOfRange(current, mirror, error)
  return error
})

/**
 * Programs the device page table, one entry in each step: the device may use each at once. Called
 * under the update lock.
 *
 * @returns 0. A driver that allocates memory for its page table may return -ENOMEM: the entries
 * programmed by then are valid
 */
export const program = procedure(
  'program the device',
  function* (current: Task, mirror: Mirror, start: number, end: number): Running<number> {
    const range = rangeOf(mirror, current)
    for (let page = start; page < end; page++)
      yield* step('program an entry', () => {
        if (isMappable(range, page)) mapPage(mirror, range, page)
        return 0
      })
    return 0
  },
)

/**
 * The callback: sets the sequence number, removes the entries, and returns when the device no
 * longer uses them. It ignores an invalidation by which this driver takes exclusive access: the
 * device's entry stays valid, and the fault would otherwise collide with itself each time.
 *
 * @see reference B.4 X2 to X5
 */
export const invalidate = procedure(function* invalidate(
  current: Task,
  mirror: Mirror,
  range: NotifierRange,
  curSeq: number,
) {
  if (isOwnExclusive(mirror, range)) return 1
  if (!(yield* lockForInvalidation(mirror, range))) return 0
  yield* recordAndUnmap(current, mirror, range, curSeq)
  yield* flushDevice(mirror, range)
  yield* mirror.updateLock.unlock()
  return 1
})

/** True if the driver of `mirror` itself takes exclusive access to the pages of `range`. */
function isOwnExclusive({ exclusiveOwner }: Mirror, { event, owner }: NotifierRange): boolean {
  return event === NotifyEvent.EXCLUSIVE && owner >= 0 && owner === exclusiveOwner
}

/** Takes the update lock. Returns 0 if another thread holds it and the range is not blockable. */
export const lockForInvalidation = procedure(
  'invalidate (lock)',
  function* (mirror: Mirror, range: NotifierRange) {
    if (!range.blockable) return yield* mirror.updateLock.trylock()
    yield* mirror.updateLock.lock()
    return 1
  },
)

/**
 * Sets the sequence number and removes the entries. One step: every reader of either holds the
 * update lock.
 */
export const recordAndUnmap = procedure(
  'invalidate (unmap)',
  function* (current: Task, mirror: Mirror, range: NotifierRange, curSeq: number) {
    yield* step('set_seq and unmap', () => {
      mmu_interval_set_seq(mirror.notifier, curSeq)
      dirtyPages(mirror, range)
      // A revoked page table maps no page, and the driver must not change it.
      if (!mirror.ending?.revoked) unmapPages(mirror, range)
      disturb(current, mirror, range)
      return 0
    })
  },
)

/** The correct driver. */
export const referenceDriver: Driver = { name: 'reference', invalidate, fault: populate }
