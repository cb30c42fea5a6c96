/**
 * Drivers of the kernel tree: for each driver the scenarios that show its bugs. `--driver`, and a
 * test, run them in all scenarios for any driver.
 *
 * @module
 */
import { type Driver, deviceAccess, prefault, SNAPSHOT } from '../../../src/driver/index.js'
import {
  amdgpuUserptrDriver,
  amdkfdSvmDriver,
  mlx5Driver,
  nouveauSvmDriver,
  rxe_odp_init_pages,
  rxeDriver,
  type UmemOdp,
  xeSvmDriver,
  xeVramDriver,
} from '../../../src/driver/tree/index.js'
import { cpuRead, madvise_dontneed } from '../../../src/kernel/index.js'
import type { Scenario } from '../../../src/world/index.js'
import { swapVersusDevice } from '../../memory/scenarios/swap.js'
import {
  migrateVersusCpu,
  migrateVersusDontneed,
  writeToOwnMemory,
} from '../../migrate/scenarios/migration.js'
import { migrateAndDrain, migratePartly } from '../../migrate/scenarios/migration-failures.js'
import { exitVersusReaper } from '../../mirror/scenarios/exits.js'
import { call, type MirroringScenario, mirrorScenario } from '../../mirror/scenarios/mirror-world.js'
import { mmapOver, munmapVersusDevice, twoFaults, zeroPage } from '../../mirror/scenarios/mirroring.js'
import {
  classicNotifiers,
  closeMirror,
  closeVersusFault,
  exitVersusDevice,
  oomReaper,
  unmapAndClose,
} from '../../mirror/scenarios/notifiers.js'
import { refusedRequests } from '../../mirror/scenarios/requests.js'
import { amdkfdScenarios } from './amdkfd-svm.js'
import { xnackOffScenarios } from './amdkfd-xnack-off.js'
import { nouveauScenarios } from './nouveau-svm.js'
import { xeVramScenarios } from './xe-vram.js'

/** `rxe/munmap` and so on: scenarios with a driver of the tree, which exercise `also` what only it has. */
function shownBy(
  driver: Driver,
  shown: readonly MirroringScenario[],
  also: readonly string[] = [],
): Scenario[] {
  return shown.flatMap(({ name, exercises, withDriver }) =>
    withDriver
      ? [{ ...withDriver(driver), name: `${driver.name}/${name}`, exercises: [...exercises, ...also] }]
      : [],
  )
}

/** The same with as many pages as at smoke bounds, unless more are asked for. */
function small(shown: readonly Scenario[]): Scenario[] {
  return shown.map(({ parameters, ...rest }) => {
    const { pages } = parameters
    return {
      ...rest,
      parameters: pages ? { ...parameters, pages: { ...pages, default: pages.smoke } } : parameters,
    }
  })
}

/** One ioctl walks the pages and another uses them, each under its own sequence number. */
const validateAndSubmit = mirrorScenario({
  name: `${amdgpuUserptrDriver.name}/validate`,
  summary:
    'A process validates the pages of a buffer (AMDGPU_GEM_USERPTR_VALIDATE), which maps no page, ' +
    'and then submits a job that reads the buffer; meanwhile another thread zaps the page ' +
    '(MADV_DONTNEED).',
  exercises: ['C8', 'C14', 'refinement'],
  parameters: {},
  driver: amdgpuUserptrDriver,
  world: () => ({
    pages: [{ touched: true }],
    mirrors: [{ name: 'gpu' }],
    spareFrames: 1,
    invalidations: 1,
    threads: [
      {
        name: 'device',
        devices: [0],
        calls: ({ mirrors: [gpu] }) => [call(prefault, gpu, 0, 1, SNAPSHOT), call(deviceAccess, gpu, 0, 1)],
      },
      { name: 'cpu', calls: () => [call(madvise_dontneed, 0, 1)] },
    ],
  }),
})

