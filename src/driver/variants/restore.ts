/**
 * A driver that maps invalidated pages again before its device faults: the callback queues a work
 * item, which retries after a collision. A fault waits for it first; a close cancels it.
 *
 * @see amdkfd: `svm_range_restore_work`
 * @module
 */

import { flushDevice } from '../../device/index.js'
import {
  cancel_work_sync,
  Errno,
  flush_work,
  mmu_interval_notifier_remove,
  type NotifierRange,
  NotifyEvent,
  queue_work,
  type Task,
} from '../../kernel/index.js'
import { type Layout, procedure, type RecordOf, type Running, step } from '../../world/index.js'
import { defineDriver } from '../driver.js'
import { endOfRange } from '../fault.js'
import { type Mirror, workOf } from '../mirror.js'
import { dirtyPages, unmapPages } from '../page-table.js'
import {
  lockForInvalidation,
  populate,
  populatePinned,
  recordAndUnmap,
  SNAPSHOT,
} from '../reference/reference.js'

/**
 * The driver's state for each mirror: whether the item may be queued, and the pages to map again.
 */
export const declareRestore = (l: Layout) => ({
  /** Set under the update lock: the item must not be queued any more. */
  closing: l.flag('closing'),
})

/** A mirror of this driver. */
export type RestoringMirror = Mirror<RecordOf<ReturnType<typeof declareRestore>>>

/**
 * A device fault: the restore may have mapped the pages already, but the walk reads them all the
 * same.
 */
export const restoreFault = procedure(
  'restore: fault',
  function* (
    current: Task,
    mirror: RestoringMirror,
    start: number,
    end: number,
    write: boolean,
  ): Running<number> {
    yield* flush_work(workOf(mirror, 'restore'))
    return yield* populate(current, mirror, start, end, write)
  },
)

/** The callback. */
export const restoreInvalidate = procedure(
  'restore: invalidate',
  function* (current: Task, mirror: RestoringMirror, range: NotifierRange, curSeq: number): Running<number> {
    if (!(yield* lockForInvalidation(mirror, range))) return 0
    yield* recordAndUnmap(current, mirror, range, curSeq)
    yield* flushDevice(mirror, range)
    const isOver = yield* step('is there anything to restore?', () => {
      const isEnd = range.event === NotifyEvent.RELEASE || range.event === NotifyEvent.UNMAP
      return mirror.state.closing || isEnd
    })
    if (!isOver) yield* queue_work(workOf(mirror, 'restore'))
    yield* mirror.updateLock.unlock()
    return 1
  },
)

/** The work item: maps the present pages, and queues itself after a collision. */
export const restoreWork = procedure(
  'restore: work',
  function* (current: Task, mirror: RestoringMirror): Running<void> {
    const { start, last } = mirror.notifier
    const error = yield* populatePinned(current, mirror, start, last + 1, SNAPSHOT)
    yield* endOfRange(current, mirror, error)
    if (error === -Errno.EBUSY) yield* queue_work(workOf(mirror, 'restore'))
  },
)

/**
 * The close: once only the item queues itself, it is cancelled; only then the entries of the device
 * are removed.
 */
export const restoreClose = procedure(
  'restore: close',
  function* (_current: Task, mirror: RestoringMirror): Running<void> {
    const { notifier, updateLock, state } = mirror
    const everything = { start: notifier.start, end: notifier.last + 1 }
    yield* updateLock.critical('queue nothing any more', () => {
      state.closing = true
      return 0
    })
    yield* cancel_work_sync(workOf(mirror, 'restore'))
    yield* updateLock.lock()
    yield* step('unmap everything', () => {
      dirtyPages(mirror, everything)
      unmapPages(mirror, everything)
      return 0
    })
    yield* flushDevice(mirror, everything)
    yield* updateLock.unlock()
    yield* mmu_interval_notifier_remove(notifier)
  },
)

/** The driver. */
export const restoreDriver = defineDriver({
  name: 'restore',
  state: declareRestore,
  work: { restore: restoreWork },
  invalidate: restoreInvalidate,
  fault: restoreFault,
  close: restoreClose,
  closedBy: 'last user',
})
