/**
 * A driver with a notifier for each range, in place of one over the whole mirror: a fault makes the range and inserts its notifier,
 * and a work item removes both once the process has unmapped the pages.
 */
import {
  beginWatching,
  defineDriver,
  dirtyPages,
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
  HMM_PFN_REQ_FAULT,
  HMM_PFN_REQ_WRITE,
  hmm_range_fault,
  type IntervalNotifier,
  LockRank,
  mmget_not_zero,
  mmput,
  mmu_interval_notifier_insert,
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
  shared,
  step,
} from 'hmm-spec/world'

/** What the driver keeps for each mirror. */
export const declareState = (l: Layout, { size, declareNotifier }: MirrorSetting) => {
  const svmLock = new Mutex(l, 'svm_lock', { rank: LockRank.mmap / 2 })
  const notifierLock = new RwSemaphore(l, 'notifier_lock', { rank: LockRank.update })
  const pool = new Pool(l, 'range', size.pages, (range) => ({
    page: range.counter('page', size.pages),
    notifier: declareNotifier(range),
    /** The process has unmapped it. */
    unmapped: range.flag('unmapped', { guardedBy: notifierLock }),
  }))
  return {
    svmLock,
    notifierLock,
    pool,
    ranges: new List(l, 'ranges', pool, { guardedBy: svmLock }),
    closed: l.flag('closed', { guardedBy: svmLock }),
  }
}

/** A mirror of this driver. */
export type Svm = Mirror<RecordOf<ReturnType<typeof declareState>>>

/** A range of it. */
export type Range = Svm['state']['pool']['objects'][number]

