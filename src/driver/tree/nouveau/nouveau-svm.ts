/**
 * nouveau's shared virtual memory: one page for each fault, validated and programmed under
 * `svmm->mutex`; an interval notifier that sets the sequence number, and a classic notifier, called
 * after it, that clears the GPU's entries.
 *
 * @see drivers/gpu/drm/nouveau/nouveau_svm.c
 * @module
 */
import { flushDevice } from '../../../device/index.js'
import {
  Errno,
  HMM_PFN_REQ_FAULT,
  HMM_PFN_REQ_WRITE,
  HMM_PFN_WRITE,
  hmm_range_fault,
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
} from '../../../kernel/index.js'
import {
  become,
  choose,
  type Layout,
  Mutex,
  procedure,
  type RecordOf,
  type Running,
  step,
} from '../../../world/index.js'
import type { FaultAnswer, MirrorSetting } from '../../driver.js'
import { endOfRange } from '../../fault.js'
import { drainHandlers, unlink } from '../../fault-handler.js'
import { migrateToSystem } from '../../memory/device-memory.js'
import { isOwnMigration, type Mirror, rangeOf } from '../../mirror.js'
import { dirtyPages, mapPage, unmapPages } from '../../page-table.js'

/** How often a page of VRAM is migrated back for one write. */
const MOST_TRIES = 2

/** An address space of the GPU. @kernel struct nouveau_svmm */
export const declareSvmm = (l: Layout, { notifier }: MirrorSetting) => {
  const mutex = new Mutex(l, 'mutex', { rank: LockRank.update })
  return {
    mutex,
    /** The migrations to VRAM, by thread. */
    moves: l.array('move', l.threads, (move) => ({
      /** The sequence number at the start. */
      seq: move.sequence('seq', notifier),
      /** False once another invalidation has come. */
      isUndisturbed: move.flag('is_undisturbed', { guardedBy: mutex }),
    })),
  }
}

/** An address space of the GPU. */
export type Svmm = Mirror<RecordOf<ReturnType<typeof declareSvmm>>>

/**
 * Clears entries of the GPU's page table. Called under `svmm->mutex`.
 *
 * @kernel nouveau_svmm_invalidate (NVIF_VMM_V0_PFNCLR)
 */
export const nouveau_svmm_invalidate = procedure(function* nouveau_svmm_invalidate(
  svmm: Svmm,
  range: Pick<NotifierRange, 'start' | 'end'>,
): Running<void> {
  yield* step('NVIF_VMM_V0_PFNCLR', () => {
    dirtyPages(svmm, range)
    unmapPages(svmm, range)
    return 0
  })
  yield* flushDevice(svmm, range)
})

/** The interval notifier: makes running faults walk again. */
export const nouveau_svm_range_invalidate = procedure(function* nouveau_svm_range_invalidate(
  current: Task,
  svmm: Svmm,
  range: NotifierRange,
  curSeq: number,
): Running<void> {
  yield* svmm.state.mutex.lock()
  yield* step('set_seq', () => {
    mmu_interval_set_seq(svmm.notifier, curSeq)
    const isOwn = isOwnMigration(svmm, range)
    for (const [thread, move] of svmm.state.moves.entries())
      if (!isOwn || thread !== current.thread) move.isUndisturbed = false
    return 0
  })
  yield* svmm.state.mutex.unlock()
})

/** The classic notifier. It also clears the entries of pages that nouveau itself migrates. */
export const nouveau_svmm_invalidate_range_start = procedure(function* nouveau_svmm_invalidate_range_start(
  _current: Task,
  svmm: Svmm,
  range: NotifierRange,
): Running<void> {
  yield* svmm.state.mutex.lock()
  yield* nouveau_svmm_invalidate(svmm, range)
  yield* svmm.state.mutex.unlock()
})

/** Both notifiers of an invalidation, in the kernel's order. */
export const nouveau_invalidate = procedure(function* nouveau_invalidate(
  current: Task,
  svmm: Svmm,
  range: NotifierRange,
  curSeq: number,
): Running<number> {
  if (!range.blockable) return 0
  yield* nouveau_svm_range_invalidate(current, svmm, range, curSeq)
  yield* nouveau_svmm_invalidate_range_start(current, svmm, range)
  return 1
})

/** A fault of the GPU. */
interface GpuFault {
  readonly page: number
  readonly write: boolean
  /** How often the page was migrated back for it. */
  readonly tries: number
}

/** Walks one page. */
export const nouveau_range_walk = procedure(
  'nouveau_range_fault (walk)',
  function* (current: Task, svmm: Svmm, { page, write }: GpuFault): Running<number> {
    const { mmapLock } = svmm.mm
    yield* mmapLock.lockRead()
    const error = yield* hmm_range_fault(current, rangeOf(svmm, current), {
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

/** Programs one page from the report of the walk. @kernel nouveau_range_fault */
export const nouveau_range_fault = procedure(function* nouveau_range_fault(
  current: Task,
  svmm: Svmm,
  fault: GpuFault,
): Running<number> {
  const { mutex } = svmm.state
  const range = rangeOf(svmm, current)
  yield* mmu_interval_read_begin(svmm.notifier, range.notifierSeq)
  const error = yield* nouveau_range_walk(current, svmm, fault)
  if (error === -Errno.EBUSY) return yield* become(nouveau_range_again, current, svmm, fault)
  if (error) return error
  yield* mutex.lock()
  if (yield* mmu_interval_read_retry(svmm.notifier, range.notifierSeq)) {
    yield* mutex.unlock()
    return yield* become(nouveau_range_again, current, svmm, fault)
  }
  const lacks = yield* step('nouveau_hmm_convert_pfn, NVIF_VMM_V0_PFNMAP', () => {
    if (isMappable(range, fault.page)) mapPage(svmm, range, fault.page)
    return fault.write && !(range.pfns[fault.page].flags & HMM_PFN_WRITE) ? 1 : 0
  })
  yield* mutex.unlock()
  return lacks ? yield* become(nouveau_svm_lacks_write, current, svmm, fault) : 0
})

/** Retries unless the timeout has expired. */
export const nouveau_range_again = procedure(
  'nouveau_range_fault (again)',
  function* (current: Task, svmm: Svmm, fault: GpuFault): Running<number> {
    const expired = yield* choose('HMM_RANGE_DEFAULT_TIMEOUT', ['time is left', 'the time is over'])
    if (expired) return -Errno.EBUSY
    return yield* become(nouveau_range_fault, current, svmm, fault)
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
 */
export const nouveau_svmm_fini = procedure(function* nouveau_svmm_fini(
  _current: Task,
  svmm: Svmm,
): Running<void> {
  const { notifier, state, ending } = svmm
  if (ending) yield* drainFaultHandler(svmm)
  yield* state.mutex.lock()
  yield* nouveau_svmm_invalidate(svmm, { start: notifier.start, end: notifier.last + 1 })
  yield* state.mutex.unlock()
  yield* mmu_interval_notifier_remove(notifier)
})
