/**
 * The walk: what hmm_range_fault requires of its caller, and what it promises.
 *
 * @module
 */
import { type Requirement, SINCE_5_8 } from '../../requirement.js'

/** The contract of hmm_range_fault. */
export const walk: readonly Requirement[] = [
  {
    id: 'C20',
    title: 'the mmap lock is held during the walk',
    text:
      'The caller of hmm_range_fault holds the mmap lock, for reading at least, from before the call ' +
      'until it returns. Before Linux 5.5 the walk itself may drop the lock, and reports that it did.',
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
    title: 'after a successful walk every requested page is valid',
    text:
      'If the walk succeeds, every page that was requested is valid, and every page for which write ' +
      'was requested is writable. The request of a page consists of the default flags and those bits ' +
      'of its own entry that the mask selects. A device-private page of the caller is reported as it ' +
      'is, even if it is read-only: the caller must check (H4).',
    source: ['reference C21, B.3, B.3.1', 'mm/hmm.c: hmm_pte_need_fault', 'include/linux/hmm.h'],
    checks: ['a finished walk has what was asked for'],
  },
  {
    id: 'C22',
    title: 'a write request alone is no request',
    text:
      'HMM_PFN_REQ_WRITE counts only together with HMM_PFN_REQ_FAULT. Alone it requests nothing, and ' +
      'bits outside of the mask request nothing either: a caller that requests only reading is never ' +
      'refused because it may not write.',
    source: ['reference C22, B.3, D31', 'mm/hmm.c: hmm_pte_need_fault'],
    checks: ['assert:device fault', 'a snapshot leaves the page table alone'],
  },
  {
    id: 'C23',
    title: 'a snapshot changes nothing and does not fail',
    text:
      'A walk that requests no page leaves the page table unchanged, and no entry makes it fail: ' +
      'holes, and VMAs that cannot be mirrored, are reported as HMM_PFN_ERROR.',
    source: ['reference C23, B.3.1, D27', 'mm/hmm.c', 'Documentation/mm/hmm.rst'],
    checks: ['a snapshot leaves the page table alone'],
    generations: SINCE_5_8,
  },
  {
    id: 'C24',
    title: 'requests are intact where the walk restarts',
    text:
      'An entry of the array is an input until the walk has passed it, and an output afterwards. When ' +
      "the walk restarts after a fault, all entries from there on still hold the caller's requests, and " +
      'nothing else: neither a page nor an order of an earlier walk. The walk accesses no entry outside of ' +
      'its range.',
    source: ['reference C24, D22a, D27', 'mm/hmm.c: hmm_vma_walk_pmd'],
    checks: ['requests are intact where the walk starts again', 'assert:entryAt'],
  },
  {
    id: 'C25',
    title: 'error and invalid entries are never mapped',
    text:
      'An entry with HMM_PFN_ERROR can never be mapped, and an entry that is not valid carries no ' +
      'information. A driver maps neither, and can tell them apart.',
    source: ['reference C25', 'include/linux/hmm.h: HMM_PFN_ERROR, HMM_PFN_VALID'],
    checks: ['assert:mapPage'],
  },
  {
    id: 'C26',
    title: 'an order never exceeds the CPU mapping',
    text:
      'The order of an entry is the size of the CPU mapping that contains the page. It never exceeds ' +
      'the mapping that existed when the entry was read: a device that maps that much at once must ' +
      'not reach beyond it. A huge page is mapped as a whole; every other entry is in a page table.',
    source: ['reference C26, A.4', 'include/linux/hmm.h: hmm_pfn_to_map_order'],
    checks: [
      'an order is that of the mapping that was read',
      'a huge page is mapped as a whole',
      'an entry is in a page table, or part of a huge page',
    ],
  },
  {
    id: 'asked-only',
    title: 'a walk fails only for requested pages (not true of the kernel)',
    text:
      'If every requested page can be made valid, the walk does not fail because of another page. No ' +
      'kernel to date guarantees this, so it is claimed only in the scenario over-fault with strict=1: ' +
      'a finding (H5), not a promise. hmm_vma_fault faults to the end of the range that the walk ' +
      'callback covers, and an error for a page that was not requested ends the walk.',
    source: ['reference B.3 (over-fault), B.11 H5', 'mm/hmm.c: hmm_vma_fault'],
    checks: ['a walk fails only for pages that were asked for', 'test:test/spec/defects.test.ts'],
  },
]
