/**
 * Shared virtual memory of xe, on top of GPU SVM: a fault binds a range. The callback zaps it and,
 * if the process has unmapped it, passes it to a garbage collector, which a work item or the next
 * fault runs.
 *
 * Follows Linux 7.0, for a device without memory; the bugs listed in `docs/drivers/xe-svm.md` are
 * fixed here.
 *
 * @see drivers/gpu/drm/xe/xe_svm.c
 * @module
 */

import { flushDevice } from '../../device/index.js'
import {
  disable_work_sync,
  Errno,
  HMM_PFN_VALID,
  HMM_PFN_WRITE,
  LockRank,
  mmu_interval_notifier_remove,
  mmu_interval_set_seq,
  type NotifierRange,
  NotifyEvent,
  queue_work,
  type Task,
} from '../../kernel/index.js'
import {
  any,
  become,
  both,
  exclusive,
  type Layout,
  List,
  procedure,
  READ_ONCE,
  type RecordOf,
  type Running,
  RwSemaphore,
  Spinlock,
  shared,
  step,
} from '../../world/index.js'
import { defineDriver, type FaultAnswer, type MirrorSetting } from '../driver.js'
import { type Mirror, workOf } from '../mirror.js'
import { dirtyPages, mapPage, unmapPages } from '../page-table.js'
import {
  allocateRange,
  declareGpusvm,
  drm_gpusvm_get_pages,
  drm_gpusvm_range_find_or_insert,
  drm_gpusvm_range_remove,
  type GpusvmRange,
  isValid,
  rangesOf,
  unmapPagesOf,
} from './drm-gpusvm.js'
import { gpusvmClaims } from './drm-gpusvm-claims.js'

const declareVm = (l: Layout, setting: MirrorSetting) => {
  const lock = new RwSemaphore(l, 'lock', { rank: LockRank.mmap / 2 })
  const gpusvm = l.scope('gpusvm', (g) => declareGpusvm(g, setting, lock))
  const { notifierLock } = gpusvm
  const garbageCollector = l.scope('garbage_collector', (gc) => {
    const gcLock = new Spinlock(gc, 'lock', { rank: LockRank.update + 1 })
    return { lock: gcLock, rangeList: new List(gc, 'range_list', gpusvm.ranges, { guardedBy: gcLock }) }
  })
  return {
    lock,
    gpusvm,
    garbageCollector,
    /** @kernel xe_vm_is_closed */
    isClosed: l.flag('closed', {
      guardedBy: any(exclusive(notifierLock), both(shared(notifierLock), exclusive(lock)), lock),
    }),
  }
}

/** @kernel struct xe_vm */
export type XeVm = Mirror<RecordOf<ReturnType<typeof declareVm>>>

/** How often a fault retries after an error other than a collision: the fix of T10. */
const MOST_TRIES = 1

/** The fault of the device. */
export interface PageFault {
  readonly addr: number
  /** True for a write. */
  readonly write: boolean
}

/** A device fault at one address. @kernel xe_pagefault_service */
export const xe_pagefault_service = procedure(function* xe_pagefault_service(
  current: Task,
  vm: XeVm,
  addr: number,
  _end: number,
  write: boolean,
): Running<FaultAnswer> {
  const { lock } = vm.state
  yield* lock.lockWrite()
  const error = yield* xe_svm_handle_pagefault(current, vm, { addr, write }, 0)
  yield* lock.unlockWrite()
  return error ? error : 'mapped'
})

/**
 * Runs the garbage collector, finds or creates the range, gets its pages, and binds them. Called
 * under the lock of the VM.
 */
export const xe_svm_handle_pagefault = procedure(function* xe_svm_handle_pagefault(
  current: Task,
  vm: XeVm,
  fault: PageFault,
  tries: number,
): Running<number> {
  const closed = yield* xe_svm_garbage_collector(vm)
  if (closed) return closed
  const range = yield* drm_gpusvm_range_find_or_insert(current, vm, fault.addr, fault.write)
  if (typeof range === 'number') return range
  if (yield* xe_svm_range_is_valid(range, fault.write)) return 0
  const error = yield* drm_gpusvm_get_pages(current, vm, range, fault.write)
  if (error === -Errno.EFAULT || error === -Errno.EPERM)
    return yield* become(xe_svm_retry, current, vm, fault, tries, error)
  if (error) return error
  const again = yield* xe_vm_range_rebind(vm, range)
  return again ? yield* become(xe_svm_handle_pagefault, current, vm, fault, tries) : 0
})

