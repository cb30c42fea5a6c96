/**
 * MMU notifiers: the calls that open and close an invalidation around a change of page-table
 * entries.
 *
 * @see reference B.1
 * @module
 */

import {
  closeRange,
  type MmStruct,
  type NotifierRange,
  NotifyEvent,
  openRange,
  type Task,
} from '../../machine/index.js'
import { procedure, type Running, step } from '../../world/index.js'
import { mn_hlist_invalidate_end, mn_hlist_invalidate_range_start } from './classic.js'
import { mn_itree_inv_end, mn_itree_invalidate, mn_itree_release } from './interval.js'

export * from './classic.js'
export * from './interval.js'

/** True if any notifier is registered on the address space. */
export function hasNotifiers(mm: MmStruct): boolean {
  return mm.subscriptions.intervals.length > 0 || mm.subscriptions.classics.length > 0
}

/**
 * Called before page-table entries of `range` change. When it returns 0, no device uses them, and
 * none will until {@link mmu_notifier_invalidate_range_end}.
 *
 * @returns 0; or -EAGAIN for a range that is not blockable: then no invalidation is open, and the
 * caller must not call the end
 * @kernel __mmu_notifier_invalidate_range_start mm/mmu_notifier.c
 * @see reference B.1
 */
export const mmu_notifier_invalidate_range_start = procedure(function* mmu_notifier_invalidate_range_start(
  current: Task,
  mm: MmStruct,
  range: NotifierRange,
) {
  // Interval notifiers are called first: drivers that use both kinds depend on the order.
  if (mm.subscriptions.intervals.length > 0) {
    const refused = yield* mn_itree_invalidate(current, mm, range)
    if (refused) return refused
  }
  if (mm.subscriptions.classics.length === 0) return 0
  // With interval notifiers, mn_itree_inv_start_range has counted it.
  if (mm.subscriptions.intervals.length === 0)
    yield* step('enter the range', () => openRange(current, mm, range))
  const error = yield* mn_hlist_invalidate_range_start(current, mm, range)
  if (!error) return 0
  // The kernel does not do this: it leaves the interval side open (H3).
  if (mm.subscriptions.intervals.length > 0) yield* mn_itree_inv_end(current, mm, range)
  else yield* step('leave the range', () => closeRange(current, mm, range))
  return error
})

/**
 * Called after page-table entries of `range` have changed. Closes the invalidation.
 *
 * @kernel __mmu_notifier_invalidate_range_end mm/mmu_notifier.c
 * @see reference B.1
 */
export const mmu_notifier_invalidate_range_end = procedure(function* mmu_notifier_invalidate_range_end(
  current: Task,
  mm: MmStruct,
  range: NotifierRange,
) {
  if (mm.subscriptions.intervals.length > 0) yield* mn_itree_inv_end(current, mm, range)
  else yield* step('leave the range', () => closeRange(current, mm, range))
  if (mm.subscriptions.classics.length > 0) yield* mn_hlist_invalidate_end(current, mm, range)
})

/**
 * The address space goes away: every driver drops all of its mappings.
 *
 * @kernel __mmu_notifier_release mm/mmu_notifier.c
 * @see reference B.1
 */
export const __mmu_notifier_release = procedure(function* __mmu_notifier_release(
  current: Task,
  mm: MmStruct,
) {
  const everything = {
    start: 0,
    end: current.machine.pages,
    event: NotifyEvent.RELEASE,
    blockable: true,
    owner: -1,
  }
  if (mm.subscriptions.intervals.length > 0) yield* mn_itree_release(current, mm, everything)
  for (const classic of mm.subscriptions.classics)
    if (classic.ops.release) yield* classic.ops.release(current, classic)
})

/**
 * Opens a blockable invalidation if any notifier is registered on `mm`. It cannot fail, since
 * callbacks may sleep. Its steps belong to its caller.
 *
 * @param owner - the owner that migrates or takes exclusive access (default -1: none)
 */
export function* invalidateRangeStart(
  current: Task,
  mm: MmStruct,
  event: NotifyEvent,
  start: number,
  end: number,
  owner = -1,
): Running<void> {
  if (!hasNotifiers(mm)) return
  yield* mmu_notifier_invalidate_range_start(current, mm, { start, end, event, blockable: true, owner })
}

/**
 * Closes the invalidation that {@link invalidateRangeStart} opened. Its steps belong to its caller.
 */
export function* invalidateRangeEnd(
  current: Task,
  mm: MmStruct,
  event: NotifyEvent,
  start: number,
  end: number,
  owner = -1,
): Running<void> {
  if (!hasNotifiers(mm)) return
  yield* mmu_notifier_invalidate_range_end(current, mm, { start, end, event, blockable: true, owner })
}
