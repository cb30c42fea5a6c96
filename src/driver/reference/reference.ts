/**
 * The reference driver: the pattern of the kernel's documentation, complete.
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

/** What a driver asks of a walk. @see reference B.3 */
export interface Wanted {
  /** `HMM_PFN_REQ_` bits asked of every page. */
  readonly defaultFlags: number
  /** Which bits of `requests` count. */
  readonly pfnFlagsMask: number
  /** `HMM_PFN_REQ_` bits by page, from the first on. */
  readonly requests?: readonly number[]
  /** How often pages of the driver's own memory were brought back for it; it gives up after {@link MOST_TRIES}. */
  readonly tries?: number
}

/** How often a driver brings its own pages back for a write that they do not allow, before it gives up. */
export const MOST_TRIES = 2

/** Asks for nothing: what is there is told, and nothing is faulted in. */
export const SNAPSHOT: Wanted = { defaultFlags: 0, pfnFlagsMask: 0 }

/** A fault of the device: every page is asked for. */
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
 * Maps what there is of the pages, and what is asked for; pins the address space for as long.
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
 * One try: read the page table, then map what it held, unless it was invalidated in between.
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
 * True (1) if a page of the driver's own memory was asked for to be written and may not be: the walk tells it as it is
 * and faults nothing (H4). Brought back to system memory it can be faulted like any other.
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
 * Tries again, unless the time is over.
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
 * Populates on the driver's own account, without a fault of the device: what `wanted` asks for, and what there is. A driver with
 * state of its own does it as it serves a fault, under its own locks.
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
 * Programs the device page table, an entry a step: the device may use each at once. Called under
 * the update lock.
 *
 * @returns 0; a driver whose page table needs memory may have to answer -ENOMEM, what is programmed
 * by then is valid
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
 * The callback: records the sequence, removes the entries, and returns when the device is done with them. That the
 * driver itself takes a page away from the CPUs passes it by: what the device has of the page stays as it is, and the
 * fault that takes it would otherwise collide with itself every time.
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

/** True if the driver of `mirror` takes the pages of `range` for its device. */
function isOwnExclusive({ exclusiveOwner }: Mirror, { event, owner }: NotifierRange): boolean {
  return event === NotifyEvent.EXCLUSIVE && owner >= 0 && owner === exclusiveOwner
}

/** Takes the update lock: 0 if it is held and the range is not blockable. */
export const lockForInvalidation = procedure(
  'invalidate (lock)',
  function* (mirror: Mirror, range: NotifierRange) {
    if (!range.blockable) return yield* mirror.updateLock.trylock()
    yield* mirror.updateLock.lock()
    return 1
  },
)

/** Records the sequence and removes the entries: one step, since all that look at either hold the update lock. */
export const recordAndUnmap = procedure(
  'invalidate (unmap)',
  function* (current: Task, mirror: Mirror, range: NotifierRange, curSeq: number) {
    yield* step('set_seq and unmap', () => {
      mmu_interval_set_seq(mirror.notifier, curSeq)
      dirtyPages(mirror, range)
      // A page table that is revoked maps nothing, and is not the driver's to change.
      if (!mirror.ending?.revoked) unmapPages(mirror, range)
      disturb(current, mirror, range)
      return 0
    })
  },
)

/** The driver that does everything right. */
export const referenceDriver: Driver = { name: 'reference', invalidate, fault: populate }
