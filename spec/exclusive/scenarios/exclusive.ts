/**
 * Device-exclusive access.
 *
 * @module
 */
import { deviceAccess, deviceAtomic, migrateToDevice } from '../../../src/driver/index.js'
import {
  cpuRead,
  cpuWrite,
  fork,
  madvise_dontneed,
  mprotect,
  munmap,
  PteKind,
  VM_READ,
  VM_WRITE,
} from '../../../src/kernel/index.js'
import type { Witness } from '../../../src/world/index.js'
import { call, type MirrorWorld, mirrorScenario } from '../../mirror/scenarios/mirror-world.js'
import { keptByOwnAccess } from '../invariants/exclusive.js'

/** An atomic access that has loaded and not yet stored, while no CPU can access the page. */
export const isAlone = ({ machine, mirrors }: MirrorWorld): Witness => ({
  clause: 'C43',
  name: 'a device is in the middle of an atomic access',
  holds: () =>
    mirrors.some((mirror) =>
      [...mirror.accesses.values()].some(
        (access) => access.atomic && machine.mms[0].pte[access.page - 1].kind === PteKind.deviceExclusive,
      ),
    ),
})

/** A device adds to a word that CPUs write. */
export const exclusiveAccess = mirrorScenario({
  name: 'exclusive',
  summary: 'A device adds to a word, atomically, while CPUs read and write it: no update is lost.',
  exercises: ['C43', 'C1', 'C3', 'data'],
  referenceOnly: true,
  parameters: {},
  world: () => ({
    pages: [{ touched: true }],
    mirrors: [{ name: 'gpu', exclusive: true }],
    spareFrames: 2,
    values: 6,
    invalidations: 20,
    threads: [
      { name: 'device', devices: [0], calls: (m) => [call(deviceAtomic, m.mirrors[0], 0)] },
      { name: 'cpu 1', calls: () => [call(cpuWrite, 0, 3), call(cpuRead, 0)] },
      { name: 'cpu 2', calls: () => [call(cpuRead, 0)] },
    ],
    witnesses: (world) => [isAlone(world)],
  }),
})

/** Several CPUs fault on a page to which a device has exclusive access. */
export const exclusiveFault = mirrorScenario({
  name: 'exclusive-fault',
  summary: 'Two CPUs fault on a page to which a device has exclusive access, and a third zaps it.',
  exercises: ['C43', 'C51', 'use-after-free'],
  referenceOnly: true,
  parameters: {},
  world: () => ({
    pages: [{ touched: true, exclusive: true }],
    mirrors: [{ name: 'gpu', exclusive: true }],
    spareFrames: 2,
    values: 3,
    invalidations: 6,
    threads: [
      { name: 'cpu 1', calls: () => [call(cpuWrite, 0, 2)] },
      { name: 'cpu 2', calls: () => [call(cpuRead, 0)] },
      { name: 'cpu 3', calls: () => [call(madvise_dontneed, 0, 1)] },
    ],
  }),
})

/** A device requests a page to which it has exclusive access already. */
export const exclusiveAgain = mirrorScenario({
  name: 'exclusive-again',
  summary:
    'A device adds to a word in a page that it has made exclusive before and that no CPU has ' +
    'touched since.',
  exercises: ['C43', 'C49'],
  referenceOnly: true,
  parameters: {},
  world: () => ({
    pages: [{ touched: true, exclusive: true }],
    mirrors: [{ name: 'gpu', exclusive: true }],
    spareFrames: 1,
    values: 6,
    invalidations: 20,
    threads: [{ name: 'device', devices: [0], calls: (m) => [call(deviceAtomic, m.mirrors[0], 0)] }],
    witnesses: (world) => [isAlone(world)],
  }),
})

/** The page is zapped while a device takes exclusive access. */
export const exclusiveUnmap = mirrorScenario({
  name: 'exclusive-unmap',
  summary:
    'A device makes an untouched page exclusive while a thread zaps it and touches it again, and ' +
    'another unmaps it.',
  exercises: ['C43', 'C1', 'C6'],
  referenceOnly: true,
  parameters: {},
  world: () => ({
    pages: [{}],
    mirrors: [{ name: 'gpu', exclusive: true }],
    spareFrames: 3,
    values: 6,
    invalidations: 20,
    threads: [
      { name: 'device', devices: [0], calls: (m) => [call(deviceAtomic, m.mirrors[0], 0)] },
      { name: 'cpu 1', calls: () => [call(madvise_dontneed, 0, 1), call(cpuWrite, 0, 3)] },
      { name: 'cpu 2', calls: () => [call(munmap, 0, 1)] },
    ],
    witnesses: (world) => [isAlone(world)],
  }),
})

