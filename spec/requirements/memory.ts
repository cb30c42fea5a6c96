/**
 * Memory: address spaces that are held, pages that are freed in time, data that is not lost.
 *
 * @module
 */
import { COUNTED, type Requirement } from '../requirement.js'

/** What must hold of address spaces, frames and their contents. */
export const memory: readonly Requirement[] = [
  {
    id: 'C19',
    title: 'the address space is pinned during a populate',
    text:
      'A driver becomes a user of the address space before it walks, and stays one until its device page table is ' +
      'written. If the address space has no user left it gives up; nothing is inserted into one either.',
    source: [
      'reference C19, B.1 N1, B.4 D0 and D8',
      'include/linux/sched/mm.h: mmget_not_zero',
      'mm/mmu_notifier.c: __mmu_interval_notifier_insert',
    ],
    checks: [
      'assert:hmm_range_fault',
      'assert:hmm_vma_fault (begin)',
      'assert:hmm_range_fault_unlocked_timeout (begin)',
      'the device finds the process gone',
    ],
  },
  {
    id: 'C47',
    title: 'no CPU reaches a page that is free',
    text:
      "A CPU's TLB holds no translation to a frame that has been freed: the flush comes before the last reference is " +
      'given back. A migration flushes before it drops the page-table lock under which it replaced the entries, and so does ' +
      'mremap for what it moves.',
    source: [
      'reference C47, B.2, B.5',
      'mm/mmu_gather.c: tlb_finish_mmu',
      'mm/migrate_device.c: migrate_vma_collect_pmd',
    ],
    checks: ['no TLB maps a free frame'],
  },
  {
    id: 'data',
    title: 'a read gives what was written last',
    text:
      'Whoever reads a page, a CPU of either process or a device, reads the value that was written last, by whichever of ' +
      'them, or 0 in a page that is new. Nobody writes to the zero page, and what is written to a private mapping of a file ' +
      'is not written to the file. Only between the change of an entry and the ' +
      'flush may a CPU still use what the entry held before.',
    source: ['our own: what C1 to C4 are for', 'reference B.2 (copy-on-write, fork)'],
    checks: [
      'assert:touch',
      'assert:load',
      'assert:readThrough',
      'assert:writeThrough',
      'assert:copyOut',
      'a private mapping writes to no page of a file',
    ],
    generations: COUNTED,
  },
  {
    id: 'use-after-free',
    title: 'what is free is not touched',
    text:
      'No CPU accesses a frame that is free, no reference is given back that nobody holds, no frame is freed while a ' +
      'page table maps it, and no field of an object is touched that is not allocated (the interval notifier in its ' +
      "driver's object).",
    source: ['our own', 'reference C17, C31, B.2'],
    checks: [
      'assert:putPage',
      'assert:lockPage',
      'assert:mustBeAllocated',
      'assert:GuardedCell',
      'assert:mustBeMemory',
      'assert:dmirror_devmem_fault',
    ],
  },
  {
    id: 'backed-access',
    title: 'a device page is accessed through the memory behind it',
    text:
      'The struct page of device-private memory has nothing behind it that a CPU could read. Whoever is to reach the data, the ' +
      "owner's own program included, goes by what the owner knows of the page.",
    source: ['our own', 'reference B.11 H16, E.1', 'lib/test_hmm.c: BACKING_PAGE'],
    checks: ['assert:mustBeMemory'],
  },
]
