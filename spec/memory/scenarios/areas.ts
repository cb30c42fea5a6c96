/**
 * VMAs that move (mremap), shared memory and files.
 *
 * @module
 */
import { deviceAccess, migrateToDevice } from '../../../src/driver/index.js'
import {
  close,
  cpuRead,
  cpuWrite,
  fork,
  madvise_dontneed,
  memfd_create,
  mmap,
  mprotect,
  mremap,
  munmap,
  VM_READ,
  VM_WRITE,
  VmaKind,
} from '../../../src/kernel/index.js'
import { call, mirrorScenario } from '../../mirror/scenarios/mirror-world.js'

const HOLE = { kind: VmaKind.none, flags: 0 }

/** A VMA is moved while a device and a CPU use it. */
export const mremapVersusDevice = mirrorScenario({
  name: 'mremap',
  summary:
    'mremap moves a VMA while a device and a CPU write to the old range: the device loses access ' +
    'there, and finds the page at the new address.',
  exercises: ['C1', 'C2', 'C3', 'C47', 'data'],
  parameters: {},
  world: () => ({
    pages: [{ touched: true }, HOLE],
    mirrors: [{ name: 'gpu' }],
    spareFrames: 1,
    moves: true,
    values: 3,
    invalidations: 3,
    threads: [
      {
        name: 'device',
        devices: [0],
        calls: (m) => [call(deviceAccess, m.mirrors[0], 0, 1, 2), call(deviceAccess, m.mirrors[0], 1, 2)],
      },
      { name: 'mover', calls: () => [call(mremap, 0, 1, 1), call(madvise_dontneed, 1, 1)] },
      { name: 'cpu', calls: () => [call(cpuWrite, 0, 3)] },
    ],
  }),
})

/** A page that two processes map at different addresses migrates. */
export const mremapVersusMigration = mirrorScenario({
  name: 'mremap-and-migrate',
  summary:
    'A child moves a VMA with mremap while the page in it, shared with its parent, migrates to a ' +
    'device: the child finds the page at the new address, whatever entry was moved.',
  exercises: ['C28', 'C39', 'C42', 'C51'],
  generations: [],
  parameters: {},
  world: () => ({
    pages: [{ touched: true }, HOLE],
    mirrors: [{ name: 'gpu', memory: 1 }],
    processes: 2,
    spareFrames: 2,
    moves: true,
    values: 2,
    invalidations: 4,
    threads: [
      { name: 'driver', devices: [0], calls: (m) => [call(migrateToDevice, m.mirrors[0], 0, 1)] },
      { name: 'parent', calls: (m) => [call(fork, m.machine.mms[1])] },
      { name: 'child', process: 1, calls: () => [call(mremap, 0, 1, 1), call(cpuRead, 1)] },
    ],
  }),
})

/** One page of a file is mapped twice, and a device uses it. */
export const sharedFile = mirrorScenario({
  name: 'shared-file',
  summary:
    'A device and a CPU write to one page of a file through different mappings, while one mapping ' +
    'is zapped or made read-only and the other is unmapped: no data is lost while the file is ' +
    'mapped. Beyond the end of the file neither may access anything.',
  exercises: ['C1', 'C4', 'C6', 'data'],
  parameters: {
    protect: {
      summary: '1 if the mapping that the device uses is made read-only, 0 if its entries are zapped',
      min: 0,
      max: 1,
      smoke: 0,
      default: 0,
      deep: 1,
    },
  },
  world: ({ protect }) => ({
    pages: [
      { kind: VmaKind.file, file: 0 },
      { kind: VmaKind.file, file: 0 },
      { kind: VmaKind.file, file: 0, pgoff: 1 },
    ],
    files: [1],
    mirrors: [{ name: 'gpu' }],
    spareFrames: 0,
    values: 3,
    invalidations: 2,
    threads: [
      {
        name: 'device',
        devices: [0],
        calls: (m) => [call(deviceAccess, m.mirrors[0], 0, 1, 2), call(deviceAccess, m.mirrors[0], 2, 3)],
      },
      { name: 'cpu 1', calls: () => [call(cpuWrite, 1, 3), call(munmap, 1, 2)] },
      {
        name: 'cpu 2',
        calls: () => [
          protect ? call(mprotect, 0, 1, VM_READ) : call(madvise_dontneed, 0, 1),
          call(cpuRead, 0),
          ...(protect ? [] : [call(munmap, 0, 1)]),
        ],
      },
    ],
  }),
})

