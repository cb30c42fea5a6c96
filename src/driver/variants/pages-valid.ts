/**
 * A driver that keeps the reported pages with a valid flag for each. Walking and binding are two
 * critical sections, and the callback clears the flags of the pages that it invalidates. Other
 * pages of the same notifier stay valid, although their sequence number is old.
 *
 * @see drm_gpusvm: `drm_gpusvm_get_pages`, `drm_gpusvm_range_pages_valid`
 * @module
 */

import { flushDevice } from '../../device/index.js'
import {
  Errno,
  HMM_PFN_ERROR,
  HMM_PFN_REQ_FAULT,
  HMM_PFN_REQ_WRITE,
  HMM_PFN_VALID,
  HMM_PFN_WRITE,
  hmm_range_fault,
  LockRank,
  lastFrame,
  mmget_not_zero,
  mmput,
  mmu_interval_notifier_remove,
  mmu_interval_read_begin,
  mmu_interval_read_retry,
  mmu_interval_set_seq,
  type NotifierRange,
  type Task,
} from '../../kernel/index.js'
import {
  any,
  both,
  exclusive,
  type Layout,
  Mutex,
  procedure,
  type RecordOf,
  type Running,
  RwSemaphore,
  shared,
  step,
} from '../../world/index.js'
import { defineDriver, type FaultAnswer, type MirrorSetting } from '../driver.js'
import { endOfRange } from '../fault.js'
import { type Mirror, rangeOf } from '../mirror.js'
import { dirtyPages, mapPage, unmapPages } from '../page-table.js'

/** Its locks, and the pages that its walks have reported. */
export const declareValidPages = (l: Layout, { size }: MirrorSetting) => {
  const svmLock = new Mutex(l, 'svm_lock', { rank: LockRank.mmap / 2 })
  const notifierLock = new RwSemaphore(l, 'notifier_lock', { rank: LockRank.update })
  // A fault changes them under both locks, the callback under the notifier lock alone.
  const guardedBy = any(exclusive(notifierLock), both(shared(notifierLock), svmLock))
  return {
    svmLock,
    notifierLock,
    pfns: l.array('pages', size.pages, (page) => ({
      flags: page.counter('flags', HMM_PFN_VALID | HMM_PFN_WRITE | HMM_PFN_ERROR, { guardedBy }),
      frame: page.counter('frame', lastFrame(size), { guardedBy }),
      valid: page.flag('valid', { guardedBy }),
    })),
  }
}

/** A mirror of this driver. */
export type PagesValidMirror = Mirror<RecordOf<ReturnType<typeof declareValidPages>>>

/**
 * A device fault: walks unless the pages are known and valid, and binds them. One fault at a time.
 */
export const pagesValidFault = procedure(
  'svm_fault',
  function* (
    current: Task,
    mirror: PagesValidMirror,
    start: number,
    end: number,
    write: boolean,
  ): Running<FaultAnswer> {
    const { svmLock } = mirror.state
    yield* svmLock.lock()
    const answer = (yield* mmget_not_zero(mirror.mm))
      ? yield* findAndBind(current, mirror, start, end, write)
      : -Errno.EFAULT
    yield* svmLock.unlock()
    return answer
  },
)

const findAndBind = procedure(
  'svm_fault (pinned)',
  function* (
    current: Task,
    mirror: PagesValidMirror,
    start: number,
    end: number,
    write: boolean,
  ): Running<FaultAnswer> {
    let answer = yield* bindPages(mirror, start, end, write)
    if (answer === 'again') {
      const error = yield* findPages(current, mirror, start, end, write)
      answer = error ? error : yield* bindPages(mirror, start, end, write)
    }
    yield* mmput(current, mirror.mm)
    return answer === -Errno.EBUSY ? 'again' : answer
  },
)

/**
 * Walks page by page under one sequence number, and keeps the report if no invalidation came
 * meanwhile.
 */
export const findPages = procedure(
  'svm_get_pages',
  function* (
    current: Task,
    mirror: PagesValidMirror,
    start: number,
    end: number,
    write: boolean,
  ): Running<number> {
    const { notifier, state } = mirror
    const range = rangeOf(mirror, current)
    yield* mmu_interval_read_begin(notifier, range.notifierSeq)
    for (let page = start; page < end; page++) {
      const error = yield* walkPage(current, mirror, page, write)
      if (error) return error
    }
    yield* state.notifierLock.lockRead()
    const collided = yield* mmu_interval_read_retry(notifier, range.notifierSeq)
    if (!collided)
      yield* step('keep the pages', () => {
        for (let page = start; page < end; page++) {
          const kept = state.pfns[page]
          kept.flags = range.pfns[page].flags
          kept.frame = range.pfns[page].frame
          kept.valid = true
        }
        return 0
      })
    yield* state.notifierLock.unlockRead()
    if (collided) return -Errno.EBUSY
    yield* endOfRange(current, mirror, 'again')
    return 0
  },
)

