/**
 * The entries of a driver's array: driver-defined encodings and sticky flags.
 *
 * @module
 */
import { deviceAccess, prefault, SNAPSHOT } from '../../../src/driver/index.js'
import {
  ADDRESS_ENCODING,
  type DmaList,
  hmm_dma_map_alloc,
  storingWords,
  validateEncoding,
} from '../../../src/generations/index.js'
import {
  cpuWrite,
  madvise_dontneed,
  mmu_interval_notifier_insert,
  RangeResult,
  type Task,
  VmaKind,
} from '../../../src/kernel/index.js'
import { procedure } from '../../../src/world/index.js'
import { call, mirrorScenario } from '../../mirror/scenarios/mirror-world.js'

const open = procedure('open a mirror that maps for DMA', function* (_current: Task, list: DmaList) {
  yield* hmm_dma_map_alloc(list)
  yield* mmu_interval_notifier_insert(list.mirror.notifier)
})

/** Sticky flags and concurrent invalidations. */
export const dmaMapping = mirrorScenario({
  name: 'dma-mapping',
  summary:
    'A driver opens a mirror that maps for DMA. Its device reads a read-only page and then writes ' +
    'it, while a CPU zaps the page and faults it in again: the second walk keeps the DMA mapping, ' +
    'unless the callback has unmapped it.',
  exercises: ['C1', 'C3', 'C8', 'dma-mapping'],
  referenceOnly: true,
  generations: ['6.16'],
  parameters: {},
  world: () => ({
    pages: [{ touched: true, readOnly: true }],
    mirrors: [{ name: 'nic', detached: true, dma: true }],
    spareFrames: 2,
    invalidations: 2,
    threads: [
      {
        name: 'device',
        devices: [0],
        calls: ({ mirrors: [nic], dma: [list] }) => [
          call(open, list),
          call(deviceAccess, nic, 0, 1),
          call(deviceAccess, nic, 0, 1, 2),
        ],
      },
      { name: 'cpu', calls: () => [call(madvise_dontneed, 0, 1), call(cpuWrite, 0, 1)] },
    ],
    witnesses: ({ mirrors: [nic], dma: [list] }) => [
      {
        clause: 'dma-mapping',
        name: 'a page stays mapped for DMA over a walk',
        holds: () =>
          list.entries[0].iommu !== 0 &&
          [...nic.ranges.values()].some((range) => range.result === RangeResult.filled),
      },
    ],
  }),
})

/** A driver with its own encoding. */
export const driverEncoding = mirrorScenario({
  name: 'driver-encoding',
  summary:
    'A driver with its own encoding takes a snapshot of a present page, an untouched one and a ' +
    'hole, and its device writes the first two, while a CPU zaps one of them.',
  exercises: ['C25', 'encoding'],
  referenceOnly: true,
  parameters: {},
  world: () => ({
    pages: [{ touched: true }, {}, { kind: VmaKind.none, flags: 0 }],
    mirrors: [{ name: 'gpu' }],
    spareFrames: 2,
    invalidations: 1,
    overrides: [storingWords(validateEncoding(ADDRESS_ENCODING, 3))],
    threads: [
      {
        name: 'device',
        devices: [0],
        calls: ({ mirrors: [gpu] }) => [
          call(prefault, gpu, 0, 3, SNAPSHOT),
          call(deviceAccess, gpu, 0, 2, 2),
        ],
      },
      { name: 'cpu', calls: () => [call(madvise_dontneed, 0, 1)] },
    ],
  }),
})
