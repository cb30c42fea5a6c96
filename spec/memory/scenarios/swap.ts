/**
 * Pages are swapped out and in while devices use them and drivers migrate them; and the bits of
 * their entries are kept.
 *
 * @module
 */
import { deviceAccess, evict, migrateToDevice, migrateToSystem } from '../../../src/driver/index.js'
import { generationNames } from '../../../src/generations/index.js'
import {
  cachedPage,
  cpuRead,
  cpuWrite,
  fork,
  mprotect,
  munmap,
  PteKind,
  shrink_folio_list,
  VM_READ,
  VM_WRITE,
} from '../../../src/kernel/index.js'
import type { Witness } from '../../../src/world/index.js'
import { call, type MirrorWorld, mirrorScenario } from '../../mirror/scenarios/mirror-world.js'
import { closeMirror } from '../../mirror/scenarios/notifiers.js'

/** Reclaim has succeeded: the page is in swap, and not in memory. */
export function goesToSwap({ machine }: MirrorWorld): Witness {
  return {
    clause: 'C39',
    name: 'a page goes to swap',
    holds: () =>
      machine.mms.some(({ pte }) =>
        pte.some((pte) => pte.kind === PteKind.swap && cachedPage(machine, pte.slot ?? 0) === undefined),
      ),
  }
}

/** A migration has removed the page from the swap cache and freed its slot. */
function reachesTheDevice({ machine }: MirrorWorld): Witness {
  return {
    clause: 'C39',
    name: 'a page that was in the swap cache gets to the device',
    holds: () =>
      machine.mms[0].pte[0].kind === PteKind.devicePrivate &&
      machine.swap.every((swapSlot) => swapSlot.contents === 0),
  }
}

/** Reclaim takes a page from a device and a CPU that write to it. */
export const swapVersusDevice = mirrorScenario({
  name: 'swap',
  summary:
    'Reclaim takes the page that a device and a CPU write to, and writes it out. A page that is ' +
    'clean in the swap cache is not written out again, unless it has been written to meanwhile.',
  exercises: ['C1', 'C3', 'C39', 'C47', 'data', 'use-after-free'],
  generations: [],
  parameters: {
    clean: {
      summary: '1 if the page is in the swap cache at the beginning, clean and writable',
      min: 0,
      max: 1,
      smoke: 1,
      default: 0,
      deep: 0,
    },
  },
  world: ({ clean }) => ({
    pages: [{ touched: true, swapCached: clean === 1 }],
    mirrors: [{ name: 'gpu' }],
    spareFrames: 1,
    swapSlots: 1,
    witnesses: (m) => [goesToSwap(m)],
    values: 3,
    invalidations: 1,
    threads: [
      { name: 'device', devices: [0], calls: (m) => [call(deviceAccess, m.mirrors[0], 0, 1, 2)] },
      { name: 'kswapd', calls: (m) => [call(shrink_folio_list, m.machine.frames[1])] },
      { name: 'cpu', calls: () => [call(cpuRead, 0), call(cpuWrite, 0, 3)] },
    ],
  }),
})

/** A driver closes its mirror, and the page that the device wrote is reclaimed. */
export const swapVersusClose = mirrorScenario({
  name: 'swap-and-close',
  summary:
    'A device writes to a page that is clean in the swap cache, and its driver closes the mirror, ' +
    'while reclaim takes the page and a CPU reads it: after the mirror is closed no callback ' +
    'transfers dirty bits, so they must be transferred before.',
  exercises: ['C12', 'C39', 'data'],
  generations: [],
  parameters: {},
  world: () => ({
    pages: [{ touched: true, swapCached: true }],
    mirrors: [{ name: 'gpu' }],
    spareFrames: 1,
    swapSlots: 1,
    witnesses: (m) => [goesToSwap(m)],
    values: 3,
    invalidations: 1,
    threads: [
      {
        name: 'device',
        devices: [0],
        calls: (m) => [call(deviceAccess, m.mirrors[0], 0, 1, 2), call(closeMirror, m.mirrors[0])],
      },
      { name: 'kswapd', calls: (m) => [call(shrink_folio_list, m.machine.frames[1])] },
      { name: 'cpu', calls: () => [call(cpuRead, 0)] },
    ],
  }),
})

