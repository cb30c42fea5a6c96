/**
 * Mirror coherence: which pages a device may access, and when it must have stopped.
 *
 * @module
 */
import { COUNTED, type Requirement } from '../../requirement.js'

/** What must hold between the page tables of CPU and device. */
export const coherence: readonly Requirement[] = [
  {
    id: 'C1',
    title: 'CPU and device map the same page, or one of them maps nothing',
    text:
      "For every page of the address space, the CPU's page table and the device's, its TLB included, " +
      'map the same frame, or at least one of them maps nothing. At no instant does a device access a ' +
      'frame other than the one the CPU would.',
    source: ['reference C1, B.1 (why it is safe)', 'Documentation/mm/hmm.rst'],
    checks: ['same page on both sides', 'mirror is not stale'],
    generations: COUNTED,
  },
  {
    id: 'C2',
    title: 'the CPU page table changes only inside an invalidation',
    text:
      'An entry that loses access (it is cleared, made to point to another page, or made read-only) ' +
      'changes only between the return of mmu_notifier_invalidate_range_start and the end of that ' +
      'range. An entry that only gains access needs no notification.',
    source: ['reference C2, B.2', 'mm/mmu_notifier.c: mmu_notifier_invalidate_range_start', 'mm/memory.c'],
    checks: ['page table changes inside an invalidation', 'a huge page is split inside an invalidation'],
  },
  {
    id: 'C3',
    title: 'after the callback the device no longer uses the range',
    text:
      'When invalidate() returns, neither the device page table nor the device TLB has an entry for ' +
      'the range, and no access that was translated before is outstanding. Until the range is closed ' +
      'no access uses a page that the CPU no longer maps. For its own migrations a driver may empty ' +
      'the device elsewhere (C41).',
    source: ['reference C3, B.4 X4', 'include/linux/mmu_notifier.h: struct mmu_interval_notifier_ops'],
    checks: [
      'accesses under way use current translations',
      'nothing left in the device when its callback returns',
    ],
    generations: COUNTED,
  },
  {
    id: 'C4',
    title: 'the device writes only where the CPU may',
    text:
      'A device entry permits writing only while the CPU entry does. A page that becomes read-only ' +
      'for the CPU, by mprotect, by fork or because it is the zero page, is read-only for the device ' +
      'as well.',
    source: ['reference C4, B.2', 'include/linux/hmm.h: HMM_PFN_WRITE', 'mm/hmm.c: pte_to_hmm_pfn_flags'],
    checks: ['device writes only where the CPU may', 'assert:touch', 'assert:copyIn'],
    generations: COUNTED,
  },
  {
    id: 'C5',
    title: 'a device access can fault and be replayed',
    text:
      'An access that the device cannot translate stalls, is reported to the driver, and is replayed ' +
      'after the driver has handled the fault. This is required of the hardware: otherwise an ' +
      'invalidation would have to wait until the device no longer needs the page. The driver must be ' +
      'able to handle a fault on every page: a device that faults on a page that the CPU may access in ' +
      'that way gets it, unless another event comes first. A driver that refuses one page for ever is ' +
      'broken. The reference driver handles all pages of a fault, and returns 0 for an atomic fault ' +
      'only after it has programmed the entry. A driver that makes the accesses itself returns 0 only ' +
      'if it has made each of them.',
    source: ['reference C5', 'Documentation/mm/hmm.rst'],
    checks: [
      'a device gets each page that it asks for',
      'a device access ends',
      'a fault is served whole',
      'assert:load',
      'assert:accessByDriver',
      'step:device access: translate',
    ],
  },
  {
    id: 'C6',
    title: 'mirroring pins no page',
    text:
      'A mirrored page has the references of its mappings and, for a while, of threads that copy it, ' +
      'but none for the device: a device entry is valid because the notifier invalidates it. A file ' +
      'holds references to its pages as long as it is mapped, and is mapped only by VMAs: a hole ' +
      'refers to no file. At the end no reference is leaked.',
    source: ['reference C6', 'Documentation/mm/hmm.rst'],
    checks: ['references are those of the mappings', 'a file holds its pages as long as it is mapped'],
  },
  {
    id: 'C7',
    title: 'after release no device reaches the address space',
    text:
      'When the last user of an address space goes, every notifier is called before any page is ' +
      'freed. When that call returns, no entry, no TLB and no access of any device reaches the ' +
      'address space, and none will later.',
    source: ['reference C7, B.1 (release)', 'mm/mmu_notifier.c: mn_itree_release, __mmu_notifier_release'],
    checks: ['no device access after release'],
  },
]