/** The page becomes read-only while a device has exclusive access. */
export const exclusiveMprotect = mirrorScenario({
  name: 'exclusive-mprotect',
  summary:
    'A device makes a page exclusive while a thread makes it read-only, and writable again, and ' + 'writes.',
  exercises: ['C43', 'C4'],
  referenceOnly: true,
  parameters: {},
  world: () => ({
    pages: [{ touched: true }],
    mirrors: [{ name: 'gpu', exclusive: true }],
    spareFrames: 2,
    values: 6,
    invalidations: 20,
    threads: [
      {
        name: 'device',
        devices: [0],
        calls: (m) => [call(deviceAtomic, m.mirrors[0], 0), call(deviceAccess, m.mirrors[0], 0, 1)],
      },
      {
        name: 'cpu',
        calls: () => [
          call(mprotect, 0, 1, VM_READ),
          call(cpuRead, 0),
          call(mprotect, 0, 1, VM_READ | VM_WRITE),
          call(cpuWrite, 0, 3),
        ],
      },
    ],
    witnesses: (world) => [isAlone(world)],
  }),
})

/** The process forks while a device takes exclusive access. */
export const exclusiveFork = mirrorScenario({
  name: 'exclusive-fork',
  summary:
    'A process forks while a device makes one of its pages exclusive; fork restores the page, or ' +
    'fails; then the parent writes and the child reads.',
  exercises: ['C43', 'C4', 'data'],
  referenceOnly: true,
  parameters: {},
  world: () => ({
    pages: [{ touched: true }],
    mirrors: [{ name: 'gpu', exclusive: true }],
    processes: 2,
    spareFrames: 4,
    values: 6,
    invalidations: 20,
    threads: [
      { name: 'device', devices: [0], calls: (m) => [call(deviceAtomic, m.mirrors[0], 0)] },
      { name: 'parent', calls: (m) => [call(fork, m.machine.mms[1]), call(cpuWrite, 0, 2)] },
      // There is no child where fork fails.
      { name: 'child', process: 1, daemon: true, calls: () => [call(cpuRead, 0)] },
    ],
    witnesses: (world) => [isAlone(world)],
  }),
})

/** Two devices request the same page. */
export const exclusiveTwoDevices = mirrorScenario({
  name: 'exclusive-two-devices',
  summary: 'Two devices add to the same word, atomically: no update is lost.',
  exercises: ['C43', 'C1'],
  referenceOnly: true,
  parameters: {},
  world: () => ({
    pages: [{ touched: true }],
    mirrors: [
      { name: 'gpu', exclusive: true },
      { name: 'npu', exclusive: true },
    ],
    spareFrames: 2,
    values: 6,
    invalidations: 40,
    threads: [
      { name: 'gpu', devices: [0], calls: (m) => [call(deviceAtomic, m.mirrors[0], 0)] },
      {
        name: 'npu',
        devices: [1],
        calls: (m) => [call(deviceAtomic, m.mirrors[1], 0), call(deviceAccess, m.mirrors[1], 0, 1)],
      },
    ],
    witnesses: (world) => [isAlone(world)],
  }),
})

/** Exclusive access to a page that is being migrated. */
export const exclusiveAndMigrate = mirrorScenario({
  name: 'exclusive-and-migrate',
  summary:
    'A device makes a page exclusive while its driver migrates it to device memory: a page in device ' +
    'memory is migrated back, and an exclusive page is not collected.',
  exercises: ['C43', 'C28', 'C39'],
  referenceOnly: true,
  parameters: {},
  world: () => ({
    pages: [{ touched: true }],
    mirrors: [{ name: 'gpu', memory: 1, exclusive: true }],
    spareFrames: 2,
    values: 6,
    invalidations: 30,
    threads: [
      { name: 'device', devices: [0], calls: (m) => [call(deviceAtomic, m.mirrors[0], 0)] },
      { name: 'driver', calls: (m) => [call(migrateToDevice, m.mirrors[0], 0, 1)] },
      { name: 'cpu', calls: () => [call(cpuRead, 0)] },
    ],
    witnesses: (world) => [isAlone(world)],
  }),
})

/** A device writes to a page to which it has exclusive access. */
export const exclusiveWrite = mirrorScenario({
  name: 'exclusive-write',
  summary: 'A device adds to a word, writes it and adds again, while a CPU reads it.',
  exercises: ['C43', 'exclusive-kept'],
  referenceOnly: true,
  parameters: {},
  world: () => ({
    pages: [{ touched: true }],
    mirrors: [{ name: 'gpu', exclusive: true }],
    spareFrames: 2,
    values: 6,
    invalidations: 30,
    threads: [
      {
        name: 'device',
        devices: [0],
        calls: (m) => [
          call(deviceAtomic, m.mirrors[0], 0),
          call(deviceAccess, m.mirrors[0], 0, 1, 3),
          call(deviceAtomic, m.mirrors[0], 0),
        ],
      },
      { name: 'cpu', calls: () => [call(cpuRead, 0)] },
    ],
    stepClaims: (world) => [keptByOwnAccess(world)],
    witnesses: (world) => [isAlone(world)],
  }),
})
