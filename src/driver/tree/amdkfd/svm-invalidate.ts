/**
 * The callback: unmaps the pages of the invalidation from the GPU. Ranges that the process has
 * unmapped go to the deferred list.
 *
 * @see drivers/gpu/drm/amd/amdkfd/kfd_svm.c
 * @module
 */
import { flushDevice } from '../../../device/index.js'
import {
  mmget_not_zero,
  mmu_interval_set_seq,
  type NotifierRange,
  NotifyEvent,
  queue_work,
  type Task,
} from '../../../kernel/index.js'
import { procedure, type Running, step } from '../../../world/index.js'
import { workOf } from '../../mirror.js'
import { dirtyPages, unmapPages } from '../../page-table.js'
import {
  childrenOf,
  notifiedOf,
  overlapOf,
  type PageSpan,
  SvmOp,
  type SvmRange,
  type Svms,
  spanOf,
} from './svm-range.js'

/** The callback, for all ranges that the invalidation overlaps. */
export const svm_range_cpu_invalidate_pagetables = procedure(function* svm_range_cpu_invalidate_pagetables(
  _current: Task,
  svms: Svms,
  mmuRange: NotifierRange,
  curSeq: number,
): Running<number> {
  const { prangeLock } = svms.state
  if (!(yield* svm_range_lock(svms, mmuRange))) return 0
  yield* step('mmu_interval_set_seq', () => {
    mmu_interval_set_seq(svms.notifier, curSeq)
    return 0
  })
  if (mmuRange.event === NotifyEvent.RELEASE) yield* kfd_process_notifier_release_internal(svms)
  else yield* svm_range_unmap_or_evict(svms, mmuRange)
  yield* prangeLock.unlock()
  return 1
})

/**
 * Ranges that the process unmaps go to the deferred list. The OOM reaper also passes
 * MMU_NOTIFY_UNMAP, although the VMA stays, and even the page if another notifier fails.
 */
export const svm_range_unmap_or_evict = procedure(
  'svm_range_cpu_invalidate_pagetables (event)',
  function* (svms: Svms, mmuRange: NotifierRange): Running<void> {
    const { event, blockable } = mmuRange
    if (event === NotifyEvent.UNMAP && blockable) yield* svm_range_unmap_from_cpu(svms, spanOf(mmuRange))
    else yield* svm_range_evict(svms, spanOf(mmuRange))
  },
)

/**
 * Takes prange->lock. Returns 0 if another thread holds it and the invalidation is not blockable.
 */
export const svm_range_lock = procedure(function* svm_range_lock(
  { state: { prangeLock } }: Svms,
  { blockable }: NotifierRange,
): Running<number> {
  if (!blockable) return yield* prangeLock.trylock()
  yield* prangeLock.lock()
  return 1
})

/** With retry faults: unmaps the pages; the next fault maps them again. */
export const svm_range_evict = procedure(function* svm_range_evict(
  svms: Svms,
  span: PageSpan,
): Running<void> {
  const unmapped = yield* step('svm_range_unmap_from_gpus', () => {
    const told = notifiedOf(svms, span)
    return unmapFromGpus(svms, [...told.flatMap((prange) => childrenOf(svms, prange)), ...told], span)
  })
  if (unmapped !== 'none') yield* flushDevice(svms, unmapped)
})

/**
 * Unmaps the mapped pages of the ranges in `span` from the GPU, after marking them dirty. Called
 * inside an atomic step, under prange->lock.
 *
 * @returns the pages whose translations must be flushed, or `none`
 * @kernel svm_range_unmap_from_gpus
 */
export function unmapFromGpus(
  svms: Svms,
  pranges: readonly SvmRange[],
  span: PageSpan,
): Pick<NotifierRange, 'start' | 'end'> | 'none' {
  const hit = pranges
    .filter(({ mappedToGpu }) => mappedToGpu)
    .flatMap((prange) => {
      const overlap = overlapOf(prange, span)
      return overlap ? [{ prange, start: overlap.start, end: overlap.last + 1 }] : []
    })
  for (const { prange, start, end } of hit) {
    dirtyPages(svms, { start, end })
    unmapPages(svms, { start, end })
    if (start !== prange.start || end !== prange.last + 1) continue
    prange.mappedToGpu = false
    prange.lifecycle.signal('EVICTED')
  }
  if (hit.length === 0) return 'none'
  return {
    start: Math.min(...hit.map(({ start }) => start)),
    end: Math.max(...hit.map(({ end }) => end)),
  }
}

/**
 * The process has unmapped pages: stale faults must be drained, and the ranges removed or shrunk.
 */