const walkPage = procedure(
  'svm_get_pages (walk)',
  function* (current: Task, mirror: PagesValidMirror, page: number, write: boolean): Running<number> {
    const { mmapLock } = mirror.mm
    yield* mmapLock.lockRead()
    const error = yield* hmm_range_fault(current, rangeOf(mirror, current), {
      start: page,
      end: page + 1,
      defaultFlags: HMM_PFN_REQ_FAULT | (write ? HMM_PFN_REQ_WRITE : 0),
      pfnFlagsMask: 0,
      owner: -1,
    })
    yield* mmapLock.unlockRead()
    return error
  },
)

/** Programs the device with the kept pages, under the notifier lock, if all of them are valid. */
export const bindPages = procedure(
  'svm_bind',
  function* (mirror: PagesValidMirror, start: number, end: number, write: boolean): Running<FaultAnswer> {
    const { notifierLock, pfns } = mirror.state
    yield* notifierLock.lockRead()
    const areValid = yield* step('range_pages_valid', () => {
      for (let page = start; page < end; page++)
        if (!pfns[page].valid || (write && !(pfns[page].flags & HMM_PFN_WRITE))) return 0
      return 1
    })
    if (areValid) for (let page = start; page < end; page++) yield* bindPage(mirror, page)
    yield* notifierLock.unlockRead()
    return areValid ? 'mapped' : 'again'
  },
)

/** Programs one entry. */
export const bindPage = procedure(
  'svm_bind (page)',
  function* (mirror: PagesValidMirror, page: number): Running<void> {
    yield* step('program an entry', () => {
      mapPage(mirror, mirror.state, page)
      return 0
    })
  },
)

/** The callback. */
export const pagesValidInvalidate = procedure(
  'svm_invalidate',
  function* (
    _current: Task,
    mirror: PagesValidMirror,
    range: NotifierRange,
    curSeq: number,
  ): Running<number> {
    const { notifierLock } = mirror.state
    if (range.blockable) yield* notifierLock.lockWrite()
    else if (!(yield* notifierLock.trylockWrite())) return 0
    yield* removePages(mirror, range, curSeq)
    yield* flushDevice(mirror, range)
    yield* notifierLock.unlockWrite()
    return 1
  },
)

/**
 * Sets the sequence number, clears the flags, and removes the entries. One step: the notifier lock
 * is held exclusively.
 */
export const removePages = procedure(
  'svm_invalidate (remove)',
  function* (mirror: PagesValidMirror, range: NotifierRange, curSeq: number): Running<void> {
    yield* step('set_seq, clear the flags and unmap', () => {
      mmu_interval_set_seq(mirror.notifier, curSeq)
      forgetPages(mirror, range)
      dirtyPages(mirror, range)
      unmapPages(mirror, range)
      return 0
    })
  },
)

function forgetPages(
  { state }: PagesValidMirror,
  { start, end }: Pick<NotifierRange, 'start' | 'end'>,
): void {
  for (const kept of state.pfns.slice(start, end)) {
    kept.flags = 0
    kept.frame = 0
    kept.valid = false
  }
}

/** Closes the mirror: removes its entries as the callback does, then removes the notifier. */
export const pagesValidClose = procedure(
  'svm_fini',
  function* (_current: Task, mirror: PagesValidMirror): Running<void> {
    const { notifierLock } = mirror.state
    const everything = { start: mirror.notifier.start, end: mirror.notifier.last + 1 }
    yield* notifierLock.lockWrite()
    yield* step('unmap everything', () => {
      forgetPages(mirror, everything)
      dirtyPages(mirror, everything)
      unmapPages(mirror, everything)
      return 0
    })
    yield* flushDevice(mirror, everything)
    yield* notifierLock.unlockWrite()
    yield* mmu_interval_notifier_remove(mirror.notifier)
  },
)

/** The driver: a page may be bound while its valid flag is set. */
export const pagesValidDriver = defineDriver({
  name: 'pages valid',
  state: declareValidPages,
  pageTable: ({ svmLock, notifierLock }) => ({
    program: both(shared(notifierLock), svmLock),
    remove: exclusive(notifierLock),
  }),
  mayBind: ({ state }: PagesValidMirror, page: number) => state.pfns[page].valid,
  invalidate: pagesValidInvalidate,
  fault: pagesValidFault,
  close: pagesValidClose,
  closedBy: 'last user',
})
