/**
 * A driver that handles device faults from device memory alone.
 *
 * @module
 */
import { deviceAccess, populate, populateFromDeviceMemory } from '../../../src/driver/index.js'
import { PteKind } from '../../../src/kernel/index.js'
import { become, override } from '../../../src/world/index.js'
import { call, mirrorScenario } from '../../mirror/scenarios/mirror-world.js'

/** A device fault migrates its pages first. */
const faultToMemory = override(
  populate,
  () =>
    function* (current, mirror, start, end, write) {
      return yield* become(populateFromDeviceMemory, current, mirror, start, end, write)
    },
)

/** Two queues of a device fault on one range that must be in device memory as a whole. */
export const migrateOnFault = mirrorScenario({
  name: 'migrate-on-fault',
  summary:
    'Two queues of a device fault on the same two pages, and the driver maps them only from the ' +
    'memory of the device: either both pages migrate or none does. A lock serialises the migrations, ' +
    'and each fault completes.',
  exercises: ['C28', 'C39', 'C49', 'deadlock'],
  referenceOnly: true,
  parameters: {},
  world: () => ({
    pages: [{ touched: true }, { touched: true }],
    mirrors: [{ name: 'gpu', memory: 2, locksOut: true }],
    spareFrames: 0,
    values: 2,
    invalidations: 6,
    overrides: [faultToMemory],
    threads: [
      { name: 'queue 1', devices: [0], calls: (m) => [call(deviceAccess, m.mirrors[0], 0, 2)] },
      { name: 'queue 2', devices: [0], calls: (m) => [call(deviceAccess, m.mirrors[0], 0, 2)] },
    ],
    witnesses: ({ machine: { mms } }) => [
      {
        clause: 'C39',
        name: 'all pages of a fault have migrated',
        holds: () => mms[0].pte.every(({ kind }) => kind === PteKind.devicePrivate),
      },
    ],
  }),
})