export const svm_range_unmap_from_cpu = procedure(function* svm_range_unmap_from_cpu(
  svms: Svms,
  span: PageSpan,
): Running<void> {
  const { state } = svms
  const found = yield* step('drain_pagefaults, svm_range_unmap_from_gpus', () => {
    const told = state.isGone ? [] : notifiedOf(svms, span)
    if (told.length === 0) return { told, unmapped: 'none' } as const
    state.drainPagefaults = true
    const children = told.flatMap((prange) => childrenOf(svms, prange))
    return { told, unmapped: unmapFromGpus(svms, [...children, ...told], span) } as const
  })
  if (found.unmapped !== 'none') yield* flushDevice(svms, found.unmapped)
  for (const prange of found.told) yield* svm_range_defer(svms, prange, span)
})

/**
 * Puts the range on the deferred list, to be removed or shrunk, and queues the work. Does nothing
 * if the address space has no users.
 */
export const svm_range_defer = procedure(
  'svm_range_unmap_from_cpu (defer)',
  function* (svms: Svms, prange: SvmRange, span: PageSpan): Running<void> {
    const op = yield* step('unmap_parent', () =>
      span.start <= prange.start && span.last >= prange.last
        ? SvmOp.UNMAP_RANGE
        : SvmOp.UPDATE_RANGE_NOTIFIER,
    )
    if (!(yield* svm_range_add_list_work(svms, prange, op))) return
    yield* svm_range_unmap_split(svms, prange, span)
    yield* queue_work(workOf(svms, 'deferredList'))
  },
)

/**
 * Puts the range on the deferred list, which holds a reference to the address space.
 *
 * @returns 0 if the address space has no users any more
 */
export const svm_range_add_list_work = procedure(function* svm_range_add_list_work(
  svms: Svms,
  prange: SvmRange,
  op: SvmOp,
): Running<number> {
  const { deferredListLock, deferredRangeList } = svms.state
  yield* deferredListLock.lock()
  const isListed = yield* step('list_empty(&prange->deferred_list)', () => {
    const { workItem } = prange
    if (workItem.isListed && workItem.op !== SvmOp.UNMAP_RANGE) workItem.op = op
    return workItem.isListed
  })
  const listed = isListed || (yield* mmget_not_zero(svms.mm)) === 1
  if (listed && !isListed)
    yield* step('list_add_tail', () => {
      prange.workItem.op = op
      prange.workItem.isListed = true
      deferredRangeList.addTail(prange)
      return 0
    })
  yield* deferredListLock.unlock()
  return listed ? 1 : 0
})

/**
 * Splits the unmapped pages off the range as a child. A range of two pages has one child at most.
 */
export const svm_range_unmap_split = procedure(function* svm_range_unmap_split(
  svms: Svms,
  prange: SvmRange,
  span: PageSpan,
): Running<void> {
  const { pranges } = svms.state
  yield* step('svm_range_split, svm_range_add_child', () => {
    const unmapped = overlapOf(prange, span)
    if (unmapped === undefined) return 0
    if (unmapped.start === prange.start && unmapped.last === prange.last) {
      prange.lifecycle.signal('UNMAPPED_BY_CPU')
      return 0
    }
    const child = pranges.allocate((made) => {
      made.start = unmapped.start
      made.last = unmapped.last
      made.parent = pranges.objects.indexOf(prange) + 1
      made.vramPages = prange.vramPages
    })
    if (child === undefined) return 0
    child.lifecycle.signal('SPLIT_OFF')
    child.mappedToGpu = prange.mappedToGpu
    if (unmapped.start === prange.start) prange.start = unmapped.last + 1
    else prange.last = unmapped.start - 1
    return 0
  })
})

/**
 * The address space goes away, or the process closes the GPU: no lookup finds the process any more,
 * and its queues are destroyed. The caller holds prange->lock: the kernel does this in a classic
 * notifier, right after the interval notifiers.
 *
 * @kernel kfd_process_notifier_release_internal, kfd_process_dequeue_from_all_devices
 */
export const kfd_process_notifier_release_internal = procedure(
  function* kfd_process_notifier_release_internal(svms: Svms): Running<void> {
    const { state } = svms
    const everything = { start: svms.notifier.start, last: svms.notifier.last }
    const unmapped = yield* step('hash_del_rcu, destroy the queues', () => {
      state.isGone = true
      const { allocated } = state.pranges
      return unmapFromGpus(svms, allocated, everything)
    })
    if (unmapped !== 'none') yield* flushDevice(svms, unmapped)
  },
)
