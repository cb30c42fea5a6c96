/**
 * userfaultfd on memory that a device uses.
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

/** Write protection by userfaultfd of a page that a device uses. */
export const userfaultProtect = mirrorScenario({
  name: 'userfault-protect',
  summary:
    'A process write-protects a page by userfaultfd while its device writes to it and its driver ' +
    'migrates it, and removes the protection again: in between neither CPU nor device writes to the ' +
    'page, in system or device memory.',
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

/** User space handles missing pages. */
export const userfaultMissing = mirrorScenario({
  name: 'userfault-missing',
  summary:
    'A process registers two pages, one of them missing, with userfaultfd, while its driver migrates ' +
    'both and its device reads them: the present page migrates, and the missing one is not populated.',
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
