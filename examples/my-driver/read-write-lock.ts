/**
 * A driver with a lock of its own: faults program the device page table side by side under a read-write semaphore held for
 * reading, the callback removes entries alone. It makes one try for each fault, and lets the device fault again after a
 * collision.
 */
import {
  defineDriver,
  dirtyPages,
  type FaultAnswer,
  flushDevice,
  type Mirror,
  mapPage,
  rangeOf,
  unmapPages,
} from 'hmm-spec/driver'
import {
  Errno,
  isMappable,
  LockRank,
  mmget_not_zero,
  mmput,
  mmu_interval_notifier_remove,
  mmu_interval_read_begin,
  mmu_interval_read_retry,
  mmu_interval_set_seq,
  type NotifierRange,
  type Task,
} from 'hmm-spec/kernel'
import {
  exclusive,
  type Layout,
  procedure,
  type RecordOf,
  type Running,
  RwSemaphore,
  shared,
  step,
} from 'hmm-spec/world'
import { walkPage } from './driver.js'

/** What the driver keeps for each mirror, in the world of the scenario. */
export const declareState = (l: Layout) => ({
  notifierLock: new RwSemaphore(l, 'notifier_lock', { rank: LockRank.update }),
})

type Svm = Mirror<RecordOf<ReturnType<typeof declareState>>>

/** Maps one page: the device may fault again whatever comes of it. The address space is pinned. */
const mapOnePage = procedure(function* svm_map_page(
  current: Task,
  svm: Svm,
  page: number,
  write: boolean,
): Running<FaultAnswer> {
  const range = rangeOf(svm, current)
  yield* mmu_interval_read_begin(svm.notifier, range.notifierSeq)
  const error = yield* walkPage(current, svm, { page, write })
  if (error) return error === -Errno.EBUSY ? 'again' : error
  yield* svm.state.notifierLock.lockRead()
  const collided = yield* mmu_interval_read_retry(svm.notifier, range.notifierSeq)
  if (!collided)
    yield* step('map the page', () => {
      if (isMappable(range, page)) mapPage(svm, range, page)
      return 0
    })
  yield* svm.state.notifierLock.unlockRead()
  return collided ? 'again' : 'mapped'
})

export const fault = procedure(function* svm_fault(
  current: Task,
  svm: Svm,
  start: number,
  _end: number,
  write: boolean,
): Running<FaultAnswer> {
  if (!(yield* mmget_not_zero(svm.mm))) return -Errno.EFAULT
  const answer = yield* mapOnePage(current, svm, start, write)
  yield* mmput(current, svm.mm)
  return answer
})

/** Removes what the device has of the pages. The caller holds the lock for writing. */
export const zap = procedure(function* svm_zap(
  svm: Svm,
  range: Pick<NotifierRange, 'start' | 'end'>,
): Running<void> {
  yield* step('mark dirty and unmap', () => {
    dirtyPages(svm, range)
    unmapPages(svm, range)
    return 0
  })
  yield* flushDevice(svm, range)
})

export const invalidate = procedure(function* svm_invalidate(
  _current: Task,
  svm: Svm,
  range: NotifierRange,
  curSeq: number,
): Running<number> {
  const { notifierLock } = svm.state
  if (range.blockable) yield* notifierLock.lockWrite()
  else if (!(yield* notifierLock.trylockWrite())) return 0
  yield* step('set_seq', () => {
    mmu_interval_set_seq(svm.notifier, curSeq)
    return 0
  })
  yield* zap(svm, range)
  yield* notifierLock.unlockWrite()
  return 1
})

/** Closes the mirror. A fault that comes later finds the address space gone, and looks at nothing. */
export const close = procedure(function* svm_fini(_current: Task, svm: Svm): Running<void> {
  const { notifier, state } = svm
  yield* state.notifierLock.lockWrite()
  yield* zap(svm, { start: notifier.start, end: notifier.last + 1 })
  yield* state.notifierLock.unlockWrite()
  yield* mmu_interval_notifier_remove(notifier)
})

export default defineDriver({
  name: 'svm',
  state: declareState,
  pageTable: ({ notifierLock }) => ({ program: shared(notifierLock), remove: exclusive(notifierLock) }),
  invalidate,
  fault,
  close,
  closedBy: 'last user',
})
