/**
 * Requests of a walk: all pages, none, page by page, and pages that cannot be faulted in.
 *
 * @module
 */
import { deviceAccess, prefault, program, SNAPSHOT } from '../../../src/driver/index.js'
import {
  change_prot_numa,
  cpuRead,
  cpuWrite,
  Errno,
  HMM_PFN_REQ_FAULT,
  HMM_PFN_REQ_WRITE,
  madvise_dontneed,
  mprotect,
  PteKind,
  VM_READ,
  VM_WRITE,
  VmaKind,
} from '../../../src/kernel/index.js'
import { choose, override } from '../../../src/world/index.js'
import { WITH_SEQUENCE } from '../../requirement.js'
import { onlyWhatWasAskedFor } from '../invariants/ranges.js'
import { call, mirrorScenario } from './mirror-world.js'

const FAULT = HMM_PFN_REQ_FAULT
const WRITE = HMM_PFN_REQ_WRITE

/** A snapshot and a concurrent fault. */
export const snapshotVersusFault = mirrorScenario({
  name: 'snapshot',
  summary:
    'One driver thread takes a snapshot of three pages (touched, untouched, a hole) and maps the ' +
    'valid ones; another faults pages in; a CPU zaps one.',
  exercises: ['C8', 'C22', 'C23', 'C25'],
  referenceOnly: true,
  generations: WITH_SEQUENCE,
  parameters: {},
  world: () => ({
    pages: [{ touched: true }, {}, { kind: VmaKind.none, flags: 0 }],
    mirrors: [{ name: 'gpu' }],
    spareFrames: 2,
    invalidations: 2,
    threads: [
      {
        name: 'snapshot',
        devices: [0],
        calls: (m) => [
          call(prefault, m.mirrors[0], 0, 3, SNAPSHOT),
          call(prefault, m.mirrors[0], 0, 2, {
            defaultFlags: WRITE,
            pfnFlagsMask: WRITE,
            requests: [WRITE, WRITE],
          }),
        ],
      },
      { name: 'device', devices: [0], calls: (m) => [call(deviceAccess, m.mirrors[0], 0, 2, 2)] },
      { name: 'cpu', calls: () => [call(madvise_dontneed, 0, 1)] },
    ],
  }),
})

/** Requests page by page. */
export const requestsByPage = mirrorScenario({
  name: 'requests-by-page',
  summary:
    'A driver prefaults a range: first with a write request for one page, in the array; then with ' +
    'read for all and write for one, by defaults and mask; a CPU changes the page table meanwhile.',
  exercises: ['C21', 'C24'],
  referenceOnly: true,
  generations: WITH_SEQUENCE,
  parameters: {},
  world: () => ({
    pages: [{ touched: true, readOnly: true }, {}, {}],
    mirrors: [{ name: 'gpu' }],
    spareFrames: 4,
    invalidations: 7,
    threads: [
      {
        name: 'driver',
        devices: [0],
        calls: (m) => [
          call(prefault, m.mirrors[0], 0, 3, {
            defaultFlags: 0,
            pfnFlagsMask: FAULT | WRITE,
            requests: [FAULT, FAULT | WRITE, 0],
          }),
          call(prefault, m.mirrors[0], 0, 3, {
            defaultFlags: FAULT,
            pfnFlagsMask: WRITE,
            requests: [0, 0, WRITE],
          }),
        ],
      },
      { name: 'cpu', calls: () => [call(madvise_dontneed, 1, 1), call(cpuRead, 1), call(cpuWrite, 0, 2)] },
    ],
  }),
})

/** Requests that fail. */
export const refusedRequests = mirrorScenario({
  name: 'refused-requests',
  summary:
    'A device reads and writes where it may not: a hole, a VMA without access, a read-only VMA, and ' +
    'one that cannot be mirrored; a CPU makes the read-only VMA writable meanwhile.',
  exercises: ['C22', 'C23', 'C25', 'C49'],
  generations: [],
  parameters: {},
  world: () => ({
    pages: [{ touched: true }, { flags: VM_READ }, { kind: VmaKind.pfnmap, flags: VM_READ | VM_WRITE }],
    mirrors: [{ name: 'gpu' }],
    spareFrames: 3,
    invalidations: 3,
    threads: [
      {
        name: 'device',
        devices: [0],
        calls: (m) => [
          call(deviceAccess, m.mirrors[0], 0, 2, 2),
          call(deviceAccess, m.mirrors[0], 1, 3),
          call(prefault, m.mirrors[0], 0, 3, SNAPSHOT),
          call(deviceAccess, m.mirrors[0], 0, 1),
        ],
      },
      {
        name: 'cpu',
        calls: () => [call(mprotect, 0, 1, 0), call(mprotect, 1, 1, VM_READ | VM_WRITE), call(cpuRead, 0)],
      },
    ],
  }),
})

