/**
 * Scenarios for amdkfd's shared virtual memory, for features that no other driver has: ranges that
 * are split, ranges over two VMAs, and a fork of the process that uses the GPU.
 *
 * @module
 */

import { deviceAccess } from '../../../src/driver/index.js'
import { amdkfdSvmDriver } from '../../../src/driver/tree/index.js'
import {
  cpuRead,
  cpuWrite,
  exit_mm,
  madvise_dontneed,
  mprotect,
  munmap,
  shrink_folio_list,
  VM_READ,
  VmaKind,
} from '../../../src/kernel/index.js'
import { call, mirrorScenario } from '../../mirror/scenarios/mirror-world.js'
import { namedFor } from './named.js'
import { noMemoryLeft } from './no-memory.js'

const named = namedFor(amdkfdSvmDriver)

/** A range loses one of its pages while the other is reclaimed. */
export const splitAndReclaim = mirrorScenario({
  ...named('split-and-reclaim'),
  summary:
    'The GPU maps a range of two pages. The process unmaps the second page, which splits the range, ' +
    'while reclaim swaps out the first without the mmap lock. The GPU writes to the first.',
  exercises: ['C1', 'C3', 'C39', 'own-objects', 'work-items', 'use-after-free'],
  world: () => ({
    pages: [
      { touched: true, mirroredBy: [0] },
      { touched: true, mirroredBy: [0] },
    ],
    mirrors: [{ name: 'gpu' }],
    spareFrames: 1,
    swapSlots: 1,
    invalidations: 2,
    threads: [
      { name: 'cpu', calls: () => [call(munmap, 1, 1)] },
      { name: 'kswapd', calls: ({ machine: { frames } }) => [call(shrink_folio_list, frames[1])] },
      { name: 'device', devices: [0], calls: ({ mirrors: [gpu] }) => [call(deviceAccess, gpu, 0, 1, 2)] },
    ],
  }),
})

/** A range over two VMAs. */
export const twoAreas = mirrorScenario({
  ...named('two-areas'),
  summary:
    'The GPU reads two pages of one range, while the process zaps both, makes the second read-only, ' +
    'so that the range covers two VMAs, and zaps each again.',
  exercises: ['C1', 'C3', 'C8', 'C49', 'own-objects'],
  world: () => ({
    pages: [{ touched: true }, { touched: true }],
    mirrors: [{ name: 'gpu' }],
    spareFrames: 2,
    invalidations: 4,
    threads: [
      { name: 'device', devices: [0], calls: ({ mirrors: [gpu] }) => [call(deviceAccess, gpu, 0, 2)] },
      {
        name: 'cpu',
        calls: () => [
          call(madvise_dontneed, 0, 2),
          call(mprotect, 1, 1, VM_READ),
          call(madvise_dontneed, 1, 1),
          call(madvise_dontneed, 0, 1),
        ],
      },
    ],
  }),
})

/** A child still maps the pages. */
export const forkedAndLeft = mirrorScenario({
  ...named('forked'),
  summary:
    'Two pages in VRAM are shared by a process and its child. The parent unmaps the second, and exits; the child unmaps the first, ' +
    'and reads the second.',
  exercises: ['C28', 'C30', 'C31', 'C39', 'C42', 'own-objects', 'work-items'],
  world: () => ({
    pages: [
      { touched: true, onDevice: true, mirroredBy: [0] },
      { touched: true, onDevice: true, mirroredBy: [0] },
    ],
    mirrors: [{ name: 'gpu', memory: 2 }],
    processes: 2,
    forked: true,
    spareFrames: 2,
    invalidations: 4,
    threads: [
      { name: 'parent', calls: () => [call(munmap, 1, 1), call(exit_mm)] },
      { name: 'child', process: 1, calls: () => [call(munmap, 0, 1), call(cpuRead, 1)] },
    ],
  }),
})

/** A range with one page in VRAM and one in system memory. */
export const mixedRange = mirrorScenario({
  ...named('mixed-range'),
  summary:
    'Of two pages of a range one is in VRAM, which is full, and one in system memory, read-only. The GPU writes to the one, while a ' +
    'CPU reads the other.',
  exercises: ['C4', 'C28', 'C30', 'C48', 'C49', 'deadlock', 'own-objects'],
  world: () => ({
    pages: [
      { touched: true, readOnly: true },
      { touched: true, onDevice: true },
    ],
    mirrors: [{ name: 'gpu', memory: 1 }],
    spareFrames: 1,
    invalidations: 6,
    threads: [
      { name: 'device', devices: [0], calls: ({ mirrors: [gpu] }) => [call(deviceAccess, gpu, 0, 1, 2)] },
      { name: 'cpu', calls: () => [call(cpuRead, 1)] },
    ],
  }),
})

/** No memory is free to migrate a page back. */
export const noMemory = mirrorScenario({
  ...named('no-memory'),
  ...noMemoryLeft,
})

/** The process unmaps and exits. */
export const unmapAndExit = mirrorScenario({
  ...named('unmap-and-exit'),
  summary:
    'The process unmaps a page that the GPU maps, and exits while its range is on the deferred list; the GPU reads another page, of ' +
    'which there is no range yet.',
  exercises: ['C1', 'C19', 'own-objects', 'work-items', 'use-after-free'],
  world: () => ({
    pages: [{ touched: true, mirroredBy: [0] }, { kind: VmaKind.none, flags: 0 }, { touched: true }],
    mirrors: [{ name: 'gpu' }],
    spareFrames: 1,
    invalidations: 3,
    threads: [
      { name: 'device', devices: [0], calls: ({ mirrors: [gpu] }) => [call(deviceAccess, gpu, 2, 3)] },
      { name: 'cpu', calls: () => [call(munmap, 0, 1), call(cpuWrite, 2, 2), call(exit_mm)] },
    ],
  }),
})

/** Scenarios of its own. */
export const amdkfdScenarios = [splitAndReclaim, twoAreas, forkedAndLeft, mixedRange, noMemory, unmapAndExit]