/** The CPU's mappings may have changed: retries. */
export const xe_svm_retry = procedure(
  'xe_svm_handle_pagefault (retry)',
  function* (current: Task, vm: XeVm, fault: PageFault, tries: number, error: number): Running<number> {
    if (tries >= MOST_TRIES) return error
    return yield* become(xe_svm_handle_pagefault, current, vm, fault, tries + 1)
  },
)

/**
 * True if the device has the range bound. Reads without the notifier lock: if the range was zapped
 * meanwhile, the device faults again.
 */
export const xe_svm_range_is_valid = procedure(function* xe_svm_range_is_valid(
  range: GpusvmRange,
  write: boolean,
): Running<boolean> {
  return yield* step('tile_present & ~tile_invalidated', () => {
    const { tilePresent, tileInvalidated, readOnly } = READ_ONCE(range)
    return tilePresent && !tileInvalidated && !(write && readOnly)
  })
})

/**
 * Binds the range if its pages are valid under the notifier lock.
 *
 * @returns 0, or -EAGAIN
 * @kernel xe_vm_range_rebind xe_pt_svm_userptr_pre_commit
 */
export const xe_vm_range_rebind = procedure(function* xe_vm_range_rebind(
  vm: XeVm,
  range: GpusvmRange,
): Running<number> {
  const { notifierLock } = vm.state.gpusvm
  yield* notifierLock.lockRead()
  const valid = yield* step('xe_svm_range_pages_valid', () => isValid(range))
  if (valid) yield* xe_pt_update_ops_run(vm, range)
  yield* notifierLock.unlockRead()
  return valid ? 0 : -Errno.EAGAIN
})

/** Writes the entries, and sets `tile_present`. */
export const xe_pt_update_ops_run = procedure(function* xe_pt_update_ops_run(
  vm: XeVm,
  range: GpusvmRange,
): Running<void> {
  yield* step('write the entries', () => {
    for (let page = range.start; page < range.end; page++)
      mapPage(vm, { pfns: { [page]: range.pages[page - range.start] } }, page)
    range.tilePresent = true
    range.tileInvalidated = false
    return 0
  })
})

/** The callback of the DRM core. */
export const drm_gpusvm_notifier_invalidate = procedure(function* drm_gpusvm_notifier_invalidate(
  _current: Task,
  vm: XeVm,
  mmuRange: NotifierRange,
  curSeq: number,
): Running<number> {
  const { notifierLock } = vm.state.gpusvm
  if (!mmuRange.blockable) return 0
  yield* notifierLock.lockWrite()
  yield* step('set_seq', () => {
    mmu_interval_set_seq(vm.notifier, curSeq)
    return 0
  })
  yield* xe_svm_invalidate(vm, mmuRange)
  yield* notifierLock.unlockWrite()
  return 1
})

/**
 * Zaps every range that overlaps the invalidation, each as a whole; then unmaps their pages, and
 * lists the ranges that the process has unmapped.
 */
export const xe_svm_invalidate = procedure(function* xe_svm_invalidate(
  vm: XeVm,
  mmuRange: NotifierRange,
): Running<void> {
  const zapped = yield* xe_svm_range_notifier_event_begin(vm, mmuRange)
  if (zapped !== 'none') yield* flushDevice(vm, zapped)
  const isUnmapped = yield* xe_svm_range_notifier_event_end(vm, mmuRange)
  if (isUnmapped) yield* xe_svm_garbage_collector_add_ranges(vm, mmuRange)
})

