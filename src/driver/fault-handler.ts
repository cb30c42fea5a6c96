/**
 * A mirror that is closed while its device may fault: who handles a fault finds the mirror by a lookup, and has it for as
 * long as that takes; and the page table of the device is an object of the hardware, which ends when it is revoked.
 *
 * @see reference D17, D35
 * @module
 */

import { flushDevice } from '../device/index.js'
import { mmu_interval_notifier_remove, type Task } from '../kernel/index.js'
import { BLOCKED, procedure, type Running, step } from '../world/index.js'
import { deviceAccess } from './fault.js'
import { freeDriverObject, type Mirror, type MirrorEnd } from './mirror.js'
import { unmapPages } from './page-table.js'

/**
 * The device accesses the pages from `page` to `end`, and its faults are handled, if the mirror is still there. The lookup
 * is under a lock of the driver's that is dropped before the fault is handled, which may sleep: so it counts the handler.
 *
 * @returns 0; also if there is no mirror any more
 */
export const handleFaults = procedure(
  'handle faults',
  function* (current: Task, mirror: Mirror, page: number, end: number, value?: number): Running<number> {
    const ending = endOf(mirror)
    const found = yield* step('look the mirror up', () => {
      if (!ending.linked) return 0
      ending.handlers += 1
      return 1
    })
    if (!found) return 0
    yield* deviceAccess(current, mirror, page, end, value)
    yield* step('let the mirror go', () => {
      ending.handlers -= 1
      return 0
    })
    return 0
  },
)

/**
 * Closes the mirror. First nobody finds it any more; then those who have found it end; then the device loses what it maps,
 * and its page table is revoked; then nobody tells of changes; and only then it is freed.
 */
export const closeWhileFaulting = procedure(
  'close a mirror in use',
  function* (_current: Task, mirror: Mirror): Running<void> {
    yield* unlink(mirror)
    yield* drainHandlers(mirror)
    yield* revokePageTable(mirror)
    yield* mmu_interval_notifier_remove(mirror.notifier)
    yield* step('free the mirror', () => {
      freeDriverObject(mirror)
      return 0
    })
  },
)

/** Nobody finds the mirror from now on. */
export const unlink = procedure('unlink the mirror', function* (mirror: Mirror): Running<void> {
  yield* step('unlink', () => {
    endOf(mirror).linked = false
    return 0
  })
})

/** Waits for those who have found it before. */
export const drainHandlers = procedure('drain the handlers', function* (mirror: Mirror): Running<void> {
  yield* step('wait for the handlers', () => (endOf(mirror).handlers > 0 ? BLOCKED : 0))
})

/**
 * Empties the device's page table and gives it back to the hardware: under the update lock, so that an invalidation
 * comes before, or finds it revoked and leaves it alone.
 */
export const revokePageTable = procedure('revoke the page table', function* (mirror: Mirror): Running<void> {
  const everything = { start: mirror.notifier.start, end: mirror.notifier.last + 1 }
  yield* mirror.updateLock.lock()
  yield* step('unmap everything', () => {
    unmapPages(mirror, everything)
    return 0
  })
  yield* flushDevice(mirror, everything)
  yield* step('revoke', () => {
    endOf(mirror).revoked = true
    return 0
  })
  yield* mirror.updateLock.unlock()
})

function endOf({ name, ending }: Mirror): MirrorEnd {
  if (ending === undefined) throw new Error(`${name} is closed, and was not declared to be`)
  return ending
}
