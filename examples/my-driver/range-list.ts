/**
 * A driver with objects of its own: a list of ranges, each a page with a flag that says whether what was found of it is still
 * valid, and a work item that frees the ranges of what the process has unmapped. Its callback clears the flags and queues the
 * item; its close flushes it.
 */
import {
  defineDriver,
  dirtyPages,
  endOfRange,
  type FaultAnswer,
  flushDevice,
  type Mirror,
  type MirrorSetting,
  mapPage,
  rangeOf,
  unmapPages,
  workOf,
} from 'hmm-spec/driver'
import {
  Errno,
  flush_work,
  HMM_PFN_ERROR,
  HMM_PFN_VALID,
  HMM_PFN_WRITE,
  LockRank,
  lastFrame,
  mmget_not_zero,
  mmput,
  mmu_interval_notifier_remove,
  mmu_interval_read_begin,
  mmu_interval_read_retry,
  mmu_interval_set_seq,
  type NotifierRange,
  NotifyEvent,
  queue_work,
  type Task,
} from 'hmm-spec/kernel'
import {
  any,
  both,
  exclusive,
  type Layout,
  List,
  Mutex,
  Pool,
  procedure,
  type RecordOf,
  type Running,
  RwSemaphore,
  Spinlock,
  shared,
  step,
} from 'hmm-spec/world'
import { walkPage } from './driver.js'

/** What the driver keeps for each mirror. */
const declareState = (l: Layout, { size }: MirrorSetting) => {
  const svmLock = new Mutex(l, 'svm_lock', { rank: LockRank.mmap / 2 })
  const notifierLock = new RwSemaphore(l, 'notifier_lock', { rank: LockRank.update })
  const garbageLock = new Spinlock(l, 'garbage_lock', { rank: LockRank.update + 1 })
  // Faults change a range under both, the callback under the notifier lock alone.
  const guardedBy = any(exclusive(notifierLock), both(shared(notifierLock), svmLock))
  const pool = new Pool(l, 'range', size.pages, (range) => ({
    page: range.counter('page', size.pages),
    flags: range.counter('flags', HMM_PFN_VALID | HMM_PFN_WRITE | HMM_PFN_ERROR, { guardedBy }),
    frame: range.counter('frame', lastFrame(size), { guardedBy }),
    valid: range.flag('valid', { guardedBy }),
    unmapped: range.flag('unmapped', { guardedBy }),
  }))
  return {
    svmLock,
    notifierLock,
    garbageLock,
    pool,
    ranges: new List(l, 'ranges', pool, { guardedBy }),
    garbage: new List(l, 'garbage', pool, { guardedBy: garbageLock }),
    closed: l.flag('closed', { guardedBy: svmLock }),
  }
}

/** A mirror of this driver. */
export type Svm = Mirror<RecordOf<ReturnType<typeof declareState>>>

/** A range of it. */
export type Range = Svm['state']['pool']['objects'][number]

/** The range of `page`, if there is one. Part of a step, under the lock of the list. */
function rangeAt({ state }: Svm, page: number): Range | undefined {
  return state.ranges.items.find((range) => range.page === page)
}

/** A fault: one at a time. Ranges of what was unmapped are freed first, so that none is found. */
const fault = procedure(function* svm_fault(
  current: Task,
  svm: Svm,
  start: number,
  end: number,
  write: boolean,
): Running<FaultAnswer> {
  const { svmLock } = svm.state
  yield* svmLock.lock()
  const isOpen = yield* step('is it open?', () => !svm.state.closed)
  let answer: FaultAnswer = -Errno.EFAULT
  if (isOpen && (yield* mmget_not_zero(svm.mm))) {
    yield* collectGarbage(svm)
    answer = 'mapped'
    for (let page = start; page < end && answer === 'mapped'; page++)
      answer = yield* mapOnePage(current, svm, page, write)
    yield* mmput(current, svm.mm)
  }
  yield* svmLock.unlock()
  return answer
})

