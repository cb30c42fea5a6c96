/**
 * User space is told of faults (userfaultfd) on memory that a device uses.
 *
 * @module
 */
import { deviceAccess, migrateToDevice } from '../../../src/driver/index.js'
import {
  cpuRead,
  cpuWrite,
  PteKind,
  userfaultfd_register,
  userfaultfd_writeprotect,
  VM_UFFD_MISSING,
  VM_UFFD_WP,
} from '../../../src/kernel/index.js'
import { call, mirrorScenario } from '../../mirror/scenarios/mirror-world.js'

/** Writes to a page that a device uses are to be told of. */
export const userfaultProtect = mirrorScenario({
  name: 'userfault-protect',
  summary:
    'A process write-protects a page by userfaultfd while its device writes to it and its driver migrates it, and ends that again: ' +
    'in between neither CPU nor device writes to it, wherever it is.',
  exercises: ['C1', 'C3', 'C4', 'C39', 'C47', 'write-tracking'],
  generations: [],
  parameters: {},
  world: () => ({
    pages: [{ touched: true }],
    userfaults: true,
    mirrors: [{ name: 'gpu', memory: 1 }],
    spareFrames: 1,
    values: 2,
    invalidations: 8,
    threads: [
      { name: 'device', devices: [0], calls: (m) => [call(deviceAccess, m.mirrors[0], 0, 1, 2)] },
      { name: 'driver', calls: (m) => [call(migrateToDevice, m.mirrors[0], 0, 1)] },
      {
        name: 'cpu',
        calls: () => [
          call(cpuWrite, 0, 1),
          call(userfaultfd_register, 0, 1, VM_UFFD_WP),
          call(userfaultfd_writeprotect, 0, 1, true),
          call(cpuWrite, 0, 1),
          call(userfaultfd_writeprotect, 0, 1, false),
        ],
      },
    ],
    witnesses: ({ machine }) => [
      {
        clause: 'write-tracking',
        name: 'a page is write-protected by userfaultfd while its device has it',
        holds: () => machine.mms[0].pte[0].kind === PteKind.devicePrivate && machine.mms[0].pte[0].uffdWp,
      },
    ],
  }),
})

/** A missing page is user space's to bring. */
export const userfaultMissing = mirrorScenario({
  name: 'userfault-missing',
  summary:
    'A process registers memory for missing pages, one of which it has, while its driver migrates both pages and its device reads ' +
    'them: the one that is there migrates, and nothing comes where the other is missing.',
  exercises: ['C30', 'C52', 'user-faults'],
  generations: [],
  parameters: {},
  world: () => ({
    pages: [{ touched: true }, {}],
    userfaults: true,
    mirrors: [{ name: 'gpu', memory: 2 }],
    spareFrames: 2,
    invalidations: 10,
    threads: [
      { name: 'driver', devices: [0], calls: (m) => [call(migrateToDevice, m.mirrors[0], 0, 2)] },
      {
        name: 'cpu',
        calls: () => [call(userfaultfd_register, 0, 2, VM_UFFD_MISSING), call(cpuRead, 1), call(cpuRead, 0)],
      },
    ],
  }),
})
