/**
 * Drivers that walk in one critical section and bind in another.
 *
 * @module
 */
import {
  compareTwiceDriver,
  deviceAccess,
  fencedJobsDriver,
  pagesValidDriver,
} from '../../../src/driver/index.js'
import { madvise_dontneed } from '../../../src/kernel/index.js'
import { call, mirrorScenario } from './mirror-world.js'
import { repeat } from './mirroring.js'
import { closeMirror, reap } from './notifiers.js'

/** Pages stay valid while others are invalidated. */
export const pagesValid = mirrorScenario({
  name: 'pages-valid',
  summary:
    'A driver keeps the reported pages with a valid flag for each, which its callback clears, and ' +
    'binds them later: two threads of its device fault while a CPU zaps one page.',
  exercises: ['C1', 'C8', 'C9', 'C49', 'lock-discipline'],
  driver: pagesValidDriver,
  parameters: {
    pages: { summary: 'pages of the address space', min: 1, max: 3, smoke: 2, default: 2, deep: 3 },
  },
  world: ({ pages }) => ({
    pages: repeat(pages, { touched: true }),
    mirrors: [{ name: 'gpu' }],
    spareFrames: pages,
    invalidations: 1,
    threads: [
      { name: 'warp 1', devices: [0], calls: (m) => [call(deviceAccess, m.mirrors[0], 0, pages, 2)] },
      { name: 'warp 2', devices: [0], calls: (m) => [call(deviceAccess, m.mirrors[0], 0, 1)] },
      { name: 'cpu', calls: () => [call(madvise_dontneed, 0, 1)] },
    ],
  }),
})

/** The callback waits for queued jobs. */
export const jobsWithFences = mirrorScenario({
  name: 'jobs-with-fences',
  summary:
    'A device that does not fault: its driver submits jobs for the reported pages, each with a ' +
    'fence, and a CPU zaps the pages. The callback waits for the fences.',
  exercises: ['C1', 'C3', 'C8', 'C49', 'deadlock'],
  driver: fencedJobsDriver,
  parameters: {
    pages: { summary: 'pages of the address space', min: 1, max: 2, smoke: 1, default: 2, deep: 2 },
  },
  world: ({ pages }) => ({
    pages: repeat(pages, { touched: true }),
    mirrors: [{ name: 'gpu' }],
    spareFrames: pages,
    invalidations: 2,
    threads: [
      { name: 'ring 1', devices: [0], calls: (m) => [call(deviceAccess, m.mirrors[0], 0, pages, 2)] },
      { name: 'ring 2', devices: [0], calls: (m) => [call(deviceAccess, m.mirrors[0], 0, 1)] },
      { name: 'cpu', calls: () => [call(madvise_dontneed, 0, pages)] },
    ],
  }),
})

/** The driver's own close and a concurrent invalidation. */
export const pagesValidClosed = mirrorScenario({
  name: 'pages-valid-closed',
  summary:
    'The driver that keeps its pages closes its mirror as it does it itself, after its device has written, while a CPU zaps ' +
    'the page.',
  exercises: ['C1', 'lock-discipline'],
  driver: pagesValidDriver,
  parameters: {},
  world: () => ({
    pages: repeat(1, { touched: true }),
    mirrors: [{ name: 'gpu' }],
    spareFrames: 1,
    invalidations: 1,
    threads: [
      {
        name: 'device',
        devices: [0],
        calls: (m) => [call(deviceAccess, m.mirrors[0], 0, 1, 2), call(closeMirror, m.mirrors[0])],
      },
      { name: 'cpu', calls: () => [call(madvise_dontneed, 0, 1)] },
    ],
  }),
})

/** An invalidation that is not blockable during a fault. */
export const pagesValidReaped = mirrorScenario({
  name: 'pages-valid-and-reap',
  summary:
    'The OOM reaper zaps the page of a driver that keeps its pages while its device faults: the callback finds the notifier ' +
    'lock held, and refuses the range.',
  exercises: ['C1', 'C11', 'lock-discipline', 'non-blocking'],
  driver: pagesValidDriver,
  parameters: {},
  world: () => ({
    pages: repeat(1, { touched: true }),
    mirrors: [{ name: 'gpu' }],
    spareFrames: 1,
    invalidations: 1,
    threads: [
      { name: 'device', devices: [0], calls: (m) => [call(deviceAccess, m.mirrors[0], 0, 1, 2)] },
      { name: 'reaper', calls: (m) => [call(reap, m.machine.mms[0])] },
    ],
  }),
})

/** mmu_interval_read_retry is called in two critical sections, and the range is kept in between. */
export const comparedTwice = mirrorScenario({
  name: 'compared-twice',
  summary:
    'A driver calls mmu_interval_read_retry after its walk, drops its lock, and calls it again when ' +
    'it programs the device; meanwhile a CPU zaps the page.',
  exercises: ['C1', 'C8', 'C14', 'refinement'],
  driver: compareTwiceDriver,
  parameters: {},
  world: () => ({
    pages: [{ touched: true }],
    mirrors: [{ name: 'gpu' }],
    spareFrames: 1,
    invalidations: 1,
    threads: [
      { name: 'device', devices: [0], calls: (m) => [call(deviceAccess, m.mirrors[0], 0, 1, 2)] },
      { name: 'cpu', calls: () => [call(madvise_dontneed, 0, 1)] },
    ],
  }),
})
