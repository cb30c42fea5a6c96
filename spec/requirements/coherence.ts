/**
 * Mirror coherence: what a device may reach, and when it must have let go.
 *
 * @module
 */
import { COUNTED, type Requirement } from '../requirement.js'

/** What CPU and device must agree on. */
export const coherence: readonly Requirement[] = [
  {
    id: 'C1',
    title: 'same page on both sides, or nothing on one',
    text:
      "For every page of the address space the CPU's page table and the device's, its TLB included, map the same frame, " +
      'or at least one of them maps nothing. At no instant may a device reach another frame than the CPU would.',
    source: ['reference C1, B.1 (why it is safe)', 'Documentation/mm/hmm.rst'],
    checks: ['same page on both sides', 'mirror is not stale'],
    generations: COUNTED,
  },
  {
    id: 'C2',
    title: 'the page table changes only after devices were told',
    text:
      'An entry of the CPU that is taken away, made to point elsewhere or made read-only changes only between the return ' +
      'of mmu_notifier_invalidate_range_start and the end of that range. An entry that gains something needs no notice.',
    source: ['reference C2, B.2', 'mm/mmu_notifier.c: mmu_notifier_invalidate_range_start', 'mm/memory.c'],
    checks: ['page table changes inside an invalidation', 'a huge page is split inside an invalidation'],
  },
  {
    id: 'C3',
    title: 'the callback returns when the device has let go',
    text:
      'When invalidate() has done its work, the device page table holds nothing of the range, the device TLB neither, and ' +
      'no access that translated before is still on its way. Until the window closes no access uses what the CPU no longer maps. ' +
      'For a migration of its own the driver may empty the device at another place (C41).',
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
      "An entry of the device grants writing only while the CPU's entry does. A page that becomes read-only for the CPU, " +
      'by mprotect, by fork or because it is the zero page, is read-only for the device as well.',
    source: ['reference C4, B.2', 'include/linux/hmm.h: HMM_PFN_WRITE', 'mm/hmm.c: pte_to_hmm_pfn_flags'],
    checks: ['device writes only where the CPU may', 'assert:touch', 'assert:copyIn'],
    generations: COUNTED,
  },
  {
    id: 'C5',
    title: 'a device access can fault and be done again',
    text:
      'An access that the device cannot translate stops, is reported to the driver, and is replayed after the answer. ' +
      'This is asked of the hardware: without it invalidation would have to wait for the device to want nothing any more. ' +
      'Of the driver it is asked that a fault can be served at all.',
    source: ['reference C5', 'Documentation/mm/hmm.rst'],
    checks: [
      'a device that asks for pages gets one',
      'a device access ends',
      'step:device access: translate',
    ],
  },
  {
    id: 'C6',
    title: 'mirroring pins no page',
    text:
      'A mirrored page has the references of its mappings, and for a while of who copies it, and none of the device. ' +
      'What the device maps is right because it hears of changes. A file holds its pages as long as it is mapped. At the end no ' +
      'reference is left over.',
    source: ['reference C6', 'Documentation/mm/hmm.rst'],
    checks: ['references are those of the mappings', 'a file holds its pages as long as it is mapped'],
  },
  {
    id: 'C7',
    title: 'after release no device reaches the address space',
    text:
      'The last user of an address space tells every notifier before a page goes. When that returns, no entry, no TLB and ' +
      'no access of any device reaches it, and none ever will.',
    source: ['reference C7, B.1 (release)', 'mm/mmu_notifier.c: mn_itree_release, __mmu_notifier_release'],
    checks: ['no device access after release'],
  },
]
