/**
 * An address space of xe, as far as its shared virtual memory goes: what it keeps, the garbage collector of its ranges, and its end.
 *
 * @see drivers/gpu/drm/xe/xe_svm.c, xe_vm.c
 * @module
 */

import { flushDevice } from '../../../device/index.js'
import {
  disable_work_sync,
  Errno,
  flush_work,
  LockRank,
  mmu_interval_notifier_remove,
  type NotifierRange,
  queue_work,
  type Task,
} from '../../../kernel/index.js'
import {
  any,
  become,
  both,
  exclusive,
  type Layout,
  List,
  procedure,
  type RecordOf,
  type Running,
  RwSemaphore,
  Spinlock,
  shared,
  step,
} from '../../../world/index.js'
import type { MirrorSetting } from '../../driver.js'
import { type Mirror, workOf } from '../../mirror.js'
import { dirtyPages, unmapPages } from '../../page-table.js'
import {
  declareGpusvm,
  devmemOwner,
  drm_gpusvm_range_remove,
  type GpusvmRange,
  type Pages,
  rangesOf,
} from './drm-gpusvm.js'
import { declareDevmem } from './drm-pagemap.js'

/** What xe keeps of an address space. */
export const declareVm = (l: Layout, setting: MirrorSetting) => {
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
    devmem: l.scope('devmem', declareDevmem),
    /** @kernel xe_vm_is_closed */
    isClosed: l.flag('closed', {
      guardedBy: any(exclusive(notifierLock), both(shared(notifierLock), exclusive(lock)), lock),
    }),
  }
}

/** @kernel struct xe_vm */
export type XeVm = Mirror<RecordOf<ReturnType<typeof declareVm>>>

/** Removes the device's entries of the range. Called inside an atomic step. */
export function zapRange(vm: XeVm, { start, end }: Pages): void {
  dirtyPages(vm, { start, end })
  unmapPages(vm, { start, end })
}

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

/** Stops the garbage collector, for good. Nobody begins a time slice any more: the last one ends. */
export const xe_svm_close = procedure(function* xe_svm_close(vm: XeVm): Running<void> {
  yield* disable_work_sync(workOf(vm, 'garbageCollector'))
  if (devmemOwner(vm) >= 0) yield* flush_work(workOf(vm, 'timeslice'))
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