/** A fault: one at a time. Ranges of what was unmapped are removed first, so that none is found. */
export const fault = procedure(function* svm_fault(
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

/** Finds or makes the range of the page, and maps it. The caller holds the svm lock. */
const mapOnePage = procedure(function* svm_map_page(
  current: Task,
  svm: Svm,
  page: number,
  write: boolean,
): Running<FaultAnswer> {
  const found = yield* step('find the range', () => rangeAt(svm, page) ?? 'none')
  const range = found === 'none' ? yield* insertRange(svm, page) : found
  if (range === 'none') return -Errno.EFAULT
  const error = yield* getPages(current, svm, range, page, write)
  return error === -Errno.EBUSY ? 'again' : error
})

/** The range of `page`, if there is one. Part of a step, under the svm lock. */
function rangeAt({ state }: Svm, page: number): Range | undefined {
  return state.ranges.items.find((range) => range.page === page)
}

/** Makes the range of the page, and watches it, before anything of it is walked. The caller holds the svm lock. */
export const insertRange = procedure(function* svm_range_insert(
  svm: Svm,
  page: number,
): Running<Range | 'none'> {
  const { pool, ranges } = svm.state
  const range = yield* step('allocate the range', () => allocateRange(svm, page))
  if (range === 'none') return 'none'
  if (yield* mmu_interval_notifier_insert(range.notifier, { start: page, end: page + 1 })) {
    yield* step('free the range', () => (pool.put(range) ? 0 : 1))
    return 'none'
  }
  yield* step('add the range', () => {
    ranges.addTail(range)
    return 0
  })
  return range
})

function allocateRange({ state }: Svm, page: number): Range | 'none' {
  const range = state.pool.allocate((made) => {
    made.page = page
  })
  return range ?? 'none'
}

/** Walks under the number of the range's notifier, and programs the device if nothing was invalidated meanwhile. */
export const getPages = procedure(function* svm_get_pages(
  current: Task,
  svm: Svm,
  { notifier }: Range,
  page: number,
  write: boolean,
): Running<FaultAnswer> {
  const { notifierLock } = svm.state
  const walk = rangeOf(svm, current, notifier)
  yield* mmu_interval_read_begin(notifier, walk.notifierSeq)
  yield* svm.mm.mmapLock.lockRead()
  const error = yield* hmm_range_fault(current, walk, {
    start: page,
    end: page + 1,
    defaultFlags: HMM_PFN_REQ_FAULT | (write ? HMM_PFN_REQ_WRITE : 0),
    pfnFlagsMask: 0,
    owner: -1,
  })
  yield* svm.mm.mmapLock.unlockRead()
  if (error) return error
  yield* notifierLock.lockRead()
  const collided = yield* mmu_interval_read_retry(notifier, walk.notifierSeq)
  if (!collided)
    yield* step('program the entry', () => {
      mapPage(svm, walk, page)
      return 0
    })
  yield* notifierLock.unlockRead()
  return collided ? 'again' : 'mapped'
})

/** The callback of one notifier: it answers for the pages of its range, and for no others. */
export const invalidate = procedure(function* svm_invalidate(
  _current: Task,
  svm: Svm,
  mmuRange: NotifierRange,
  curSeq: number,
  notifier: IntervalNotifier,
): Running<number> {
  const { notifierLock } = svm.state
  if (mmuRange.blockable) yield* notifierLock.lockWrite()
  else if (!(yield* notifierLock.trylockWrite())) return 0
  const { isGarbage, ...pages } = yield* step('set_seq, and unmap', () => {
    // Where it is, is in the world: whoever inserts it elsewhere changes it.
    const watched = { start: notifier.start, end: notifier.last + 1 }
    mmu_interval_set_seq(notifier, curSeq)
    dirtyPages(svm, watched)
    unmapPages(svm, watched)
    return { ...watched, isGarbage: mmuRange.event === NotifyEvent.UNMAP && markUnmapped(svm, notifier) }
  })
  yield* flushDevice(svm, pages)
  if (isGarbage) yield* queue_work(workOf(svm, 'garbageCollector'))
  yield* notifierLock.unlockWrite()
  return 1
})

/** Part of a step, under the notifier lock held for writing. @returns true if it was not marked before */
function markUnmapped({ state }: Svm, notifier: IntervalNotifier): boolean {
  const range = state.pool.allocated.find((one) => one.notifier === notifier)
  if (range === undefined || range.unmapped) return false
  range.unmapped = true
  return true
}

/** Removes the ranges of what was unmapped. The caller holds the svm lock. */
export const collectGarbage = procedure(function* svm_garbage_collector(svm: Svm): Running<void> {
  const { notifierLock, pool } = svm.state
  for (let i = 0; i < pool.objects.length; i++) {
    yield* notifierLock.lockRead()
    const range = yield* step('find garbage', () => firstUnmapped(svm))
    yield* notifierLock.unlockRead()
    if (range === 'none') return
    yield* removeRange(svm, range)
  }
})

/** Part of a step, under the svm lock and the notifier lock. */
function firstUnmapped({ state }: Svm): Range | 'none' {
  return state.ranges.items.find(({ unmapped }) => unmapped) ?? 'none'
}

/**
 * The device maps nothing of the range, and nobody is told of it any more; then it is freed. What the process has unmapped it may
 * have mapped again, and a fault may have found the range meanwhile. The caller holds the svm lock, and not the notifier lock.
 */
export const removeRange = procedure(function* svm_range_remove(svm: Svm, range: Range): Running<void> {
  yield* emptyRange(svm, range)
  yield* mmu_interval_notifier_remove(range.notifier)
  yield* step('remove the range, and put it', () => {
    svm.state.ranges.remove(range)
    svm.state.pool.put(range)
    return 0
  })
})

/** The device maps nothing of the range. */
export const emptyRange = procedure(function* svm_range_unmap(svm: Svm, range: Range): Running<void> {
  const { notifierLock } = svm.state
  yield* notifierLock.lockWrite()
  const pages = yield* step('unmap the range', () => {
    const watched = { start: range.notifier.start, end: range.notifier.last + 1 }
    dirtyPages(svm, watched)
    unmapPages(svm, watched)
    return watched
  })
  yield* flushDevice(svm, pages)
  yield* notifierLock.unlockWrite()
})

/** The work item. The callback cannot do this: removing a notifier waits for its callbacks. */
export const garbageWork = procedure(function* svm_garbage_collector_work(
  _current: Task,
  svm: Svm,
): Running<void> {
  yield* svm.state.svmLock.lock()
  yield* collectGarbage(svm)
  yield* svm.state.svmLock.unlock()
})

/** The device maps nothing any more, and no fault maps anything: then the notifiers may go, and the work item with them. */
export const close = procedure(function* svm_fini(_current: Task, svm: Svm): Running<void> {
  const { svmLock } = svm.state
  yield* svmLock.lock()
  yield* step('close', () => {
    svm.state.closed = true
    return 0
  })
  for (let i = 0; i < svm.state.pool.objects.length; i++) {
    const range = yield* step('the next range', () => svm.state.ranges.first ?? 'none')
    if (range === 'none') break
    yield* removeRange(svm, range)
  }
  yield* svmLock.unlock()
  yield* flush_work(workOf(svm, 'garbageCollector'))
})

/** Some scenarios begin with pages that the device maps: each has its range. */
export function adopt({ state }: Svm, page: number): void {
  const range = state.pool.allocate((made) => {
    made.page = page
  })
  if (range === undefined) return
  beginWatching(range.notifier, { start: page, end: page + 1 })
  state.ranges.addTail(range)
}

export default defineDriver({
  name: 'notifier-per-range',
  ownNotifiers: true,
  state: declareState,
  pageTable: ({ notifierLock, svmLock }) => ({
    program: both(shared(notifierLock), svmLock),
    remove: exclusive(notifierLock),
  }),
  work: { garbageCollector: garbageWork },
  invalidate,
  fault,
  close,
  adopt,
})
