/**
 * Devices that take pages to themselves one by one, as since Linux 6.15: the kernel waits for the folio lock and tries again
 * by itself, and the exclusive entry keeps the page mapped, so that reclaim finds it. And pages that several areas may map.
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

/** Reclaim takes a page that was a device's alone: the entry names its slot, and the page is not mapped any more. */
function goesToSwapFromDevice({ machine, mirrors }: MirrorWorld): Witness {
  return {
    clause: 'C43',
    name: 'a page that a device has had alone goes to swap',
    holds: () =>
      machine.mms[0].pte[0].kind === PteKind.swap &&
      mirrors.some((mirror) => machine.mms[0].expected[0].value === 2 && !mirror.pageTable[0].atomic),
  }
}

/** A device takes a page that comes and goes. */
export const exclusiveByPage = mirrorScenario({
  name: 'exclusive-by-page',
  summary:
    'A device adds to a word, atomically, in a page that the kernel gives it by itself, while a thread writes ' +
    'and another zaps the page: the kernel takes whatever page is there in the end.',
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

/** A page is taken that is exclusive already, by another device. */
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

/** Reclaim takes an exclusive page. */
export const exclusiveByPageReclaim = mirrorScenario({
  name: 'exclusive-by-page-reclaim',
  summary:
    'A device adds to a word of a page that it has to itself, while reclaim takes the page and a ' +
    'CPU zaps it: an exclusive entry maps its page, so reclaim replaces it by a swap entry.',
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

/** A page that is in swap as well is written, and taken. */
export const exclusiveByPageSwapped = mirrorScenario({
  name: 'exclusive-by-page-swapped',
  summary:
    'A CPU writes to a page whose slot of swap holds the same until then, and a device takes the page to itself: that it was ' +
    'written passes from the entry to the page, which differs from its slot.',
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

/** A page that is not anonymous is refused. */
export const exclusiveByPageShared = mirrorScenario({
  name: 'exclusive-by-page-shared',
  summary:
    'A device wants a page of shared memory to itself, and the kernel refuses: another mapping could write it. ' +
    'The page is put again.',
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

/** A part of a huge page is taken. */
export const exclusiveByPageHuge = mirrorScenario({
  name: 'exclusive-by-page-huge',
  summary:
    'A device takes the second part of a huge page to itself, while a CPU writes the first: the entry of the ' +
    'huge page is split before the part is looked up.',
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

/** The walk over the mappings of a page goes from area to area. */
export const exclusiveAcrossAreas = mirrorScenario({
  name: 'exclusive-across-areas',
  summary:
    'A device takes a page that a child still shares, by the interface of ranges: the copy that the fault makes ' +
    'may be mapped by the areas that its anon_vma links, and the walk goes from one to the next.',
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
