/**
 * The restore work of amdkfd without retry faults, and the queues that it lets run.
 *
 * @see drivers/gpu/drm/amd/amdkfd/kfd_svm.c
 * @module
 */
import { mayRead, mayWrite, touch, translate } from '../../../device/index.js'
import {
  Errno,
  HMM_PFN_REQ_FAULT,
  HMM_PFN_REQ_WRITE,
  HMM_PFN_VALID,
  HMM_PFN_WRITE,
  hmm_range_fault,
  mmget_not_zero,
  mmput,
  mmu_interval_read_begin,
  mmu_interval_read_retry,
  queue_work,
  type Task,
  VM_WRITE,
} from '../../../kernel/index.js'
import { BLOCKED, procedure, type Running, step } from '../../../world/index.js'
import { endOfRange } from '../../fault.js'
import { accessOf, rangeOf, workOf } from '../../mirror.js'
import type { XnackOff, XnackOffRange } from './xnack-off.js'

/**
 * Validates and maps the invalid ranges, and lets the queues run if none was evicted meanwhile;
 * otherwise it is queued again.
 */
export const svm_range_restore_work = procedure(function* svm_range_restore_work(
  current: Task,
  svms: XnackOff,
): Running<void> {
  const { mm, state } = svms
  const { lock } = state.svms
  if (!(yield* step('evicted_ranges', () => state.svms.evictedRanges))) return
  if (!(yield* mmget_not_zero(mm))) return
  yield* mm.mmapLock.lockWrite()
  yield* lock.lock()
  const evicted = yield* step('evicted_ranges (locked)', () => state.svms.evictedRanges)
  let isDone = true
  for (const prange of state.ranges) if (isDone) isDone = yield* restoreRange(current, svms, prange)
  if (isDone) isDone = yield* svm_range_restore_done(svms, evicted)
  if (isDone) yield* kgd2kfd_resume_mm(svms)
  yield* lock.unlock()
  yield* mm.mmapLock.unlockWrite()
  if (!isDone) yield* queue_work(workOf(svms, 'restore'))
  yield* mmput(current, mm)
})

/** Restores one range if it is invalid. Returns false if it must be validated again. */
export const restoreRange = procedure(
  'svm_range_restore_work (range)',
  function* (current: Task, svms: XnackOff, prange: XnackOffRange): Running<boolean> {
    const invalid = yield* step('prange->invalid', () => (prange.mappedToGpu ? prange.invalid : 0))
    if (!invalid) return true
    const error = yield* xnackOffValidateAndMap(current, svms, prange)
    yield* endOfRange(current, svms, 'again')
    if (error) return false
    return yield* step('cmpxchg(&prange->invalid)', () => {
      if (prange.invalid !== invalid) return false
      prange.invalid = 0
      return true
    })
  },
)

/** Walks the range, and writes its entry under prange->lock unless it was invalidated meanwhile. */
export const xnackOffValidateAndMap = procedure(
  'svm_range_validate_and_map (XNACK off)',
  function* (current: Task, svms: XnackOff, prange: XnackOffRange): Running<number> {
    const { notifier, lock } = prange
    const walk = rangeOf(svms, current, notifier)
    const { page, mayWrite } = yield* step('vma_lookup', () => ({
      page: notifier.start,
      mayWrite: (svms.mm.vma[notifier.start].flags & VM_WRITE) !== 0,
    }))
    yield* mmu_interval_read_begin(notifier, walk.notifierSeq)
    const error = yield* hmm_range_fault(current, walk, {
      start: page,
      end: page + 1,
      defaultFlags: HMM_PFN_REQ_FAULT | (mayWrite ? HMM_PFN_REQ_WRITE : 0),
      pfnFlagsMask: 0,
      owner: -1,
    })
    if (error) return error
    yield* lock.lock()
    const collided = yield* mmu_interval_read_retry(notifier, walk.notifierSeq)
    if (!collided)
      yield* step('amdgpu_vm_update_range', () => {
        const { flags, frame } = walk.pfns[page]
        prange.flags = flags & (HMM_PFN_VALID | HMM_PFN_WRITE)
        prange.frame = frame
        return 0
      })
    yield* lock.unlock()
    return collided ? -Errno.EAGAIN : 0
  },
)

/** Returns true if no range was evicted since `evicted` was read. */
export const svm_range_restore_done = procedure(
  'svm_range_restore_work (done)',
  function* ({ state: { svms } }: XnackOff, evicted: number): Running<boolean> {
    return yield* step('cmpxchg(&svms->evicted_ranges)', () => {
      if (svms.evictedRanges !== evicted) return false
      svms.evictedRanges = 0
      return true
    })
  },
)

/**
 * Lets the queues of the process run, unless there is another reason for which they are stopped:
 * they reach what the GPU's page table maps.
 *
 * @kernel kgd2kfd_resume_mm, restore_process_queues_cpsch
 */
export const kgd2kfd_resume_mm = procedure(function* kgd2kfd_resume_mm(svms: XnackOff): Running<void> {
  const { dqm } = svms.state
  yield* dqm.lock.lock()
  yield* step('qpd->evicted--', () => {
    svms.state.evicted -= 1
    if (svms.state.evicted > 0 || svms.state.svms.isGone) return 0
    for (const [page, { mappedToGpu, flags, frame }] of svms.state.ranges.entries()) {
      if (!mappedToGpu) continue
      svms.pageTable[page].frame = svms.frames[frame]
      svms.pageTable[page].write = (flags & HMM_PFN_WRITE) !== 0
    }
    return 0
  })
  yield* dqm.lock.unlock()
})

/**
 * A user queue: accesses the pages while it runs. Without retry faults an access to a page that is
 * not mapped fails.
 */
export const runUserQueue = procedure(
  'user queue',
  function* (
    current: Task,
    svms: XnackOff,
    start: number,
    end: number,
    value: number | undefined,
  ): Running<number> {
    const access = accessOf(svms, current)
    for (let page = start; page < end; page++) {
      const isMapped = yield* step('translate', () => {
        if (svms.state.svms.isGone) return false
        if (svms.state.evicted > 0) return BLOCKED
        return translate(svms, access, page, value === undefined ? mayRead : mayWrite)
      })
      if (!isMapped) return -Errno.EFAULT
      yield* step('access', () => {
        touch(current, svms, access, value)
        return 0
      })
    }
    return 0
  },
)
