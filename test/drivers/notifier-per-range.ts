/** Twins of the driver in `examples/my-driver/notifier-per-range.ts`: each with another text of one of its procedures. */
import {
  emptyRange,
  getPages,
  insertRange,
  invalidate,
  type Range,
  removeRange,
  type Svm,
} from '../../examples/my-driver/notifier-per-range.js'
import { dirtyPages, flushDevice, unmapPages } from '../../src/driver/index.js'
import {
  mmu_interval_notifier_insert,
  mmu_interval_notifier_remove,
  type NotifierRange,
  NotifyEvent,
} from '../../src/kernel/index.js'
import { type Override, override, type Running, step } from '../../src/world/index.js'

type Pages = Pick<NotifierRange, 'start' | 'end'>

/** Allocates a range, and watches `pages` of it. */
function* insert(svm: Svm, page: number, pages: Pages): Running<Range | 'none'> {
  const { pool, ranges } = svm.state
  const range = yield* step('allocate the range', () => {
    const made = pool.allocate((fresh) => {
      fresh.page = page
    })
    return made ?? 'none'
  })
  if (range === 'none') return 'none'
  if (yield* mmu_interval_notifier_insert(range.notifier, pages)) {
    yield* step('free the range', () => (pool.put(range) ? 0 : 1))
    return 'none'
  }
  yield* step('add the range', () => {
    ranges.addTail(range)
    return 0
  })
  return range
}

function* zap(svm: Svm, pages: Pages): Running<void> {
  const { notifierLock } = svm.state
  yield* notifierLock.lockWrite()
  yield* step('unmap', () => {
    dirtyPages(svm, pages)
    unmapPages(svm, pages)
    return 0
  })
  yield* flushDevice(svm, pages)
  yield* notifierLock.unlockWrite()
}

/** One range for all pages: its notifier is removed, and inserted over more of them, when another page is wanted. */
function resizing(zapsBefore: boolean): Override[] {
  return [
    override(
      insertRange,
      () =>
        function* (svm, page) {
          const range = yield* step('the range that is there', () => svm.state.ranges.first ?? 'none')
          const pages = { start: 0, end: svm.pageTable.length }
          if (range === 'none') return yield* insert(svm, page, { start: page, end: page + 1 })
          const isWatched = yield* step('is the page watched?', () => range.notifier.last > 0)
          if (isWatched) return range
          if (zapsBefore) yield* zap(svm, pages)
          yield* mmu_interval_notifier_remove(range.notifier)
          const gone = yield* mmu_interval_notifier_insert(range.notifier, pages)
          if (!gone) return range
          yield* step('forget the range', () => {
            svm.state.ranges.remove(range)
            svm.state.pool.put(range)
            return 0
          })
          return 'none'
        },
    ),
  ]
}

/** What the device maps is taken away before nobody watches it. */
export const resizes = resizing(true)
export const resizesWhatIsMapped = resizing(false)

export const watchesOtherPages = [
  override(
    insertRange,
    () =>
      function* (svm, page) {
        return yield* insert(svm, page, { start: 0, end: 1 })
      },
  ),
]

export const freesWithoutRemoving = [
  override(
    removeRange,
    () =>
      function* ({ state }, range) {
        yield* step('remove the range, and put it', () => {
          state.ranges.remove(range)
          state.pool.put(range)
          return 0
        })
      },
  ),
]

export const removesUnderLock = [
  override(
    removeRange,
    (original) =>
      function* (svm, range) {
        yield* svm.state.notifierLock.lockWrite()
        yield* original(svm, range)
        yield* svm.state.notifierLock.unlockWrite()
      },
  ),
]

export const removesInCallback = [
  override(
    invalidate,
    (original) =>
      function* (current, svm, range, curSeq, notifier) {
        const done = yield* original(current, svm, range, curSeq, notifier)
        if (range.event === NotifyEvent.UNMAP) yield* mmu_interval_notifier_remove(notifier)
        return done
      },
  ),
]

export const insertsUnderMmapLock = [
  override(
    insertRange,
    (original) =>
      function* (svm, page) {
        yield* svm.mm.mmapLock.lockRead()
        const range = yield* original(svm, page)
        yield* svm.mm.mmapLock.unlockRead()
        return range
      },
  ),
]

/** Walks under the number of the first range, whichever page it is about. */
export const takesAnothersNumber = [
  override(
    getPages,
    (original) =>
      function* (current, svm, _range, page, write) {
        const first = yield* step('the first range', () => svm.state.ranges.first ?? 'none')
        if (first === 'none') return 'again'
        return yield* original(current, svm, first, page, write)
      },
  ),
]

export const removesBeforeUnmapping = [override(emptyRange, () => function* () {})]
