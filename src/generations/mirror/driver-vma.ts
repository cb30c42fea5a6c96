/**
 * A driver for Linux 4.17 to 5.0. It looks up the VMA itself, and populates one VMA at a time.
 *
 * @see reference A.1, and seed 002
 * @module
 */
import {
  type Driver,
  dirtyPages,
  flushDevice,
  lockForInvalidation,
  type Mirror,
  program,
  rangeOf,
  unmapPages,
} from '../../driver/index.js'
import {
  areaEnd,
  Errno,
  mmget_not_zero,
  mmput,
  type NotifierRange,
  type Task,
  VM_WRITE,
  VmaKind,
} from '../../kernel/index.js'
import { become, procedure, type Running, step } from '../../world/index.js'
import { release } from './driver.js'
import { everyPage } from './range.js'
import { hmm_vma_range_done, hmmVmaFaultBlocking } from './vma.js'

/**
 * A fault of the device. It populates the part of the range in the first VMA; the device faults
 * again for the rest.
 */
export const populateVma = procedure(
  'populate (area)',
  function* (current: Task, mirror: Mirror, start: number, end: number, write: boolean): Running<number> {
    if (!(yield* mmget_not_zero(mirror.mm))) return -Errno.EFAULT
    const error = yield* populateVmaOnce(current, mirror, start, end, write)
    yield* mmput(current, mirror.mm)
    return error
  },
)

/**
 * One try. The mmap lock is held until the device is programmed, unless the walk had to drop it.
 */
export const populateVmaOnce = procedure(
  'populate (try, area)',
  function* (current: Task, mirror: Mirror, start: number, end: number, write: boolean): Running<number> {
    const range = rangeOf(mirror, current)
    const { mmapLock } = mirror.mm
    yield* mmapLock.lockRead()
    const areaEnd = yield* findArea(mirror, start, end, write)
    if (areaEnd < 0) {
      yield* mmapLock.unlockRead()
      return areaEnd
    }
    const error = yield* hmmVmaFaultBlocking(current, range, everyPage(start, areaEnd, write))
    if (error === -Errno.EBUSY) return yield* become(populateVmaOnce, current, mirror, start, end, write)
    if (error) {
      yield* mmapLock.unlockRead()
      return error
    }
    yield* mirror.updateLock.lock()
    const done = yield* hmm_vma_range_done(range)
    if (done) yield* program(current, mirror, start, areaEnd)
    yield* mirror.updateLock.unlock()
    yield* mmapLock.unlockRead()
    return done ? 0 : yield* become(populateVmaOnce, current, mirror, start, end, write)
  },
)

/**
 * Looks up the VMA and its end, and checks its access rights. Without the check a write request to
 * a read-only VMA would fault for ever (D19).
 *
 * @returns the page after the last one in the VMA, -EFAULT or -EPERM
 * @kernel find_vma
 */
export const findArea = procedure(
  'populate (find_vma)',
  function* (mirror: Mirror, start: number, end: number, write: boolean): Running<number> {
    const { mm } = mirror
    return yield* step('look up the area', () => {
      if (mm.vma[start].kind === VmaKind.none) return -Errno.EFAULT
      if (write && !(mm.vma[start].flags & VM_WRITE)) return -Errno.EPERM
      return areaEnd(mm, start, end)
    })
  },
)

/**
 * The callback: removes the device entries, and returns when the device has stopped using the
 * pages.
 */
export const syncRange = procedure(
  'sync_cpu_device_pagetables (range)',
  function* (_current: Task, mirror: Mirror, range: NotifierRange, _noSequence: number): Running<number> {
    if (!(yield* lockForInvalidation(mirror, range))) return 0
    yield* step('unmap', () => {
      dirtyPages(mirror, range)
      unmapPages(mirror, range)
      return 0
    })
    yield* flushDevice(mirror, range)
    yield* mirror.updateLock.unlock()
    return 1
  },
)

/** A driver for Linux 4.17 to 5.0, as correct as the API allows. */
export const driverOfVma: Driver = {
  name: 'reference of 4.17',
  invalidate: syncRange,
  fault: populateVma,
  release,
}
