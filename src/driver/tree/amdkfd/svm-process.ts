/**
 * amdkfd's shared virtual memory as a driver: prefetching, the end of the process, and the
 * definition of the driver.
 *
 * @see drivers/gpu/drm/amd/amdkfd/kfd_svm.c, kfd_process.c
 * @module
 */
import { Errno, flush_work, mmu_interval_notifier_remove, type Task, VmaKind } from '../../../kernel/index.js'
import { BLOCKED, become, procedure, type Running, step } from '../../../world/index.js'
import { defineDriver } from '../../driver.js'
import { workOf } from '../../mirror.js'
import { svm_migrate_ram_to_vram, svm_migrate_to_ram, svm_migrate_vram_to_ram } from './kfd-migrate.js'
import { svmClaims } from './svm-claims.js'
import { svm_range_deferred_list_work, svm_range_free, svm_range_unlink } from './svm-deferred.js'
import {
  kfd_process_notifier_release_internal,
  svm_range_cpu_invalidate_pagetables,
} from './svm-invalidate.js'
import {
  boundariesOf,
  declareSvms,
  insertNotifier,
  newRange,
  type PageSpan,
  rangeFromAddr,
  type SvmRange,
  type Svms,
  svmRangeStatechart,
} from './svm-range.js'
import { svm_range_add_notifier_locked, svm_range_restore_pages } from './svm-restore.js'

/** `KFD_IOCTL_SVM_ATTR_PREFETCH_LOC`: the direction. */
type Migrate = typeof svm_migrate_ram_to_vram

/**
 * User space sets the location of the pages: creates missing ranges, and migrates each. It maps no
 * page here: the GPU faults.
 *
 * @returns 0 or a negative error number
 * @kernel svm_range_set_attr
 */
export const svm_range_set_attr = procedure(function* svm_range_set_attr(
  current: Task,
  svms: Svms,
  { start, last }: PageSpan,
  migrate: Migrate,
): Running<number> {
  const { mm, state } = svms
  yield* svm_range_list_lock_and_flush_work(svms)
  const isValid = yield* step('svm_range_is_valid', () => {
    for (let page = start; page <= last; page++)
      if (mm.vma[page].kind === VmaKind.none || mm.vma[page].kind === VmaKind.pfnmap) return false
    return true
  })
  if (!isValid) {
    yield* mm.mmapLock.unlockWrite()
    return -Errno.EFAULT
  }
  yield* state.lock.lock()
  const pranges: SvmRange[] = []
  for (let page = start; page <= last; page++) {
    const prange = yield* svm_range_add(svms, page)
    if (prange !== 'none' && !pranges.includes(prange)) pranges.push(prange)
  }
  yield* mm.mmapLock.downgrade()
  let error = 0
  for (const prange of pranges) {
    yield* prange.migrateMutex.lock()
    const span = yield* step('svm_range_trigger_migration', () => {
      prange.wasNear = false
      return { start: prange.start, last: prange.last }
    })
    const failed = yield* migrate(current, svms, prange, span)
    yield* prange.migrateMutex.unlock()
    if (failed) error = failed
  }
  yield* state.lock.unlock()
  yield* mm.mmapLock.unlockRead()
  return error
})

/**
 * Finds the range of a page or creates it. The caller holds the mmap lock for writing and
 * svms->lock.
 */
export const svm_range_add = procedure(function* svm_range_add(
  svms: Svms,
  page: number,
): Running<SvmRange | 'none'> {
  const prange = yield* step('svm_range_add, svm_range_add_to_svms', () => findOrMake(svms, page) ?? 'none')
  if (prange !== 'none') yield* svm_range_add_notifier_locked(svms, prange)
  return prange
})

function findOrMake(svms: Svms, page: number): SvmRange | undefined {
  const found = rangeFromAddr(svms, page)
  if (found) return found
  const span = boundariesOf(svms, page)
  return span && newRange(svms, span)
}