/** A region is registered while the process changes the page that registration takes into the list. */
const registerRegion = mirrorScenario({
  name: `${rxeDriver.name}/register`,
  summary:
    'A region is registered, which takes the pages that the CPU has mapped, and a packet writes to it; meanwhile the process ' +
    'reads its page, which maps the zero page, and discards it (MADV_DONTNEED).',
  exercises: ['C1', 'C4', 'C8', 'C23'],
  parameters: {},
  driver: rxeDriver,
  world: () => ({
    pages: [{}],
    mirrors: [{ name: 'gpu' }],
    spareFrames: 1,
    invalidations: 3,
    threads: [
      {
        name: 'device',
        devices: [0],
        calls: ({ mirrors: [gpu] }) => [
          call(rxe_odp_init_pages, gpu as UmemOdp),
          call(deviceAccess, gpu, 0, 1, 2),
        ],
      },
      { name: 'cpu', calls: () => [call(cpuRead, 0), call(madvise_dontneed, 0, 1)] },
    ],
  }),
})

/** A buffer of two pages, of which the process discards the first. */
const discardOne = mirrorScenario({
  name: `${amdgpuUserptrDriver.name}/discard-one`,
  summary: 'A job reads the two pages of a buffer, while the process discards the first (MADV_DONTNEED).',
  exercises: ['C1', 'C3', 'C8'],
  parameters: {},
  driver: amdgpuUserptrDriver,
  world: () => ({
    pages: [{ touched: true }, { touched: true }],
    mirrors: [{ name: 'gpu' }],
    spareFrames: 1,
    invalidations: 1,
    threads: [
      { name: 'device', devices: [0], calls: ({ mirrors: [gpu] }) => [call(deviceAccess, gpu, 0, 2)] },
      { name: 'cpu', calls: () => [call(madvise_dontneed, 0, 1)] },
    ],
  }),
})

/**
 * A child region loses its page twice: a fault that has found it maps the page again while it waits
 * for its destruction.
 */
const childTwice = mirrorScenario({
  name: `${mlx5Driver.name}/child-twice`,
  summary:
    'A device has the only page of a child region mapped, and faults on it again, while the process discards the page twice ' +
    '(MADV_DONTNEED) and the region goes away.',
  exercises: ['C1', 'C8', 'own-objects', 'work-items', 'deadlock'],
  parameters: {},
  driver: mlx5Driver,
  world: () => ({
    pages: [{ touched: true, mirroredBy: [0] }],
    mirrors: [{ name: 'nic' }],
    spareFrames: 1,
    invalidations: 2,
    threads: [
      { name: 'device', devices: [0], calls: ({ mirrors: [nic] }) => [call(prefault, nic, 0, 1, SNAPSHOT)] },
      {
        name: 'cpu',
        calls: ({ mirrors: [nic] }) => [
          call(madvise_dontneed, 0, 1),
          call(madvise_dontneed, 0, 1),
          call(closeMirror, nic),
        ],
      },
    ],
  }),
})

/** Two faults on one page without a child region: each creates one, and one of them is dropped. */
const childByTwo = mirrorScenario({
  name: `${mlx5Driver.name}/child-by-two`,
  summary: 'Two device faults hit a page without a child region: both create one, and the second is dropped.',
  exercises: ['C8', 'own-objects'],
  parameters: {},
  driver: mlx5Driver,
  world: () => ({
    pages: [{ touched: true }],
    mirrors: [{ name: 'nic' }],
    spareFrames: 1,
    invalidations: 1,
    threads: ['device', 'other queue'].map((name) => ({
      name,
      devices: [0],
      calls: ({ mirrors: [nic] }) => [call(prefault, nic, 0, 1, SNAPSHOT)],
    })),
  }),
})

/** A range that is bound at the beginning, and loses a page. */
const boundAtFirst = mirrorScenario({
  name: `${xeSvmDriver.name}/bound`,
  summary:
    'A device has a range of two pages bound, and writes to both, while the process zaps the first ' +
    '(MADV_DONTNEED).',
  exercises: ['C1', 'C3', 'C8'],
  parameters: {},
  driver: xeSvmDriver,
  world: () => ({
    pages: [
      { touched: true, mirroredBy: [0] },
      { touched: true, mirroredBy: [0] },
    ],
    mirrors: [{ name: 'gpu' }],
    spareFrames: 1,
    invalidations: 1,
    threads: [
      { name: 'device', devices: [0], calls: ({ mirrors: [gpu] }) => [call(deviceAccess, gpu, 0, 2, 2)] },
      { name: 'cpu', calls: () => [call(madvise_dontneed, 0, 1)] },
    ],
  }),
})

