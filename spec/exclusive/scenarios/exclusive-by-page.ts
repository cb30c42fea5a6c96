/**
 * Device-exclusive access for single pages (make_device_exclusive, since Linux 6.15): the kernel
 * waits for the folio lock and retries by itself, and the device-exclusive entry keeps the mapping,
 * so that reclaim finds it. And pages that several VMAs may map.
 *
 * @module
 */
import { deviceAtomic } from '../../../src/driver/index.js'
import {
  cpuRead,
  cpuWrite,
  fork,
  madvise_dontneed,
  PteKind,
  shrink_folio_list,
  VmaKind,
} from '../../../src/kernel/index.js'
import type { Witness } from '../../../src/world/index.js'
import { call, type MirrorWorld, mirrorScenario } from '../../mirror/scenarios/mirror-world.js'
import { isAlone } from './exclusive.js'

const byPage = { exclusiveByPage: true } as const

/**
 * Reclaim has unmapped a page with exclusive access: the entry is a swap entry, and the page is not
 * mapped any more.
 */
function goesToSwapFromDevice({ machine, mirrors }: MirrorWorld): Witness {
  return {
    clause: 'C43',
    name: 'a page that a device has had alone goes to swap',
    holds: () =>
      machine.mms[0].pte[0].kind === PteKind.swap &&
      mirrors.some((mirror) => machine.mms[0].expected[0].value === 2 && !mirror.pageTable[0].atomic),
  }
}

/** A device takes exclusive access to a page that is replaced meanwhile. */
export const exclusiveByPage = mirrorScenario({
  name: 'exclusive-by-page',
  summary:
    'A device adds to a word, atomically, in a page that it gets by make_device_exclusive, while a ' +
    'thread writes to it and another zaps it: the kernel retries until it gets the current page.',
  exercises: ['C43', 'C1', 'C6', 'data'],
  referenceOnly: true,
  parameters: {},
  world: () => ({
    pages: [{ touched: true }],
    mirrors: [{ name: 'gpu', exclusive: true }],
    spareFrames: 3,
    values: 6,
    invalidations: 20,
    rules: byPage,
    threads: [
      { name: 'device', devices: [0], calls: (m) => [call(deviceAtomic, m.mirrors[0], 0)] },
      { name: 'cpu 1', calls: () => [call(cpuWrite, 0, 3)] },
      { name: 'cpu 2', calls: () => [call(madvise_dontneed, 0, 1)] },
    ],
    witnesses: (world) => [isAlone(world)],
  }),
})

/** A device requests a page to which another device has exclusive access. */
export const exclusiveByPageTwoDevices = mirrorScenario({
  name: 'exclusive-by-page-two-devices',
  summary:
    'Two devices add to the same word, atomically, and the kernel waits for the folio lock where the other ' +
    'device has the page: no update is lost.',
  exercises: ['C43', 'C1'],
  referenceOnly: true,
  parameters: {},
  world: () => ({
    pages: [{ touched: true, exclusive: true, mirroredBy: [0] }],
    mirrors: [
      { name: 'gpu', exclusive: true },
      { name: 'npu', exclusive: true },
    ],
    spareFrames: 2,
    values: 6,
    invalidations: 40,
    rules: byPage,
    threads: [
      { name: 'gpu', devices: [0], calls: (m) => [call(deviceAtomic, m.mirrors[0], 0)] },
      { name: 'npu', devices: [1], calls: (m) => [call(deviceAtomic, m.mirrors[1], 0)] },
    ],
    witnesses: (world) => [isAlone(world)],
  }),
})

/** Reclaim of a page with exclusive access. */
export const exclusiveByPageReclaim = mirrorScenario({
  name: 'exclusive-by-page-reclaim',
  summary:
    'A device adds to a word of a page to which it has exclusive access, while reclaim takes the ' +
    'page and a CPU zaps it: a device-exclusive entry counts as a mapping, so reclaim replaces it by ' +
    'a swap entry.',
  exercises: ['C43', 'C1', 'C6', 'C39', 'data'],
  referenceOnly: true,
  parameters: {},
  world: () => ({
    pages: [{ touched: true, exclusive: true, mirroredBy: [0] }],
    mirrors: [{ name: 'gpu', exclusive: true }],
    spareFrames: 1,
    swapSlots: 1,
    values: 6,
    invalidations: 20,
    rules: byPage,
    threads: [
      { name: 'device', devices: [0], calls: (m) => [call(deviceAtomic, m.mirrors[0], 0)] },
      { name: 'kswapd', calls: (m) => [call(shrink_folio_list, m.machine.frames[1])] },
      { name: 'cpu', calls: () => [call(madvise_dontneed, 0, 1)] },
    ],
    witnesses: (world) => [isAlone(world), goesToSwapFromDevice(world)],
  }),
})

