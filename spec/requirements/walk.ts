/**
 * The walk: what hmm_range_fault asks of its caller, and what it promises.
 *
 * @module
 */
import { type Requirement, SINCE_5_8 } from '../requirement.js'

/** The contract of hmm_range_fault. */
export const walk: readonly Requirement[] = [
  {
    id: 'C20',
    title: 'the mmap lock is held during the walk',
    text: 'Whoever calls hmm_range_fault holds the mmap lock, at least for reading, from before the call until it returns. Before Linux 5.5 the walk itself may drop it, and then says so.',
    source: ['reference C20', 'mm/hmm.c: hmm_range_fault (mmap_assert_locked)'],
    checks: [
      'assert:hmm_range_fault',
      'assert:hmm_vma_fault (begin)',
      'assert:hmm_range_fault_unlocked_timeout (begin)',
      'a walk drops the mmap lock',
    ],
  },
  {
    id: 'C21',
    title: 'what was asked for is there',
    text:
      'If the walk succeeds, every page that was asked for is valid, and every page that was asked for to be written is ' +
      'writable. What is asked of a page are the default flags and as much of its own entry as the mask lets through. A ' +
      'page in memory of the caller itself is told as it is, read-only too: the caller must look (H4).',
    source: ['reference C21, B.3, B.3.1', 'mm/hmm.c: hmm_pte_need_fault', 'include/linux/hmm.h'],
    checks: ['a finished walk has what was asked for'],
  },
  {
    id: 'C22',
    title: 'write alone is no request',
    text:
      'A request to write counts only together with the request to fault. By itself it asks for nothing, and nothing ' +
      'that the mask keeps back is asked for: who wants to read is never refused for want of the right to write.',
    source: ['reference C22, B.3, D31', 'mm/hmm.c: hmm_pte_need_fault'],
    checks: ['assert:device fault', 'a snapshot leaves the page table alone'],
  },
  {
    id: 'C23',
    title: 'a snapshot changes nothing and does not fail',
    text:
      'A walk that asks for no page leaves the page table as it is, and does not fail for what it finds: holes and areas ' +
      'that devices cannot use are told as errors of their entries.',
    source: ['reference C23, B.3.1, D27', 'mm/hmm.c', 'Documentation/mm/hmm.rst'],
    checks: ['a snapshot leaves the page table alone'],
    generations: SINCE_5_8,
  },
  {
    id: 'C24',
    title: 'requests are intact where the walk starts again',
    text:
      'An entry of the array is a question until the walk has passed it, and then an answer. Where the walk starts again ' +
      'after a fault, all entries from there on are still the questions that were asked.',
    source: ['reference C24, D22a, D27', 'mm/hmm.c: hmm_vma_walk_pmd'],
    checks: ['requests are intact where the walk starts again'],
  },
  {
    id: 'C25',
    title: 'errors and unknown entries are never mapped',
    text:
      'An entry that says ERROR can never be mapped, and one that is not valid says nothing. A driver maps neither, and ' +
      'can tell them apart.',
    source: ['reference C25', 'include/linux/hmm.h: HMM_PFN_ERROR, HMM_PFN_VALID'],
    checks: ['assert:mapPage'],
  },
  {
    id: 'C26',
    title: 'an order is never larger than what the CPU maps',
    text:
      'The order of an entry says how many pages around it the CPU maps as one. It never says more than the mapping had ' +
      'when the entry was read: a device that maps as much at once must not reach beyond it.',
    source: ['reference C26, A.4', 'include/linux/hmm.h: hmm_pfn_to_map_order'],
    checks: ['an order is that of the mapping that was read', 'a huge page is mapped as a whole'],
  },
  {
    id: 'asked-only',
    title: 'a walk fails only for pages that were asked for (not true of the kernel)',
    text:
      'If every page that was asked for is there, a walk does not fail for another. This is true of no kernel to date, and ' +
      'so it is claimed only in the scenario over-fault with strict=1: a finding (H5), not a promise. hmm_vma_fault goes ' +
      'on to the end of the chunk, and an error of a page that nobody asked for ends the walk.',
    source: ['reference B.3 (over-fault), B.11 H5', 'mm/hmm.c: hmm_vma_fault'],
    checks: ['a walk fails only for pages that were asked for', 'test:test/spec/defects.test.ts'],
  },
]
