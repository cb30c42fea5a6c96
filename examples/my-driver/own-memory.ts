/**
 * A driver whose device has memory of its own: the device maps pages that are there, and a page that a CPU touches is
 * copied back by an engine that does one copy at a time.
 */
import {
  allocateAndCopy,
  defineDriver,
  type FaultAnswer,
  faultArgs,
  type Mirror,
  mapPage,
  rangeOf,
  systemFrames,
} from 'hmm-spec/driver'
import {
  type DeviceFault,
  Errno,
  HMM_PFN_REQ_FAULT,
  HMM_PFN_REQ_WRITE,
  hmm_range_fault,
  isMappable,
  LockRank,
  migrate_vma_finalize,
  migrate_vma_pages,
  migrate_vma_setup,
  mmget_not_zero,
  mmput,
  mmu_interval_read_begin,
  mmu_interval_read_retry,
  type Task,
  VM_FAULT_OOM,
} from 'hmm-spec/kernel'
import {
  exclusive,
  type Layout,
  Mutex,
  procedure,
  type RecordOf,
  type Running,
  shared,
  step,
} from 'hmm-spec/world'
import { close, declareState as declareLock, invalidate } from './read-write-lock.js'

export const declareState = (l: Layout) => ({
  ...declareLock(l),
  // Taken in migrate_to_ram, under the mmap lock and a folio lock.
  copyLock: new Mutex(l, 'copy_lock', { rank: LockRank.update + 1 }),
})

export type Svm = Mirror<RecordOf<ReturnType<typeof declareState>>>

/** Walks one page. Pages in the memory of this device are reported as they are, and not brought back. */
const walkOwn = procedure(function* svm_walk(current: Task, svm: Svm, page: number, write: boolean) {
  const { mmapLock } = svm.mm
  yield* mmapLock.lockRead()
  const error = yield* hmm_range_fault(current, rangeOf(svm, current), {
    start: page,
    end: page + 1,
    defaultFlags: HMM_PFN_REQ_FAULT | (write ? HMM_PFN_REQ_WRITE : 0),
    pfnFlagsMask: 0,
    owner: svm.owner,
  })
  yield* mmapLock.unlockRead()
  return error
})

const mapOnePage = procedure(function* svm_map_page(
  current: Task,
  svm: Svm,
  page: number,
  write: boolean,
): Running<FaultAnswer> {
  const range = rangeOf(svm, current)
  yield* mmu_interval_read_begin(svm.notifier, range.notifierSeq)
  const error = yield* walkOwn(current, svm, page, write)
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

/** Brings the page back that a CPU has touched. */
export const migrateToRam = procedure(function* svm_migrate_to_ram(
  current: Task,
  svm: Svm,
  page: number,
  fault: DeviceFault,
): Running<number> {
  const args = faultArgs(current, svm.mm, page, fault)
  yield* migrate_vma_setup(current, args)
  yield* svm.state.copyLock.lock()
  const short = yield* allocateAndCopy(current, args, systemFrames(current))
  yield* svm.state.copyLock.unlock()
  yield* migrate_vma_pages(current, args)
  yield* migrate_vma_finalize(current, args)
  return short ? VM_FAULT_OOM : 0
})

export default defineDriver({
  name: 'svm-memory',
  state: declareState,
  pageTable: ({ notifierLock }) => ({ program: shared(notifierLock), remove: exclusive(notifierLock) }),
  invalidate,
  fault,
  migrateToRam,
  close,
  closedBy: 'last user',
})
