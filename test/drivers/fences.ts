/** Twins of the driver whose jobs have fences: `src/driver/variants/fenced-jobs.ts`. */
import { retireJob, runFencedJob, waitForJobs } from '../../src/driver/index.js'
import { dma_fence_signal } from '../../src/kernel/index.js'
import { override, step } from '../../src/world/index.js'

export const doesNotWait = [override(waitForJobs, () => function* () {})]

/** The fence signals under the lock that the callback holds as it waits. */
export const signalsUnderTheLock = [
  override(
    retireJob,
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
export const neverSignals = [override(retireJob, () => function* () {})]

/** It signals when the device has been told of the job, and not when it has ended. */
export const signalsTooEarly = [
  override(
    runFencedJob,
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
