/**
 * Huge pages: a PMD maps many pages until an operation on a single page splits it. A huge page has
 * two pages here.
 *
 * @module
 */
import { deviceAccess, mapByOrder, migrateToDevice } from '../../../src/driver/index.js'
import {
  cpuRead,
  cpuWrite,
  fork,
  madvise_dontneed,
  mprotect,
  mremap,
  munmap,
  PmdKind,
  VM_READ,
  VM_WRITE,
  VmaKind,
} from '../../../src/kernel/index.js'
import { call, mirrorScenario } from '../../mirror/scenarios/mirror-world.js'
import { repeat } from '../../mirror/scenarios/mirroring.js'

const HUGE = 2
const RW = VM_READ | VM_WRITE

/** A device uses a huge page whose mapping is split. */
export const hugePage = mirrorScenario({
  name: 'huge-page',
  summary:
    'A device writes to a huge page while a thread makes it read-only as a whole, makes one of its ' +
    'pages writable again, and unmaps both; another zaps the other page. The first to change a part ' +
    'splits the mapping.',
  exercises: ['C1', 'C2', 'C8', 'C21', 'C26', 'C47'],
  generations: [],
  parameters: {},
  world: () => ({
    pages: repeat(HUGE, { touched: true }),
    hugePages: HUGE,
    mirrors: [{ name: 'gpu' }],
    spareFrames: 1,
    invalidations: 6,
    threads: [
      { name: 'device', devices: [0], calls: (m) => [call(deviceAccess, m.mirrors[0], 0, HUGE, 2)] },
      {
        name: 'cpu',
        calls: () => [
          call(mprotect, 0, HUGE, VM_READ),
          call(mprotect, 1, 1, RW),
          call(cpuWrite, 1, 1),
          call(munmap, 0, HUGE),
        ],
      },
      { name: 'discarder', calls: () => [call(madvise_dontneed, 0, 1)] },
    ],
  }),
})

/** Huge pages are mapped by faults, and zapped as a whole or in part. */
export const hugePageFaults = mirrorScenario({
  name: 'huge-page-faults',
  summary:
    'A device reads the huge zero page while CPUs write to it and zap it; memory for a huge page is ' +
    'not always available.',
  exercises: ['C1', 'C2', 'C4', 'C26', 'C47', 'data', 'use-after-free'],
  generations: [],
  parameters: {},
  world: () => ({
    pages: repeat(HUGE, {}),
    hugePages: HUGE,
    mirrors: [{ name: 'gpu' }],
    spareFrames: 3,
    invalidations: 8,
    threads: [
      { name: 'device', devices: [0], calls: (m) => [call(deviceAccess, m.mirrors[0], 0, 1)] },
      { name: 'cpu 1', calls: () => [call(cpuWrite, 0, 1), call(madvise_dontneed, 0, HUGE)] },
      { name: 'cpu 2', calls: () => [call(cpuWrite, 1, 2)] },
    ],
  }),
})

/** A device has one translation for a huge page, and one page of it is zapped. */
export const hugePageMappedWhole = mirrorScenario({
  name: 'huge-page-mapped-whole',
  summary:
    'A driver maps a whole huge page for a device that faulted on one page of it; a thread zaps the ' +
    'other page, which splits the mapping, and writes it again.',
  exercises: ['C1', 'C2', 'C3', 'C8', 'C26', 'data'],
  generations: [],
  parameters: {},
  world: () => ({
    pages: repeat(HUGE, { touched: true }),
    hugePages: HUGE,
    mirrors: [{ name: 'gpu' }],
    spareFrames: 1,
    invalidations: 6,
    overrides: [mapByOrder],
    threads: [
      {
        name: 'device',
        devices: [0],
        calls: (m) => [
          call(deviceAccess, m.mirrors[0], 0, 1, 2),
          call(deviceAccess, m.mirrors[0], 1, HUGE, 2),
        ],
      },
      { name: 'cpu', calls: () => [call(madvise_dontneed, 1, 1), call(cpuWrite, 1, 1)] },
    ],
  }),
})

