/**
 * The deferred list: a work item removes the ranges that the process has unmapped, under the mmap
 * lock, once stale faults are drained.
 *
 * @see drivers/gpu/drm/amd/amdkfd/kfd_svm.c
 * @module
 */
import { mmput, type Task } from '../../../kernel/index.js'
import { BLOCKED, become, procedure, type Running, step } from '../../../world/index.js'
import { childrenOf, insertNotifier, SvmOp, type SvmRange, type Svms } from './svm-range.js'

/** The work item. */
export const svm_range_deferred_list_work = procedure(function* svm_range_deferred_list_work(
  current: Task,
  svms: Svms,
): Running<void> {
  const { mm, state } = svms
  const prange = yield* state.deferredListLock.critical(
    'list_first_entry',
    () => state.deferredRangeList.first ?? 'none',
  )
  if (prange === 'none') return
  yield* svm_range_lock_drained(svms)
  yield* svm_range_take_off(svms, prange)
  yield* state.lock.lock()
  const op = yield* svm_range_handle_children(svms, prange)
  yield* svm_range_handle_list_op(svms, prange, op)
  yield* state.lock.unlock()
  yield* mm.mmapLock.unlockWrite()
  yield* mmput(current, mm)
  return yield* become(svm_range_deferred_list_work, current, svms)
})

/** Takes the mmap lock for writing once no fault is left that came before the unmap. */
export const svm_range_lock_drained = procedure(
  'svm_range_deferred_list_work (drain)',
  function* (svms: Svms): Running<void> {
    const { mmapLock } = svms.mm
    yield* mmapLock.lockWrite()
    const mustDrain = yield* step('drain_pagefaults', () => svms.state.drainPagefaults)
    if (!mustDrain) return
    yield* mmapLock.unlockWrite()
    yield* svm_range_drain_retry_fault(svms)
    return yield* become(svm_range_lock_drained, svms)
  },
)

/**
 * Waits for the faults being handled. Faults that arrive meanwhile are dropped, and the GPU faults
 * again.
 */
export const svm_range_drain_retry_fault = procedure(function* svm_range_drain_retry_fault({
  state,
}: Svms): Running<void> {
  yield* step('amdgpu_ih_wait_on_checkpoint_process_ts', () => {
    if (state.retryFaults > 0) return BLOCKED
    state.drainPagefaults = false
    return 0
  })
})

/** Takes the range off the list, under the mmap lock, so that no unmap lists it meanwhile. */
export const svm_range_take_off = procedure(
  'svm_range_deferred_list_work (list_del_init)',
  function* ({ state }: Svms, prange: SvmRange): Running<void> {
    yield* state.deferredListLock.critical('list_del_init', () => {
      state.deferredRangeList.remove(prange)
      prange.workItem.isListed = false
      return 0
    })
  },
)

/**
 * Handles the children that were split off the range first. Returns the operation for the range
 * itself.
 */
export const svm_range_handle_children = procedure(
  'svm_range_deferred_list_work (children)',
  function* (svms: Svms, prange: SvmRange): Running<SvmOp> {
    yield* prange.migrateMutex.lock()
    const child = yield* svm_range_take_child(svms, prange)
    if (child !== 'none') yield* svm_range_free(svms, child)
    yield* prange.migrateMutex.unlock()
    return yield* svms.state.deferredListLock.critical('work_item.op', () => prange.workItem.op)
  },
)

/**
 * Takes the first child off `child_list`, under prange->lock: invalidations walk the list without
 * the mmap lock.
 */
export const svm_range_take_child = procedure(
  'svm_range_deferred_list_work (child_list)',
  function* (svms: Svms, prange: SvmRange): Running<SvmRange | 'none'> {
    return yield* svms.state.prangeLock.critical('list_del_init(&pchild->child_list)', () => {
      const [child] = childrenOf(svms, prange)
      if (child === undefined) return 'none'
      child.parent = 0
      return child
    })
  },
)

/** Removes the range, or shrinks its notifier to the range. */
export const svm_range_handle_list_op = procedure(function* svm_range_handle_list_op(
  svms: Svms,
  prange: SvmRange,
  op: SvmOp,
): Running<void> {
  if (op === SvmOp.UNMAP_RANGE) {
    yield* svm_range_unlink(svms, prange)
    yield* svm_range_free(svms, prange)
  } else yield* svm_range_update_notifier_and_interval_tree(svms, prange)
})

/** Removes its notifier and inserts it again. */
export const svm_range_update_notifier_and_interval_tree = procedure(
  function* svm_range_update_notifier_and_interval_tree(svms: Svms, prange: SvmRange): Running<void> {
    yield* svms.state.prangeLock.critical('mmu_interval_notifier_remove, _insert_locked', () => {
      insertNotifier(prange)
      return 0
    })
  },
)

/**
 * Removes the range from the list and the tree, and removes its notifier, which waits for
 * callbacks. The caller holds svms->lock.
 */
export const svm_range_unlink = procedure(function* svm_range_unlink(
  { state }: Svms,
  prange: SvmRange,
): Running<void> {
  yield* state.prangeLock.critical('list_del, mmu_interval_notifier_remove', () => {
    state.list.remove(prange)
    prange.itNode.inserted = false
    return 0
  })
})

/** Frees the range. */
export const svm_range_free = procedure(function* svm_range_free(
  { state }: Svms,
  prange: SvmRange,
): Running<void> {
  yield* step('kfree', () => {
    prange.lifecycle.signal('FREED')
    state.pranges.put(prange)
    return 0
  })
})