/** A page is unmapped while it is being swapped out. */
export const swapVersusUnmap = mirrorScenario({
  name: 'swap-and-unmap',
  summary:
    'Reclaim writes a page out while one thread faults it in again and another unmaps it: its swap ' +
    'slot is free in the end.',
  exercises: ['C6', 'C39', 'use-after-free'],
  generations: [],
  parameters: {},
  world: () => ({
    pages: [{ touched: true }],
    mirrors: [],
    spareFrames: 1,
    swapSlots: 1,
    witnesses: (m) => [goesToSwap(m)],
    values: 3,
    invalidations: 1,
    threads: [
      {
        name: 'kswapd',
        calls: (m) => [
          call(shrink_folio_list, m.machine.frames[1]),
          call(shrink_folio_list, m.machine.frames[1]),
        ],
      },
      { name: 'cpu 1', calls: () => [call(cpuRead, 0), call(cpuWrite, 0, 2)] },
      { name: 'cpu 2', calls: () => [call(cpuRead, 0), call(munmap, 0, 1)] },
    ],
  }),
})

/** A page in the swap cache migrates to the device. */
export const swapVersusMigration = mirrorScenario({
  name: 'swap-and-migrate',
  summary:
    'A driver migrates a page that is in the swap cache while a CPU writes to it and reclaim takes ' +
    'it: the page leaves the swap cache, or it stays where it is.',
  exercises: ['C28', 'C31', 'C39', 'C51', 'data'],
  generations: [],
  parameters: {
    full: {
      summary: "1 if the device's memory is full",
      min: 0,
      max: 1,
      smoke: 0,
      default: 0,
      deep: 0,
    },
  },
  world: ({ full }) => ({
    pages: [{ touched: true, swapCached: true }, ...(full ? [{ touched: true, onDevice: true }] : [])],
    mirrors: [{ name: 'gpu', memory: 1 }],
    spareFrames: 1,
    swapSlots: 1,
    witnesses: (m) => [goesToSwap(m), ...(full ? [] : [reachesTheDevice(m)])],
    values: 3,
    invalidations: 3,
    threads: [
      { name: 'driver', devices: [0], calls: (m) => [call(migrateToDevice, m.mirrors[0], 0, 1)] },
      { name: 'kswapd', calls: (m) => [call(shrink_folio_list, m.machine.frames[1])] },
      { name: 'cpu', calls: () => [call(cpuWrite, 0, 2), call(cpuRead, 0)] },
    ],
  }),
})

/** Two CPUs swap a page in, and a driver migrates it at once. */
export const migrateFromSwap = mirrorScenario({
  name: 'migrate-from-swap',
  summary:
    'Two CPUs fault on a swapped-out page, and a driver migrates it as soon as one of them has ' +
    'swapped it in: the other may have found it in the swap cache by then, and waits for its lock.',
  exercises: ['C28', 'C39', 'C51', 'data'],
  generations: [],
  parameters: {},
  world: () => ({
    pages: [{ touched: true, swappedOut: true }],
    mirrors: [{ name: 'gpu', memory: 1 }],
    spareFrames: 2,
    swapSlots: 1,
    witnesses: (m) => [reachesTheDevice(m)],
    values: 3,
    invalidations: 3,
    threads: [
      { name: 'driver', devices: [0], calls: (m) => [call(migrateToDevice, m.mirrors[0], 0, 1)] },
      { name: 'cpu 1', calls: () => [call(cpuRead, 0)] },
      { name: 'cpu 2', calls: () => [call(cpuWrite, 0, 2)] },
    ],
  }),
})

