/**
 * A driver whose jobs have fences, as in amdgpu and i915: a submission walks, calls
 * mmu_interval_read_retry, and publishes the fence of its job under the notifier lock; the callback
 * waits for the fences under the same lock. Its device does not fault.
 *
 * @module
 */
import { accessThrough, touch } from '../../device/index.js'
import {
  type DmaFence,
  declareFence,
  dma_fence_signal,
  dma_fence_wait,
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
  become,
  type Layout,
  Mutex,
  Pool,
  procedure,
  type RecordOf,
  type Running,
  step,
} from '../../world/index.js'
import { defineDriver, type FaultAnswer, type MirrorSetting } from '../driver.js'
import { endOfRange } from '../fault.js'
import { accessOf, type Mirror, rangeOf } from '../mirror.js'
import { dirtyPages, mapPage, unmapPages } from '../page-table.js'

/** Fields of the notifier's lock and of the jobs: one job per thread of the process. */
export const declareJobs = (l: Layout, { threads }: MirrorSetting) => ({
  notifierLock: new Mutex(l, 'notifier_lock', { rank: LockRank.update }),
  jobs: new Pool(l, 'job', threads.length, (job) => ({
    /** Other threads can wait for it: it is in the reservation object. */
    published: job.flag('published'),
    fence: declareFence(job, 'fence'),
  })),
})

/** A userptr buffer: pages of a process. */
export type FencedBo = Mirror<RecordOf<ReturnType<typeof declareJobs>>>
/** A job of the device. */
export type FencedJob = FencedBo['state']['jobs']['objects'][number]

/** The pages that a job accesses. */
export interface JobPages {
  /** First page. */
  readonly start: number
  /** Page after the last. */
  readonly end: number
  /** True if it writes. */
  readonly write: boolean
}

/** Walks under the mmap lock. */
const walkJobPages = procedure(
  'submit (walk)',
  function* (current: Task, bo: FencedBo, { start, end, write }: JobPages): Running<number> {
    const { mmapLock } = bo.mm
    yield* mmapLock.lockRead()
    const error = yield* hmm_range_fault(current, rangeOf(bo, current), {
      start,
      end,
      defaultFlags: HMM_PFN_REQ_FAULT | (write ? HMM_PFN_REQ_WRITE : 0),
      pfnFlagsMask: 0,
      owner: -1,
    })
    yield* mmapLock.unlockRead()
    return error
  },
)

/** Publishes the fence under the lock under which the sequence number was compared. */
const submit = procedure(function* submit(
  current: Task,
  bo: FencedBo,
  { start, end }: JobPages,
): Running<FencedJob | 'again'> {
  const { notifierLock, jobs } = bo.state
  const range = rangeOf(bo, current)
  yield* notifierLock.lock()
  if (yield* mmu_interval_read_retry(bo.notifier, range.notifierSeq)) {
    yield* notifierLock.unlock()
    return 'again'
  }
  const job = yield* step('map the pages, and publish the fence', () => {
    for (let page = start; page < end; page++) mapPage(bo, range, page)
    const made = jobs.allocate((fresh) => {
      fresh.published = true
    })
    return made ?? 'again'
  })
  yield* notifierLock.unlock()
  return job
})

/** The job on the device: accesses page by page, through the translations of the submission. */
export const runFencedJob = procedure(
  'job with a fence',
  function* (
    current: Task,
    bo: FencedBo,
    { start, end }: JobPages,
    value: number | undefined,
  ): Running<void> {
    const access = accessOf(bo, current)
    const { pfns } = rangeOf(bo, current)
    for (let page = start; page < end; page++) {
      yield* step('translate', () => {
        const { frame, flags } = pfns[page]
        accessThrough(access, page, { frame: bo.frames[frame], write: (flags & HMM_PFN_WRITE) !== 0 })
        return 0
      })
      yield* step('access', () => {
        touch(current, bo, access, value)
        return 0
      })
    }
  },
)

/** The job has ended. The reservation object drops the fence once it has signalled. */
export const retireJob = procedure(function* retire_job(bo: FencedBo, job: FencedJob): Running<void> {
  yield* dma_fence_signal(job.fence)
  yield* bo.state.notifierLock.lock()
  yield* step('forget the job', () => {
    bo.state.jobs.put(job)
    return 0
  })
  yield* bo.state.notifierLock.unlock()
})

const access = procedure(function* submit_ioctl(
  current: Task,
  bo: FencedBo,
  start: number,
  end: number,
  value: number | undefined,
): Running<number> {
  const wanted = { start, end, write: value !== undefined }
  if (!(yield* mmget_not_zero(bo.mm))) return -Errno.EFAULT
  yield* mmu_interval_read_begin(bo.notifier, rangeOf(bo, current).notifierSeq)
  const error = yield* walkJobPages(current, bo, wanted)
  const job = error ? 'again' : yield* submit(current, bo, wanted)
  if (job !== 'again') {
    yield* runFencedJob(current, bo, wanted, value)
    yield* retireJob(bo, job)
  }
  const again = job === 'again' && (error === 0 || error === -Errno.EBUSY)
  yield* mmput(current, bo.mm)
  yield* endOfRange(current, bo, again ? 'again' : error)
  return again ? yield* become(submit_ioctl, current, bo, start, end, value) : error
})

/**
 * Waits for the fences of all jobs. The caller holds the notifier lock, so that no new job is
 * published.
 */
export const waitForJobs = procedure(function* wait_for_jobs({ state }: FencedBo): Running<void> {
  for (const job of state.jobs.objects) {
    const fence: DmaFence | 'none' = yield* step('the next fence', () =>
      state.jobs.isAllocated(job) && job.published ? job.fence : 'none',
    )
    if (fence !== 'none') yield* dma_fence_wait(fence)
  }
})

const invalidate = procedure(function* invalidate_userptr(
  _current: Task,
  bo: FencedBo,
  range: NotifierRange,
  curSeq: number,
): Running<number> {
  if (!range.blockable) return 0
  yield* bo.state.notifierLock.lock()
  yield* step('set_seq', () => {
    mmu_interval_set_seq(bo.notifier, curSeq)
    return 0
  })
  yield* waitForJobs(bo)
  yield* zap(bo, range)
  yield* bo.state.notifierLock.unlock()
  return 1
})

const zap = procedure(function* zap(
  bo: FencedBo,
  range: Pick<NotifierRange, 'start' | 'end'>,
): Running<void> {
  yield* step('mark dirty, and unmap', () => {
    dirtyPages(bo, range)
    unmapPages(bo, range)
    return 0
  })
})

const close = procedure(function* unregister(_current: Task, bo: FencedBo): Running<void> {
  yield* bo.state.notifierLock.lock()
  yield* waitForJobs(bo)
  yield* zap(bo, { start: bo.notifier.start, end: bo.notifier.last + 1 })
  yield* bo.state.notifierLock.unlock()
  yield* mmu_interval_notifier_remove(bo.notifier)
})

/** The device does not fault. */
const fault = procedure(function* no_fault(): Running<FaultAnswer> {
  return -Errno.EFAULT
})

/** The driver. */
export const fencedJobsDriver = defineDriver({
  name: 'fenced-jobs',
  state: declareJobs,
  pageTable: ({ notifierLock }) => ({ program: notifierLock, remove: notifierLock }),
  invalidate,
  fault,
  access,
  close,
  closedBy: 'last user',
})
