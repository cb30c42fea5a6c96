/**
 * Migrations of which something goes wrong, and what their drivers make of it.
 *
 * @module
 */
import {
  bringBack,
  bringBackAround,
  bringBackUnlessFailed,
  copyPage,
  deviceAccess,
  migrateAndMap,
  migrateToDevice,
  migrateToSystem,
} from '../../src/driver/index.js'
import {
  cpuRead,
  cpuWrite,
  hasSource,
  madviseDontneed,
  mprotect,
  pagesOf,
  VM_READ,
} from '../../src/kernel/index.js'
import { override, step } from '../../src/world/index.js'
import { call, mirrorScenario } from './mirror-world.js'
import { repeat } from './mirroring.js'

/** There is room on the device for some of the pages only. */
export const migratePartly = mirrorScenario({
  name: 'migrate-partly',
  summary:
    'A driver migrates two pages, which its device maps already, to memory that has room for one, and then what it has ' +
    'brought there back. A CPU writes meanwhile, and makes the area read-only.',
  exercises: ['C34', 'C35', 'C37', 'C38', 'C39', 'C41', 'C52'],
  referenceOnly: true,
  parameters: {},
  world: () => ({
    pages: repeat(2, { touched: true, mirroredBy: [0] }),
    mirrors: [{ name: 'gpu', memory: 1 }],
    spareFrames: 1,
    values: 3,
    invalidations: 8,
    threads: [
      {
        name: 'driver',
        devices: [0],
        calls: (m) => [call(migrateToDevice, m.mirrors[0], 0, 2), call(migrateToSystem, m.mirrors[0], 0, 2)],
      },
      { name: 'cpu 1', calls: () => [call(cpuWrite, 0, 2)] },
      { name: 'cpu 2', calls: () => [call(mprotect, 1, 1, VM_READ)] },
    ],
  }),
})

/** A fault brings back more than the page it is about. */
export const bringBackMore = mirrorScenario({
  name: 'bring-back-more',
  summary:
    'A fault on a device page makes the driver bring back what lies around it too, with memory for one page only: it is ' +
    'the page of the fault that gets it.',
  exercises: ['C30', 'C39'],
  referenceOnly: true,
  parameters: {},
  world: () => ({
    pages: repeat(2, { touched: true, onDevice: true }),
    mirrors: [{ name: 'gpu', memory: 2 }],
    spareFrames: 1,
    values: 3,
    invalidations: 6,
    overrides: [override(bringBack, () => bringBackAround.body)],
    threads: [
      { name: 'cpu 1', calls: () => [call(cpuWrite, 1, 2), call(madviseDontneed, 1, 1)] },
      { name: 'cpu 2', calls: () => [call(cpuRead, 0)] },
    ],
  }),
})

/** The device uses what is brought back. */
export const bringBackMirrored = mirrorScenario({
  name: 'bring-back-mirrored',
  summary:
    'A driver brings back a page of its own memory which its device maps and uses, while a CPU faults on it.',
  exercises: ['C1', 'C39', 'C41'],
  referenceOnly: true,
  parameters: {},
  world: () => ({
    pages: [{ touched: true, onDevice: true, mirroredBy: [0] }],
    mirrors: [{ name: 'gpu', memory: 1 }],
    spareFrames: 2,
    values: 3,
    invalidations: 8,
    threads: [
      { name: 'driver', devices: [0], calls: (m) => [call(migrateToSystem, m.mirrors[0], 0, 1)] },
      { name: 'device', devices: [0], calls: (m) => [call(deviceAccess, m.mirrors[0], 0, 1, 3)] },
      { name: 'cpu', calls: () => [call(cpuWrite, 0, 2)] },
    ],
  }),
})

