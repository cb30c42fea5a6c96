/**
 * Requests to the walk of an earlier generation: by page, in the array.
 *
 * @module
 */
import { endOfRange, type Mirror, program, rangeOf } from '../../../src/driver/index.js'
import { generationNamed, hmm_vma_range_done, hmmVmaFaultBlocking } from '../../../src/generations/index.js'
import {
  Errno,
  HMM_PFN_REQ_FAULT,
  HMM_PFN_REQ_WRITE,
  madvise_dontneed,
  mmget_not_zero,
  mmput,
  type Task,
} from '../../../src/kernel/index.js'
import { procedure, type Running } from '../../../src/world/index.js'
import { call, mirrorScenario } from '../../mirror/scenarios/mirror-world.js'

/** Requests each page as the array says, once: a collision is not retried. */
const prefaultByPage = procedure(
  'prefault (area, by page)',
  function* (current: Task, mirror: Mirror, requests: readonly number[]): Running<void> {
    if (!(yield* mmget_not_zero(mirror.mm))) return
    const error = yield* prefaultAreaOnce(current, mirror, requests)
    yield* mmput(current, mirror.mm)
    yield* endOfRange(current, mirror, error)
  },
)

/**
 * @returns 0; -EBUSY after a collision, or if the mmap lock was dropped; or the error of the walk
 */
const prefaultAreaOnce = procedure(
  'prefault (area, try)',
  function* (current: Task, mirror: Mirror, requests: readonly number[]): Running<number> {
    const range = rangeOf(mirror, current)
    const { mmapLock } = mirror.mm
    const end = requests.length
    yield* mmapLock.lockRead()
    const error = yield* hmmVmaFaultBlocking(current, range, {
      start: 0,
      end,
      defaultFlags: 0,
      pfnFlagsMask: HMM_PFN_REQ_FAULT | HMM_PFN_REQ_WRITE,
      requests,
    })
    if (error === -Errno.EBUSY) return error
    if (error) {
      yield* mmapLock.unlockRead()
      return error
    }
    yield* mirror.updateLock.lock()
    const done = yield* hmm_vma_range_done(range)
    if (done) yield* program(current, mirror, 0, end)
    yield* mirror.updateLock.unlock()
    yield* mmapLock.unlockRead()
    return done ? 0 : -Errno.EBUSY
  },
)

/** Requests of 4.17: only in the array. */
export const hmmVmaRequests = mirrorScenario({
  name: 'hmm-vma-requests',
  summary:
    'With the API of 4.17 a driver requests page by page: write for the first, read for the second, ' +
    'nothing for the third; a CPU zaps a page.',
  exercises: ['C19', 'C20', 'C21'],
  parameters: {},
  home: generationNamed('4.17'),
  world: () => ({
    pages: [{ touched: true, readOnly: true }, {}, {}],
    mirrors: [{ name: 'gpu' }],
    spareFrames: 4,
    invalidations: 2,
    threads: [
      {
        name: 'driver',
        devices: [0],
        calls: (m) => [
          call(prefaultByPage, m.mirrors[0], [HMM_PFN_REQ_FAULT | HMM_PFN_REQ_WRITE, HMM_PFN_REQ_FAULT, 0]),
        ],
      },
      { name: 'cpu', calls: () => [call(madvise_dontneed, 1, 1)] },
    ],
  }),
})
