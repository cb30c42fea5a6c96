/**
 * Huge pages migrate to a device without splitting, and back as a whole or in parts. A huge page
 * has two pages here.
 *
 * @module
 */
import {
  deviceAccess,
  evict,
  migrateLargeToDevice,
  migrateToDevice,
  migrateToSystem,
} from '../../../src/driver/index.js'
import {
  cpuRead,
  cpuWrite,
  fork,
  holdInPassing,
  MIGRATE_PFN_HELD,
  madvise_dontneed,
  munmap,
} from '../../../src/kernel/index.js'
import { call, mirrorScenario } from '../../mirror/scenarios/mirror-world.js'
import { repeat } from '../../mirror/scenarios/mirroring.js'
import { reap } from '../../mirror/scenarios/notifiers.js'

const HUGE = 2

/** A huge page migrates without splitting, while a CPU accesses a part of it. */
export const largeFolio = mirrorScenario({
  name: 'large-folio',
  summary:
    'A huge page migrates to a device without splitting while a CPU writes to a page of it, which ' +
    'migrates the whole huge page back; the device writes to the other page, and another thread zaps ' +
    'one page, which splits it.',
  exercises: ['C28', 'C30', 'C31', 'C38', 'C51', 'data'],
  generations: [],
  parameters: {},
  world: () => ({
    pages: repeat(HUGE, { touched: true }),
    hugePages: HUGE,
    mirrors: [{ name: 'gpu', memory: HUGE }],
    spareFrames: HUGE,
    invalidations: 8,
    threads: [
      {
        name: 'driver',
        devices: [0],
        calls: (m) => [
          call(migrateLargeToDevice, m.mirrors[0], 0, HUGE),
          call(deviceAccess, m.mirrors[0], 1, HUGE, 2),
        ],
      },
      { name: 'cpu', calls: () => [call(cpuWrite, 0, 1)] },
      { name: 'discarder', calls: () => [call(madvise_dontneed, 1, 1)] },
    ],
  }),
})

/** A huge page in device memory is shared with a child, and both fault on it. */
export const largeFolioAndFork = mirrorScenario({
  name: 'large-folio-and-fork',
  summary:
    'A process with a huge page in device memory forks while its device writes to it; then parent ' +
    'and child access a page each, and the first fault migrates the whole huge page back for both.',
  exercises: ['C28', 'C30', 'C31', 'data'],
  generations: [],
  parameters: {},
  world: () => ({
    pages: repeat(HUGE, { touched: true }),
    processes: 2,
    hugePages: HUGE,
    mirrors: [{ name: 'gpu', memory: HUGE }],
    spareFrames: 2 * HUGE,
    values: 3,
    invalidations: 8,
    threads: [
      {
        name: 'driver',
        devices: [0],
        calls: (m) => [call(migrateLargeToDevice, m.mirrors[0], 0, HUGE)],
      },
      { name: 'parent', calls: (m) => [call(fork, m.machine.mms[1]), call(cpuWrite, 1, 1)] },
      { name: 'child', process: 1, calls: () => [call(cpuRead, 0)] },
    ],
  }),
})

/** A fault on a part of a huge page in device memory splits it. */
export const largeFolioSplit = mirrorScenario({
  name: 'large-folio-split',
  summary:
    'The PMD of a huge page in device memory is split when a page is unmapped; the driver migrates a ' +
    'part back, which splits the folio, while the device memory is evicted.',
  exercises: ['C28', 'C31', 'C51'],
  generations: [],
  parameters: {},
  world: () => ({
    pages: repeat(HUGE, { touched: true }),
    hugePages: HUGE,
    mirrors: [{ name: 'gpu', memory: HUGE }],
    spareFrames: HUGE,
    invalidations: 10,
    threads: [
      {
        name: 'driver',
        devices: [0],
        calls: (m) => [
          call(migrateLargeToDevice, m.mirrors[0], 0, HUGE),
          call(migrateToSystem, m.mirrors[0], 1, HUGE),
        ],
      },
      { name: 'cpu', calls: () => [call(munmap, 0, 1)] },
      { name: 'eviction', calls: (m) => [call(evict, m.machine.deviceMemory[0])] },
    ],
  }),
})

/**
 * A CPU faults on the rest of a huge page in device memory that another thread references or has
 * locked.
 */
export const largeFolioHeld = mirrorScenario({
  name: 'large-folio-held',
  summary:
    'The PMD of a huge page in device memory is split when a page is unmapped, while a CPU faults on ' +
    'the other page: the fault splits the folio unless another thread references it, and waits for ' +
    'the lock of its page, which an eviction may hold.',
  exercises: ['C28', 'C30', 'C31'],
  generations: [],
  parameters: {},
  world: () => ({
    pages: repeat(HUGE, { touched: true }),
    hugePages: HUGE,
    mirrors: [{ name: 'gpu', memory: HUGE }],
    spareFrames: HUGE,
    invalidations: 12,
    threads: [
      {
        name: 'driver',
        devices: [0],
        calls: (m) => [
          call(migrateLargeToDevice, m.mirrors[0], 0, HUGE),
          call(holdInPassing, m.machine.deviceMemory[0].frames[1]),
        ],
      },
      { name: 'cpu', calls: () => [call(cpuRead, 1)] },
      {
        name: 'other',
        calls: (m) => [call(munmap, 0, 1), call(evict, m.machine.deviceMemory[0])],
      },
    ],
    witnesses: ({ machine, tasks }) => [
      {
        name: 'a huge page that somebody else holds is not split, and stays',
        clause: 'C30',
        holds: () =>
          tasks.some(({ thread }) => (machine.migrations[thread][1].flags & MIGRATE_PFN_HELD) !== 0),
      },
    ],
  }),
})

