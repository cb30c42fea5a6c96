/**
 * amdgpu's user pointers: buffers that consist of pages of a process. Each submission walks the
 * pages under a sequence number; much later, under `notifier_lock`, it calls
 * mmu_interval_read_retry and queues the job. The GPU does not fault. The callback waits, under the
 * same lock, for the fences of the jobs queued before.
 *
 * The callback follows Linux 7.1, the submission patches to it; the bugs listed in
 * `docs/drivers/amdgpu-userptr.md` are fixed here.
 *
 * @see drivers/gpu/drm/amd/amdgpu/amdgpu_hmm.c
 * @module
 */

import { accessThrough, touch } from '../../device/index.js'
import {
  Errno,
  HMM_PFN_REQ_FAULT,
  HMM_PFN_REQ_WRITE,
  HMM_PFN_WRITE,
  hmm_range_fault,
  LockRank,
  mmget_not_zero,
  mmput,
  mmu_interval_notifier_remove,
  mmu_interval_read_begin,
  mmu_interval_read_retry,
  mmu_interval_set_seq,
  type NotifierRange,
  type Task,
} from '../../kernel/index.js'
import {
  BLOCKED,
  become,
  type Layout,
  Mutex,
  procedure,
  type RecordOf,
  type Running,
  step,
} from '../../world/index.js'
import { defineDriver, type FaultAnswer } from '../driver.js'
import { endOfRange } from '../fault.js'
import { accessOf, type Mirror, rangeOf } from '../mirror.js'
import { dirtyPages, mapPage, unmapPages } from '../page-table.js'

const declareBuffer = (l: Layout) => ({
  notifierLock: new Mutex(l, 'notifier_lock', { rank: LockRank.update }),
  /** Fences of the reservation object that have not signalled. */
  fences: l.counter('fences', l.threads),
})

/** A userptr buffer. @kernel struct amdgpu_bo */
export type UserptrBo = Mirror<RecordOf<ReturnType<typeof declareBuffer>>>

/** The pages that a submission needs. */
export interface UserPages {
  /** First page. */
  readonly start: number
  /** Page after the last. */
  readonly end: number
  /** False if the buffer is `AMDGPU_GEM_USERPTR_READONLY`. */
  readonly write: boolean
}

/**
 * Walks the pages, under a sequence number that stays in the range.
 *
 * @kernel amdgpu_hmm_range_get_pages
 */
export const amdgpu_hmm_range_get_pages = procedure(function* amdgpu_hmm_range_get_pages(
  current: Task,
  bo: UserptrBo,
  { start, end, write }: UserPages,
): Running<number> {
  const { mmapLock } = bo.mm
  const range = rangeOf(bo, current)
  yield* mmu_interval_read_begin(bo.notifier, range.notifierSeq)
  yield* mmapLock.lockRead()
  const error = yield* hmm_range_fault(current, range, {
    start,
    end,
    defaultFlags: HMM_PFN_REQ_FAULT | (write ? HMM_PFN_REQ_WRITE : 0),
    pfnFlagsMask: 0,
    owner: -1,
  })
  yield* mmapLock.unlockRead()
  return error
})

/**
 * Compares the sequence number and queues the job, both under the lock. Returns 0, or -EAGAIN after
 * a collision.
 */
export const amdgpu_cs_submit = procedure(function* amdgpu_cs_submit(
  current: Task,
  bo: UserptrBo,
  { start, end }: UserPages,
): Running<number> {
  const { notifierLock } = bo.state
  yield* notifierLock.lock()
  if (yield* mmu_interval_read_retry(bo.notifier, rangeOf(bo, current).notifierSeq)) {
    yield* notifierLock.unlock()
    return -Errno.EAGAIN
  }
  yield* step('map the pages, and add the fence', () => {
    for (let page = start; page < end; page++) mapPage(bo, rangeOf(bo, current), page)
    bo.state.fences += 1
    return 0
  })
  yield* notifierLock.unlock()
  return 0
})

/**
 * The GPU runs the job, page by page, through the entries that its submission wrote, and then
 * signals its fence.
 */
export const runJob = procedure(
  'job',
  function* (
    current: Task,
    bo: UserptrBo,
    { start, end }: UserPages,
    value: number | undefined,
  ): Running<void> {
    const access = accessOf(bo, current)
    const { pfns } = rangeOf(bo, current)
    for (let page = start; page < end; page++) {
      yield* step('translate', () => {
        const { frame, flags } = pfns[page]
        const write = (flags & HMM_PFN_WRITE) !== 0
        accessThrough(access, page, { frame: bo.frames[frame], write })
        return 0
      })
      yield* step('access', () => {
        touch(current, bo, access, value)
        return 0
      })
    }
    yield* step('signal the fence', () => {
      bo.state.fences -= 1
      return 0
    })
  },
)

