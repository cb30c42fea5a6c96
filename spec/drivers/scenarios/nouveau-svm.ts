/**
 * Scenarios of nouveau: the GPU gets exclusive access to pages of system memory.
 *
 * @module
 */
import { deviceAccess, deviceAtomic } from '../../../src/driver/index.js'
import { nouveauSvmDriver } from '../../../src/driver/tree/index.js'
import { cpuRead, cpuWrite, madvise_dontneed, mprotect, VM_READ } from '../../../src/kernel/index.js'
import type { Scenario } from '../../../src/world/index.js'
import { isAlone } from '../../exclusive/scenarios/exclusive.js'
import type { MirrorThread } from '../../mirror/scenarios/mirror-declarations.js'
import { call, mirrorScenario } from '../../mirror/scenarios/mirror-world.js'
import { reap } from '../../mirror/scenarios/notifiers.js'
import { namedFor } from './named.js'

const named = namedFor(nouveauSvmDriver)

const gpu = { name: 'gpu', exclusive: true }

/** The GPU adds to a word of the first page, atomically. */
const adds: MirrorThread = {
  name: 'device',
  devices: [0],
  calls: ({ mirrors: [gpu] }) => [call(deviceAtomic, gpu, 0)],
}

/** An atomic fault, while a CPU writes to the page. */
const atomic = mirrorScenario({
  ...named('atomic'),
  summary:
    'The GPU adds to a word, atomically, while a CPU writes to it: nouveau_atomic_range_fault takes exclusive access ' +
    'to the page, and the write ends it.',
  exercises: ['C43', 'C1', 'C17', 'data'],
  world: () => ({
    pages: [{ touched: true }],
    mirrors: [gpu],
    spareFrames: 1,
    values: 6,
    invalidations: 20,
    threads: [adds, { name: 'cpu', calls: () => [call(cpuWrite, 0, 3)] }],
    witnesses: (world) => [isAlone(world)],
  }),
})

/** A page that the GPU has made exclusive before, and no longer maps. */
const atomicAgain = mirrorScenario({
  ...named('atomic-again'),
  summary: 'The GPU adds to a word in a page that is exclusive already, and that it no longer maps.',
  exercises: ['C43', 'C49'],
  world: () => ({
    pages: [{ touched: true, exclusive: true }],
    mirrors: [gpu],
    spareFrames: 1,
    values: 3,
    invalidations: 20,
    threads: [adds],
    witnesses: (world) => [isAlone(world)],
  }),
})

/** Two GPUs, one of which takes the page from the other. */
const atomicTwoDevices = mirrorScenario({
  ...named('atomic-two-devices'),
  summary:
    'One GPU adds to a word, atomically, while another reads the page: what takes the page from a device is an EXCLUSIVE ' +
    'event with the owner of the other, or without one.',
  exercises: ['C43', 'C1', 'data'],
  world: () => ({
    pages: [{ touched: true }],
    mirrors: [gpu, { name: 'gpu 2', exclusive: true }],
    spareFrames: 1,
    values: 3,
    invalidations: 20,
    threads: [
      adds,
      { name: 'device 2', devices: [1], calls: (m) => [call(deviceAccess, m.mirrors[1], 0, 1)] },
    ],
    witnesses: (world) => [isAlone(world)],
  }),
})

/** The page of an atomic fault is discarded. */
const atomicUnmap = mirrorScenario({
  ...named('atomic-unmap'),
  summary: 'The GPU adds to a word, atomically, while the process discards the page (MADV_DONTNEED).',
  exercises: ['C43', 'C1', 'C17'],
  world: () => ({
    pages: [{ touched: true }],
    mirrors: [gpu],
    spareFrames: 1,
    values: 3,
    invalidations: 20,
    threads: [adds, { name: 'cpu', calls: () => [call(madvise_dontneed, 0, 1)] }],
    witnesses: (world) => [isAlone(world)],
  }),
})

/** The page of an atomic fault is write-protected, and stays where it is. */
const atomicProtect = mirrorScenario({
  ...named('atomic-protect'),
  summary:
    'The GPU adds to a word, atomically, while the process write-protects the page (mprotect) and reads it: a turn of ' +
    'nouveau_atomic_range_fault collides, and unlocks the folio for the CPU.',
  exercises: ['C43', 'C4', 'C17', 'data'],
  world: () => ({
    pages: [{ touched: true }],
    mirrors: [gpu],
    spareFrames: 1,
    values: 3,
    invalidations: 20,
    threads: [adds, { name: 'cpu', calls: () => [call(mprotect, 0, 1, VM_READ), call(cpuRead, 0)] }],
    witnesses: (world) => [isAlone(world)],
  }),
})

/** The OOM reaper takes the page of an atomic fault, and must not sleep for the mutex. */
const atomicReap = mirrorScenario({
  ...named('atomic-reap'),
  summary:
    'The GPU adds to a word, atomically, while the OOM reaper takes the page: nouveau_svm_range_invalidate takes the mutex, ' +
    'or the reaper skips the range.',
  exercises: ['C43', 'C1', 'C17', 'non-blocking'],
  world: () => ({
    pages: [{ touched: true }],
    mirrors: [gpu],
    spareFrames: 1,
    values: 3,
    invalidations: 20,
    threads: [adds, { name: 'reaper', calls: (m) => [call(reap, m.machine.mms[0])] }],
    witnesses: (world) => [isAlone(world)],
  }),
})

export const nouveauScenarios: readonly Scenario[] = [
  atomic,
  atomicAgain,
  atomicTwoDevices,
  atomicUnmap,
  atomicProtect,
  atomicReap,
]
