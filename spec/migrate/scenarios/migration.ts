/**
 * Pages migrate to device memory and back.
 *
 * @module
 */
import { deviceAccess, evict, migrateToDevice, migrateToSystem } from '../../../src/driver/index.js'
import {
  cpuRead,
  cpuWrite,
  fork,
  madvise_dontneed,
  mprotect,
  munmap,
  VM_READ,
  VM_WRITE,
  VmaKind,
} from '../../../src/kernel/index.js'
import { call, mirrorScenario } from '../../mirror/scenarios/mirror-world.js'
import { pagesParameter, repeat } from '../../mirror/scenarios/mirroring.js'
import { WITH_SEQUENCE } from '../../requirement.js'
import { refusedAcrossAreas } from '../invariants/migration-extent.js'
import { zappedBetween } from '../invariants/migration-stages.js'

/** A page migrates to the device while a CPU uses it. */
export const migrateVersusCpu = mirrorScenario({
  name: 'migrate',
  summary:
    'A driver migrates pages to the memory of its device while CPUs read and write them: in every ' +
    'order no data is lost, and every CPU access migrates its page back.',
  exercises: ['C28', 'C30', 'C31', 'C39', 'C51', 'data'],
  generations: [],
  parameters: { pages: pagesParameter(1, 1, 2) },
  world: ({ pages }) => ({
    pages: repeat(pages, { touched: true }),
    mirrors: [{ name: 'gpu', memory: pages }],
    spareFrames: pages + 1,
    values: 3,
    invalidations: 8,
    threads: [
      {
        name: 'driver',
        devices: [0],
        calls: (m) => [
          call(migrateToDevice, m.mirrors[0], 0, pages),
          call(deviceAccess, m.mirrors[0], 0, 1, 2),
        ],
      },
      { name: 'cpu 1', calls: () => [call(cpuWrite, 0, 1), call(cpuRead, 0)] },
      { name: 'cpu 2', calls: () => [call(cpuWrite, 0, 3)] },
    ],
  }),
})

/** A page migrates there and back while the process zaps it. */
export const migrateVersusDontneed = mirrorScenario({
  name: 'migrate-and-dontneed',
  summary: 'A page migrates to the device and back while another thread zaps it and touches it again.',
  exercises: ['C28', 'C31', 'C37', 'C39', 'C51'],
  generations: [],
  parameters: { pages: pagesParameter(1, 1, 2) },
  world: ({ pages }) => ({
    pages: repeat(pages, { touched: true }),
    mirrors: [{ name: 'gpu', memory: pages }],
    spareFrames: pages + 2,
    values: 3,
    invalidations: 8,
    threads: [
      {
        name: 'driver',
        devices: [0],
        calls: (m) => [
          call(migrateToDevice, m.mirrors[0], 0, pages),
          call(deviceAccess, m.mirrors[0], 0, 1, 2),
          call(migrateToSystem, m.mirrors[0], 0, pages),
        ],
      },
      {
        name: 'cpu',
        calls: () => [call(madvise_dontneed, 0, pages), call(cpuWrite, 0, 3), call(cpuRead, 0)],
      },
    ],
    witnesses: (m) => [zappedBetween(m)],
  }),
})

/** Untouched pages migrate to the device. */
export const migrateHoles = mirrorScenario({
  name: 'migrate-holes',
  summary: 'Untouched pages, and the zero page, migrate to the device while CPUs touch them.',
  exercises: ['C28', 'C39', 'C40'],
  generations: [],
  parameters: {},
  world: () => ({
    pages: [{}],
    mirrors: [{ name: 'gpu', memory: 1 }],
    spareFrames: 3,
    values: 3,
    invalidations: 14,
    threads: [
      {
        name: 'driver',
        devices: [0],
        calls: (m) => [call(migrateToDevice, m.mirrors[0], 0, 1), call(deviceAccess, m.mirrors[0], 0, 1, 2)],
      },
      { name: 'cpu 1', calls: () => [call(cpuRead, 0), call(cpuWrite, 0, 1)] },
      { name: 'cpu 2', calls: () => [call(mprotect, 0, 1, VM_READ), call(cpuRead, 0)] },
    ],
  }),
})

