/**
 * Device memory is added and used, and goes away by removal, by unplugging, and with the process.
 *
 * @module
 */
import {
  addDeviceMemory,
  closeWhileFaulting,
  deviceAccess,
  migrateToMemory,
  removeDeviceMemory,
  unplugDevice,
} from '../../../src/driver/index.js'
import {
  cpuRead,
  cpuWrite,
  exit_mm,
  fork,
  get_any_page,
  MIGRATE_PFN_HELD,
  madvise_dontneed,
  munmap,
  PteKind,
} from '../../../src/kernel/index.js'
import type { Witness } from '../../../src/world/index.js'
import { call, type MirrorWorld, mirrorScenario } from '../../mirror/scenarios/mirror-world.js'
import { closedWhileFaulting } from '../../mirror/scenarios/notifiers.js'

/** The generations whose drivers set the callbacks of the pagemap themselves. */
const SINCE_5_3 = ['5.4', '5.6', '6.1', '6.16'] as const

/** A witness: the region is in `state`. */
function regionIs(state: string): (world: MirrorWorld) => Witness[] {
  return ({ chunks }) => [
    {
      name: `the region is ${state}`,
      clause: 'C44',
      holds: () => chunks[0].memory.pagemap?.lifecycle.state() === state,
    },
  ]
}

/** Memory is added and removed while pages migrate to it. */
export const hotplug = mirrorScenario({
  name: 'hotplug',
  summary:
    'A driver adds device memory and migrates a page to it; another thread removes the memory at ' +
    'any moment, and a CPU touches the page.',
  exercises: ['C31', 'C39', 'C44', 'C46'],
  generations: SINCE_5_3,
  parameters: {},
  world: () => ({
    pages: [{ touched: true }],
    mirrors: [],
    bareMemory: 1,
    hotplug: { plugged: false },
    spareFrames: 2,
    invalidations: 2,
    threads: [
      {
        name: 'driver',
        calls: (m) => [
          call(addDeviceMemory, m.chunks[0]),
          call(migrateToMemory, m.machine.deviceMemory[0], 0, 1),
        ],
      },
      { name: 'remover', calls: (m) => [call(removeDeviceMemory, m.chunks[0])] },
      { name: 'cpu', calls: () => [call(cpuWrite, 0, 2), call(cpuRead, 0)] },
    ],
    witnesses: regionIs('evicting'),
  }),
})

/** Memory is removed while devices and CPUs fault on its pages. */
export const removeWhileFaulting = mirrorScenario({
  name: 'remove-while-faulting',
  summary:
    'A driver removes its device memory with a page in it, while the device writes to the page and ' +
    'a CPU touches it.',
  exercises: ['C1', 'C31', 'C39', 'C44', 'C48'],
  generations: [],
  parameters: {},
  world: () => ({
    pages: [{ touched: true, onDevice: true, mirroredBy: [0] }],
    mirrors: [{ name: 'gpu', memory: 1 }],
    hotplug: { plugged: true },
    spareFrames: 2,
    values: 3,
    invalidations: 6,
    threads: [
      { name: 'device', devices: [0], calls: (m) => [call(deviceAccess, m.mirrors[0], 0, 1, 2)] },
      { name: 'remover', calls: (m) => [call(removeDeviceMemory, m.chunks[0])] },
      { name: 'cpu', calls: () => [call(cpuWrite, 0, 3), call(cpuRead, 0)] },
    ],
    witnesses: regionIs('drained'),
  }),
})

/** Processes that share a page of the memory exit. */
export const deviceMemoryExit = mirrorScenario({
  name: 'device-memory-exit',
  summary:
    'A process with a page in device memory forks and exits, and so does its child; another thread ' +
    'removes the memory meanwhile.',
  exercises: ['C31', 'C42', 'C44', 'C45'],
  generations: [],
  parameters: {
    remove: {
      summary: '1 if a third thread removes the memory',
      min: 0,
      max: 1,
      smoke: 1,
      default: 1,
      deep: 1,
    },
  },
  world: ({ remove }) => ({
    pages: [{ touched: true, onDevice: true }],
    mirrors: [],
    bareMemory: 1,
    hotplug: { plugged: true },
    processes: 2,
    spareFrames: 3,
    invalidations: 2,
    threads: [
      { name: 'parent', calls: (m) => [call(fork, m.machine.mms[1]), call(exit_mm)] },
      { name: 'child', process: 1, calls: () => [call(cpuWrite, 0, 2), call(exit_mm)] },
      ...(remove
        ? [{ name: 'remover', calls: (m: MirrorWorld) => [call(removeDeviceMemory, m.chunks[0])] }]
        : []),
    ],
  }),
})

/** The device is unplugged while its memory is in use: its entries are not changed. */
export const unplug = mirrorScenario({
  name: 'unplug',
  summary:
    'A device is lost with the data in its memory while CPUs touch it: they get SIGBUS, and the ' +
    'memory is removed once the process has zapped the page.',
  exercises: ['C30', 'C31', 'C39', 'C44'],
  generations: SINCE_5_3,
  parameters: {},
  world: () => ({
    pages: [{ touched: true, onDevice: true }],
    mirrors: [],
    bareMemory: 1,
    hotplug: { plugged: true },
    spareFrames: 2,
    invalidations: 2,
    threads: [
      { name: 'driver', calls: (m) => [call(unplugDevice, m.chunks[0])] },
      { name: 'cpu 1', calls: () => [call(cpuRead, 0), call(madvise_dontneed, 0, 1)] },
      { name: 'cpu 2', calls: () => [call(cpuWrite, 0, 2)] },
    ],
    witnesses: (world) => [
      ...regionIs('dying')(world),
      {
        name: 'a fault finds the device gone',
        clause: 'C30',
        holds: (view) => view.step(1) === 'ask how the copy went' && world.chunks[0].lost,
      },
    ],
  }),
})

