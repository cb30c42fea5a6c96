/**
 * A mirror that is closed while its device may fault. A fault handler looks the mirror up, and is
 * counted until it is done. The device page table is an object of the hardware, and is revoked at
 * the end.
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
 * The device accesses the pages from `page` to `end`, and its faults are handled, if the lookup
 * still finds the mirror. The lookup runs under a lock of the driver that is dropped before the
 * fault is handled, since that may sleep. So the lookup counts the handler.
 *
 * @returns 0, also if the mirror is gone
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
 * Closes the mirror. First it is unlinked, so that no lookup finds it; then it waits for the
 * running handlers; then the device's entries are removed and its page table is revoked; then the
 * notifier is removed; only then the mirror is freed.
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

/** From here on no lookup finds the mirror. */
export const unlink = procedure('unlink the mirror', function* (mirror: Mirror): Running<void> {
  yield* step('unlink', () => {
    endOf(mirror).linked = false
    return 0
  })
})

/** Waits for the handlers that have found the mirror before. */
export const drainHandlers = procedure('drain the handlers', function* (mirror: Mirror): Running<void> {
  yield* step('wait for the handlers', () => (endOf(mirror).handlers > 0 ? BLOCKED : 0))
})

/**
 * Clears the device page table and returns it to the hardware, under the update lock: an
 * invalidation comes before this, or finds the page table revoked and does not access it.
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