/** A range to migrate may span two VMAs. */
export const migrateAcrossAreas = mirrorScenario({
  name: 'migrate-across-areas',
  summary:
    'A driver migrates two pages that are in two VMAs, until mprotect makes them one: ' +
    'migrate_vma_setup refuses them before and accepts them afterwards, while a CPU writes to one.',
  exercises: ['C28', 'C39', 'C51', 'migrate-range'],
  generations: [],
  parameters: {},
  world: () => ({
    pages: [{ touched: true }, { flags: VM_READ }],
    mirrors: [{ name: 'gpu', memory: 2 }],
    spareFrames: 2,
    values: 2,
    invalidations: 6,
    threads: [
      { name: 'driver', devices: [0], calls: (m) => [call(migrateToDevice, m.mirrors[0], 0, 2)] },
      { name: 'cpu', calls: () => [call(mprotect, 1, 1, VM_READ | VM_WRITE), call(cpuWrite, 0, 2)] },
    ],
    witnesses: (m) => [refusedAcrossAreas(m, 0)],
  }),
})

/** A device writes to its own memory, part of which is read-only. */
export const writeToOwnMemory = mirrorScenario({
  name: 'write-to-own-memory',
  summary:
    'A device writes to two pages of its own memory, one of which is read-only in the page table, ' +
    'while a CPU reads it: the driver migrates both back, and then handles the whole fault.',
  exercises: ['C5', 'C28', 'C39'],
  generations: [],
  parameters: {},
  world: () => ({
    pages: [
      { touched: true, onDevice: true, readOnly: true },
      { touched: true, onDevice: true },
    ],
    mirrors: [{ name: 'gpu', memory: 2 }],
    spareFrames: 2,
    values: 2,
    invalidations: 8,
    threads: [
      { name: 'device', devices: [0], calls: (m) => [call(deviceAccess, m.mirrors[0], 0, 2, 2)] },
      { name: 'cpu', calls: () => [call(cpuRead, 0)] },
    ],
  }),
})

/** The last page of a fault is read-only. */
export const writeToOwnLast = mirrorScenario({
  name: 'write-to-own-last',
  summary:
    'A device writes to two pages of its own memory, the last of which is read-only: the driver ' +
    'migrates that one back too.',
  exercises: ['C5', 'C28', 'C39'],
  generations: [],
  parameters: {},
  world: () => ({
    pages: [
      { touched: true, onDevice: true },
      { touched: true, onDevice: true, readOnly: true },
    ],
    mirrors: [{ name: 'gpu', memory: 2 }],
    spareFrames: 2,
    values: 2,
    invalidations: 8,
    threads: [{ name: 'device', devices: [0], calls: (m) => [call(deviceAccess, m.mirrors[0], 0, 2, 2)] }],
  }),
})

/** A device page is shared by two processes. */
export const migrateAndFork = mirrorScenario({
  name: 'migrate-and-fork',
  summary:
    'A process whose page is in device memory forks: both processes read and write it, and either ' +
    'may exit first.',
  exercises: ['C28', 'C31', 'C39', 'C42'],
  generations: [],
  parameters: {},
  world: () => ({
    pages: [{ touched: true }],
    mirrors: [{ name: 'gpu', memory: 1 }],
    processes: 2,
    spareFrames: 4,
    values: 3,
    invalidations: 10,
    threads: [
      { name: 'driver', devices: [0], calls: (m) => [call(migrateToDevice, m.mirrors[0], 0, 1)] },
      { name: 'parent', calls: (m) => [call(fork, m.machine.mms[1]), call(cpuWrite, 0, 2)] },
      {
        name: 'child',
        process: 1,
        calls: () => [call(madvise_dontneed, 0, 1), call(cpuWrite, 0, 3), call(munmap, 0, 1)],
      },
    ],
  }),
})

/** Two devices migrate the same page. */
export const twoOwners = mirrorScenario({
  name: 'two-owners',
  summary:
    "Two devices with memory of their own migrate the same page and access it: for each the other's " +
    'page belongs to another owner.',
  exercises: ['C27', 'C28', 'C31', 'C39'],
  generations: WITH_SEQUENCE,
  parameters: {},
  world: () => ({
    pages: [{ touched: true }],
    mirrors: [
      { name: 'gpu', memory: 1 },
      { name: 'npu', memory: 1 },
    ],
    spareFrames: 2,
    values: 3,
    invalidations: 10,
    threads: [
      {
        name: 'gpu',
        devices: [0],
        calls: (m) => [call(migrateToDevice, m.mirrors[0], 0, 1), call(deviceAccess, m.mirrors[0], 0, 1, 2)],
      },
      {
        name: 'npu',
        devices: [1],
        calls: (m) => [call(migrateToDevice, m.mirrors[1], 0, 1), call(deviceAccess, m.mirrors[1], 0, 1)],
      },
    ],
  }),
})