/** The driver maps what it migrates. */
export const mapAtOnce = mirrorScenario({
  name: 'migrate-and-map',
  summary:
    'A driver maps for its device what it migrates, unless it was told of another invalidation meanwhile: its device and CPUs ' +
    'use the page, or the hole, at once, and another thread throws it away.',
  exercises: ['C1', 'C35', 'C36', 'C37', 'C39'],
  referenceOnly: true,
  parameters: {
    touched: { summary: '0 to begin with a hole', min: 0, max: 1, smoke: 1, default: 0, deep: 0 },
  },
  world: ({ touched }) => ({
    pages: [touched ? { touched: true } : {}],
    mirrors: [{ name: 'gpu', memory: 1, mapsAtOnce: true }],
    spareFrames: 2,
    values: 3,
    invalidations: 10,
    threads: [
      { name: 'driver', devices: [0], calls: (m) => [call(migrateAndMap, m.mirrors[0], 0, 1)] },
      { name: 'device', devices: [0], calls: (m) => [call(deviceAccess, m.mirrors[0], 0, 1, 3)] },
      { name: 'cpu', calls: () => [call(madviseDontneed, 0, 1), call(cpuWrite, 0, 2)] },
    ],
    witnesses: (m) => [
      {
        clause: 'C36',
        name: 'the device writes to a page before its migration is over',
        holds: (w, view) =>
          view.inside(0, migrateAndMap) &&
          m.mirrors[0].tlb[0].write.get(w) === 1 &&
          m.machine.migrations[0][0].destination.get(w) === m.mirrors[0].tlb[0].frame.get(w),
      },
    ],
  }),
})

/** A copy fails, and the driver knows. */
export const copyFails = mirrorScenario({
  name: 'copy-fails',
  summary:
    'A CPU faults on a device page, and the copy to system memory may fail. The driver is told: the page stays, and the CPU ' +
    'gets a signal.',
  exercises: ['C30', 'C31', 'C38', 'C39', 'C52'],
  referenceOnly: true,
  parameters: {},
  world: () => ({
    pages: [{ touched: true, onDevice: true }],
    mirrors: [{ name: 'gpu', memory: 1 }],
    spareFrames: 2,
    values: 3,
    invalidations: 8,
    overrides: [override(bringBack, () => bringBackUnlessFailed.body)],
    threads: [
      { name: 'cpu 1', calls: () => [call(cpuWrite, 0, 2), call(cpuRead, 0)] },
      { name: 'cpu 2', calls: () => [call(cpuRead, 0), call(madviseDontneed, 0, 1)] },
    ],
  }),
})

/** The device loses what it was to copy, and says nothing. */
export const copyLosesData = mirrorScenario({
  name: 'copy-loses-data',
  summary:
    'A CPU faults on a device page whose data is lost on the way, and nobody tells the driver: the page that the process ' +
    "gets holds zeroes, as allocated, and nobody else's data.",
  exercises: ['C50', 'C38'],
  referenceOnly: true,
  parameters: {},
  world: () => ({
    pages: [{ touched: true, onDevice: true }],
    mirrors: [{ name: 'gpu', memory: 1 }],
    spareFrames: 2,
    values: 3,
    invalidations: 6,
    overrides: [losing(0)],
    threads: [
      { name: 'cpu', calls: () => [call(cpuRead, 0), call(cpuWrite, 0, 2)] },
      { name: 'device', devices: [0], calls: (m) => [call(deviceAccess, m.mirrors[0], 0, 1)] },
    ],
  }),
})

/**
 * A copy that may lose the data for good, unnoticed: from then on the page is expected to hold nothing. Its destination
 * is left with `leftover` in it, as it was allocated.
 */
export function losing(leftover: number) {
  return override(
    copyPage,
    () =>
      function* (current, { mm }, page) {
        const entry = pagesOf(current)[page]
        yield* step(
          'copy the page, or lose it',
          (w, lost) => {
            if (!hasSource(entry, w)) return 0
            const { frames } = current.machine
            const source = frames[entry.source.get(w)]
            if (lost) {
              source.contents.set(w, 0)
              mm.expected[page].set(w, 0)
            }
            frames[entry.destination.get(w) - 1].contents.set(w, lost ? leftover : source.contents.get(w))
            return 0
          },
          2,
        )
      },
  )
}