/** A free page of device memory is allocated as part of a huge page at once. */
export const freeAndReuse = mirrorScenario({
  name: 'free-and-reuse',
  summary:
    'A process zaps a page in removable device memory, while its driver allocates a huge page from ' +
    'that memory: the page becomes part of another folio as soon as page_free is called.',
  exercises: ['C31', 'C44', 'C46'],
  generations: [],
  parameters: {},
  world: () => ({
    pages: [...repeat(HUGE, {}), { touched: true, onDevice: true }],
    hugePages: HUGE,
    mirrors: [{ name: 'gpu', memory: HUGE }],
    hotplug: { plugged: true },
    spareFrames: 1,
    invalidations: 6,
    threads: [
      { name: 'driver', devices: [0], calls: (m) => [call(migrateLargeToDevice, m.mirrors[0], 0, HUGE)] },
      { name: 'discarder', calls: () => [call(madvise_dontneed, HUGE, 1)] },
    ],
    witnesses: ({ machine }) => [
      {
        name: 'the page is part of another folio before its region has a reference less',
        clause: 'C44',
        holds: (view) =>
          view.step(1) === 'percpu_ref_put_many' &&
          machine.frames.some(({ owner, compound }) => owner >= 0 && compound > 0),
      },
    ],
  }),
})

/** Device memory is used for a huge page, then for two single pages. */
export const folioReused = mirrorScenario({
  name: 'folio-reused',
  summary:
    'A huge page migrates to a device without splitting, and back; then its pages migrate one by one ' +
    'to the same memory, while a CPU reads one: each former part of a folio must be initialised as a ' +
    'page of order 0.',
  exercises: ['C31', 'C35', 'C51', 'data'],
  generations: [],
  parameters: {},
  world: () => ({
    pages: repeat(HUGE, { touched: true }),
    hugePages: HUGE,
    remembersFolios: true,
    mirrors: [{ name: 'gpu', memory: HUGE }],
    spareFrames: HUGE,
    invalidations: 14,
    threads: [
      {
        name: 'driver',
        devices: [0],
        calls: (m) => [
          call(migrateLargeToDevice, m.mirrors[0], 0, HUGE),
          call(evict, m.machine.deviceMemory[0]),
          call(migrateToDevice, m.mirrors[0], 0, HUGE),
        ],
      },
      { name: 'cpu', calls: () => [call(cpuRead, 1)] },
    ],
  }),
})

/** The OOM reaper runs while a huge page of a device is to be mapped in a hole. */
export const largeFolioReaped = mirrorScenario({
  name: 'large-folio-reaped',
  summary:
    'Untouched memory migrates to a device as a huge page, while the OOM reaper reaps the process: ' +
    'from then on no page may be mapped, and the huge page and its page table are freed.',
  exercises: ['C52', 'lock-discipline', 'page-tables'],
  generations: [],
  parameters: {},
  world: () => ({
    pages: repeat(HUGE, {}),
    hugePages: HUGE,
    mirrors: [{ name: 'gpu', memory: HUGE }],
    spareFrames: HUGE,
    invalidations: 6,
    threads: [
      { name: 'driver', devices: [0], calls: (m) => [call(migrateLargeToDevice, m.mirrors[0], 0, HUGE)] },
      { name: 'reaper', calls: (m) => [call(reap, m.machine.mms[0])] },
    ],
  }),
})

/** A huge page of a device is mapped in a hole or in place of the huge zero page. */
export const largeFolioHole = mirrorScenario({
  name: 'large-folio-hole',
  summary:
    'Untouched memory migrates to a device as a huge page, while a CPU reads it, which maps the huge ' +
    'zero page, and another throws it away.',
  exercises: ['C30', 'C50', 'C52', 'data'],
  generations: [],
  parameters: {},
  world: () => ({
    pages: repeat(HUGE, {}),
    hugePages: HUGE,
    mirrors: [{ name: 'gpu', memory: HUGE }],
    spareFrames: HUGE,
    invalidations: 8,
    threads: [
      { name: 'driver', devices: [0], calls: (m) => [call(migrateLargeToDevice, m.mirrors[0], 0, HUGE)] },
      { name: 'cpu', calls: () => [call(cpuRead, 1)] },
      { name: 'discarder', calls: () => [call(madvise_dontneed, 0, HUGE)] },
    ],
  }),
})
