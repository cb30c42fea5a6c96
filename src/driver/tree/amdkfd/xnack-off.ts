/**
 * amdkfd's shared virtual memory without retry faults (XNACK off). The GPU cannot fault, so an
 * invalidation stops the queues of the process, and a work item maps what was invalidated again and
 * lets them run.
 *
 * The entries of a range stay in the GPU's page table meanwhile: here they are the range's, and the
 * mirror's page table has what a running queue reaches.
 *
 * @see drivers/gpu/drm/amd/amdkfd/kfd_svm.c, kfd_device.c, kfd_device_queue_manager.c
 * @module
 */
import { flushDevice } from '../../../device/index.js'
import {
  disable_work_sync,
  Errno,
  HMM_PFN_ERROR,
  HMM_PFN_VALID,
  HMM_PFN_WRITE,
  type IntervalNotifier,
  LockRank,
  lastFrame,
  mmu_interval_notifier_remove,
  mmu_interval_set_seq,
  type NotifierRange,
  NotifyEvent,
  queue_work,
  type Task,
} from '../../../kernel/index.js'
import {
  any,
  type Layout,
  Mutex,
  procedure,
  type RecordOf,
  type Running,
  step,
} from '../../../world/index.js'
import { defineDriver, type FaultAnswer, type MirrorSetting } from '../../driver.js'
import { beginWatching, type Mirror, workOf } from '../../mirror.js'
import { dirtyPages, unmapPages } from '../../page-table.js'
import { runUserQueue, svm_range_restore_work } from './xnack-off-restore.js'

/** The most evictions that are counted: more than a scenario has. */
const MOST_EVICTIONS = 15

/** The most reasons for which the queues of a process are stopped at once. */
const MOST_STOPS = 3

/** The state of a process that uses the GPU: what is the process's, what is the GPU's, and its ranges of one page. */
export const declareXnackOff = (
  l: Layout,
  { size, declareNotifier, perProcess, perDevice }: MirrorSetting,
) => ({
  /** @kernel struct svm_range_list */
  svms: perProcess((process) => ({
    lock: new Mutex(process, 'svms.lock'),
    /** Held while the first eviction stops the queues, so that the next returns after it. */
    evictLock: new Mutex(process, 'svms.evict_lock', { rank: LockRank.update + 1 }),
    evictedRanges: process.counter('svms.evicted_ranges', MOST_EVICTIONS),
    /** True once the process has been removed from `kfd_processes_table`. */
    isGone: process.flag('kfd_process.gone'),
  })),
  /** @kernel struct device_queue_manager */
  dqm: perDevice((device) => ({ lock: new Mutex(device, 'dqm.lock', { rank: LockRank.update + 2 }) })),
  /** Why the queues of the process are stopped on this GPU; they run at 0. @kernel qcm_process_device.evicted */
  evicted: l.counter('qpd.evicted', MOST_STOPS),
  ranges: l.array('prange', size.pages, (prange) => ({
    notifier: declareNotifier(prange),
    lock: new Mutex(prange, 'lock', { rank: LockRank.update }),
    isRegistered: prange.flag('registered'),
    mappedToGpu: prange.flag('mapped_to_gpu'),
    /** Evictions since the range was restored. */
    invalid: prange.counter('invalid', MOST_EVICTIONS),
    /** The entry of the GPU's page table. */
    flags: prange.counter('flags', HMM_PFN_VALID | HMM_PFN_WRITE | HMM_PFN_ERROR),
    frame: prange.counter('frame', lastFrame(size)),
  })),
})

/** A process on a GPU. */
export type XnackOff = Mirror<RecordOf<ReturnType<typeof declareXnackOff>>>

/** A range. @kernel struct svm_range */
export type XnackOffRange = XnackOff['state']['ranges'][number]

/** All pages of the process. */
export function allPages({ pageTable }: XnackOff): Pick<NotifierRange, 'start' | 'end'> {
  return { start: 0, end: pageTable.length }
}

/**
 * Stops the queues of the process: returns when its accesses have ended.
 *
 * @kernel kgd2kfd_quiesce_mm, evict_process_queues_cpsch
 */
export const kgd2kfd_quiesce_mm = procedure(function* kgd2kfd_quiesce_mm(svms: XnackOff): Running<void> {
  const { dqm } = svms.state
  yield* dqm.lock.lock()
  const wasRunning = yield* step('qpd->evicted++', () => {
    svms.state.evicted += 1
    if (svms.state.evicted > 1) return false
    dirtyPages(svms, allPages(svms))
    unmapPages(svms, allPages(svms))
    return true
  })
  if (wasRunning) yield* flushDevice(svms, allPages(svms))
  yield* dqm.lock.unlock()
})

/** The callback of one range. */
export const xnackOffInvalidate = procedure(
  'svm_range_cpu_invalidate_pagetables (XNACK off)',
  function* (
    _current: Task,
    svms: XnackOff,
    mmuRange: NotifierRange,
    curSeq: number,
    notifier: IntervalNotifier,
  ): Running<number> {
    if (!mmuRange.blockable) return 0
    const prange = svms.state.ranges.find((one) => one.notifier === notifier)
    if (prange === undefined) return 1
    yield* prange.lock.lock()
    yield* step('mmu_interval_set_seq', () => {
      mmu_interval_set_seq(notifier, curSeq)
      return 0
    })
    if (mmuRange.event === NotifyEvent.RELEASE) yield* xnackOffNotifierRelease(svms)
    else if (mmuRange.event === NotifyEvent.UNMAP) yield* xnackOffUnmapFromCpu(svms, prange)
    else yield* xnackOffEvict(svms, prange)
    yield* prange.lock.unlock()
    return 1
  },
)

