/**
 * Defects of encodings and sticky flags.
 *
 * @module
 */
import { HMM_PFN_DMA_MAPPED } from '../../../src/generations/encoding/top.js'
import {
  ADDRESS_ENCODING,
  type DriverEncoding,
  hmm_dma_map_alloc,
  hmm_dma_unmap_pfn,
  readAndEncode,
  storeBeside,
  storeEntry,
} from '../../../src/generations/index.js'
import { hmm_vma_walk_pmd } from '../../../src/kernel/index.js'
import { onStep, override, step } from '../../../src/world/index.js'
import type { Defect } from '../../defect.js'

/** The array keeps what was in memory before. */
const notZeroed = override(
  hmm_dma_map_alloc,
  () =>
    function* () {
      yield* step('take the array as it is', () => 0)
    },
)

/** The callback does not unmap the pages for DMA. */
const leaveMapped = override(hmm_dma_unmap_pfn, () => function* () {})

/** The flags are loaded, and a moment later stored back. */
const loadThenStore = override(
  storeEntry,
  () =>
    function* (list, range, request, page) {
      const mapped = yield* step('load the sticky flags', () => list.entries[page].mapped)
      return yield* step('store them with the entry', () =>
        storeBeside(list, range, request, page, () => (mapped ? HMM_PFN_DMA_MAPPED : 0n)),
      )
    },
)

/** The driver declares `encoding`, and it is not validated. */
function unchecked(encoding: DriverEncoding) {
  return onStep(
    hmm_vma_walk_pmd,
    'read an entry',
    (_, range, request, page) => () => readAndEncode(range, request, page, encoding),
  )
}

/** Defects of entries. */
export const encodingDefects: readonly Defect[] = [
  {
    name: 'X210',
    kind: 'mutation',
    title: 'a flag overlaps the pfn',
    text:
      'The helpers shift and mask nothing: a writable entry decodes to another frame. validateEncoding ' +
      'refuses it.',
    source: ['reference A.1'],
    requirement: 'encoding',
    scenario: 'driver-encoding',
    overrides: [unchecked({ ...ADDRESS_ENCODING, flags: [1n, 1n << 13n, 4n] })],
    steps: 6,
  },
  {
    name: 'X211',
    kind: 'mutation',
    title: 'the word for NONE looks like a page',
    text:
      'A page decodes as none, and is never mapped: the device faults on it for ever. validateEncoding ' +
      'refuses it.',
    source: ['reference A.1, C25'],
    requirement: 'encoding',
    scenario: 'driver-encoding',
    overrides: [unchecked({ ...ADDRESS_ENCODING, values: [2n, 0x1003n, 2n] })],
    steps: 6,
  },
  {
    name: 'X212',
    kind: 'mutation',
    title: 'NONE and ERROR are the same word',
    text:
      'A page that a fault could bring back is treated as unmappable, or the other way round. ' +
      'validateEncoding refuses it.',
    source: ['reference A.1, C25', 'include/linux/hmm.h: enum hmm_pfn_value_e'],
    requirement: 'encoding',
    scenario: 'driver-encoding',
    overrides: [unchecked({ ...ADDRESS_ENCODING, values: [0n, 0n, 2n] })],
    steps: 8,
  },
  {
    name: 'D47',
    aliases: ['M24'],
    kind: 'history',
    title: 'the array of entries is not zeroed',
    text:
      'A walk preserves the sticky flags. Garbage marks a page as mapped for DMA that never was: it is not ' +
      'mapped, or an address is unmapped that was never mapped. Since 6.16; drm_gpusvm zeroes its array ' +
      'since 7.x.',
    source: ['reference D47, G.3 M24', 'drivers/gpu/drm/drm_gpusvm.c, commit 67b8bfd4ec7d'],
    requirement: 'dma-mapping',
    scenario: 'dma-mapping',
    generation: '6.16',
    overrides: [notZeroed],
    steps: 9,
  },
  {
    name: 'X314',
    kind: 'history',
    title: 'the callback leaves pages mapped for DMA',
    text:
      'The callback takes the entries out of the device page table and does not unmap the pages for ' +
      'DMA: the IOMMU maps pages that the process has lost, for as long as the device does not fault ' +
      'on them again (as in CVE-2026-68240).',
    source: ['our own', 'CVE-2026-68240', 'mm/hmm.c: hmm_dma_unmap_pfn'],
    requirement: 'dma-mapping',
    scenario: 'dma-mapping',
    overrides: [leaveMapped],
    steps: 23,
  },
  {
    name: 'H20',
    kind: 'hazard',
    title: 'a walk stores a sticky flag that the callback has just cleared',
    text:
      'The walk stores an entry by loading it, preserving the sticky flags and storing it: three ' +
      'instructions without a lock. The callback may unmap the page and clear the flags in between, and the ' +
      'store restores them. The walk collides, and the next one preserves the flag: the device is given an ' +
      'address that is no longer mapped. One atomic operation on the entry would fix it, and then the claim ' +
      'holds.',
    source: ['mm/hmm.c: hmm_vma_handle_pte, hmm_dma_unmap_pfn', 'reference A.4'],
    requirement: 'dma-mapping',
    scenario: 'dma-mapping',
    overrides: [loadThenStore],
    steps: 63,
  },
]
