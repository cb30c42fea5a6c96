/**
 * What entries must hold, and keep from one walk to the next.
 *
 * @module
 */
import type { Requirement } from '../requirement.js'

/** What entries must hold. */
export const encodings: readonly Requirement[] = [
  {
    id: 'encoding',
    title: 'an entry gives back what was put in',
    text:
      'What a driver reads off an entry is what the walk has stored: the same frame, the same right to write, and nothing ' +
      'there, an error and a page told apart. Errors and special entries may look the same. A driver that chooses the ' +
      'bits itself (4.17 to 5.7) must choose them so: every flag below the shift, no special value that a page could be.',
    source: ['reference A.1, A.4, C25', 'include/linux/hmm.h: enum hmm_pfn_flag_e, enum hmm_pfn_value_e'],
    checks: [
      'assert:throughTheWord',
      'test:test/generations/encoding/driver.test.ts',
      'test:test/generations/encoding/top.test.ts',
    ],
  },
  {
    id: 'dma-mapping',
    title: 'sticky flags say what is mapped for DMA',
    text:
      'A page is mapped for DMA once, is unmapped once, and the device is only given an address that leads to it. Whether ' +
      'an entry is mapped is said by its sticky flags, which a walk leaves as they are: an array must be zeroed before its ' +
      'first walk, and what the callback clears must stay clear. Before, ranges were mapped as they were read (5.1 to 5.4): all that was ' +
      'told, or nothing if there was an error.',
    source: [
      'reference A.4, D47',
      'include/linux/hmm.h: HMM_PFN_DMA_MAPPED',
      'mm/hmm.c: hmm_dma_map_pfn, hmm_dma_unmap_pfn',
      'reference A.2',
      'seed 004: hmm_range_dma_map',
    ],
    checks: [
      'assert:hmm_dma_map_pfn',
      'assert:iommuAt',
      'a range is mapped for DMA whole, or not at all',
      'a page stays mapped for DMA over a walk',
    ],
  },
]
