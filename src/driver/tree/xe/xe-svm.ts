/**
 * Shared virtual memory of xe, on top of GPU SVM: a fault binds a range. The callback zaps it and,
 * if the process has unmapped it, passes it to a garbage collector, which a work item or the next
 * fault runs. If the device has memory, a fault first migrates the range there.
 *
 * Follows Linux 7.0; the bugs listed in `docs/drivers/xe-svm.md` are fixed here.
 *
 * @see drivers/gpu/drm/xe/xe_svm.c
 * @module
 */

import { flushDevice } from '../../../device/index.js'
import {
  Errno,
  HMM_PFN_VALID,
  HMM_PFN_WRITE,
  mmu_interval_set_seq,
  type NotifierRange,
  NotifyEvent,
  type Task,
} from '../../../kernel/index.js'
import {
  any,
  become,
  both,
  exclusive,
  type Procedure,
  procedure,
  READ_ONCE,
  type Running,
  shared,
  step,
} from '../../../world/index.js'
import { defineDriver, type FaultAnswer } from '../../driver.js'
import { mapPage } from '../../page-table.js'
import {
  allocateRange,
  devmemOwner,
  drm_gpusvm_get_pages,
  drm_gpusvm_range_evict,
  drm_gpusvm_range_find_or_insert,
  type GpusvmRange,
  isDevmemOnly,
  isValid,
  type Pages,
  rangesOf,
  unmapPagesOf,
} from './drm-gpusvm.js'
import { gpusvmClaims } from './drm-gpusvm-claims.js'
import {
  drm_pagemap_migrate_to_ram,
  drm_pagemap_populate_mm,
  endTimeslice,
  letTimePass,
  waitOutTimeslice,
} from './drm-pagemap.js'
import {
  declareVm,
  type XeVm,
  xe_svm_garbage_collector,
  xe_svm_garbage_collector_add_ranges,
  xe_svm_garbage_collector_work_func,
  xe_vm_close_and_put,
  zapRange,
} from './xe-vm.js'

/** How often a fault retries after an error other than a collision: the fix of T10. */
function mostTries(vm: XeVm): number {
  return devmemOwner(vm) < 0 ? 1 : 3
}

/** How often a fault moves its range to the device's memory. @kernel migrate_try_count */
function mostMigrations(vm: XeVm, { write }: PageFault): number {
  if (devmemOwner(vm) < 0) return 0
  return isDevmemOnly(vm, write) ? 3 : 1
}

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
  if (isDevmemOnly(vm, write)) yield* letTimePass(vm)
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
  if (yield* xe_svm_range_is_valid(vm, range, fault.write)) return 0
  if (tries < mostMigrations(vm, fault)) {
    const failed = yield* xe_svm_alloc_vram(current, vm, range, fault.write)
    if (failed) return yield* become(xe_svm_retry, current, vm, fault, tries, failed)
  }
  const error = yield* xe_svm_range_get_pages(current, vm, range, fault.write)
  if (error === -Errno.EFAULT || error === -Errno.EPERM || error === -Errno.EOPNOTSUPP)
    return yield* become(xe_svm_retry, current, vm, fault, tries, error)
  if (error) return error
  const again = yield* xe_vm_range_rebind(vm, range)
  const next = devmemOwner(vm) < 0 ? tries : Math.min(tries + 1, mostTries(vm))
  return again ? yield* become(xe_svm_handle_pagefault, current, vm, fault, next) : 0
})

/** Moves the range to the device's memory. One of which a part is there, or in that of another device, is brought back first. */
export const xe_svm_alloc_vram = procedure(function* xe_svm_alloc_vram(
  current: Task,
  vm: XeVm,
  range: GpusvmRange,
  write: boolean,
): Running<number> {
  const pages = yield* extentOf(range)
  return yield* xe_svm_populate(current, vm, pages, isDevmemOnly(vm, write))
})

/** The same for any pages. The caller holds the lock of the VM. */
export const xe_svm_populate = procedure(
  'xe_svm_alloc_vram (populate)',
  function* (current: Task, vm: XeVm, pages: Pages, keeps: boolean): Running<number> {
    const error = yield* drm_pagemap_populate_mm(current, vm, pages, keeps)
    if (error !== -Errno.EBUSY) return error
    yield* evictPages(current, vm, pages, keeps)
    return yield* drm_pagemap_populate_mm(current, vm, pages, keeps)
  },
)

/** The pages come back, once their time slice is over: HMM_RANGE_DEFAULT_TIMEOUT is longer. */
export const evictPages = procedure(
  'drm_gpusvm_range_evict (waits)',
  function* (current: Task, vm: XeVm, pages: Pages, write: boolean): Running<number> {
    yield* waitOutTimeslice(vm)
    return yield* drm_gpusvm_range_evict(current, vm, pages, write)
  },
)