/**
 * A submission, from its ioctl to the end of its job. After a collision user space submits again. A
 * reference to the address space is held until the job has ended.
 */
export const amdgpu_cs_ioctl = procedure(function* amdgpu_cs_ioctl(
  current: Task,
  bo: UserptrBo,
  start: number,
  end: number,
  value: number | undefined,
): Running<number> {
  const wanted = { start, end, write: value !== undefined }
  if (!(yield* mmget_not_zero(bo.mm))) return -Errno.EFAULT
  let error = yield* amdgpu_hmm_range_get_pages(current, bo, wanted)
  if (!error) error = yield* amdgpu_cs_submit(current, bo, wanted)
  if (!error) yield* runJob(current, bo, wanted, value)
  const again = error === -Errno.EBUSY || error === -Errno.EAGAIN
  yield* mmput(current, bo.mm)
  yield* endOfRange(current, bo, again ? 'again' : error)
  return again ? yield* become(amdgpu_cs_ioctl, current, bo, start, end, value) : error
})

/** The callback. @kernel amdgpu_hmm_invalidate_gfx */
export const amdgpu_hmm_invalidate_gfx = procedure(function* amdgpu_hmm_invalidate_gfx(
  _current: Task,
  bo: UserptrBo,
  range: NotifierRange,
  curSeq: number,
): Running<number> {
  const { notifierLock } = bo.state
  if (!range.blockable) return 0
  yield* notifierLock.lock()
  yield* step('set_seq', () => {
    mmu_interval_set_seq(bo.notifier, curSeq)
    return 0
  })
  yield* dma_resv_wait_timeout(bo)
  yield* amdgpu_vm_bo_invalidate(bo, range)
  yield* notifierLock.unlock()
  return 1
})

/** Waits for the queued jobs. */
export const dma_resv_wait_timeout = procedure(function* dma_resv_wait_timeout(bo: UserptrBo): Running<void> {
  yield* step('wait for the fences', () => (bo.state.fences > 0 ? BLOCKED : 0))
})

/** No job uses the entries until the next submission has written them again. */
export const amdgpu_vm_bo_invalidate = procedure(function* amdgpu_vm_bo_invalidate(
  bo: UserptrBo,
  range: Pick<NotifierRange, 'start' | 'end'>,
): Running<void> {
  yield* step('mark dirty, and invalidate', () => {
    dirtyPages(bo, range)
    unmapPages(bo, range)
    return 0
  })
})

/** The buffer goes away. @kernel amdgpu_hmm_unregister */
export const amdgpu_hmm_unregister = procedure(function* amdgpu_hmm_unregister(
  _current: Task,
  bo: UserptrBo,
): Running<void> {
  const { notifierLock } = bo.state
  yield* notifierLock.lock()
  yield* dma_resv_wait_timeout(bo)
  yield* amdgpu_vm_bo_invalidate(bo, { start: bo.notifier.start, end: bo.notifier.last + 1 })
  yield* notifierLock.unlock()
  yield* mmu_interval_notifier_remove(bo.notifier)
})

/** Walks the pages without a submission: AMDGPU_GEM_USERPTR_VALIDATE. */
export const amdgpu_gem_userptr_ioctl = procedure(function* amdgpu_gem_userptr_ioctl(
  current: Task,
  bo: UserptrBo,
  start: number,
  end: number,
  write: boolean,
): Running<FaultAnswer> {
  if (!(yield* mmget_not_zero(bo.mm))) return -Errno.EFAULT
  const error = yield* amdgpu_hmm_range_get_pages(current, bo, { start, end, write })
  yield* mmput(current, bo.mm)
  return error && error !== -Errno.EBUSY ? error : 'again'
})

/** The driver. */
export const amdgpuUserptrDriver = defineDriver({
  name: 'amdgpu-userptr',
  state: declareBuffer,
  pageTable: ({ notifierLock }) => ({ program: notifierLock, remove: notifierLock }),
  invalidate: amdgpu_hmm_invalidate_gfx,
  fault: amdgpu_gem_userptr_ioctl,
  access: amdgpu_cs_ioctl,
  close: amdgpu_hmm_unregister,
  closedBy: 'last user',
})
