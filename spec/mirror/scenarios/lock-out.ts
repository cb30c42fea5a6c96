/**
 * A driver that locks out its fault handler while it migrates, instead of recording its own
 * invalidations.
 *
 * @module
 */
import {
  deviceAccess,
  migrateLockedOut,
  populate,
  populateLockedOut,
  recordAndUnmap,
  recordUnlessLocked,
} from '../../../src/driver/index.js'
import { cpuWrite, HMM_PFN_REQ_FAULT, HMM_PFN_REQ_WRITE } from '../../../src/kernel/index.js'
import { become, override } from '../../../src/world/index.js'
import { call, mirrorScenario } from './mirror-world.js'

/** A device fault holds the driver's lock from before its walk until the pages are mapped. */
const faultUnderLock = override(
  populate,
  () =>
    function* (current, mirror, start, end, write) {
      const defaultFlags = HMM_PFN_REQ_FAULT | (write ? HMM_PFN_REQ_WRITE : 0)
      return yield* become(populateLockedOut, current, mirror, start, end, { defaultFlags, pfnFlagsMask: 0 })
    },
)

/** Invalidations by the driver's own migrations are not recorded while its lock is held. */
const recordOthers = override(
  recordAndUnmap,
  () =>
    function* (current, mirror, range, curSeq) {
      yield* recordUnlessLocked(current, mirror, range, curSeq)
    },
)

/** Fault handler and migration exclude each other. */
export const lockOutReaders = mirrorScenario({
  name: 'lock-out-readers',
  summary:
    'A driver filters the events of its own migrations, and locks out its fault handler while it ' +
    'migrates. The device writes to a page that is read-only and to one in its own memory, which the ' +
    'fault for the first migrates back; the driver migrates both, and a CPU writes.',
  exercises: ['C1', 'C30', 'C39'],
  referenceOnly: true,
  parameters: {},
  world: () => ({
    pages: [
      { touched: true, readOnly: true },
      { touched: true, onDevice: true },
    ],
    mirrors: [{ name: 'gpu', memory: 2, locksOut: true }],
    spareFrames: 2,
    values: 3,
    invalidations: 12,
    overrides: [faultUnderLock, recordOthers],
    threads: [
      { name: 'device', devices: [0], calls: (m) => [call(deviceAccess, m.mirrors[0], 0, 2, 2)] },
      { name: 'driver', calls: (m) => [call(migrateLockedOut, m.mirrors[0], 0, 1)] },
      { name: 'cpu', calls: () => [call(cpuWrite, 1, 3)] },
    ],
  }),
})
