/**
 * Scenarios of amdkfd without retry faults: queues that are stopped and let run.
 *
 * @module
 */
import { deviceAccess } from '../../../src/driver/index.js'
import { amdkfdXnackOffDriver } from '../../../src/driver/tree/index.js'
import { cpuWrite, exit_mm, madvise_dontneed, munmap, shrink_folio_list } from '../../../src/kernel/index.js'
import type { Scenario } from '../../../src/world/index.js'
import { call, mirrorScenario } from '../../mirror/scenarios/mirror-world.js'
import { closeMirror } from '../../mirror/scenarios/notifiers.js'
import { namedFor } from './named.js'

const named = namedFor(amdkfdXnackOffDriver)

const mapped = { touched: true, mirroredBy: [0] } as const

/** One range is evicted and restored. */
const evict = mirrorScenario({
  ...named('evict'),
  summary:
    'A queue of the GPU writes to a page and reads it, while the process discards it (MADV_DONTNEED): the queue is stopped, ' +
    'and runs again once the restore work has mapped the new page.',
  exercises: ['C1', 'C3', 'C8', 'work-items', 'data'],
  world: () => ({
    pages: [mapped],
    mirrors: [{ name: 'gpu' }],
    spareFrames: 1,
    invalidations: 3,
    threads: [
      {
        name: 'queue',
        devices: [0],
        calls: ({ mirrors: [gpu] }) => [call(deviceAccess, gpu, 0, 1, 2), call(deviceAccess, gpu, 0, 1)],
      },
      { name: 'cpu', calls: () => [call(madvise_dontneed, 0, 1)] },
    ],
  }),
})

/** Two ranges are evicted at once. */
const evictTwo = mirrorScenario({
  ...named('evict-two'),
  summary:
    'A queue of the GPU writes to two pages, while two threads discard one each (MADV_DONTNEED): the second eviction ' +
    'finds the first counted.',
  exercises: ['C1', 'C3', 'C8', 'work-items'],
  world: () => ({
    pages: [mapped, mapped],
    mirrors: [{ name: 'gpu' }],
    spareFrames: 1,
    invalidations: 4,
    threads: [
      { name: 'queue', devices: [0], calls: ({ mirrors: [gpu] }) => [call(deviceAccess, gpu, 1, 2, 2)] },
      { name: 'cpu 1', calls: () => [call(madvise_dontneed, 0, 1)] },
      { name: 'cpu 2', calls: () => [call(madvise_dontneed, 1, 1)] },
    ],
  }),
})

/** A range is evicted while another is restored. */
const evictAndReclaim = mirrorScenario({
  ...named('evict-and-reclaim'),
  summary:
    'A queue of the GPU reads a page that reclaim swaps out, without the mmap lock, while the restore work maps another page ' +
    'that the process has discarded (MADV_DONTNEED).',
  exercises: ['C1', 'C3', 'C8', 'C39', 'work-items'],
  world: () => ({
    pages: [mapped, mapped],
    mirrors: [{ name: 'gpu' }],
    spareFrames: 1,
    swapSlots: 1,
    invalidations: 4,
    threads: [
      { name: 'queue', devices: [0], calls: ({ mirrors: [gpu] }) => [call(deviceAccess, gpu, 1, 2)] },
      { name: 'cpu', calls: () => [call(madvise_dontneed, 0, 1)] },
      { name: 'kswapd', calls: ({ machine: { frames } }) => [call(shrink_folio_list, frames[2])] },
    ],
  }),
})

/** A range is evicted, and unmapped for good. */
const evictAndUnmap = mirrorScenario({
  ...named('evict-and-unmap'),
  summary:
    'A queue of the GPU reads a page; the process discards another (MADV_DONTNEED), and unmaps it while it is being restored.',
  exercises: ['C1', 'C3', 'work-items'],
  world: () => ({
    pages: [mapped, mapped],
    mirrors: [{ name: 'gpu' }],
    spareFrames: 1,
    invalidations: 3,
    threads: [
      { name: 'queue', devices: [0], calls: ({ mirrors: [gpu] }) => [call(deviceAccess, gpu, 0, 1)] },
      { name: 'cpu', calls: () => [call(madvise_dontneed, 1, 1), call(munmap, 1, 1)] },
    ],
  }),
})

/** Evicted while the process closes the GPU. */
const evictAndClose = mirrorScenario({
  ...named('evict-and-close'),
  summary:
    'The process closes the GPU, while another of its threads discards a page (MADV_DONTNEED): the restore work is ' +
    'queued until the notifiers are removed.',
  exercises: ['C17', 'work-items'],
  world: () => ({
    pages: [mapped],
    mirrors: [{ name: 'gpu' }],
    spareFrames: 1,
    invalidations: 3,
    threads: [
      { name: 'cpu', calls: () => [call(madvise_dontneed, 0, 1)] },
      { name: 'closing', calls: ({ mirrors: [gpu] }) => [call(closeMirror, gpu)] },
    ],
  }),
})

/** The process exits while its queues are stopped. */
const evictAndExit = mirrorScenario({
  ...named('evict-and-exit'),
  summary: 'A queue of the GPU writes to a page, while the process discards it (MADV_DONTNEED) and exits.',
  exercises: ['C7', 'C19', 'work-items'],
  world: () => ({
    pages: [mapped],
    mirrors: [{ name: 'gpu' }],
    spareFrames: 1,
    invalidations: 4,
    threads: [
      { name: 'queue', devices: [0], calls: ({ mirrors: [gpu] }) => [call(deviceAccess, gpu, 0, 1, 2)] },
      { name: 'cpu', calls: () => [call(madvise_dontneed, 0, 1), call(exit_mm)] },
    ],
  }),
})

/** Two processes share the GPU. */
const twoProcesses = mirrorScenario({
  ...named('two-processes'),
  summary:
    'A process and its child have queues on one GPU, and share a page. The child writes to it: its queues are stopped, and ' +
    'those of the parent run on.',
  exercises: ['C1', 'C3', 'C4', 'work-items'],
  world: () => ({
    pages: [{ touched: true, mirroredBy: [0, 1] }],
    mirrors: [{ name: 'gpu' }, { name: 'gpu of the child', process: 1, sameDevice: true }],
    processes: 2,
    forked: true,
    spareFrames: 2,
    invalidations: 4,
    threads: [
      { name: 'queue', devices: [0], calls: ({ mirrors: [gpu] }) => [call(deviceAccess, gpu, 0, 1)] },
      { name: 'child', process: 1, calls: () => [call(cpuWrite, 0, 2)] },
    ],
  }),
})

export const xnackOffScenarios: readonly Scenario[] = [
  evict,
  evictTwo,
  evictAndReclaim,
  evictAndUnmap,
  evictAndClose,
  evictAndExit,
  twoProcesses,
]
