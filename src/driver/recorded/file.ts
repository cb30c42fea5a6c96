/**
 * Opening and closing the recorded driver's device file.
 *
 * @see reference E.1
 * @module
 */

import { mmu_interval_notifier_insert, mmu_interval_notifier_remove, type Task } from '../../kernel/index.js'
import { procedure, type Running, step } from '../../world/index.js'
import type { Mirror } from '../mirror.js'
import { unmapPages } from '../page-table.js'
import { type DmirrorDevice, dmirror_device_evict_chunk, failingOf } from './memory.js'

/**
 * Starts to mirror the opener's address space: inserts one notifier over all of it.
 *
 * @returns 0, or -EINVAL if the address space has no users
 */
export const dmirror_fops_open = procedure(function* dmirror_fops_open(mirror: Mirror): Running<number> {
  return yield* mmu_interval_notifier_insert(mirror.notifier)
})

/**
 * Stops mirroring. Evicts every page of the device's memory, including those of other processes.
 *
 * @param device - the device's memory; absent if it has none
 */
export const dmirror_fops_release = procedure(function* dmirror_fops_release(
  current: Task,
  mirror: Mirror,
  device?: DmirrorDevice,
): Running<number> {
  yield* mmu_interval_notifier_remove(mirror.notifier)
  // No other thread uses the file any more. The lock is taken because the entries are declared to
  // be guarded by it.
  yield* mirror.updateLock.critical('drop every entry', () => {
    unmapPages(mirror, { start: mirror.notifier.start, end: mirror.notifier.last + 1 })
    return 0
  })
  if (device) yield* dmirror_device_evict_chunk(current, device)
  yield* step('free the mirror', () => {
    mirror.notifier.allocated = false
    // The next file starts without its flags.
    const failing = failingOf(mirror)
    if (failing) failing.failsNext = false
    return 0
  })
  return 0
})