/**
 * Two drivers have too many states for some scenarios that any driver can be put into: mlx5 has a worker for each device and faults of
 * many steps, xe with memory of its own migrates in every fault. They are put into these, each done in seconds at smoke bounds.
 */
export const donePartly: ReadonlyMap<Driver, readonly string[]> = new Map([
  [
    mlx5Driver,
    [
      'munmap',
      'mprotect',
      'exit',
      'swap',
      'swap-and-close',
      'unmap-and-close',
      'mmap-over',
      'oom-reaper',
      'fork-and-write',
      'overlapping-invalidations',
    ],
  ],
  [
    xeVramDriver,
    [
      'migrate-and-dontneed',
      'migrate-and-fork',
      'write-to-own-memory',
      'write-to-own-last',
      'unmap-and-close',
    ],
  ],
])

/** The scenarios in which drivers of the tree show their bugs. */
export const treeScenarios: readonly Scenario[] = [
  ...shownBy(rxeDriver, [munmapVersusDevice, zeroPage, twoFaults, exitVersusDevice, swapVersusDevice]),
  registerRegion,
  // With three pages it has millions of states.
  ...small(shownBy(mlx5Driver, [munmapVersusDevice], ['own-objects', 'work-items'])),
  ...shownBy(mlx5Driver, [unmapAndClose], ['own-objects', 'work-items']),
  childTwice,
  childByTwo,
  ...shownBy(amdgpuUserptrDriver, [munmapVersusDevice, swapVersusDevice]),
  validateAndSubmit,
  discardOne,
  ...shownBy(xeSvmDriver, [munmapVersusDevice, unmapAndClose], ['own-objects', 'work-items']),
  boundAtFirst,
  ...small(shownBy(xeSvmDriver, [exitVersusDevice])),
  // With three pages it has millions of states.
  ...small(shownBy(xeSvmDriver, [mmapOver], ['own-objects', 'work-items'])),
  ...shownBy(xeSvmDriver, [twoFaults, swapVersusDevice], ['own-objects']),
  ...shownBy(xeVramDriver, [writeToOwnMemory, migrateVersusDontneed], ['own-objects', 'work-items']),
  ...xeVramScenarios,
  // It takes no snapshots.
  ...shownBy(xeSvmDriver, [refusedRequests], ['own-objects']).map((shown) => ({
    ...shown,
    exercises: shown.exercises.filter((id) => id !== 'C23'),
  })),
  ...shownBy(amdkfdSvmDriver, [munmapVersusDevice, unmapAndClose], ['own-objects', 'work-items']),
  ...shownBy(amdkfdSvmDriver, [swapVersusDevice, exitVersusReaper, classicNotifiers], ['own-objects']),
  ...shownBy(amdkfdSvmDriver, [writeToOwnMemory, migrateVersusCpu, migrateAndDrain], ['own-objects']),
  ...small(shownBy(amdkfdSvmDriver, [mmapOver], ['own-objects', 'work-items'])),
  ...small(shownBy(amdkfdSvmDriver, [twoFaults, oomReaper], ['own-objects'])),
  ...amdkfdScenarios,
  ...xnackOffScenarios,
  ...small(shownBy(nouveauSvmDriver, [migrateVersusCpu, migrateVersusDontneed, migratePartly])),
  ...shownBy(nouveauSvmDriver, [writeToOwnMemory]),
  ...small(shownBy(nouveauSvmDriver, [unmapAndClose])),
  ...shownBy(nouveauSvmDriver, [closeVersusFault]),
  ...small(shownBy(nouveauSvmDriver, [munmapVersusDevice])),
  ...nouveauScenarios,
]
