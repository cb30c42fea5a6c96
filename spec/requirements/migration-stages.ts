/**
 * What a driver that migrates and the kernel owe each other, stage by stage.
 *
 * @module
 */
import type { Requirement } from '../requirement.js'

/** What must hold between setup, pages and finalize. */
export const migrationStages: readonly Requirement[] = [
  {
    id: 'C34',
    title: 'src belongs to the kernel, and dst too after pages',
    text:
      'After migrate_vma_setup the driver changes nothing in src: which pages are migrated is for the kernel to say. It names ' +
      'destinations in dst, or takes them back, until migrate_vma_pages; from then on that array is not its own either.',
    source: ['reference C34, B.5', 'include/linux/migrate.h: struct migrate_vma', 'Documentation/mm/hmm.rst'],
    checks: ['the driver changes of the arrays only dst, and only before pages'],
  },
  {
    id: 'C35',
    title: 'destinations are locked',
    text:
      'A page that a driver names in dst is locked by who migrates, from migrate_vma_pages until migrate_vma_finalize lets ' +
      'it go. Where it is mapped already, in the place of nothing, that lock is what keeps a fault from taking it away again.',
    source: ['reference C35, B.5 steps 4 to 7', 'mm/migrate_device.c: migrate_vma_pages'],
    checks: ['assert:mustKeepOut', 'assert:mustBeComplete'],
  },
  {
    id: 'C36',
    title: 'only what has migrated is mapped',
    text:
      'A driver that maps pages for its device while it migrates maps only those whose src still says MIGRATE after ' +
      'migrate_vma_pages: any other is going to be let go. That is not all it must look at (C1, and docs/findings/H10.md).',
    source: ['reference C36, B.5 step 6', 'mm/migrate_device.c: migrate_vma_pages'],
    checks: [
      'what is mapped at the end of a migration has migrated',
      'the device writes to a page before its migration is over',
    ],
  },
  {
    id: 'C37',
    title: 'between pages and finalize nobody else gets at either page',
    text:
      'From setup to finalize whoever migrates holds the mmap lock, for reading at least: no area changes. From pages to ' +
      'finalize source and destination are locked, and no entry comes to name either of them but one that has only moved. The kernel says more ' +
      'where it explains this: that nobody can unmap the range. That is not so. MADV_DONTNEED and the OOM reaper need the ' +
      'lock for reading only, and take a migration entry, or the new entry of a hole, out of the page table at any time. An ' +
      'eviction holds no mmap lock at all: fork may copy an entry of its pages, which is found with the others at the end.',
    source: ['reference C37, B.11 H10', 'mm/migrate_device.c: migrate_vma_pages', 'mm/madvise.c'],
    checks: [
      'between pages and finalize nobody else gets at either page',
      'an entry is zapped between pages and finalize',
      'assert:mustKeepOut',
      'assert:mustBeComplete',
    ],
  },
  {
    id: 'C38',
    title: 'the copy is complete before finalize',
    text:
      'When migrate_vma_finalize begins, the destination of each page that migrates holds what the source holds, for every ' +
      'CPU to see. A driver that has its device copy waits for that first.',
    source: ['reference C38, B.5 step 7', 'mm/migrate_device.c: migrate_vma_finalize'],
    checks: ['assert:mustBeComplete'],
  },
  {
    id: 'C41',
    title: 'a driver ignores its own migrations only for its own memory, and then sees to its device',
    text:
      'The callback of a driver may pass over a migration that the driver makes itself where its device maps pages of its own ' +
      'memory, and nowhere else. What it passes over it must take away from its device itself before it copies.',
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
      'A page that comes to a process by a migration holds what was migrated, or zeroes: also if the copy has failed and ' +
      "nobody has said so, and where there was nothing before. It never holds what is left of somebody else's.",
    source: ['reference C50, D15', 'drivers/gpu/drm/nouveau/nouveau_dmem.c'],
    checks: ['assert:mustBeComplete', 'assert:migrate_vma_insert_page'],
  },
  {
    id: 'C52',
    title: 'finalize takes a page for migrated only after pages',
    text:
      'Where migrate_vma_finalize finds MIGRATE in src and a page in dst, that page has been through migrate_vma_pages and ' +
      'was not refused there. A driver that gives up before it takes the page out of dst.',
    source: ['reference C52, B.11 H15', 'mm/migrate_device.c: migrate_vma_finalize'],
    checks: ['assert:mustBeComplete'],
  },
  {
    id: 'lru',
    title: 'only the page that stays in use returns to the LRU lists',
    text:
      'A page is taken off its LRU list before it migrates. At the end one of the two goes back there: the one that holds the ' +
      'data. The other is about to be freed, has no owner any more, and goes nowhere.',
    source: ['reference D13, B.5 step 7', 'mm/migrate_device.c: migrate_vma_finalize'],
    checks: ['assert:folio_add_lru'],
  },
]
