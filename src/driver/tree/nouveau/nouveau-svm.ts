/**
 * nouveau's shared virtual memory: a fault of the GPU inserts an interval notifier over its page,
 * walks, programs the page under `svmm->mutex`, and removes the notifier again.
 *
 * @see drivers/gpu/drm/nouveau/nouveau_svm.c
 * @module
 */
import {
  Errno,
  HMM_PFN_REQ_FAULT,
  HMM_PFN_REQ_WRITE,
  HMM_PFN_WRITE,
  hmm_range_fault,
  isMappable,
  mmget_not_zero,
  mmput,
  mmu_interval_read_begin,
  mmu_interval_read_retry,
  type Task,
} from '../../../kernel/index.js'
import { become, choose, procedure, type Running, step } from '../../../world/index.js'
import type { FaultAnswer } from '../../driver.js'
import { endOfRange } from '../../fault.js'
import { drainHandlers, unlink } from '../../fault-handler.js'
import { migrateToSystem } from '../../memory/device-memory.js'
import { rangeOf } from '../../mirror.js'
import { mapPage } from '../../page-table.js'
import {
  nouveau_notifier_insert,
  nouveau_notifier_remove,
  nouveau_svmm_invalidate,
  type Svmm,
  type SvmNotifier,
} from './nouveau-svmm.js'

/** How often a page of VRAM is migrated back for one write. */
const MOST_TRIES = 2

/** A fault of the GPU. */
interface GpuFault {
  readonly page: number
  readonly write: boolean
  /** How often the page was migrated back for it. */
  readonly tries: number
}

/** The page was programmed, and lacks the permission to write. */
const LACKS_WRITE = 1

/** Programs one page, which a notifier of its own watches meanwhile. */
export const nouveau_range_fault = procedure(function* nouveau_range_fault(
  current: Task,
  svmm: Svmm,
  fault: GpuFault,
): Running<number> {
  const pages = { start: fault.page, end: fault.page + 1 }
  const sn = yield* nouveau_notifier_insert(current, svmm, pages, false)
  if (sn === 'none') return -Errno.EINVAL
  const error = yield* nouveau_range_fault_watched(current, svmm, sn, fault)
  yield* nouveau_notifier_remove(current, svmm, sn)
  return error === LACKS_WRITE ? yield* become(nouveau_svm_lacks_write, current, svmm, fault) : error
})

/** Walks one page. */
export const nouveau_range_walk = procedure(
  'nouveau_range_fault (walk)',
  function* (current: Task, svmm: Svmm, sn: SvmNotifier, { page, write }: GpuFault): Running<number> {
    const { mmapLock } = svmm.mm
    yield* mmapLock.lockRead()
    const error = yield* hmm_range_fault(current, rangeOf(svmm, current, sn.notifier), {
      start: page,
      end: page + 1,
      defaultFlags: HMM_PFN_REQ_FAULT | (write ? HMM_PFN_REQ_WRITE : 0),
      pfnFlagsMask: 0,
      owner: svmm.owner,
    })
    yield* mmapLock.unlockRead()
    return error
  },
)

/** One turn of the loop: programs the page from the report of the walk. */
export const nouveau_range_fault_watched = procedure(
  'nouveau_range_fault (watched)',
  function* (current: Task, svmm: Svmm, sn: SvmNotifier, fault: GpuFault): Running<number> {
    const { mutex } = svmm.state
    const range = rangeOf(svmm, current, sn.notifier)
    yield* mmu_interval_read_begin(sn.notifier, range.notifierSeq)
    const error = yield* nouveau_range_walk(current, svmm, sn, fault)
    if (error === -Errno.EBUSY) return yield* become(nouveau_range_again, current, svmm, sn, fault)
    if (error) return error
    yield* mutex.lock()
    if (yield* mmu_interval_read_retry(sn.notifier, range.notifierSeq)) {
      yield* mutex.unlock()
      return yield* become(nouveau_range_again, current, svmm, sn, fault)
    }
    const lacks = yield* step('nouveau_hmm_convert_pfn, NVIF_VMM_V0_PFNMAP', () => {
      if (isMappable(range, fault.page)) mapPage(svmm, range, fault.page)
      return fault.write && !(range.pfns[fault.page].flags & HMM_PFN_WRITE) ? LACKS_WRITE : 0
    })
    yield* mutex.unlock()
    return lacks
  },
)

/** Retries unless the timeout has expired. */
export const nouveau_range_again = procedure(
  'nouveau_range_fault (again)',
  function* (current: Task, svmm: Svmm, sn: SvmNotifier, fault: GpuFault): Running<number> {
    const expired = yield* choose('HMM_RANGE_DEFAULT_TIMEOUT', ['time is left', 'the time is over'])
    if (expired) return -Errno.EBUSY
    return yield* become(nouveau_range_fault_watched, current, svmm, sn, fault)
  },
)

/**
 * The walk reports a read-only page of VRAM as is (H4): once in system memory it can be faulted in
 * writable.
 */
export const nouveau_svm_lacks_write = procedure(
  'nouveau_svm_fault (lacks W)',
  function* (current: Task, svmm: Svmm, fault: GpuFault): Running<number> {
    const tries = fault.tries + 1
    if (svmm.owner < 0 || tries > MOST_TRIES) return -Errno.EBUSY
    yield* endOfRange(current, svmm, 'again')
    yield* migrateToSystem(current, svmm, fault.page, fault.page + 1)
    return yield* become(nouveau_range_fault, current, svmm, { ...fault, tries })
  },
)

/** A page fault of the GPU: one page, then the GPU replays. */
export const nouveau_svm_fault = procedure(function* nouveau_svm_fault(
  current: Task,
  svmm: Svmm,
  start: number,
  _end: number,
  write: boolean,
): Running<FaultAnswer> {
  if (!(yield* mmget_not_zero(svmm.mm))) return -Errno.EFAULT
  const error = yield* nouveau_range_fault(current, svmm, { page: start, write, tries: 0 })
  yield* mmput(current, svmm.mm)
  return error
})

/** The channel is gone, so no new fault finds the address space; waits for the running faults. */
export const drainFaultHandler = procedure(
  'nouveau_svmm_part, and drain',
  function* (svmm: Svmm): Running<void> {
    yield* unlink(svmm)
    yield* drainHandlers(svmm)
  },
)

/**
 * Destroys the address space of the GPU. Waits for running faults first if the scenario has any.
 * From here on the classic notifier does nothing.
 */
export const nouveau_svmm_fini = procedure(function* nouveau_svmm_fini(
  _current: Task,
  svmm: Svmm,
): Running<void> {
  const { notifier, state, ending } = svmm
  if (ending) yield* drainFaultHandler(svmm)
  yield* state.mutex.lock()
  yield* nouveau_svmm_invalidate(svmm, { start: notifier.start, end: notifier.last + 1 })
  yield* step('svmm->vmm = NULL', () => {
    state.hasVmm = false
    return 0
  })
  yield* state.mutex.unlock()
})