/** A fault covers pages that were not requested. */
export const overFault = mirrorScenario({
  name: 'over-fault',
  summary:
    'A driver requests the first of two pages while memory is short. The walk faults to the end of ' +
    'the VMA, and fails for the page that was not requested (H5). With `strict` the requirement ' +
    'asked-only is claimed.',
  exercises: ['C24', 'C49'],
  referenceOnly: true,
  generations: WITH_SEQUENCE,
  parameters: {
    strict: {
      summary: '1 to claim that a walk fails only for requested pages',
      min: 0,
      max: 1,
      smoke: 0,
      default: 0,
      deep: 0,
    },
  },
  world: ({ strict }) => ({
    pages: [{}, {}],
    mirrors: [{ name: 'gpu' }],
    spareFrames: 1,
    invalidations: 2,
    threads: [
      {
        name: 'driver',
        devices: [0],
        calls: (m) => [
          call(prefault, m.mirrors[0], 0, 2, {
            defaultFlags: 0,
            pfnFlagsMask: FAULT | WRITE,
            requests: [FAULT | WRITE, 0],
          }),
        ],
      },
      { name: 'cpu', calls: () => [call(cpuRead, 0), call(madvise_dontneed, 0, 2)] },
    ],
    ...(strict ? { stepClaims: (world) => [onlyWhatWasAskedFor(world)] } : {}),
  }),
})

/** A driver that allocates memory for its page table, which may fail. */
const programWithoutMemory = override(
  program,
  (original) =>
    function* (current, mirror, start, end) {
      const failed = yield* choose('a device page-table page cannot be had', ['it can', 'it cannot'])
      return failed ? -Errno.ENOMEM : yield* original(current, mirror, start, end)
    },
)

/** The driver fails after the walk was validated. */
export const deviceOutOfMemory = mirrorScenario({
  name: 'device-out-of-memory',
  summary:
    'The driver may fail to extend its device page table after the walk was validated: it must ' +
    'leave nothing behind.',
  exercises: ['C6', 'C8', 'C49', 'refinement'],
  referenceOnly: true,
  parameters: {},
  world: () => ({
    pages: [{ touched: true }, {}],
    mirrors: [{ name: 'gpu' }],
    spareFrames: 3,
    invalidations: 2,
    overrides: [programWithoutMemory],
    threads: [
      {
        name: 'device',
        devices: [0],
        calls: (m) => [call(deviceAccess, m.mirrors[0], 0, 2, 2), call(deviceAccess, m.mirrors[0], 0, 1)],
      },
      { name: 'cpu', calls: () => [call(madvise_dontneed, 0, 1), call(cpuWrite, 0, 1)] },
    ],
  }),
})

/** NUMA hinting. */
export const numaHinting = mirrorScenario({
  name: 'numa-hinting',
  summary:
    'The kernel makes an entry PROT_NONE to learn which CPU faults (NUMA hinting): the page stays, ' +
    'and is inaccessible until a fault restores the entry; a snapshot finds nothing valid.',
  exercises: ['C1', 'C21', 'C23', 'C49'],
  generations: [],
  parameters: {},
  world: () => ({
    pages: [{ touched: true }],
    mirrors: [{ name: 'gpu' }],
    spareFrames: 1,
    invalidations: 2,
    threads: [
      {
        name: 'device',
        devices: [0],
        calls: (m) => [
          call(prefault, m.mirrors[0], 0, 1, SNAPSHOT),
          call(deviceAccess, m.mirrors[0], 0, 1, 2),
        ],
      },
      { name: 'scheduler', calls: () => [call(change_prot_numa, 0, 1)] },
      { name: 'cpu', calls: () => [call(cpuWrite, 0, 1), call(cpuRead, 0)] },
    ],
    witnesses: ({ machine }) => [
      {
        clause: 'system-calls',
        name: 'NUMA hinting takes the access to a page away',
        holds: () => machine.mms[0].pte[0].kind === PteKind.protnone,
      },
    ],
  }),
})
