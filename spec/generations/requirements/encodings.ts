/**
 * The encoding of entries, and the flags that a walk preserves.
 *
 * @module
 */
import type { Requirement } from '../../requirement.js'

/** The requirements of entries. */
export const encodings: readonly Requirement[] = [
  {
    id: 'encoding',
    title: 'an entry decodes to what was encoded',
    text:
      'A driver decodes from an entry what the walk encoded: the same frame and the same write ' +
      'permission. A valid page, an error and an empty entry are distinguishable. Errors and special ' +
      'entries may have the same encoding. A driver that chooses the bits itself (4.17 to 5.7) must ' +
      'meet two conditions: every flag lies below the shift, and no special value can be mistaken for ' +
      'a page.',
    source: ['reference A.1, A.4, C25', 'include/linux/hmm.h: enum hmm_pfn_flag_e, enum hmm_pfn_value_e'],
    checks: [
      'assert:throughTheWord',
      'test:test/generations/encoding/driver.test.ts',
      'test:test/generations/encoding/top.test.ts',
    ],
  },
  {
    id: 'dma-mapping',
    title: 'sticky flags record what is mapped for DMA',
    text:
      'A page is mapped for DMA once and unmapped once, and the device is given only addresses that ' +
      'are mapped to it. The sticky flags of an entry record whether it is mapped, and a walk ' +
      'preserves them: an array must be zeroed before its first walk, and flags that the callback ' +
      'clears must stay clear. The callback unmaps the pages that the process loses, whether the ' +
      'device faults on them again or not. In 5.1 to 5.4 a whole range was mapped after the walk: ' +
      'every page that the walk reported, or none after an error.',
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
      'no page stays mapped for DMA that the process has lost',
      'a device uses no page that is not mapped for DMA',
    ],
  },
]