/** The same with a driver that poisons the entries of lost pages. */
export const unplugAndPoison = mirrorScenario({
  name: 'unplug-and-poison',
  summary:
    'A device is lost with the data in its memory, and its driver poisons the entries that refer to ' +
    'it: the memory is removed at once, and every later access, by CPU or device, is refused.',
  exercises: ['C29', 'C30', 'C31', 'C44'],
  generations: [],
  parameters: {},
  world: () => ({
    pages: [{ touched: true, onDevice: true }],
    mirrors: [{ name: 'nic' }],
    bareMemory: 1,
    hotplug: { plugged: true, poisons: true },
    spareFrames: 2,
    invalidations: 6,
    threads: [
      { name: 'driver', calls: (m) => [call(unplugDevice, m.chunks[0])] },
      { name: 'cpu', calls: () => [call(cpuRead, 0), call(munmap, 0, 1)] },
      { name: 'device', devices: [0], calls: (m) => [call(deviceAccess, m.mirrors[0], 0, 1)] },
    ],
    witnesses: ({ machine }) => [
      {
        name: 'an entry is poisoned',
        clause: 'C30',
        holds: () => machine.mms[0].pte[0].kind === PteKind.poison,
      },
    ],
  }),
})

/** A page-frame walker takes speculative references. */
export const speculativeReference = mirrorScenario({
  name: 'speculative-reference',
  summary:
    'A page-frame walker takes a speculative reference on a page of device memory, while the page ' +
    'is migrated to, read by a CPU and zapped, and the memory removed.',
  exercises: ['C31', 'C39', 'C44', 'C46'],
  generations: SINCE_5_3,
  parameters: {},
  world: () => ({
    pages: [{ touched: true }],
    mirrors: [],
    bareMemory: 1,
    hotplug: { plugged: true },
    spareFrames: 2,
    invalidations: 2,
    threads: [
      { name: 'driver', calls: (m) => [call(migrateToMemory, m.machine.deviceMemory[0], 0, 1)] },
      {
        name: 'walker',
        calls: (m) => [call(get_any_page, m.machine.deviceMemory[0].frames[0].pfn)],
      },
      { name: 'cpu', calls: () => [call(cpuRead, 0), call(madvise_dontneed, 0, 1)] },
      { name: 'remover', calls: (m) => [call(removeDeviceMemory, m.chunks[0])] },
    ],
    witnesses: ({ machine, chunks }) => [
      {
        name: 'a fault leaves a page that somebody holds',
        clause: 'C30',
        holds: () => (machine.migrations[2][0].flags & MIGRATE_PFN_HELD) !== 0,
      },
      {
        name: 'a page is held by nobody but a walker',
        clause: 'C31',
        holds: () => chunks[0].memory.frames[0].lifecycle?.state() === 'held',
      },
    ],
  }),
})

/** The memory cgroup is at its limit. */
export const memoryLimit = mirrorScenario({
  name: 'memory-limit',
  summary:
    'A process limited to one page has it in device memory and faults on it: it is migrated back. ' +
    'Another thread migrates it, zaps it, and allocates a second page.',
  exercises: ['C33', 'C39'],
  generations: [],
  parameters: {},
  world: () => ({
    pages: [{ touched: true, onDevice: true }, {}],
    mirrors: [],
    bareMemory: 1,
    memoryLimit: 1,
    spareFrames: 2,
    invalidations: 2,
    threads: [
      { name: 'cpu 1', calls: () => [call(cpuWrite, 0, 2), call(cpuRead, 0)] },
      { name: 'cpu 2', calls: () => [call(cpuWrite, 1, 2), call(madvise_dontneed, 0, 1)] },
      { name: 'driver', calls: (m) => [call(migrateToMemory, m.machine.deviceMemory[0], 0, 2)] },
    ],
  }),
})

/** A mirror is closed while its device faults. */
export const closeWhileInUse = mirrorScenario({
  name: 'close-while-faulting',
  summary:
    'A mirror is closed while its device faults and a CPU unmaps the page: the fault handler may ' +
    'have found the mirror before, and an invalidation may run when the device page table is ' +
    'already revoked.',
  exercises: ['C1', 'C17', 'revoked', 'use-after-free'],
  referenceOnly: true,
  parameters: {},
  world: () => ({
    ...closedWhileFaulting(closeWhileFaulting),
    witnesses: ({ mirrors: [gpu] }) => [
      {
        name: 'an invalidation finds the page table revoked',
        clause: 'revoked',
        holds: (view) => gpu.ending?.revoked === true && view.step(2) === 'set_seq and unmap',
      },
      {
        name: 'the driver waits for who handles a fault',
        clause: 'C17',
        holds: (view) => view.step(1) === 'wait for the handlers' && gpu.ending?.handlers === 1,
      },
    ],
  }),
})