/** A huge page is shared with a child until either writes. */
export const hugePageAndFork = mirrorScenario({
  name: 'huge-page-and-fork',
  summary:
    'A process with a huge page forks while a device writes to it; then parent and child write to a ' +
    'page each.',
  exercises: ['C2', 'C4', 'C26', 'data'],
  generations: [],
  parameters: {},
  world: () => ({
    pages: repeat(HUGE, { touched: true }),
    processes: 2,
    hugePages: HUGE,
    mirrors: [{ name: 'gpu' }],
    spareFrames: 2,
    values: 3,
    invalidations: 6,
    threads: [
      { name: 'device', devices: [0], calls: (m) => [call(deviceAccess, m.mirrors[0], 0, 1, 2)] },
      { name: 'parent', calls: (m) => [call(fork, m.machine.mms[1]), call(cpuWrite, 1, 1)] },
      { name: 'child', process: 1, calls: () => [call(cpuWrite, 0, 3), call(cpuRead, 1)] },
    ],
  }),
})

/** One page of a huge page migrates to a device. */
export const hugePageMigrates = mirrorScenario({
  name: 'huge-page-migrates',
  summary:
    'One page of a huge page migrates to a device, which splits the huge page, while CPUs use both; ' +
    'a page of zeroes becomes the zero page.',
  exercises: ['C28', 'C31', 'C39', 'C51', 'data'],
  generations: [],
  parameters: {},
  world: () => ({
    pages: repeat(HUGE, { touched: true }),
    hugePages: HUGE,
    mirrors: [{ name: 'gpu', memory: 1 }],
    spareFrames: 2,
    invalidations: 8,
    threads: [
      { name: 'driver', devices: [0], calls: (m) => [call(migrateToDevice, m.mirrors[0], 0, 1)] },
      { name: 'cpu 1', calls: () => [call(cpuWrite, 1, 0), call(cpuWrite, 1, 2)] },
      { name: 'cpu 2', calls: () => [call(cpuRead, 0)] },
    ],
  }),
})

/** mremap moves a huge page with its PMD. */
export const hugePageMoves = mirrorScenario({
  name: 'huge-page-moves',
  summary:
    'mremap moves a huge page as a whole while a device writes to it: the device finds it at the new address, ' +
    'and a CPU reads it there.',
  exercises: ['C1', 'C2', 'C26', 'C47', 'data'],
  generations: [],
  parameters: {},
  world: () => ({
    pages: [...repeat(HUGE, { touched: true }), ...repeat(HUGE, { kind: VmaKind.none, flags: 0 })],
    hugePages: HUGE,
    mirrors: [{ name: 'gpu' }],
    spareFrames: 1,
    moves: true,
    invalidations: 4,
    threads: [
      {
        name: 'device',
        devices: [0],
        calls: (m) => [
          call(deviceAccess, m.mirrors[0], 0, 1, 2),
          call(deviceAccess, m.mirrors[0], HUGE, HUGE + 1),
        ],
      },
      { name: 'cpu', calls: () => [call(mremap, 0, HUGE, HUGE), call(cpuRead, HUGE)] },
    ],
    witnesses: ({ machine }) => [
      {
        clause: 'system-calls',
        name: 'mremap moves a huge page as a whole',
        holds: () => machine.mms[0].pmd?.[1].kind === PmdKind.huge,
      },
    ],
  }),
})

/** An empty page table is freed. */
export const emptyPageTable = mirrorScenario({
  name: 'empty-page-table',
  summary:
    'A thread zaps one page of a huge page, which splits the mapping, and then both, while a device ' +
    'reads: the empty page table is freed.',
  exercises: ['C1', 'C2', 'C26', 'system-calls'],
  generations: [],
  parameters: {},
  world: () => ({
    pages: repeat(HUGE, { touched: true }),
    hugePages: HUGE,
    mirrors: [{ name: 'gpu' }],
    spareFrames: 1,
    invalidations: 4,
    threads: [
      { name: 'device', devices: [0], calls: (m) => [call(deviceAccess, m.mirrors[0], 0, 1)] },
      { name: 'cpu', calls: () => [call(madvise_dontneed, 1, 1), call(madvise_dontneed, 0, HUGE)] },
    ],
    witnesses: ({ machine }) => [
      {
        clause: 'system-calls',
        name: 'madvise gives an empty page table back',
        holds: (view) => view.finished(1) && machine.mms[0].pmd?.[0].kind === PmdKind.none,
      },
    ],
  }),
})
