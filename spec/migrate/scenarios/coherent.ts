/**
 * Coherent device memory, and pins by get_user_pages.
 *
 * @module
 */
import { deviceAccess, evict, migrateToDevice, migrateToSystem } from '../../../src/driver/index.js'
import {
  change_prot_numa,
  cpuRead,
  cpuWrite,
  holdUserPage,
  migrateVmaCollectPte,
  PteKind,
  pinUserPageLongterm,
} from '../../../src/kernel/index.js'
import { old } from '../../../src/world/index.js'
import { call, mirrorScenario } from '../../mirror/scenarios/mirror-world.js'
import {
  busyWhileHeld,
  cpuWritesToDevice,
  faultsLeaveCoherentPages,
  hintsLeaveCoherentPages,
  longtermPinsFollowThePage,
  mappedByAnother,
  movedToBeHeld,
  ownersCollectTheirOwn,
} from '../invariants/coherent.js'

/** A page of coherent memory that a CPU uses in place. */
export const coherentMemory = mirrorScenario({
  name: 'coherent-memory',
  summary:
    'A driver migrates a page to coherent memory of its device, which uses it, and back, while a ' +
    'CPU writes to it and another thread wants a long-term pin.',
  exercises: ['C1', 'C39', 'C40', 'C51', 'coherent'],
  generations: [],
  parameters: {},
  world: () => ({
    pages: [{ touched: true }],
    mirrors: [{ name: 'gpu', memory: 1, coherent: true }],
    spareFrames: 1,
    values: 3,
    invalidations: 8,
    threads: [
      {
        name: 'driver',
        devices: [0],
        calls: (m) => [
          call(migrateToDevice, m.mirrors[0], 0, 1),
          call(deviceAccess, m.mirrors[0], 0, 1, 2),
          call(migrateToSystem, m.mirrors[0], 0, 1),
        ],
      },
      { name: 'cpu', calls: () => [call(cpuWrite, 0, 3), call(cpuRead, 0)] },
      { name: 'pin', calls: () => [call(pinUserPageLongterm, 0)] },
    ],
    witnesses: (m) => [cpuWritesToDevice(m), movedToBeHeld(m, 2)],
    stepClaims: (m) => [faultsLeaveCoherentPages(m), ownersCollectTheirOwn(m), longtermPinsFollowThePage(m)],
  }),
})

/** A page of coherent memory that two processes share. */
export const coherentShared = mirrorScenario({
  name: 'coherent-shared',
  summary:
    'A page in the coherent memory of one device is shared by a process and its child. Another ' +
    'device accesses it and migrates it, the child copies it on write, and another thread wants a ' +
    'long-term pin.',
  exercises: ['C28', 'C42', 'coherent'],
  generations: [],
  parameters: {},
  world: () => ({
    pages: [{ touched: true, onDevice: true }],
    mirrors: [
      { name: 'gpu', memory: 1, coherent: true },
      { name: 'npu', memory: 1 },
    ],
    processes: 2,
    forked: true,
    spareFrames: 2,
    values: 3,
    invalidations: 8,
    threads: [
      {
        name: 'npu',
        devices: [1],
        calls: (m) => [call(deviceAccess, m.mirrors[1], 0, 1), call(migrateToDevice, m.mirrors[1], 0, 1)],
      },
      { name: 'child', process: 1, calls: () => [call(cpuWrite, 0, 3)] },
      { name: 'pin', calls: () => [call(pinUserPageLongterm, 0)] },
    ],
    witnesses: (m) => [mappedByAnother(m)],
    stepClaims: (m) => [faultsLeaveCoherentPages(m), ownersCollectTheirOwn(m), longtermPinsFollowThePage(m)],
  }),
})

/** A page of coherent memory with a short-term pin. */
export const coherentHeld = mirrorScenario({
  name: 'coherent-held',
  summary:
    'Two threads pin a page of coherent memory, one short-term and one long-term, while its owner ' +
    'evicts it and a CPU writes to it: it is migrated, or the call returns -EBUSY.',
  exercises: ['C39', 'C51', 'coherent'],
  generations: [],
  parameters: {},
  world: () => ({
    pages: [{ touched: true, onDevice: true }],
    mirrors: [{ name: 'gpu', memory: 1, coherent: true }],
    spareFrames: 1,
    values: 2,
    invalidations: 8,
    threads: [
      { name: 'hold', calls: () => [call(holdUserPage, 0)] },
      { name: 'pin', calls: () => [call(pinUserPageLongterm, 0)] },
      { name: 'cpu', calls: () => [call(cpuWrite, 0, 2)] },
      { name: 'driver', calls: (m) => [call(evict, m.machine.deviceMemory[0])] },
    ],
    witnesses: (m) => [busyWhileHeld(m, 1)],
    stepClaims: (m) => [faultsLeaveCoherentPages(m), ownersCollectTheirOwn(m), longtermPinsFollowThePage(m)],
  }),
})

