/**
 * A driver whose jobs have fences, as amdgpu's and i915's have: a submission walks, compares the number and publishes the fence of its
 * job under the notifier lock; the callback waits for the fences under the same lock. And twins of it.
 */
import {
  accessOf,
  accessThrough,
  defineDriver,
  dirtyPages,
  endOfRange,
  type FaultAnswer,
  type Mirror,
  type MirrorSetting,
  mapPage,
  rangeOf,
  touch,
  unmapPages,
} from '../../src/driver/index.js'
import {
  type DmaFence,
  declareFence,
  dma_fence_signal,
  dma_fence_wait,
  Errno,
  HMM_PFN_WRITE,
  LockRank,
  mmget_not_zero,
  mmput,
  mmu_interval_notifier_remove,
  mmu_interval_read_begin,
  mmu_interval_read_retry,
  mmu_interval_set_seq,
  type NotifierRange,
  type Task,
} from '../../src/kernel/index.js'
import {
  become,
  type Layout,
  Mutex,
  override,
  Pool,
  procedure,
  type RecordOf,
  type Running,
  step,
} from '../../src/world/index.js'
import { type Wanted, walkPages } from './parts.js'

const declareJobs = (l: Layout, { threads }: MirrorSetting) => ({
  notifierLock: new Mutex(l, 'notifier_lock', { rank: LockRank.update }),
  jobs: new Pool(l, 'job', threads.length, (job) => ({
    /** Others can wait for it: it is in the reservation object. */
    published: job.flag('published'),
    fence: declareFence(job, 'fence'),
  })),
})

type Bo = Mirror<RecordOf<ReturnType<typeof declareJobs>>>
type Job = Bo['state']['jobs']['objects'][number]

/** Publishes the fence under the lock under which the number was compared. */
const submit = procedure(function* submit(
  current: Task,
  bo: Bo,
  { start, end }: Wanted,
): Running<Job | 'again'> {
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

/** The device's: page by page, through what the submission has found. */
const runJob = procedure(
  'job',
  function* (current: Task, bo: Bo, { start, end }: Wanted, value: number | undefined): Running<void> {
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

/** The job has ended. The reservation forgets the fence once it has signalled. */
const retire = procedure(function* retire(bo: Bo, job: Job): Running<void> {
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
  bo: Bo,
  start: number,
  end: number,
  value: number | undefined,
): Running<number> {
  const wanted = { start, end, write: value !== undefined }
  if (!(yield* mmget_not_zero(bo.mm))) return -Errno.EFAULT
  yield* mmu_interval_read_begin(bo.notifier, rangeOf(bo, current).notifierSeq)
  const error = yield* walkPages(current, bo, wanted)
  const job = error ? 'again' : yield* submit(current, bo, wanted)
  if (job !== 'again') {
    yield* runJob(current, bo, wanted, value)
    yield* retire(bo, job)
  }
  const again = job === 'again' && (error === 0 || error === -Errno.EBUSY)
  yield* mmput(current, bo.mm)
  yield* endOfRange(current, bo, again ? 'again' : error)
  return again ? yield* become(submit_ioctl, current, bo, start, end, value) : error
})

/** Waits for the fences of all jobs. The caller holds the notifier lock, so that no more come. */
const waitForJobs = procedure(function* wait_for_jobs({ state }: Bo): Running<void> {
  for (const job of state.jobs.objects) {
    const fence: DmaFence | 'none' = yield* step('the next fence', () =>
      state.jobs.isAllocated(job) && job.published ? job.fence : 'none',
    )
    if (fence !== 'none') yield* dma_fence_wait(fence)
  }
})

const invalidate = procedure(function* invalidate_userptr(
  _current: Task,
  bo: Bo,
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

const zap = procedure(function* zap(bo: Bo, range: Pick<NotifierRange, 'start' | 'end'>): Running<void> {
  yield* step('mark dirty, and unmap', () => {
    dirtyPages(bo, range)
    unmapPages(bo, range)
    return 0
  })
})

const close = procedure(function* unregister(_current: Task, bo: Bo): Running<void> {
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

export const fencedJobs = defineDriver({
  name: 'fenced-jobs',
  state: declareJobs,
  pageTable: ({ notifierLock }) => ({ program: notifierLock, remove: notifierLock }),
  invalidate,
  fault,
  access,
  close,
  closedBy: 'last user',
})

export const doesNotWait = [override(waitForJobs, () => function* () {})]

/** The fence signals under the lock that the callback holds as it waits. */
export const signalsUnderTheLock = [
  override(
    retire,
    () =>
      function* (bo, job) {
        yield* bo.state.notifierLock.lock()
        yield* dma_fence_signal(job.fence)
        yield* step('forget the job', () => {
          bo.state.jobs.put(job)
          return 0
        })
        yield* bo.state.notifierLock.unlock()
      },
  ),
]

/** The job has ended, and its fence never signals. */
export const neverSignals = [override(retire, () => function* () {})]

/** It signals when the device has been told of the job, and not when it has ended. */
export const signalsTooEarly = [
  override(
    runJob,
    (original) =>
      function* (current, bo, wanted, value) {
        for (const job of bo.state.jobs.objects) {
          const isOwn = yield* step('is it the job?', () => bo.state.jobs.isAllocated(job))
          if (isOwn) yield* dma_fence_signal(job.fence)
        }
        yield* original(current, bo, wanted, value)
      },
  ),
]
