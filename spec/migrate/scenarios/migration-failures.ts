/**
 * Migrations that fail, and how drivers handle that.
 *
 * @module
 */
import {
  bringBack,
  bringBackAround,
  bringBackUnlessFailed,
  copyPage,
  deviceAccess,
  mapMigrated,
  migrateAndMap,
  migrateMixed,
  migrateToDevice,
  migrateToSystem,
  withdraw,
} from '../../../src/driver/index.js'
import {
  cpuRead,
  cpuWrite,
  hasSource,
  holdInPassing,
  holdUserPage,
  lookAtInactive,
  MIGRATE_PFN_MIGRATE,
  MIGRATE_PFN_UNMAPPED,
  madvise_dontneed,
  migrate_device_unmap,
  migrate_vma_finalize,
  mprotect,
  PteKind,
  pagesOf,
  VM_READ,
} from '../../../src/kernel/index.js'
import {
  type AnyProcedure,
  type Override,
  override,
  type Procedure,
  step,
  type Witness,
} from '../../../src/world/index.js'
import { call, mirrorScenario } from '../../mirror/scenarios/mirror-world.js'
import { repeat } from '../../mirror/scenarios/mirroring.js'

/** Other threads reference, isolate or lock the page. */
export const migrateHeld = mirrorScenario({
  name: 'migrate-held',
  summary:
    'A driver migrates a page that other threads reference, isolate or lock, each for a while: it ' +
    'migrates, or its entry is restored.',
  exercises: ['C37', 'C39', 'C52', 'lru'],
  generations: [],
  parameters: {},
  world: () => ({
    pages: [{ touched: true }],
    mirrors: [{ name: 'gpu', memory: 1 }],
    spareFrames: 1,
    values: 2,
    invalidations: 6,
    lru: true,
    threads: [
      { name: 'driver', calls: (m) => [call(migrateToDevice, m.mirrors[0], 0, 1)] },
      { name: 'pin', calls: () => [call(holdUserPage, 0)] },
      {
        name: 'scan',
        calls: (m) => [call(lookAtInactive, m.machine.frames[1]), call(holdInPassing, m.machine.frames[1])],
      },
    ],
    witnesses: (m) => {
      const [[entry]] = m.machine.migrations
      const stops =
        (stage: number, where: AnyProcedure): Witness['holds'] =>
        (view) =>
          (entry.flags & (MIGRATE_PFN_MIGRATE | MIGRATE_PFN_UNMAPPED)) === stage &&
          hasSource(entry) &&
          view.inside(0, where)
      return [
        {
          clause: 'C39',
          name: 'a page cannot be taken off its list, and stays',
          holds: (view) => stops(0, migrate_device_unmap)(view) && view.step(0) === 'look at the page',
        },
        {
          clause: 'C39',
          name: 'a page is held by somebody else, and stays',
          holds: (view) => stops(0, migrate_device_unmap)(view) && view.step(0) !== 'look at the page',
        },
        {
          clause: 'C39',
          name: 'somebody gets hold of a page when it has been copied, and it stays',
          holds: stops(MIGRATE_PFN_UNMAPPED, migrate_vma_finalize),
        },
        {
          clause: 'C39',
          name: 'a page is locked by somebody else, and is not collected',
          holds: (view) =>
            view.step(0) === 'empty the batch' && entry.flags === 0 && m.machine.frames[1].locked > 0,
        },
      ]
    },
  }),
})

/** The migration waits for every CPU, and a thread on one of them waits for the page. */
export const migrateAndDrain = mirrorScenario({
  name: 'migrate-and-drain',
  summary:
    'A driver migrates a page of its own memory, shared with a child, together with a new page that ' +
    'is in the LRU batch of another CPU, and drains it; on that CPU the driver of another device ' +
    'faults on the first page for the child.',
  exercises: ['C37', 'C39', 'C42', 'C48', 'C49', 'lru'],
  generations: [],
  parameters: {},
  world: () => ({
    pages: [
      { touched: true, inBatchOf: 1 },
      { touched: true, onDevice: true },
    ],
    mirrors: [
      { name: 'gpu', memory: 2 },
      { name: 'npu', process: 1 },
    ],
    processes: 2,
    forked: true,
    spareFrames: 1,
    values: 2,
    invalidations: 8,
    lru: true,
    threads: [
      { name: 'gpu', devices: [0], calls: (m) => [call(migrateMixed, m.mirrors[0], 0, 2)] },
      {
        name: 'npu',
        process: 1,
        devices: [1],
        calls: (m) => [call(deviceAccess, m.mirrors[1], 1, 2)],
      },
    ],
    witnesses: ({ machine: { cpus } }) => [
      {
        clause: 'lru',
        name: 'a migration waits for the batch of a CPU that is in the kernel',
        holds: (view) => view.step(0) === 'wait for the work of a CPU' && cpus[1].busy,
      },
    ],
  }),
})