/** Takes the mmap lock for writing once the deferred list is empty. */
export const svm_range_list_lock_and_flush_work = procedure(function* svm_range_list_lock_and_flush_work(
  svms: Svms,
): Running<void> {
  const { mm, state } = svms
  yield* flush_work(workOf(svms, 'deferredList'))
  yield* mm.mmapLock.lockWrite()
  const isEmpty = yield* state.deferredListLock.critical(
    'list_empty(&svms->deferred_range_list)',
    () => state.deferredRangeList.first === undefined,
  )
  if (isEmpty) return
  yield* mm.mmapLock.unlockWrite()
  return yield* become(svm_range_list_lock_and_flush_work, svms)
})

/** Prefetches the pages to VRAM. @kernel svm_range_trigger_migration */
const prefetchToVram = procedure(
  'svm_range_set_attr (to VRAM)',
  function* (current: Task, svms: Svms, start: number, end: number): Running<number> {
    return yield* svm_range_set_attr(current, svms, { start, last: end - 1 }, svm_migrate_ram_to_vram)
  },
)

/** Prefetches the pages to system memory. @kernel svm_range_trigger_migration */
const prefetchToRam = procedure(
  'svm_range_set_attr (to RAM)',
  function* (current: Task, svms: Svms, start: number, end: number): Running<number> {
    return yield* svm_range_set_attr(current, svms, { start, last: end - 1 }, svm_migrate_vram_to_ram)
  },
)

/**
 * The process closes the GPU, or has exited: its queues are destroyed, no lookup finds it any more,
 * and its ranges are freed with the last reference.
 */
export const kfd_process_wq_release = procedure(function* kfd_process_wq_release(
  _current: Task,
  svms: Svms,
): Running<void> {
  const { prangeLock } = svms.state
  yield* prangeLock.lock()
  yield* kfd_process_notifier_release_internal(svms)
  yield* prangeLock.unlock()
  yield* step('kfd_unref_process', () => (svms.state.processRefs > 0 ? BLOCKED : 0))
  yield* svm_range_list_fini(svms)
})

/** No thread lists ranges any more: removes the listed ranges, then all others. */
export const svm_range_list_fini = procedure(function* svm_range_list_fini(svms: Svms): Running<void> {
  yield* flush_work(workOf(svms, 'deferredList'))
  yield* mmu_interval_notifier_remove(svms.notifier)
  yield* svm_range_list_free(svms)
})

/** Removes the remaining ranges, one by one. */
export const svm_range_list_free = procedure(
  'svm_range_list_fini (ranges)',
  function* (svms: Svms): Running<void> {
    const { lock, list } = svms.state
    yield* lock.lock()
    const prange = yield* step('list_for_each_entry_safe', () => list.first ?? 'none')
    if (prange !== 'none') yield* svm_range_unlink(svms, prange)
    yield* lock.unlock()
    if (prange === 'none') return
    yield* svm_range_free(svms, prange)
    return yield* become(svm_range_list_free, svms)
  },
)

/** Sets the state as a fault that mapped the range would leave it. */
function adopt(svms: Svms, page: number): void {
  const prange = findOrMake(svms, page)
  if (prange === undefined) return
  insertNotifier(prange)
  prange.mappedToGpu = true
  prange.lifecycle.signal('MAPPED')
  if ((svms.pageTable[page].frame?.owner ?? -1) >= 0) prange.vramPages += 1
}

/** The driver. */
export const amdkfdSvmDriver = defineDriver({
  name: 'amdkfd-svm',
  state: declareSvms,
  statecharts: [svmRangeStatechart],
  pageTable: ({ prangeLock }) => ({ program: prangeLock, remove: prangeLock }),
  work: { deferredList: svm_range_deferred_list_work },
  invalidate: svm_range_cpu_invalidate_pagetables,
  fault: svm_range_restore_pages,
  migrateToRam: svm_migrate_to_ram,
  migrateToDevice: prefetchToVram,
  migrateToSystem: prefetchToRam,
  close: kfd_process_wq_release,
  closedBy: 'last user',
  claims: svmClaims,
  adopt,
})
