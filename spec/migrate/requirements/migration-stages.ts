/**
 * The contract between the kernel and a driver that migrates, stage by stage.
 *
 * @module
 */
import type { Requirement } from '../../requirement.js'

/** The requirements from migrate_vma_setup to migrate_vma_finalize. */
export const migrationStages: readonly Requirement[] = [
  {
    id: 'C34',
    title: 'src belongs to the kernel, and so does dst after migrate_vma_pages',
    text:
      'After migrate_vma_setup the driver does not change src: the kernel decides which pages ' +
      'migrate. The driver fills dst, or clears entries of it, until migrate_vma_pages; from then on ' +
      'it does not change dst either.',
    source: ['reference C34, B.5', 'include/linux/migrate.h: struct migrate_vma', 'Documentation/mm/hmm.rst'],
    checks: ['the driver changes of the arrays only dst, and only before pages'],
  },
  {
    id: 'C35',
    title: 'destinations are locked',
    text:
      'A page in dst is locked by the migrating thread from migrate_vma_pages until ' +
      'migrate_vma_finalize unlocks it. If it has been mapped into a hole already, that lock prevents ' +
      'a fault from migrating it away.',
    source: ['reference C35, B.5 steps 4 to 7', 'mm/migrate_device.c: migrate_vma_pages'],
    checks: ['assert:requireMigrationLocks', 'assert:mustBeComplete'],
  },
  {
    id: 'C36',
    title: 'only pages that migrated are mapped',
    text:
      'A driver that maps pages for its device during a migration maps only those whose src entry ' +
      'still has MIGRATE set after migrate_vma_pages: any other destination will be freed. That test ' +
      'is not sufficient (C1, and docs/findings/H10.md). The reference driver maps all of them unless ' +
      'it had another invalidation meanwhile.',
    source: ['reference C36, B.5 step 6', 'mm/migrate_device.c: migrate_vma_pages'],
    checks: [
      'what is mapped at the end of a migration has migrated',
      'what has migrated is mapped at the end of the migration',
      'the device writes to a page before its migration is over',
    ],
  },
  {
    id: 'C37',
    title: 'from migrate_vma_pages to migrate_vma_finalize no other thread gains access to either page',
    text:
      'From migrate_vma_setup to migrate_vma_finalize the migrating thread holds the mmap lock, for ' +
      'reading at least: no VMA changes. From migrate_vma_pages to finalize source and destination are ' +
      "locked, and no new entry refers to either of them, except one that was only moved. The kernel's " +
      'comment claims more: that no thread can unmap the range. That is not true. MADV_DONTNEED and ' +
      'the OOM reaper need the lock for reading only, and remove a migration entry, or the new entry ' +
      'of a hole, at any time. An eviction holds no mmap lock at all: fork may copy an entry of its ' +
      'pages, which is found with the others at the end.',
    source: ['reference C37, B.11 H10', 'mm/migrate_device.c: migrate_vma_pages', 'mm/madvise.c'],
    checks: [
      'between pages and finalize nobody else gets at either page',
      'an entry is zapped between pages and finalize',
      'assert:requireMigrationLocks',
      'assert:mustBeComplete',
    ],
  },
  {
    id: 'C38',
    title: 'the copy is complete before migrate_vma_finalize',
    text:
      'When migrate_vma_finalize begins, the destination of each migrating page holds the data of the ' +
      'source, visible to every CPU. A driver whose device copies waits for the device first.',
    source: ['reference C38, B.5 step 7', 'mm/migrate_device.c: migrate_vma_finalize'],
    checks: ['assert:mustBeCopied'],
  },
  {
    id: 'C41',
    title: 'a driver filters its own migrations only for its own memory, and then empties its device itself',
    text:
      "A callback may ignore its own driver's migration for the entries in which the device maps pages " +
      "of the driver's own memory, and for no others. The driver must remove the mappings of such a " +
      'range itself before it copies.',
    source: ['reference C41', 'Documentation/mm/hmm.rst', 'include/linux/mmu_notifier.h: MMU_NOTIFY_MIGRATE'],
    checks: [
      'a driver ignores its own migrations only for its own memory',
      'what a driver copies its device no longer maps',
    ],
  },
  {
    id: 'C50',
    title: 'a process is given its own data, or zeroes',
    text:
      'A page that a migration maps for a process holds the migrated data or zeroes, even if the copy ' +
      'failed without being reported, and in a hole. It never holds stale data of another process.',
    source: ['reference C50, D15', 'drivers/gpu/drm/nouveau/nouveau_dmem.c'],
    checks: ['assert:mustBeCopied', 'assert:mustBeEmpty'],
  },
  {
    id: 'C52',
    title: 'finalize treats a page as migrated only after migrate_vma_pages',
    text:
      'If migrate_vma_finalize finds MIGRATE in src and a page in dst, migrate_vma_pages has moved ' +
      'that page without an error. A driver that gives up earlier clears dst. In a hole, or in place ' +
      'of the zero page, migrate_vma_pages has mapped the new page, or clears MIGRATE.',
    source: ['reference C52, B.11 H15', 'mm/migrate_device.c: migrate_vma_finalize, migrate_vma_insert_page'],
    checks: [
      'assert:mustBeComplete',
      'what has migrated to a hole is mapped',
      'a copy fails, and the driver clears dst',
    ],
  },
  {
    id: 'migrate-range',
    title: 'a migration takes pages of one VMA, and fills holes only in device memory',
    text:
      'migrate_vma_setup refuses a range that does not lie in one VMA, with -EINVAL, and collects no ' +
      'page of it. A hole is collected whatever memory is selected. A driver populates it only when it ' +
      'migrates to its device, and leaves it a hole when it migrates pages back.',
    source: ['our own', 'reference B.5 steps 1, 2 and 4', 'mm/migrate_device.c: migrate_vma_setup'],
    checks: [
      'pages are collected from one area',
      'a range of two areas is refused',
      'a hole migrates only to a device',
    ],
  },
  {
    id: 'lru',
    title: 'a page that stays in use returns to the LRU list, and no other does',
    text:
      'A page is isolated from its LRU list before it migrates. At the end one of the two pages is put ' +
      'back: the one that holds the data. The other will be freed and is not put back. A mapped page ' +
      'of system memory is on a list or in the batch of a CPU unless a thread has isolated it, so that ' +
      'reclaim finds it; a device page never is. A migration drains the batches of all CPUs only if a ' +
      'page that it must isolate is on no list, and waits for each CPU until the thread that runs in ' +
      'the kernel there releases it.',
    source: [
      'reference D13, B.5 steps 3 and 7',
      'mm/migrate_device.c: migrate_vma_finalize, migrate_device_unmap',
      'mm/vmscan.c: shrink_folio_list',
    ],
    checks: [
      'assert:folio_add_lru',
      'assert:folioAddLru',
      'a page that is mapped is on an LRU list',
      'a migration drains the batches only for a page that is on no list',
      'a migration waits for the batch of a CPU that is in the kernel',
    ],
  },
  {
    id: 'page-tables',
    title: 'a page table that was allocated in advance is used or freed',
    text:
      'A huge page is mapped together with a deposited page table, which replaces the PMD if the ' +
      'mapping is split. A migration that maps a huge page in a hole allocates the page table in ' +
      'advance, and frees it if the huge page is not mapped after all, or if one is deposited already.',
    source: ['our own', 'reference D41', 'mm/migrate_device.c: migrate_vma_insert_huge_pmd_page'],
    checks: ['assert:mustBeComplete'],
  },
]