/** The device has room for only some of the pages. */
export const migratePartly = mirrorScenario({
  name: 'migrate-partly',
  summary:
    'A driver migrates two pages, which its device maps, to memory with room for one, and then ' +
    'back. A CPU writes meanwhile, and makes the VMA read-only.',
  exercises: ['C34', 'C35', 'C37', 'C38', 'C39', 'C41', 'C52'],
  generations: [],
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

/** Calls `other` in place of `target`. */
function insteadOf<A extends unknown[], R>(target: Procedure<A, R>, other: Procedure<A, R>): Override {
  return override(
    target,
    () =>
      function* (...args: A) {
        return yield* other(...args)
      },
  )
}

/** A fault migrates neighbouring pages back too. */
export const bringBackMore = mirrorScenario({
  name: 'bring-back-more',
  summary:
    'A fault on a device page makes the driver bring back the surrounding pages too, with memory ' +
    'for one page only: the faulting page gets it.',
  exercises: ['C30', 'C39'],
  generations: [],
  parameters: {},
  world: () => ({
    pages: repeat(2, { touched: true, onDevice: true }),
    mirrors: [{ name: 'gpu', memory: 2 }],
    spareFrames: 1,
    values: 3,
    invalidations: 6,
    overrides: [insteadOf(bringBack, bringBackAround)],
    threads: [
      { name: 'cpu 1', calls: () => [call(cpuWrite, 1, 2), call(madvise_dontneed, 1, 1)] },
      { name: 'cpu 2', calls: () => [call(cpuRead, 0)] },
    ],
  }),
})

/** The device uses the page that is migrated back. */
export const bringBackMirrored = mirrorScenario({
  name: 'bring-back-mirrored',
  summary:
    'A driver brings back a page of its own memory that its device maps and uses, while a CPU ' +
    'faults on it.',
  exercises: ['C1', 'C39', 'C41'],
  generations: [],
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

/** The driver maps the pages that it migrates. */
export const mapAtOnce = mirrorScenario({
  name: 'migrate-and-map',
  summary:
    'A driver maps the pages that it migrates for its device, unless another invalidation came in ' +
    'between: its device and CPUs use the page, or the hole, at once, and another thread zaps it.',
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
      { name: 'cpu', calls: () => [call(madvise_dontneed, 0, 1), call(cpuWrite, 0, 2)] },
    ],
    witnesses: (m) => [
      {
        clause: 'C36',
        name: 'the device writes to a page before its migration is over',
        holds: (view) =>
          view.inside(0, mapMigrated) &&
          m.mirrors[0].tlb[0].write &&
          m.machine.mms[0].pte[0].kind === PteKind.migration &&
          m.mirrors[0].tlb[0].frame !== undefined &&
          m.mirrors[0].tlb[0].frame === m.machine.migrations[0][0].dst,
      },
    ],
  }),
})

/** The driver maps the page that it migrates, and a child shares the page. */
export const mapSharedAtOnce = mirrorScenario({
  name: 'migrate-and-map-shared',
  summary:
    'A driver migrates a page that fork has shared, and maps it for its device unless another ' +
    'invalidation came in between: its own unmap of all mappings is one, since it names no owner.',
  exercises: ['C1', 'C35', 'C37', 'C39'],
  referenceOnly: true,
  parameters: {},
  world: () => ({
    pages: [{ touched: true }],
    processes: 2,
    forked: true,
    mirrors: [{ name: 'gpu', memory: 1, mapsAtOnce: true }],
    spareFrames: 2,
    values: 3,
    invalidations: 12,
    threads: [
      { name: 'driver', devices: [0], calls: (m) => [call(migrateAndMap, m.mirrors[0], 0, 1)] },
      { name: 'device', devices: [0], calls: (m) => [call(deviceAccess, m.mirrors[0], 0, 1)] },
      { name: 'child', process: 1, calls: () => [call(cpuWrite, 0, 2)] },
    ],
  }),
})

/** A copy fails, and the failure is reported. */
export const copyFails = mirrorScenario({
  name: 'copy-fails',
  summary:
    'A CPU faults on a device page, and the copy to system memory may fail. The failure is reported ' +
    'to the driver: the page stays, and the CPU gets a signal.',
  exercises: ['C30', 'C31', 'C38', 'C39', 'C52'],
  generations: [],
  parameters: {},
  world: () => ({
    pages: [{ touched: true, onDevice: true }],
    mirrors: [{ name: 'gpu', memory: 1 }],
    spareFrames: 2,
    values: 3,
    invalidations: 8,
    copiesFail: true,
    overrides: [insteadOf(bringBack, bringBackUnlessFailed)],
    threads: [
      { name: 'cpu 1', calls: () => [call(cpuWrite, 0, 2), call(cpuRead, 0)] },
      { name: 'cpu 2', calls: () => [call(cpuRead, 0), call(madvise_dontneed, 0, 1)] },
    ],
    // A driver with its own migrate_to_ram handles failed copies itself.
    witnesses: ({ machine, mirrors }) =>
      mirrors[0].driver.migrateToRam
        ? []
        : [
            {
              name: 'a copy fails, and the driver clears dst',
              clause: 'C52',
              holds: (view) =>
                [0, 1].some(
                  (thread) =>
                    view.inside(thread, withdraw) &&
                    machine.migrations[thread].some((entry) => hasSource(entry) && entry.dst === undefined),
                ),
            },
          ],
  }),
})

/** A copy loses the data without an error. */
export const copyLosesData = mirrorScenario({
  name: 'copy-loses-data',
  summary:
    'A CPU faults on a device page whose data is lost in the copy, which reports no failure: the ' +
    'page that the process gets holds the zeroes it was allocated with, and no stale data.',
  exercises: ['C50', 'C38'],
  generations: [],
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
          (lost) => {
            if (!hasSource(entry)) return 0
            const { frames } = current.machine
            const source = frames[entry.source]
            if (lost) {
              source.contents = 0
              mm.expected[page].value = 0
            }
            if (entry.dst) entry.dst.contents = lost ? leftover : source.contents
            return 0
          },
          2,
        )
      },
  )
}
