/**
 * Scenarios for xe with memory of its own, where those for any driver do not show what it has.
 *
 * @module
 */

import { migrateToSystem } from '../../../src/driver/index.js'
import { xeVramDriver } from '../../../src/driver/tree/index.js'
import { exit_mm } from '../../../src/kernel/index.js'
import { call, mirrorScenario } from '../../mirror/scenarios/mirror-world.js'
import { closeAfterExit } from '../../mirror/scenarios/notifiers.js'
import { namedFor } from './named.js'
import { noMemoryLeft } from './no-memory.js'

const named = namedFor(xeVramDriver)

/** Pages are brought back for user space as the process exits. */
export const evictAndExit = mirrorScenario({
  ...named('evict-and-exit'),
  summary:
    'User space asks for a page of VRAM to be in system memory, while the process exits; the VM is closed then.',
  exercises: ['C7', 'C19', 'C28', 'C31', 'own-objects', 'work-items'],
  world: () => ({
    pages: [{ touched: true, onDevice: true }],
    mirrors: [{ name: 'gpu', memory: 1 }],
    spareFrames: 1,
    invalidations: 4,
    threads: [
      { name: 'ioctl', devices: [0], calls: ({ mirrors: [gpu] }) => [call(migrateToSystem, gpu, 0, 1)] },
      { name: 'cpu', calls: () => [call(exit_mm)] },
      { name: 'driver', calls: ({ mirrors: [gpu] }) => [call(closeAfterExit, gpu)] },
    ],
  }),
})

/** There is no memory to bring a page back to. */
export const noMemory = mirrorScenario({
  ...named('no-memory'),
  ...noMemoryLeft,
})

/** The scenarios. */
export const xeVramScenarios = [evictAndExit, noMemory]