/** The driver migrates a page on which its device faults. */
export const migrateWhileFaulting = mirrorScenario({
  name: 'migrate-while-faulting',
  summary: 'A device faults on a page, and accesses it, while its driver migrates the page to the device.',
  exercises: ['C1', 'C8', 'C39'],
  generations: [],
  parameters: {},
  world: () => ({
    pages: [{ touched: true }],
    mirrors: [{ name: 'gpu', memory: 1 }],
    spareFrames: 2,
    values: 3,
    invalidations: 8,
    threads: [
      { name: 'device', devices: [0], calls: (m) => [call(deviceAccess, m.mirrors[0], 0, 1, 2)] },
      { name: 'driver', devices: [0], calls: (m) => [call(migrateToDevice, m.mirrors[0], 0, 1)] },
      { name: 'cpu', calls: () => [call(madvise_dontneed, 0, 1), call(cpuRead, 0)] },
    ],
  }),
})

/** Several CPUs fault on one device page. */
export const devicePageFaults = mirrorScenario({
  name: 'device-page-faults',
  summary:
    'Two CPUs fault on a page in the memory of a device without a mirror, and a third zaps it: one ' +
    'of them migrates it back, and all continue.',
  exercises: ['C30', 'C31', 'C48', 'progress'],
  generations: [],
  parameters: {
    unmap: {
      summary: '1 if a third thread zaps the page',
      min: 0,
      max: 1,
      smoke: 1,
      default: 1,
      deep: 1,
    },
  },
  world: ({ unmap }) => ({
    pages: [{ touched: true, onDevice: true }],
    mirrors: [],
    bareMemory: 1,
    spareFrames: 2,
    values: 3,
    invalidations: 2,
    threads: [
      { name: 'cpu 1', calls: () => [call(cpuWrite, 0, 2), call(cpuRead, 0)] },
      { name: 'cpu 2', calls: () => [call(cpuRead, 0)] },
      ...(unmap ? [{ name: 'cpu 3', calls: () => [call(madvise_dontneed, 0, 1)] }] : []),
    ],
  }),
})

/** No memory is free to migrate a page back. */
export const shortOfMemory = mirrorScenario({
  name: 'short-of-memory',
  summary:
    'A CPU faults on a device page while no system memory is left: the page stays in device memory, ' +
    'and is migrated back when another thread has freed memory. Meanwhile the device faults on an ' +
    'untouched page.',
  exercises: ['C29', 'C30', 'C39'],
  generations: [],
  parameters: {},
  world: () => ({
    pages: [{ touched: true, onDevice: true }, { touched: true }, { kind: VmaKind.none, flags: 0 }],
    mirrors: [{ name: 'gpu', memory: 1 }],
    spareFrames: 0,
    values: 3,
    invalidations: 6,
    threads: [
      {
        name: 'device',
        devices: [0],
        calls: (m) => [call(deviceAccess, m.mirrors[0], 0, 3), call(deviceAccess, m.mirrors[0], 0, 1)],
      },
      { name: 'cpu 1', calls: () => [call(cpuRead, 0), call(cpuWrite, 0, 2)] },
      { name: 'cpu 2', calls: () => [call(madvise_dontneed, 1, 1)] },
    ],
  }),
})

/** The driver evicts its memory. */
export const evictDevice = mirrorScenario({
  name: 'evict',
  summary: 'A driver evicts its memory while a CPU writes to a page in it and another thread zaps the page.',
  exercises: ['C28', 'C31', 'C39', 'C51', 'eviction'],
  generations: [],
  parameters: {},
  world: () => ({
    pages: [{ touched: true, onDevice: true }],
    mirrors: [{ name: 'gpu', memory: 1 }],
    spareFrames: 3,
    values: 3,
    invalidations: 10,
    threads: [
      { name: 'driver', calls: (m) => [call(evict, m.machine.deviceMemory[0])] },
      { name: 'cpu 1', calls: () => [call(cpuWrite, 0, 2), call(cpuRead, 0)] },
      { name: 'cpu 2', calls: () => [call(madvise_dontneed, 0, 1)] },
    ],
  }),
})
