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
      'page table is written. If the address space has no users left, the fault fails. A notifier ' +
      'cannot be inserted into such an address space either: it would get no release. After the fault ' +
      'the driver drops its reference (mmput), since the address space is not torn down before. So a ' +
      'thread is one user at most.',
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
      'For a translation in the TLB of a CPU there is a present entry that maps the same frame, is ' +
      'writable if the translation is, and dirty if the CPU writes without setting the bit. After a ' +
      'change of the entry the TLB is flushed before the page-table lock is dropped (migration, ' +
      'copy-on-write, reclaim), or before the mmap lock held for writing is dropped (mprotect, fork, ' +
      'mremap). A zap, NUMA hinting and write-protection by userfaultfd hold the mmap lock for ' +
      'reading, and flush before they end. In every case the flush comes before the last reference to ' +
      'the page is dropped: no translation refers to a free frame. Until the flush a CPU uses its ' +
      'translation without reading the entry.',
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
      'While no thread holds the mmap lock for writing, an entry of the page table is writable only in ' +
      'a VMA with VM_WRITE, and present only in a VMA that permits access at all. This holds for ' +
      'migration entries and device entries too, which become present entries later. So when mprotect ' +
      'returns, neither a CPU nor, by C4, a device has an access that it forbids.',
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
      'userfaultfd and soft-dirty tracking need a write to fault. So an entry with uffd-wp is not ' +
      'writable, and mprotect makes an entry writable only if it is soft-dirty and userfaultfd has not ' +
      'write-protected it. An entry keeps both marks when its page is swapped out and in.',
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
    title: 'user space handles missing pages where it has registered for them',
    text:
      'In a VMA that is registered with userfaultfd for missing pages, neither a fault nor a migration ' +
      'populates a hole: user space handles the fault, or the access gets a signal.',
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
      'any of them, or 0 if the page is new. The zero page is never written, and a write to a private ' +
      'file mapping does not reach the file. mremap, fork and migration preserve the data; only a zap ' +
      'loses it. A CPU may use an old translation only between the change of an entry and the flush.',
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
    title: 'a system call has its effect when it returns',
    text:
      'When mprotect returns, the VMAs of its range, up to the first hole, have the requested ' +
      'protection. When mmap returns, its range is mapped with it. When munmap returns, its range has ' +
      'neither a VMA nor an entry, nor the flags or the file of one. All three hold the mmap lock ' +
      'until they return, so no other thread can have changed this meanwhile. When memfd_create ' +
      'returns, its file is open. Entries are covered by area-rights, C2 and data. NUMA hinting, which ' +
      'the kernel starts by itself, makes an entry PROT_NONE. mremap moves a huge page as a whole if ' +
      'its new address is aligned, and madvise frees a page table that it leaves empty.',
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
      'No CPU accesses a free frame; a thread drops only references, mappings (_mapcount) and users of ' +
      'an address space (mm_users) that exist, and never the last user of a process that still runs; ' +
      'no frame is freed while a page table maps it; no entry beyond the address space is accessed, ' +
      'and no field of an object that is not allocated (such as the interval notifier embedded in a ' +
      "driver's object).",
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
      'A walker that finds a PMD not present under the page-table lock must handle a migration entry ' +
      'and a device-private entry: the huge page may have migrated since the walker read the PMD ' +
      'without the lock. It must not take either for a page of system memory, and leaves both ' +
      'unchanged.',
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
      'A reference to an object of a driver is dropped only while the object has one. When the last is ' +
      'dropped, none of its locks is held. An object is added only to a list that it is not on, and ' +
      'removed only from a list that it is on. When the driver has closed a mirror, it has freed all ' +
      "objects that it allocated for it. The driver's own claims about its objects hold: no two ranges " +
      'of amdkfd share a page, and a process that was removed from its table is not found.',
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
    checks: ['assert:mustBeMemory', 'assert:memcmp_pages', 'a merged page is in device memory'],
  },
]