/** A child shares a swapped-out page. */
export const swapAndFork = mirrorScenario({
  name: 'swap-and-fork',
  summary:
    'A process whose page is in the swap cache forks while reclaim takes the page: both read and ' +
    'write it, and each finds its own data, in memory or in swap.',
  exercises: ['C39', 'data', 'use-after-free'],
  generations: [],
  parameters: {},
  world: () => ({
    pages: [{ touched: true, swapCached: true }],
    mirrors: [],
    processes: 2,
    spareFrames: 3,
    swapSlots: 1,
    witnesses: (m) => [goesToSwap(m)],
    values: 3,
    invalidations: 1,
    threads: [
      { name: 'kswapd', calls: (m) => [call(shrink_folio_list, m.machine.frames[1])] },
      { name: 'parent', calls: (m) => [call(fork, m.machine.mms[1]), call(cpuWrite, 0, 2)] },
      { name: 'child', process: 1, calls: () => [call(cpuRead, 0), call(cpuWrite, 0, 3)] },
    ],
  }),
})

/** The bits of an entry are kept through swap-out and swap-in. */
export const swapTracked = mirrorScenario({
  name: 'swap-tracked',
  summary:
    'Reclaim takes two pages, of which one is write-protected by userfaultfd and the other is not ' +
    'soft-dirty, while CPUs read both and write to the second: each entry keeps its marks.',
  exercises: ['C39', 'data', 'write-tracking'],
  generations: [],
  parameters: {},
  world: () => ({
    pages: [
      { touched: true, readOnly: true, uffdWp: true },
      { touched: true, readOnly: true, softDirty: false },
    ],
    mirrors: [],
    spareFrames: 1,
    swapSlots: 2,
    witnesses: (m) => [goesToSwap(m)],
    values: 2,
    invalidations: 2,
    threads: [
      {
        name: 'kswapd',
        calls: ({ machine: { frames } }) => [
          call(shrink_folio_list, frames[1]),
          call(shrink_folio_list, frames[2]),
        ],
      },
      { name: 'cpu', calls: () => [call(cpuRead, 0), call(cpuWrite, 1, 2)] },
    ],
  }),
})

/** The bits of an entry are kept when a VMA becomes writable again. */
export const mprotectTracked = mirrorScenario({
  name: 'mprotect-tracked',
  summary:
    'mprotect makes three pages read-only and writable again while a device reads them: one is not ' +
    'soft-dirty, one is write-protected by userfaultfd, and the third becomes writable at once.',
  exercises: ['C2', 'C4', 'area-rights', 'write-tracking'],
  parameters: {},
  world: () => ({
    pages: [
      { touched: true, readOnly: true, softDirty: false },
      { touched: true, readOnly: true, uffdWp: true },
      { touched: true },
    ],
    mirrors: [{ name: 'gpu' }],
    spareFrames: 1,
    swapSlots: 1,
    values: 2,
    invalidations: 4,
    threads: [
      { name: 'device', devices: [0], calls: (m) => [call(deviceAccess, m.mirrors[0], 0, 2)] },
      {
        name: 'cpu',
        calls: () => [
          call(mprotect, 0, 3, VM_READ),
          call(mprotect, 0, 3, VM_READ | VM_WRITE),
          call(cpuWrite, 0, 2),
        ],
      },
    ],
  }),
})

/** The bits of an entry are kept through migration back from the device. */
export const keepTheEntry = mirrorScenario({
  name: 'keep-the-entry',
  summary:
    'Two pages are migrated back from device memory, by their driver, an eviction or a fault: one is ' +
    'writable, the other is write-protected by userfaultfd. Each entry keeps its state.',
  exercises: ['C28', 'C39'],
  generations: generationNames,
  parameters: {},
  world: () => ({
    pages: [
      { touched: true, onDevice: true, softDirty: false },
      { touched: true, onDevice: true, readOnly: true, uffdWp: true },
    ],
    mirrors: [{ name: 'gpu', memory: 2 }],
    spareFrames: 2,
    swapSlots: 1,
    values: 2,
    invalidations: 6,
    threads: [
      { name: 'driver', calls: (m) => [call(migrateToSystem, m.mirrors[0], 0, 2)] },
      { name: 'eviction', calls: (m) => [call(evict, m.machine.deviceMemory[0])] },
      { name: 'cpu', calls: () => [call(cpuRead, 1)] },
    ],
  }),
})