/** Zaps the entries. Returns the pages whose translations must be flushed, or `none`. */
export const xe_svm_range_notifier_event_begin = procedure(
  'xe_svm_range_notifier_event_begin',
  function* (vm: XeVm, mmuRange: NotifierRange): Running<Pick<NotifierRange, 'start' | 'end'> | 'none'> {
    return yield* step('xe_pt_zap_ptes_range', () => {
      const { gpusvm, isClosed } = vm.state
      // The page tables may be in destruction: they map no page any more.
      if (isClosed) return 'none'
      const hit = rangesOf(gpusvm, mmuRange).filter(({ unmapped, tilePresent }) => !unmapped && tilePresent)
      for (const range of hit) {
        zapRange(vm, range)
        range.tileInvalidated = true
      }
      if (hit.length === 0) return 'none'
      return {
        start: Math.min(...hit.map(({ start }) => start)),
        end: Math.max(...hit.map(({ end }) => end)),
      }
    })
  },
)

/** Removes the device's entries of the range. Called inside an atomic step. */
export function zapRange(vm: XeVm, { start, end }: Pick<GpusvmRange, 'start' | 'end'>): void {
  dirtyPages(vm, { start, end })
  unmapPages(vm, { start, end })
}

/** Unmaps the pages of the ranges. Returns true if they must go to the garbage collector. */
export const xe_svm_range_notifier_event_end = procedure(
  'xe_svm_range_notifier_event_end',
  function* (vm: XeVm, mmuRange: NotifierRange): Running<boolean> {
    return yield* step('drm_gpusvm_range_unmap_pages', () => {
      const { gpusvm, isClosed } = vm.state
      const hit = rangesOf(gpusvm, mmuRange)
      for (const range of hit) unmapPagesOf(range)
      return hit.length > 0 && !isClosed && mmuRange.event === NotifyEvent.UNMAP
    })
  },
)

/** @kernel xe_svm_garbage_collector_add_range */
export const xe_svm_garbage_collector_add_ranges = procedure(
  'xe_svm_garbage_collector_add_range',
  function* (vm: XeVm, mmuRange: NotifierRange): Running<void> {
    const { gpusvm, garbageCollector } = vm.state
    yield* garbageCollector.lock.critical('drm_gpusvm_range_set_unmapped, list_add_tail', () => {
      for (const range of rangesOf(gpusvm, mmuRange)) {
        range.unmapped = true
        if (range.garbageCollectorLink) continue
        range.garbageCollectorLink = true
        garbageCollector.rangeList.addTail(range)
      }
      return 0
    })
    yield* queue_work(workOf(vm, 'garbageCollector'))
  },
)

/** Removes all ranges on the list. The caller holds the lock of the VM for writing. -ENOENT once the VM is closed. */
export const xe_svm_garbage_collector = procedure(function* xe_svm_garbage_collector(
  vm: XeVm,
): Running<number> {
  const isClosed = yield* step('xe_vm_is_closed_or_banned', () => vm.state.isClosed)
  if (isClosed) return -Errno.ENOENT
  const range = yield* xe_svm_garbage_collector_first(vm)
  if (range === 'none') return 0
  yield* xe_vm_range_unbind(vm, range)
  yield* drm_gpusvm_range_remove(vm, range)
  return yield* become(xe_svm_garbage_collector, vm)
})

/** Takes the first range off the list. */
export const xe_svm_garbage_collector_first = procedure(
  'xe_svm_garbage_collector (list_del)',
  function* (vm: XeVm): Running<GpusvmRange | 'none'> {
    const { lock, rangeList } = vm.state.garbageCollector
    return yield* lock.critical('list_first_entry_or_null, list_del', () => {
      const { first } = rangeList
      if (first === undefined) return 'none'
      rangeList.remove(first)
      return first
    })
  },
)

/** Unbinds the range from the device. */
export const xe_vm_range_unbind = procedure(function* xe_vm_range_unbind(
  vm: XeVm,
  range: GpusvmRange,
): Running<void> {
  const { notifierLock } = vm.state.gpusvm
  yield* notifierLock.lockRead()
  yield* step('clear the entries', () => {
    zapRange(vm, range)
    range.tilePresent = false
    return 0
  })
  yield* notifierLock.unlockRead()
})

