/**
 * MMU notifiers: whoever is about to change a page table says so first, and says when it is done.
 *
 * @see reference B.1
 * @module
 */
import { procedure, type Running, step } from '../../world/index.js'
import {
  type ClassicNotifier,
  closeRange,
  type MmStruct,
  type NotifierRange,
  NotifyEvent,
  openRange,
  type Task,
} from '../machine.js'
import { mn_hlist_invalidate_end, mn_hlist_invalidate_range_start } from './classic.js'
import { mn_itree_inv_end, mn_itree_invalidate, mn_itree_release } from './interval.js'

export * from './classic.js'
export * from './interval.js'

/** True if anybody watches the address space. */
export function hasNotifiers(mm: MmStruct): boolean {
  return mm.subscriptions.intervals.length > 0 || mm.subscriptions.classics.length > 0
}

/**
 * Says that page-table entries of `range` are about to change. When it returns 0 no device uses them any more, and
 * none will before {@link mmu_notifier_invalidate_range_end}.
 *
 * @returns 0, or -EAGAIN for a range that is not blockable: then nothing is open, and the end must not be said
 * @kernel mmu_notifier_invalidate_range_start
 */
export const mmu_notifier_invalidate_range_start = procedure(function* mmu_notifier_invalidate_range_start(
  current: Task,
  mm: MmStruct,
  range: NotifierRange,
) {
  // Interval notifiers come first: drivers that use both kinds depend on it.
  if (mm.subscriptions.intervals.length > 0) {
    const error = yield* mn_itree_invalidate(current, mm, range)
    if (error) return error
  }
  return mm.subscriptions.classics.length > 0 ? yield* startClassics(current, mm, range) : 0
})

/** Tells the classic notifiers; closes the interval side again if one of them could not start (H3). */
export const startClassics = procedure(
  'mmu_notifier_invalidate_range_start (classic)',
  function* (current: Task, mm: MmStruct, range: NotifierRange) {
    const alone = mm.subscriptions.intervals.length === 0
    if (alone)
      yield* step('enter the range', () => {
        openRange(current, mm, range)
        return 0
      })
    const error = yield* mn_hlist_invalidate_range_start(current, mm, range)
    if (error && !alone) yield* mn_itree_inv_end(current, mm)
    if (error && alone) yield* leaveRange(current)
    return error
  },
)

/**
 * Says that the change is made.
 *
 * @kernel mmu_notifier_invalidate_range_end
 */
export const mmu_notifier_invalidate_range_end = procedure(function* mmu_notifier_invalidate_range_end(
  current: Task,
  mm: MmStruct,
  range: NotifierRange,
) {
  if (mm.subscriptions.intervals.length > 0) yield* mn_itree_inv_end(current, mm)
  else yield* leaveRange(current)
  if (mm.subscriptions.classics.length > 0) yield* mn_hlist_invalidate_end(current, mm, range)
})

/** Without interval notifiers no other step says that the range is left. */
export const leaveRange = procedure('mmu_notifier_range (leave)', function* (current: Task) {
  yield* step('leave the range', () => {
    closeRange(current)
    return 0
  })
})

/**
 * The address space is going away: every watcher drops all it has.
 *
 * @kernel __mmu_notifier_release
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
  for (const classic of mm.subscriptions.classics) yield* releaseClassic(current, classic)
})

const releaseClassic = procedure(
  'mmu_notifier_ops.release',
  function* (current: Task, classic: ClassicNotifier) {
    if (classic.ops.release) yield* classic.ops.release(current, classic)
  },
)

/**
 * Opens a notifier window of ours, if anybody watches `mm`. It cannot fail: everyone on the way may sleep. Part of its
 * caller's text.
 *
 * @param owner - who migrates or takes exclusive access (default nobody)
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

/** Closes the window that {@link invalidateRangeStart} has opened. Part of its caller's text. */
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