/** Finds or makes the range of the page, finds its page unless that is known and valid, and programs the device with it. */
const mapOnePage = procedure(function* svm_map_page(
  current: Task,
  svm: Svm,
  page: number,
  write: boolean,
): Running<FaultAnswer> {
  const { notifierLock } = svm.state
  yield* notifierLock.lockRead()
  const range = yield* step('find or insert the range', () => findOrInsert(svm, page))
  yield* notifierLock.unlockRead()
  if (range === 'no room') return -Errno.ENOMEM
  const answer = yield* bindRange(svm, range, write)
  if (answer === 'mapped') return answer
  const error = yield* getPages(current, svm, range, write)
  if (error) return error === -Errno.EBUSY ? 'again' : error
  return yield* bindRange(svm, range, write)
})

function findOrInsert(svm: Svm, page: number): Range | 'no room' {
  const { pool, ranges } = svm.state
  const found = rangeAt(svm, page)
  if (found !== undefined) return found
  const range = pool.allocate((made) => {
    made.page = page
  })
  if (range === undefined) return 'no room'
  ranges.addTail(range)
  return range
}

/** Walks, and keeps what was found if nothing was invalidated meanwhile. */
const getPages = procedure(function* svm_get_pages(
  current: Task,
  svm: Svm,
  range: Range,
  write: boolean,
): Running<number> {
  const { notifier, state } = svm
  const walk = rangeOf(svm, current)
  const page = yield* step('its page', () => range.page)
  yield* mmu_interval_read_begin(notifier, walk.notifierSeq)
  const error = yield* walkPage(current, svm, { page, write })
  if (error) return error
  yield* state.notifierLock.lockRead()
  const collided = yield* mmu_interval_read_retry(notifier, walk.notifierSeq)
  if (!collided)
    yield* step('keep the page', () => {
      range.flags = walk.pfns[page].flags
      range.frame = walk.pfns[page].frame
      range.valid = true
      return 0
    })
  yield* state.notifierLock.unlockRead()
  if (collided) return -Errno.EBUSY
  yield* endOfRange(current, svm, 'again')
  return 0
})

/** Programs the device with the page of the range, if it is valid. */
export const bindRange = procedure(function* svm_bind(
  svm: Svm,
  range: Range,
  write: boolean,
): Running<FaultAnswer> {
  const { notifierLock } = svm.state
  yield* notifierLock.lockRead()
  const isValid = yield* step('range_is_valid', () => isUsable(range, write))
  if (isValid) yield* programRange(svm, range)
  yield* notifierLock.unlockRead()
  return isValid ? 'mapped' : 'again'
})

/** True if the page of the range may be used as is wanted. Part of a step, under the notifier lock. */
export function isUsable({ valid, flags }: Range, write: boolean): boolean {
  return valid && (!write || (flags & HMM_PFN_WRITE) !== 0)
}

/** Programs one entry. The caller holds the notifier lock. */
export const programRange = procedure(function* svm_program(svm: Svm, range: Range): Running<void> {
  yield* step('program the entry', () => {
    mapPage(svm, { pfns: { [range.page]: range } }, range.page)
    return 0
  })
})

/** The callback. */
const invalidate = procedure(function* svm_invalidate(
  _current: Task,
  svm: Svm,
  mmuRange: NotifierRange,
  curSeq: number,
): Running<number> {
  const { notifierLock, garbageLock, garbage } = svm.state
  if (mmuRange.blockable) yield* notifierLock.lockWrite()
  else if (!(yield* notifierLock.trylockWrite())) return 0
  const unmapped = yield* step('set_seq, clear the flags and unmap', () => {
    mmu_interval_set_seq(svm.notifier, curSeq)
    zapRanges(svm, mmuRange)
    return mmuRange.event === NotifyEvent.UNMAP ? markUnmapped(svm, mmuRange) : []
  })
  yield* flushDevice(svm, mmuRange)
  if (unmapped.length > 0) {
    yield* garbageLock.critical('add the ranges to the garbage', () => {
      for (const range of unmapped) garbage.addTail(range)
      return 0
    })
    yield* queue_work(workOf(svm, 'garbageCollector'))
  }
  yield* notifierLock.unlockWrite()
  return 1
})