/** The work item. */
export const xe_svm_garbage_collector_work_func = procedure(function* xe_svm_garbage_collector_work_func(
  _current: Task,
  vm: XeVm,
): Running<void> {
  yield* vm.state.lock.lockWrite()
  yield* xe_svm_garbage_collector(vm)
  yield* vm.state.lock.unlockWrite()
})

/** The VM goes away. */
export const xe_vm_close_and_put = procedure(function* xe_vm_close_and_put(
  _current: Task,
  vm: XeVm,
): Running<void> {
  yield* xe_vm_close(vm)
  yield* xe_svm_close(vm)
  yield* vm.state.lock.lockWrite()
  yield* drm_gpusvm_fini(vm)
  yield* vm.state.lock.unlockWrite()
})

/**
 * Clears the root of the page table. From here on the callback does not touch it, and lists no
 * range.
 */
export const xe_vm_close = procedure(function* xe_vm_close(vm: XeVm): Running<void> {
  const { lock, gpusvm } = vm.state
  const everything = { start: vm.notifier.start, end: vm.notifier.last + 1 }
  yield* lock.lockWrite()
  yield* gpusvm.notifierLock.lockRead()
  yield* step('vm->size = 0, xe_pt_clear', () => {
    vm.state.isClosed = true
    zapRange(vm, everything)
    return 0
  })
  yield* flushDevice(vm, everything)
  yield* gpusvm.notifierLock.unlockRead()
  yield* lock.unlockWrite()
})

/** Stops the garbage collector for good. */
export const xe_svm_close = procedure(function* xe_svm_close(vm: XeVm): Running<void> {
  yield* disable_work_sync(workOf(vm, 'garbageCollector'))
})

/**
 * Removes the notifier first, so that no invalidation finds a range being removed; then the ranges.
 */
export const drm_gpusvm_fini = procedure(function* drm_gpusvm_fini(vm: XeVm): Running<void> {
  yield* mmu_interval_notifier_remove(vm.notifier)
  yield* drm_gpusvm_remove_ranges(vm)
})

/** Removes the remaining ranges, one by one. */
export const drm_gpusvm_remove_ranges = procedure(
  'drm_gpusvm_fini (ranges)',
  function* (vm: XeVm): Running<void> {
    const range = yield* step(
      'drm_gpusvm_for_each_range_safe',
      () => vm.state.gpusvm.rangeList.first ?? 'none',
    )
    if (range === 'none') return
    yield* drm_gpusvm_range_remove(vm, range)
    return yield* become(drm_gpusvm_remove_ranges, vm)
  },
)

/** Sets the state as a fault that bound the range would leave it. */
function adopt(vm: XeVm, page: number): void {
  const { gpusvm } = vm.state
  const [found] = rangesOf(gpusvm, { start: page, end: page + 1 })
  const range = found ?? allocateRange(gpusvm, vm.notifier, page)
  const { frame, write } = vm.pageTable[page]
  if (range === undefined || frame === undefined) return
  range.pages[page - range.start].flags = HMM_PFN_VALID | (write ? HMM_PFN_WRITE : 0)
  range.pages[page - range.start].frame = frame.pfn
  range.readOnly = !write
  range.hasDmaMapping = true
  range.tilePresent = true
}

/** The driver. */
export const xeSvmDriver = defineDriver({
  name: 'xe-svm',
  state: declareVm,
  pageTable: ({ gpusvm: { notifierLock }, lock }) => ({
    program: both(shared(notifierLock), exclusive(lock)),
    remove: any(exclusive(notifierLock), both(shared(notifierLock), exclusive(lock))),
  }),
  mayBind: ({ state: { gpusvm } }: XeVm, page) =>
    rangesOf(gpusvm, { start: page, end: page + 1 }).some(({ hasDmaMapping }) => hasDmaMapping),
  work: { garbageCollector: xe_svm_garbage_collector_work_func },
  invalidate: drm_gpusvm_notifier_invalidate,
  fault: xe_pagefault_service,
  close: xe_vm_close_and_put,
  claims: gpusvmClaims,
  adopt,
})
