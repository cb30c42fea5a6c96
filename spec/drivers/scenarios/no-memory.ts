/**
 * A world without memory to migrate a page back to, which drivers with memory of their own are put into.
 *
 * @module
 */
import { cpuRead, madvise_dontneed } from '../../../src/kernel/index.js'
import { call, type MirrorScenarioDefinition } from '../../mirror/scenarios/mirror-world.js'

/** No memory is free to migrate a page back. */
export const noMemoryLeft = {
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
} satisfies Partial<MirrorScenarioDefinition>