/** Where the range begins and ends. */
const extentOf = procedure('xe_svm_range_start', function* (range: GpusvmRange): Running<Pages> {
  return yield* step('xe_svm_range_start, xe_svm_range_end', () => ({ start: range.start, end: range.end }))
})

/** Gets the pages. If they are in two places they are brought back, and -EOPNOTSUPP says so. */
export const xe_svm_range_get_pages = procedure(function* xe_svm_range_get_pages(
  current: Task,
  vm: XeVm,
  range: GpusvmRange,
  write: boolean,
): Running<number> {
  const error = yield* drm_gpusvm_get_pages(current, vm, range, write)
  if (error === -Errno.EOPNOTSUPP) yield* evictPages(current, vm, yield* extentOf(range), write)
  return error
})

/** The CPU's mappings may have changed: retries. */
export const xe_svm_retry = procedure(
  'xe_svm_handle_pagefault (retry)',
  function* (current: Task, vm: XeVm, fault: PageFault, tries: number, error: number): Running<number> {
    if (tries >= mostTries(vm)) return error
    return yield* become(xe_svm_handle_pagefault, current, vm, fault, tries + 1)
  },
)

/**
 * True if the device has the range bound. Reads without the notifier lock: if the range was zapped
 * meanwhile, the device faults again.
 */
export const xe_svm_range_is_valid = procedure(function* xe_svm_range_is_valid(
  vm: XeVm,
  range: GpusvmRange,
  write: boolean,
): Running<boolean> {
  return yield* step('tile_present & ~tile_invalidated', () => {
    const { tilePresent, tileInvalidated, readOnly, hasDevmemPages } = READ_ONCE(range)
    return (
      tilePresent && !tileInvalidated && !(write && readOnly) && (hasDevmemPages || !isDevmemOnly(vm, write))
    )
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
  range.hasDevmemPages = devmemOwner(vm) >= 0 && frame.owner === vm.owner
  range.hasDmaMapping = true
  range.tilePresent = true
}

/** User space asks for pages to be somewhere else: what it asks for is done under the lock of the VM. @kernel xe_vm_bind_ioctl */
function prefetch(
  name: string,
  move: Procedure<[current: Task, vm: XeVm, pages: Pages], number>,
): Procedure<[current: Task, vm: XeVm, start: number, end: number], number> {
  return procedure(
    `xe_vm_bind_ioctl (${name})`,
    function* (current: Task, vm: XeVm, start: number, end: number): Running<number> {
      const { lock } = vm.state
      yield* lock.lockWrite()
      const isClosed = yield* step('xe_vm_is_closed_or_banned', () => vm.state.isClosed)
      const error = isClosed ? -Errno.ENOENT : yield* move(current, vm, { start, end })
      yield* lock.unlockWrite()
      return error
    },
  )
}

/** Pages go to the device's memory, without a time slice. */
const prefetchToVram = procedure(
  'xe_svm_prefetch (VRAM)',
  function* (current: Task, vm: XeVm, pages: Pages): Running<number> {
    return yield* xe_svm_populate(current, vm, pages, false)
  },
)

/** Pages go to system memory. */
const prefetchToSystem = procedure(
  'xe_svm_prefetch (system memory)',
  function* (current: Task, vm: XeVm, pages: Pages): Running<number> {
    return yield* evictPages(current, vm, pages, false)
  },
)

/** What both drivers have. */
const common = {
  state: declareVm,
  pageTable: ({ gpusvm: { notifierLock }, lock }: XeVm['state']) => ({
    program: both(shared(notifierLock), exclusive(lock)),
    remove: any(exclusive(notifierLock), both(shared(notifierLock), exclusive(lock))),
  }),
  mayBind: ({ state: { gpusvm } }: XeVm, page: number) =>
    rangesOf(gpusvm, { start: page, end: page + 1 }).some(({ hasDmaMapping }) => hasDmaMapping),
  invalidate: drm_gpusvm_notifier_invalidate,
  fault: xe_pagefault_service,
  close: xe_vm_close_and_put,
  claims: gpusvmClaims,
  adopt,
}

const work = { garbageCollector: xe_svm_garbage_collector_work_func }

/** The driver, for a device without memory of its own. */
export const xeSvmDriver = defineDriver({ ...common, name: 'xe-svm', work })

/** The driver, for a device that has some. */
export const xeVramDriver = defineDriver({
  ...common,
  name: 'xe-vram',
  work: { ...work, timeslice: endTimeslice },
  migrateToRam: drm_pagemap_migrate_to_ram,
  migrateToDevice: prefetch('prefetch to VRAM', prefetchToVram),
  migrateToSystem: prefetch('prefetch to system memory', prefetchToSystem),
})