/** Shared memory that has never been accessed. */
export const sharedMemory = mirrorScenario({
  name: 'shared-memory',
  summary:
    'Parent and child touch a page of shared memory for the first time, and so does a device: all ' +
    'get the same page.',
  exercises: ['C1', 'C6', 'data'],
  parameters: {},
  world: () => ({
    pages: [{ kind: VmaKind.sharedAnonymous, file: 0 }],
    files: [1],
    emptyFiles: true,
    mirrors: [{ name: 'gpu' }],
    processes: 2,
    spareFrames: 2,
    values: 3,
    invalidations: 1,
    threads: [
      { name: 'device', devices: [0], calls: (m) => [call(deviceAccess, m.mirrors[0], 0, 1)] },
      { name: 'parent', calls: (m) => [call(fork, m.machine.mms[1]), call(cpuWrite, 0, 2)] },
      { name: 'child', process: 1, calls: () => [call(cpuWrite, 0, 3), call(cpuRead, 0)] },
    ],
  }),
})

/** Pages of a file stay; private copies of them migrate to a device. */
export const filesAndMigration = mirrorScenario({
  name: 'files-and-migration',
  summary:
    "A driver migrates a page of a private file mapping while a CPU writes to it: the file's page " +
    'stays, and the copy made by the write may migrate to the device. The file is also mapped ' +
    'shared.',
  exercises: ['C28', 'C39', 'C40', 'C51', 'data'],
  generations: [],
  parameters: {},
  world: () => ({
    pages: [
      { kind: VmaKind.privateFile, file: 0, touched: true },
      { kind: VmaKind.file, file: 0 },
    ],
    files: [1],
    mirrors: [{ name: 'gpu', memory: 1 }],
    spareFrames: 2,
    values: 3,
    invalidations: 6,
    threads: [
      {
        name: 'driver',
        devices: [0],
        calls: (m) => [call(migrateToDevice, m.mirrors[0], 0, 1), call(deviceAccess, m.mirrors[0], 1, 2)],
      },
      { name: 'cpu 1', calls: () => [call(cpuWrite, 0, 2), call(cpuRead, 0)] },
      { name: 'cpu 2', calls: () => [call(cpuRead, 1)] },
    ],
  }),
})

/** A file is created, mapped and closed. */
export const memoryFile = mirrorScenario({
  name: 'memory-file',
  summary:
    'A process creates a memory file, maps it privately, closes it and writes to the mapping while ' +
    'a device reads there: the write makes a copy, and the file is freed with its mapping.',
  exercises: ['C1', 'C6', 'data'],
  parameters: {},
  world: () => ({
    pages: [HOLE],
    files: [1],
    emptyFiles: true,
    mirrors: [{ name: 'gpu' }],
    spareFrames: 1,
    values: 2,
    invalidations: 2,
    threads: [
      { name: 'device', devices: [0], calls: (m) => [call(deviceAccess, m.mirrors[0], 0, 1)] },
      {
        name: 'cpu',
        calls: ({ machine: { files } }) => [
          call(memfd_create, files[0], [1]),
          call(mmap, 0, 1, VM_READ | VM_WRITE, { kind: VmaKind.privateFile, file: files[0], pgoff: 0 }),
          call(close, files[0]),
          call(cpuWrite, 0, 2),
          call(munmap, 0, 1),
        ],
      },
    ],
  }),
})
