/**
 * A driver for Linux 5.3 and 5.4, complete. It follows the pattern of the documentation, with one
 * addition: it records that its callback was called for a range, since `hmm_range_valid` does not
 * report that (D55).
 *
 * @see reference A.2, and seed 004
 * @module
 */
import {
  type Driver,
  dirtyPages,
  endOfRange,
  flushDevice,
  lockForInvalidation,
  type Mirror,
  program,
  rangeOf,
  unmapPages,
} from '../../driver/index.js'
import { Errno, type NotifierRange, type Task } from '../../kernel/index.js'
import { become, procedure, type Running, step } from '../../world/index.js'
import { overlaps, trackedOf } from './hmm.js'
import {
  collide,
  everyPage,
  hmm_range_register,
  hmm_range_unregister,
  hmm_range_valid,
  hmm_range_wait_until_valid,
  hmmRangeFaultWithFlags,
  type Pages,
} from './range.js'

/** A fault of the device: requests every page. */
export const populateEvery = procedure(
  'populate (every page)',
  function* (current: Task, mirror: Mirror, start: number, end: number, write: boolean): Running<number> {
    return yield* become(populateRegistered, current, mirror, everyPage(start, end, write), 0)
  },
)

/** Maps the requested pages and those that are present, in a range that is registered meanwhile. */
export const populateRegistered = procedure(
  'populate (registered)',
  function* (current: Task, mirror: Mirror, pages: Pages, flags: number): Running<number> {
    const range = rangeOf(mirror, current)
    const gone = yield* hmm_range_register(range, pages.start, pages.end)
    if (gone) return gone
    const error = yield* populateValid(current, mirror, pages, flags)
    // Called without locks: this may drop the last user of the address space and tear it down.
    yield* hmm_range_unregister(current, range)
    return error
  },
)

/** Populates without a fault of the device. */
export const prefaultRegistered = procedure(
  'prefault (registered)',
  function* (current: Task, mirror: Mirror, pages: Pages, flags: number): Running<void> {
    const error = yield* populateRegistered(current, mirror, pages, flags)
    yield* endOfRange(current, mirror, error)
  },
)

/**
 * One try: waits until the range is valid, reads it, and maps what was read unless it was
 * invalidated in between. The mmap lock is held until the device is programmed.
 *
 * @returns 0 or an error; -EBUSY if the wait times out
 */
export const populateValid = procedure(
  'populate (try, while valid)',
  function* (current: Task, mirror: Mirror, pages: Pages, flags: number): Running<number> {
    const range = rangeOf(mirror, current)
    const { mmapLock } = mirror.mm
    if (!(yield* hmm_range_wait_until_valid(range))) return -Errno.EBUSY
    yield* beginNote(current, mirror)
    yield* mmapLock.lockRead()
    const told = yield* hmmRangeFaultWithFlags(current, range, pages, flags)
    if (told === -Errno.EAGAIN) return yield* become(populateValid, current, mirror, pages, flags)
    if (told < 0) {
      yield* mmapLock.unlockRead()
      return told === -Errno.EBUSY ? yield* become(populateValid, current, mirror, pages, flags) : told
    }
    yield* mirror.updateLock.lock()
    const isCurrent = yield* mayBeMapped(current, mirror)
    if (isCurrent) yield* program(current, mirror, pages.start, pages.end)
    yield* mirror.updateLock.unlock()
    yield* mmapLock.unlockRead()
    return isCurrent ? 0 : yield* become(populateValid, current, mirror, pages, flags)
  },
)

/** Clears the record of the callback, before the range is read. */
export const beginNote = procedure(
  'populate (begin to take note)',
  function* (current: Task, mirror: Mirror) {
    const trackedRange = trackedOf(rangeOf(mirror, current))
    yield* step('begin to take note', () => {
      trackedRange.touched = false
      return 0
    })
  },
)

/**
 * True (1) if what was read may be mapped: the range is valid, and the callback was not called for
 * it.
 */
export const mayBeMapped = procedure('populate (check)', function* (current: Task, mirror: Mirror) {
  const range = rangeOf(mirror, current)
  const noted = yield* step('was the callback called', () => {
    if (!trackedOf(range).touched) return 0
    collide(range)
    return 1
  })
  return noted ? 0 : yield* hmm_range_valid(range)
})

/**
 * The callback: records the call, removes the device entries, and returns when the device has
 * stopped using the pages.
 */
export const syncCpuDevicePagetables = procedure(function* sync_cpu_device_pagetables(
  _current: Task,
  mirror: Mirror,
  range: NotifierRange,
  _noSequence: number,
): Running<number> {
  if (!(yield* lockForInvalidation(mirror, range))) return 0
  yield* step('take note and unmap', () => {
    for (const own of mirror.ranges.values()) {
      const tracked = trackedOf(own)
      if (overlaps(tracked, range)) tracked.touched = true
    }
    dirtyPages(mirror, range)
    unmapPages(mirror, range)
    return 0
  })
  yield* flushDevice(mirror, range)
  yield* mirror.updateLock.unlock()
  return 1
})

/**
 * The address space is going away. Removes all device entries: every later access of the device
 * faults.
 */
export const release = procedure(function* release(current: Task, mirror: Mirror): Running<void> {
  const everything = { start: 0, end: current.machine.pages }
  yield* mirror.updateLock.lock()
  yield* step('unmap everything', () => {
    dirtyPages(mirror, everything)
    unmapPages(mirror, everything)
    return 0
  })
  yield* flushDevice(mirror, everything)
  yield* mirror.updateLock.unlock()
})

/** A correct driver for Linux 5.3 and 5.4. */
export const driverOf54: Driver = {
  name: 'reference of 5.4',
  invalidate: syncCpuDevicePagetables,
  fault: populateEvery,
  release,
}