/**
 * Counts the eviction; the first stops the queues, and schedules the restore. Under a lock: an
 * eviction that finds another counted returns only when the queues are stopped.
 */
export const xnackOffEvict = procedure(
  'svm_range_evict (XNACK off)',
  function* (svms: XnackOff, prange: XnackOffRange): Running<void> {
    const { evictLock } = svms.state.svms
    if (!(yield* step('mapped_to_gpu', () => prange.mappedToGpu))) return
    yield* evictLock.lock()
    const isFirst = yield* countEviction(svms, prange)
    if (isFirst) yield* kgd2kfd_quiesce_mm(svms)
    yield* evictLock.unlock()
    if (isFirst) yield* queue_work(workOf(svms, 'restore'))
  },
)

/** Returns true for the first eviction since the queues were let run. */
export const countEviction = procedure(
  'svm_range_evict (count)',
  function* ({ state }: XnackOff, prange: XnackOffRange): Running<boolean> {
    return yield* step('prange->invalid++, svms->evicted_ranges++', () => {
      prange.invalid += 1
      state.svms.evictedRanges += 1
      return state.svms.evictedRanges === 1
    })
  },
)

/** The process has unmapped the range for good: the GPU maps nothing of it, and nothing is restored. */
export const xnackOffUnmapFromCpu = procedure(
  'svm_range_unmap_from_cpu (XNACK off)',
  function* (svms: XnackOff, prange: XnackOffRange): Running<void> {
    const pages = yield* step('svm_range_unmap_from_gpus', () => {
      const watched = { start: prange.notifier.start, end: prange.notifier.last + 1 }
      dirtyPages(svms, watched)
      unmapPages(svms, watched)
      prange.mappedToGpu = false
      prange.flags = 0
      prange.frame = 0
      return watched
    })
    yield* flushDevice(svms, pages)
  },
)

/** The process is gone, and its queues are destroyed. @kernel kfd_process_dequeue_from_all_devices */
export const xnackOffDestroyQueues = procedure(
  'kfd_process_dequeue_from_all_devices',
  function* (svms: XnackOff): Running<void> {
    const { dqm } = svms.state
    yield* dqm.lock.lock()
    yield* step('destroy the queues', () => {
      svms.state.svms.isGone = true
      dirtyPages(svms, allPages(svms))
      unmapPages(svms, allPages(svms))
      return 0
    })
    yield* flushDevice(svms, allPages(svms))
    yield* dqm.lock.unlock()
  },
)

/**
 * The address space goes away. It does not wait for the restore work, whose last step may be what
 * ends the address space. In the kernel a classic notifier is called for it.
 */
export const xnackOffNotifierRelease = procedure(
  'kfd_process_notifier_release (XNACK off)',
  function* (svms: XnackOff): Running<void> {
    yield* xnackOffDestroyQueues(svms)
  },
)

/**
 * The process closes the GPU, or has exited. The callback may queue the restore until the notifiers
 * are removed, so it is disabled first.
 */
export const xnackOffRelease = procedure(
  'kfd_process_wq_release (XNACK off)',
  function* (_current: Task, svms: XnackOff): Running<void> {
    yield* xnackOffDestroyQueues(svms)
    yield* xnackOffStopRestore(svms)
    for (const prange of svms.state.ranges)
      if (yield* step('list_for_each_entry_safe', () => prange.isRegistered))
        yield* mmu_interval_notifier_remove(prange.notifier)
  },
)

/** From here on no restore runs. */
export const xnackOffStopRestore = procedure(
  'svm_range_list_fini (restore work)',
  function* (svms: XnackOff): Running<void> {
    yield* disable_work_sync(workOf(svms, 'restore'))
  },
)

/** Without retry faults the GPU's access fails, and its queue with it. */
const noRetryFault = procedure('VM fault', function* (): Running<FaultAnswer> {
  return -Errno.EFAULT
})

/** Sets the state as svm_range_set_attr would leave it. */
function adopt(svms: XnackOff, page: number): void {
  const prange = svms.state.ranges[page]
  const { frame, write } = svms.pageTable[page]
  beginWatching(prange.notifier, { start: page, end: page + 1 })
  prange.isRegistered = true
  prange.mappedToGpu = true
  prange.flags = HMM_PFN_VALID | (write ? HMM_PFN_WRITE : 0)
  prange.frame = frame?.pfn ?? 0
}

/** The driver. */
export const amdkfdXnackOffDriver = defineDriver({
  name: 'amdkfd-xnack-off',
  ownNotifiers: true,
  state: declareXnackOff,
  pageTable: ({ dqm, ranges }) => {
    const held = any(dqm.lock, ...ranges.map(({ lock }) => lock))
    return { program: held, remove: held }
  },
  mayBind: ({ state }: XnackOff, page) => {
    const { mappedToGpu, invalid } = state.ranges[page]
    return mappedToGpu && invalid === 0
  },
  work: { restore: svm_range_restore_work },
  invalidate: xnackOffInvalidate,
  fault: noRetryFault,
  access: runUserQueue,
  close: xnackOffRelease,
  closedBy: 'last user',
  adopt,
})
