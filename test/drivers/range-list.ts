/** Wrong twins of the driver in `examples/my-driver/range-list.ts`: each with another text of one of its procedures or two. */
import driver, {
  bindRange,
  close,
  collectGarbage,
  freeRanges,
  garbageWork,
  isUsable,
  programRange,
  removeRange,
  type Svm,
  shutDown,
} from '../../examples/my-driver/range-list.js'
import { workOf } from '../../src/driver/index.js'
import { flush_work, mmu_interval_notifier_remove } from '../../src/kernel/index.js'
import { onStep, override, type Running, step } from '../../src/world/index.js'

const flush = (svm: Svm) => flush_work(workOf(svm, 'garbageCollector'))
const removeNotifier = ({ notifier }: Svm) => mmu_interval_notifier_remove(notifier)

/** A close of these steps, one after another. */
function closeBy(...parts: readonly ((svm: Svm) => Running<unknown>)[]) {
  return override(
    close,
    () =>
      function* (_current, svm) {
        for (const part of parts) yield* part(svm)
      },
  )
}

export const withoutFlush = [closeBy(shutDown, removeNotifier, freeRanges)]
export const flushesTooEarly = [closeBy(shutDown, flush, removeNotifier, freeRanges)]
export const collectsItself = [closeBy(shutDown, removeNotifier, collectUnderLock, freeRanges)]
export const leaksRanges = [closeBy(shutDown, removeNotifier, flush)]
export const flushesUnderLock = [closeBy(shutDown, removeNotifier, flushUnderLock, freeRanges)]

/** A fault does not look whether the mirror is closed. */
export const faultsWhenClosed = [onStep(driver.fault, 'is it open?', () => () => true)]

function* flushUnderLock(svm: Svm): Running<void> {
  yield* svm.state.svmLock.lock()
  yield* flush(svm)
  yield* svm.state.svmLock.unlock()
}

function* collectUnderLock(svm: Svm): Running<void> {
  yield* svm.state.svmLock.lock()
  yield* collectGarbage(svm)
  yield* svm.state.svmLock.unlock()
}

/** Looks at the flag, and takes the lock to program the device. */
export const looksOutsideLock = [
  override(
    bindRange,
    () =>
      function* (svm, range, write) {
        const isValid = yield* step('range_is_valid', () => isUsable(range, write))
        yield* svm.state.notifierLock.lockRead()
        if (isValid) yield* programRange(svm, range)
        yield* svm.state.notifierLock.unlockRead()
        return isValid ? 'mapped' : 'again'
      },
  ),
]

/** The worker takes a range off the list before it has the lock under which ranges are freed; and a close frees what it finds. */
export const takesBeforeLock = [
  override(
    garbageWork,
    () =>
      function* (_current, svm) {
        const { garbage, garbageLock, svmLock } = svm.state
        const range = yield* garbageLock.critical('take a range', () => {
          const { first } = garbage
          if (first !== undefined) garbage.remove(first)
          return first ?? 'none'
        })
        if (range === 'none') return
        yield* svmLock.lock()
        yield* removeRange(svm, range)
        yield* svmLock.unlock()
      },
  ),
  closeBy(shutDown, removeNotifier, freeRanges, flush),
]