/** get_user_pages on a page in device memory. */
export const getUserPages = mirrorScenario({
  name: 'get-user-pages',
  summary:
    'Two threads pin a page in device memory with get_user_pages_remote, short-term and long-term, ' +
    'while a CPU writes to it and its driver migrates it again: it is migrated back first.',
  exercises: ['C29', 'C30', 'C31', 'C39'],
  generations: [],
  parameters: {},
  world: () => ({
    pages: [{ touched: true, onDevice: true }],
    mirrors: [{ name: 'gpu', memory: 1 }],
    spareFrames: 2,
    values: 2,
    invalidations: 8,
    threads: [
      { name: 'hold', calls: () => [call(holdUserPage, 0)] },
      { name: 'pin', calls: () => [call(pinUserPageLongterm, 0)] },
      { name: 'cpu', calls: () => [call(cpuWrite, 0, 2)] },
      { name: 'driver', calls: (m) => [call(migrateToDevice, m.mirrors[0], 0, 1)] },
    ],
    witnesses: ({ machine }) => [
      {
        clause: 'C29',
        name: 'a page of a device is brought back for somebody who holds it',
        holds: (view) =>
          view.inside(0, holdUserPage) &&
          machine.frames.some((frame) => frame.owner < 0 && frame.refcount > frame.mapcount) &&
          machine.mms[0].pte[0].kind === PteKind.present,
      },
    ],
  }),
})

/** NUMA hinting skips device pages. */
export const coherentHinted = mirrorScenario({
  name: 'coherent-hinted',
  summary:
    'NUMA hinting scans a page that its driver migrates to coherent memory, while a CPU writes to ' +
    'it: once it is there its entry is left alone.',
  exercises: ['C39', 'coherent', 'data'],
  generations: [],
  parameters: {},
  world: () => ({
    pages: [{ touched: true }],
    mirrors: [{ name: 'gpu', memory: 1, coherent: true }],
    spareFrames: 1,
    values: 2,
    invalidations: 8,
    threads: [
      { name: 'driver', devices: [0], calls: (m) => [call(migrateToDevice, m.mirrors[0], 0, 1)] },
      { name: 'scheduler', calls: () => [call(change_prot_numa, 0, 1)] },
      { name: 'cpu', calls: () => [call(cpuWrite, 0, 2)] },
    ],
    stepClaims: (m) => [hintsLeaveCoherentPages(m)],
  }),
})

/** A page with a NUMA hinting entry migrates to the device. */
export const migrateHinted = mirrorScenario({
  name: 'migrate-hinted',
  summary:
    'The kernel makes an entry PROT_NONE for NUMA hinting; a driver migrates the page meanwhile, ' +
    'and a CPU writes to it.',
  exercises: ['C31', 'C39', 'C51'],
  generations: [],
  parameters: {},
  world: () => ({
    pages: [{ touched: true }],
    mirrors: [{ name: 'gpu', memory: 1 }],
    spareFrames: 2,
    values: 2,
    invalidations: 8,
    threads: [
      { name: 'driver', calls: (m) => [call(migrateToDevice, m.mirrors[0], 0, 1)] },
      { name: 'scheduler', calls: () => [call(change_prot_numa, 0, 1)] },
      { name: 'cpu', calls: () => [call(cpuWrite, 0, 2)] },
    ],
    stepClaims: ({ machine }) => [
      {
        clause: 'C39',
        name: 'a page that only faults for its place is migrated like any other',
        judge(thread, from) {
          if (
            thread !== 0 ||
            !from.inside(0, migrateVmaCollectPte) ||
            old(machine.mms[0].pte[0]).kind !== PteKind.protnone
          )
            return undefined
          if (old(machine.frames[old(machine.mms[0].pte[0]).frame]).locked) return undefined
          return (
            machine.mms[0].pte[0].kind === PteKind.migration || 'a page is passed over because of its hint'
          )
        },
      },
    ],
  }),
})
