/**
 * What entries must keep from one walk to the next.
 *
 * @module
 */
import type { Requirement } from '../requirement.js'

/** The sticky flags of entries. */
export const encodings: readonly Requirement[] = [
  {
    id: 'dma-mapping',
    title: 'sticky flags say what is mapped for DMA',
    text:
      'A page is mapped for DMA once, is unmapped once, and the device is only given an address that leads to it. Whether ' +
      'an entry is mapped is said by its sticky flags, which a walk leaves as they are: an array must be zeroed before its ' +
      'first walk, and what the callback clears must stay clear.',
    source: [
      'reference A.4, D47',
      'include/linux/hmm.h: HMM_PFN_DMA_MAPPED',
      'mm/hmm.c: hmm_dma_map_pfn, hmm_dma_unmap_pfn',
    ],
    checks: ['assert:hmm_dma_map_pfn', 'assert:iommuAt', 'a page stays mapped for DMA over a walk'],
  },
]
