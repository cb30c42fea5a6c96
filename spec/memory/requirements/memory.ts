/**
 * Memory: pinned address spaces, the lifetime of pages, and the data in them.
 *
 * @module
 */
import { COUNTED, type Requirement } from '../../requirement.js'

/** The requirements of address spaces, frames and their contents. */
export const memory: readonly Requirement[] = [
  {
    id: 'C19',
    title: 'the address space is pinned while a fault is served',
    text:
      'A driver becomes a user of the address space before it walks, and remains one until its device ' +
      'page table is written. If the address space has no users left, the driver gives up. A notifier ' +
      'cannot be inserted into such an address space either: nothing would tell it of the end. Once the ' +
      'fault is served, or has failed, the driver is no user any more (mmput): as long as it is, the ' +
      'address space is not taken down. So a thread is one user at most.',
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
      'a notifier is inserted only into an address space with users',
      'who is done with an address space is no user of it',
      'assert:mmget_not_zero',
      'a mirror is opened when the process has gone',
    ],
  },
  {
    id: 'C47',
    title: 'a CPU TLB grants no more than the page table, and reaches no free page',
    text:
      'A translation in a TLB of a CPU has a present entry behind it that maps the same frame, is ' +
      'writable if the translation is, and dirty if the CPU writes without setting the bit. An entry ' +
      'that changes is flushed before the page-table lock is dropped (migration, copy-on-write, ' +
      'reclaim), or before the mmap lock is dropped that is held for writing (mprotect, fork, mremap). ' +
      'A zap, NUMA hinting and the write-protection of userfaultfd hold it for reading, and flush before they end. In every case the flush ' +
      'comes before the last reference to the page is dropped: no translation leads to a free frame. Until ' +
      'it is flushed a CPU uses its translation without a look at the entry.',
    source: [
      'reference C47, B.2, B.5',
      'Documentation/core-api/cachetlb.rst',
      'mm/rmap.c: ptep_clear_flush',
      'mm/mmu_gather.c: tlb_finish_mmu',
      'mm/migrate_device.c: migrate_vma_collect_pmd',
    ],
    checks: [
      'no TLB maps a free frame',
      'a TLB grants no more than the page table',
      'a CPU does not look up what its TLB permits',
    ],
  },
  {
    id: 'area-rights',
    title: 'an entry grants no more than its area',
    text:
      'While no thread holds the mmap lock for writing, an entry of the page table is writable only ' +
      'in a VMA with VM_WRITE, and present only in a VMA that permits access at all. This holds for ' +
      'migration entries and device entries too, which become present entries later. What mprotect ' +
      'forbids is therefore forbidden to CPUs and, by C4, to devices, when mprotect returns.',
    source: [
      'our own: what C4 relies on',
      'reference B.2',
      'mm/mprotect.c: change_pte_range',
      'mm/mm.h: maybe_mkwrite',
    ],
    checks: ['an entry grants no more than its area'],
  },
  {
    id: 'write-tracking',
    title: 'a write that is tracked faults',
    text:
      'userfaultfd and soft-dirty learn of a write by its fault. So an entry with uffd-wp is not writable, ' +
      'and mprotect makes an entry writable again only if it is soft-dirty and userfaultfd has not ' +
      'write-protected it. An entry keeps both marks when its page goes to swap, and when it comes back.',
    source: [
      'our own',
      'reference B.2',
      'mm/mprotect.c: can_change_pte_writable',
      'mm/rmap.c: try_to_unmap_one',
      'mm/memory.c: do_swap_page',
    ],
    checks: [
      'an entry keeps its marks in swap',
      'an entry with uffd-wp is not writable',
      'a page is write-protected by userfaultfd while its device has it',
      'mprotect makes no entry writable whose writes are tracked',
    ],
  },
  {
    id: 'user-faults',
    title: "a missing page is user space's to bring, where it has asked for that",
    text:
      'Where an area is registered with userfaultfd for missing pages, no fault and no migration puts a page where nothing is: ' +
      'who touches the place is to be told of, or gets a signal.',
    source: [
      'our own',
      'reference E.3.13',
      'mm/memory.c: do_anonymous_page',
      'mm/migrate_device.c: migrate_vma_insert_page (userfaultfd_missing)',
    ],
    checks: ["nothing comes where a missing page is user space's to bring"],
  },
  {
    id: 'data',
    title: 'a read returns what was written last',
    text:
      'A read of a page, by a CPU of either process or by a device, returns the value written last by ' +
      'any of them, or 0 if the page is new. Nothing writes to the zero page, and a write to a ' +
      'private mapping of a file does not reach the file. mremap, fork and migration take the data along, ' +
      'and only a zap loses it. Only between the change of an entry and the ' +
      'flush may a CPU still use the old translation.',
    source: ['our own: what C1 to C4 are for', 'reference B.2 (copy-on-write, fork)'],
    checks: [
      'assert:touch',
      'assert:load',
      'assert:readThrough',
      'assert:writeThrough',
      'assert:copyOut',
      'a private mapping writes to no page of a file',
      'a page that was written to has an entry',
    ],
    generations: COUNTED,
  },
  {
    id: 'system-calls',
    title: 'a system call does what it is called for',
    text:
      'When mprotect returns, the VMAs of its range, up to the first hole, have the protection that ' +
      'was asked for. When mmap returns, its range is mapped with it. When munmap returns, its range ' +
      'has neither a VMA nor an entry, nor the flags or the file of one. All three hold the mmap lock until they ' +
      'return, so no other thread can have changed it. When memfd_create returns, its file is open. What becomes of the entries is the business of area-rights, C2 ' +
      'and data. NUMA hinting, which the kernel calls by itself, makes an entry PROT_NONE. mremap moves a huge page as a whole ' +
      'where another would fit, and madvise gives back a page table that it leaves empty.',
    source: [
      'our own',
      'reference B.2',
      'mm/mprotect.c: do_mprotect_pkey',
      'mm/mmap.c: do_mmap, __vm_munmap',
      'mm/mempolicy.c: change_prot_numa',
      'mm/huge_memory.c: move_huge_pmd',
      'mm/pt_reclaim.c: try_to_free_pte',
    ],
    checks: [
      'a system call has done what it was called for',
      'NUMA hinting takes the access to a page away',
      'mremap moves a huge page as a whole',
      'madvise gives an empty page table back',
    ],
  },
  {
    id: 'use-after-free',
    title: 'no use after free',
    text:
      'No CPU accesses a free frame; no reference, no mapping (_mapcount) and no user of an address ' +
      'space (mm_users) is dropped that is not held, least of all that of a process that lives; no frame is freed while a page table maps it, no entry is accessed beyond the address space, and no field is accessed of an object that is not allocated (such ' +
      "as the interval notifier embedded in a driver's object).",
    source: ['our own', 'reference C17, C31, B.2'],
    checks: [
      'assert:putPage',
      'assert:watchPages',
      'assert:removeRmap',
      'assert:pteAt',
      'assert:mmput',
      'an address space has a user as long as its process lives',
      'assert:folio_lock',
      'assert:mustBeAllocated',
      'assert:GuardedCell',
      'assert:mustBeMemory',
      'assert:dmirror_devmem_fault',
      'assert:Pool',
      'assert:List',
      'assert:mayAcquire',
    ],
  },
  {
    id: 'pmd-entries',
    title: 'walkers know every kind of huge entry',
    text:
      'What finds an entry above the page tables that is not present, under the page-table lock, finds a migration entry ' +
      'or one for device-private memory, as the huge page may have migrated since it looked without the lock. It takes ' +
      'neither for a page of system memory, and leaves both as they are.',
    source: [
      'our own: the converse of C28',
      'reference D50',
      'include/linux/leafops.h: pmd_is_valid_softleaf',
      'mm/huge_memory.c: madvise_free_huge_pmd',
      'mm/madvise.c: madvise_cold_or_pageout_pte_range',
    ],
    checks: ['assert:hugePageOf'],
  },
  {
    id: 'own-objects',
    title: "objects of a driver's own are freed once, when nothing refers to them",
    text:
      'An object that a driver allocates loses a reference only while it has one. When the last is gone none of its locks ' +
      'is held. An object is added to a list that it is not on, and taken off one that it is on. When the driver closes a ' +
      'mirror, it has freed all objects that it has allocated for it. What a driver says of its objects holds: no two ranges of ' +
      'amdkfd have a page in common, and a process that is in its table no more is not found.',
    source: ['our own', 'Documentation/core-api/kref.rst', 'lib/list_debug.c'],
    checks: [
      'assert:Pool',
      'assert:List',
      'assert:mustHaveReference',
      'a range has pages of its own',
      'a process that is gone is not found',
    ],
  },
  {
    id: 'backed-access',
    title: 'a device page is accessed through the memory behind it',
    text:
      'The struct page of device-private memory has no memory behind it that a CPU could read. Any ' +
      "access to the data, by the owner's own program too, must go through what the owner knows about " +
      'the page.',
    source: ['our own', 'reference B.11 H16, E.1', 'lib/test_hmm.c: BACKING_PAGE'],
    checks: ['assert:mustBeMemory'],
  },
]