/** A page in the swap cache is written, and a device takes exclusive access to it. */
export const exclusiveByPageSwapped = mirrorScenario({
  name: 'exclusive-by-page-swapped',
  summary:
    'A CPU writes to a page that is clean in the swap cache, and a device takes exclusive access to ' +
    'it: the dirty bit is transferred from the entry to the page.',
  exercises: ['C39', 'data'],
  referenceOnly: true,
  parameters: {},
  world: () => ({
    pages: [{ touched: true, swapCached: true }],
    mirrors: [{ name: 'gpu', exclusive: true }],
    spareFrames: 1,
    swapSlots: 1,
    values: 4,
    invalidations: 20,
    rules: byPage,
    threads: [
      { name: 'device', devices: [0], calls: (m) => [call(deviceAtomic, m.mirrors[0], 0)] },
      { name: 'cpu', calls: () => [call(cpuWrite, 0, 2)] },
    ],
    witnesses: (world) => [isAlone(world)],
  }),
})

/** fork meets an entry that keeps its mapping. */
export const exclusiveByPageFork = mirrorScenario({
  name: 'exclusive-by-page-fork',
  summary:
    'A process forks while a device makes one of its pages exclusive: fork restores the entry, whose mapping ' +
    'becomes that of the page, and copies it, or fails.',
  exercises: ['C43', 'C4', 'C6', 'data'],
  referenceOnly: true,
  parameters: {},
  world: () => ({
    pages: [{ touched: true }],
    mirrors: [{ name: 'gpu', exclusive: true }],
    processes: 2,
    spareFrames: 4,
    values: 6,
    invalidations: 20,
    rules: byPage,
    threads: [
      { name: 'device', devices: [0], calls: (m) => [call(deviceAtomic, m.mirrors[0], 0)] },
      { name: 'parent', calls: (m) => [call(fork, m.machine.mms[1]), call(cpuWrite, 0, 2)] },
      { name: 'child', process: 1, daemon: true, calls: () => [call(cpuRead, 0)] },
    ],
    witnesses: (world) => [isAlone(world)],
  }),
})

/** The kernel refuses a page that is not anonymous. */
export const exclusiveByPageShared = mirrorScenario({
  name: 'exclusive-by-page-shared',
  summary:
    'A device requests exclusive access to a page of shared memory, and the kernel refuses: another ' +
    'mapping could write to it. The page is put again.',
  exercises: ['C6'],
  referenceOnly: true,
  parameters: {},
  world: () => ({
    pages: [{ kind: VmaKind.sharedAnonymous, file: 0 }],
    files: [1],
    emptyFiles: true,
    mirrors: [{ name: 'gpu', exclusive: true }],
    spareFrames: 1,
    values: 3,
    invalidations: 20,
    rules: byPage,
    threads: [
      { name: 'device', devices: [0], calls: (m) => [call(deviceAtomic, m.mirrors[0], 0)] },
      { name: 'cpu', calls: () => [call(cpuWrite, 0, 2), call(madvise_dontneed, 0, 1)] },
    ],
  }),
})

/** Exclusive access to a part of a huge page. */
export const exclusiveByPageHuge = mirrorScenario({
  name: 'exclusive-by-page-huge',
  summary:
    'A device takes exclusive access to the second part of a huge page, while a CPU writes to the ' +
    'first: the PMD is split before the part is looked up.',
  exercises: ['C43', 'C1', 'C6', 'data'],
  referenceOnly: true,
  parameters: {},
  world: () => ({
    pages: [{ touched: true }, { touched: true }],
    mirrors: [{ name: 'gpu', exclusive: true }],
    spareFrames: 2,
    values: 6,
    invalidations: 20,
    hugePages: 2,
    rules: byPage,
    threads: [
      { name: 'device', devices: [0], calls: (m) => [call(deviceAtomic, m.mirrors[0], 1)] },
      { name: 'cpu', calls: () => [call(cpuWrite, 0, 3), call(cpuRead, 1)] },
    ],
    witnesses: (world) => [isAlone(world)],
  }),
})

/** The rmap walk visits several VMAs. */
export const exclusiveAcrossAreas = mirrorScenario({
  name: 'exclusive-across-areas',
  summary:
    'A device takes exclusive access to a page that a child still shares, by ' +
    'make_device_exclusive_range: the copy that the fault makes may be mapped by every VMA of its ' +
    'anon_vma, and the rmap walk visits them one after another.',
  exercises: ['C43', 'C1', 'C6', 'data'],
  referenceOnly: true,
  parameters: {},
  world: () => ({
    pages: [{ touched: true }],
    mirrors: [{ name: 'gpu', exclusive: true }],
    processes: 2,
    forked: true,
    anonVmas: 2,
    spareFrames: 2,
    values: 3,
    invalidations: 20,
    threads: [
      { name: 'device', devices: [0], calls: (m) => [call(deviceAtomic, m.mirrors[0], 0)] },
      { name: 'cpu', calls: () => [call(madvise_dontneed, 0, 1)] },
      { name: 'child', process: 1, calls: () => [call(cpuRead, 0)] },
    ],
    witnesses: (world) => [isAlone(world)],
  }),
})
