/**
 * Device memory managed by `hmm_devmem`: the same driver, before Linux 5.3.
 *
 * @module
 */
import {
  addDeviceMemory,
  migrateToMemory,
  removeDeviceMemory,
  unplugDevice,
} from '../../../src/driver/index.js'
import { hmm_devmem_migrate_to_ram } from '../../../src/generations/index.js'
import { cpuRead, cpuWrite, get_any_page, PteKind } from '../../../src/kernel/index.js'
import { call, mirrorScenario } from '../../mirror/scenarios/mirror-world.js'

/** Memory is added, which may fail at each of four places, used, and removed. */
export const devmemHotplug = mirrorScenario({
  name: 'devmem-hotplug',
  summary:
    'With hmm_devmem a driver adds device memory, which may fail, and migrates a page to it; ' +
    'another thread removes the memory at any moment, and a CPU touches the page.',
  exercises: ['C31', 'C39', 'C44', 'plugging', 'use-after-free'],
  generations: ['4.17', '5.0'],
  parameters: {},
  world: () => ({
    pages: [{ touched: true }],
    mirrors: [],
    bareMemory: 1,
    hotplug: { plugged: false, poisons: true, helpers: true },
    spareFrames: 1,
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
      { name: 'cpu', calls: () => [call(cpuWrite, 0, 2)] },
    ],
  }),
})

/** The device is lost with the data in its memory, while a CPU accesses it. */
export const devmemUnplug = mirrorScenario({
  name: 'devmem-unplug',
  summary:
    'With hmm_devmem a device is lost with the data in its memory: its driver poisons the entry ' +
    'that refers to it, and answers CPU faults with SIGBUS.',
  exercises: ['C30', 'C31', 'C44', 'C46', 'poisoned'],
  generations: ['4.17', '5.0'],
  parameters: {},
  world: () => ({
    pages: [{ touched: true, onDevice: true }],
    mirrors: [],
    bareMemory: 1,
    hotplug: { plugged: true, poisons: true, helpers: true },
    spareFrames: 1,
    invalidations: 2,
    threads: [
      { name: 'driver', calls: (m) => [call(unplugDevice, m.chunks[0])] },
      { name: 'cpu 1', calls: () => [call(cpuRead, 0)] },
      { name: 'cpu 2', calls: () => [call(cpuWrite, 0, 2)] },
    ],
    witnesses: ({ machine }) => [
      {
        name: 'an entry is poisoned before its driver has answered',
        clause: 'poisoned',
        holds: (view) =>
          machine.mms[0].pte[0].kind === PteKind.poison &&
          view.inside(1, hmm_devmem_migrate_to_ram) &&
          view.step(1) === 'SIGBUS',
      },
    ],
  }),
})

/** The device is lost while a walker references one of its pages. */
export const devmemHeld = mirrorScenario({
  name: 'devmem-held',
  summary:
    'With hmm_devmem a device is lost with the data in its memory. A page-frame walker holds a ' +
    'reference to one of its pages meanwhile, and the region waits for the walker before it exits ' +
    'its reference counter.',
  exercises: ['C31', 'C44'],
  generations: ['4.17', '5.0'],
  parameters: {},
  world: () => ({
    pages: [{ touched: true, onDevice: true }],
    mirrors: [],
    bareMemory: 1,
    hotplug: { plugged: true, poisons: true, helpers: true },
    spareFrames: 1,
    invalidations: 2,
    threads: [
      { name: 'driver', calls: (m) => [call(unplugDevice, m.chunks[0])] },
      { name: 'walker', calls: (m) => [call(get_any_page, m.machine.deviceMemory[0].frames[0].pfn)] },
    ],
    witnesses: ({ devmems }) => [
      {
        name: 'a region of hmm_devmem is killed, and still used',
        clause: 'C44',
        holds: () => devmems[0].lifecycle.state() === 'killed',
      },
    ],
  }),
})