/** The ranges of the pages from `start` to `end`. Part of a step, under the lock of the list. */
function rangesIn({ state }: Svm, { start, end }: Pick<NotifierRange, 'start' | 'end'>): Range[] {
  return state.ranges.items.filter(({ page }) => start <= page && page < end)
}

/** The device maps none of the pages any more. Part of a step, under the notifier lock held for writing. */
function zapRanges(svm: Svm, pages: Pick<NotifierRange, 'start' | 'end'>): void {
  for (const range of rangesIn(svm, pages)) range.valid = false
  dirtyPages(svm, pages)
  unmapPages(svm, pages)
}

/**
 * Marks the ranges of pages that the process unmaps. Part of a step, under the notifier lock held for writing.
 *
 * @returns those that were not marked before: the others are garbage already, or being collected
 */
function markUnmapped(svm: Svm, pages: Pick<NotifierRange, 'start' | 'end'>): Range[] {
  const marked = rangesIn(svm, pages).filter(({ unmapped }) => !unmapped)
  for (const range of marked) range.unmapped = true
  return marked
}

/** Frees the ranges of what was unmapped. The caller holds the svm lock. */
export const collectGarbage = procedure(function* svm_garbage_collector(svm: Svm): Running<void> {
  const { garbageLock, garbage } = svm.state
  for (let i = 0; i < svm.state.pool.objects.length; i++) {
    const range = yield* garbageLock.critical('take a range', () => {
      const { first } = garbage
      if (first !== undefined) garbage.remove(first)
      return first ?? 'none'
    })
    if (range === 'none') return
    yield* removeRange(svm, range)
  }
})

/** The range is on no list any more, and freed. The caller holds the svm lock. */
export const removeRange = procedure(function* svm_range_remove(svm: Svm, range: Range): Running<void> {
  const { notifierLock, pool, ranges } = svm.state
  yield* notifierLock.lockRead()
  yield* step('remove the range, and put it', () => {
    ranges.remove(range)
    pool.put(range)
    return 0
  })
  yield* notifierLock.unlockRead()
})

/** The work item. */
export const garbageWork = procedure(function* svm_garbage_collector_work(
  _current: Task,
  svm: Svm,
): Running<void> {
  yield* svm.state.svmLock.lock()
  yield* collectGarbage(svm)
  yield* svm.state.svmLock.unlock()
})

/** The device maps nothing any more, and no fault maps anything. */
export const shutDown = procedure(function* svm_shut_down(svm: Svm): Running<void> {
  const { svmLock, notifierLock } = svm.state
  const everything = { start: svm.notifier.start, end: svm.notifier.last + 1 }
  yield* svmLock.lock()
  yield* notifierLock.lockWrite()
  yield* step('close, and unmap everything', () => {
    svm.state.closed = true
    zapRanges(svm, everything)
    return 0
  })
  yield* flushDevice(svm, everything)
  yield* notifierLock.unlockWrite()
  yield* svmLock.unlock()
})

/** Frees the ranges that are left. */
export const freeRanges = procedure(function* svm_free_ranges(svm: Svm): Running<void> {
  const { svmLock, notifierLock, pool, ranges } = svm.state
  yield* svmLock.lock()
  yield* notifierLock.lockRead()
  yield* step('remove all ranges, and put them', () => {
    for (const range of ranges.items) {
      ranges.remove(range)
      pool.put(range)
    }
    return 0
  })
  yield* notifierLock.unlockRead()
  yield* svmLock.unlock()
})

/** Closes the mirror: once the notifier is removed nobody queues the item any more, and a flush leaves none. */
export const close = procedure(function* svm_fini(_current: Task, svm: Svm): Running<void> {
  yield* shutDown(svm)
  yield* mmu_interval_notifier_remove(svm.notifier)
  yield* flush_work(workOf(svm, 'garbageCollector'))
  yield* freeRanges(svm)
})

export default defineDriver({
  name: 'range-list',
  state: declareState,
  pageTable: ({ notifierLock, svmLock }) => ({
    program: both(shared(notifierLock), svmLock),
    remove: exclusive(notifierLock),
  }),
  mayBind: (svm: Svm, page) => rangeAt(svm, page)?.valid ?? false,
  work: { garbageCollector: garbageWork },
  invalidate,
  fault,
  close,
})
