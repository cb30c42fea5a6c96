/**
 * Scenarios for xe with memory of its own, where those for any driver do not show what it has.
 *
 * @module
 */
import { migrateToSystem } from '../../../src/driver/index.js'
import { xeVramDriver } from '../../../src/driver/tree/index.js'
import { cpuRead, exit_mm, madvise_dontneed } from '../../../src/kernel/index.js'
import { call, mirrorScenario } from '../../mirror/scenarios/mirror-world.js'
import { closeAfterExit } from '../../mirror/scenarios/notifiers.js'

const named = (name: string) => ({
  name: `${xeVramDriver.name}/${name}`,
  driver: xeVramDriver,
  parameters: {},
})

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
  summary: 'A CPU reads a page in VRAM twice, while no system memory is left; another thread frees some.',
  exercises: ['C28', 'C30', 'C31', 'C39'],
  world: () => ({
    pages: [{ touched: true, onDevice: true, mirroredBy: [0] }, { touched: true }],
    mirrors: [{ name: 'gpu', memory: 1 }],
    spareFrames: 0,
    invalidations: 4,
    threads: [
      { name: 'cpu 1', calls: () => [call(cpuRead, 0), call(cpuRead, 0)] },
      { name: 'cpu 2', calls: () => [call(madvise_dontneed, 1, 1)] },
    ],
  }),
})

/** The scenarios. */
export const xeVramScenarios = [evictAndExit, noMemory]
