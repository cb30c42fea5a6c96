/**
 * Device-private memory and migration: where the data is, who may reach it, and that it comes back.
 *
 * @module
 */
import type { Requirement } from '../requirement.js'

/** What must hold of pages that move into memory which no CPU can map. */
export const migration: readonly Requirement[] = [
  {
    id: 'C27',
    title: 'a foreign device page is never valid',
    text:
      'A walk tells its caller of a device page only if the page is in memory of the owner that the caller names. Any ' +
      'other is brought back if it is asked for, and otherwise nothing is said of it.',
    source: ['reference C27, B.3.1, D28', 'mm/hmm.c: hmm_vma_handle_pte', 'Documentation/mm/hmm.rst'],
    checks: ['a foreign device page is never valid'],
  },
  {
    id: 'C28',
    title: 'no CPU maps device memory',
    text:
      'The page table of a process has a present entry only for system memory and coherent device memory, and a device-private ' +
      "entry only for device-private memory. No CPU's TLB leads into that.",
    source: ['reference C28, B.6', 'include/linux/memremap.h: MEMORY_DEVICE_PRIVATE'],
    checks: ['no CPU maps device memory'],
  },
  {
    id: 'C29',
    title: 'what a fault can bring back is not refused',
    text:
      'A page in device memory can always be brought back by a fault, of a CPU or of another device. So a walk fails only ' +
      'for what its area forbids, never for where the page is. A walk also fails where memory has run out: then ' +
      'it is the fault that says so, and not the walk over the entry.',
    source: ['reference C29, B.3.1, D3', 'mm/hmm.c: hmm_vma_handle_pte', 'Documentation/mm/hmm.rst'],
    checks: [
      'the walk refuses only what the area forbids',
      'a page of a device is brought back for somebody who holds it',
    ],
  },
  {
    id: 'C30',
    title: 'migrate_to_ram brings the page back, or says why not',
    text:
      'When the owner of a device page answers a fault with 0, the page is no longer in its memory at that address, or somebody else ' +
      'held it when it was to leave, and the access is tried again. ' +
      'Otherwise it answers that there is no memory, or, with SIGBUS, that its device has failed. It may bring back others with ' +
      'it, and none before it: that page is not without memory for the want of what they got. What is lost with a device stays ' +
      'refused: its entry is left as it is and every touch gets SIGBUS again, or it is poisoned, and no walk maps it.',
    source: [
      'reference C30, B.6',
      'include/linux/memremap.h: struct dev_pagemap_ops',
      'mm/memory.c: do_swap_page',
    ],
    checks: [
      'assert:do_swap_page',
      'assert:mustKeepOut',
      'assert:mustHaveFailed',
      'a fault leaves a page that somebody holds',
      'a fault finds the device gone',
      'an entry is poisoned',
    ],
  },
  {
    id: 'C31',
    title: 'a device page is freed once, and then nobody reaches it',
    text:
      'When the last reference to a device page is gone, no page table has an entry for it, a migration entry included; no ' +
      'migration has it, and nobody its lock; no device maps it, has a translation of it in its TLB, or an access to it under way; ' +
      'and no fault is about to bring it back. Its driver alone has it from then on, and is told so once (page_free).',
    source: [
      'reference C31, B.6, B.7, D1',
      'include/linux/memremap.h: struct dev_pagemap_ops',
      'mm/memory.c',
    ],
    checks: [
      'nobody reaches a free page',
      'assert:migrate_vma_setup',
      'assert:pageFree',
      'assert:hmmDevmemFree',
      'a page is held by nobody but a walker',
    ],
  },
  {
    id: 'C39',
    title: 'at every instant the data is in one place, and what is known of it is kept',
    text:
      'Whatever entry a page has, present, device-private or that of a migration, the frame that it names holds what was ' +
      'written last: the source until its entry is replaced, the destination from then on. A page that could not be ' +
      'migrated stays at its source. When everybody has ended there is no migration entry, and no page is locked. Whether it ' +
      'succeeds or not, a migration keeps what the entry says: the right to write as far as the area grants it, dirty, ' +
      'soft-dirty and uffd-wp. And nothing stale comes back from swap: a page in the swap cache that has been written to ' +
      'since its slot was, by a CPU or by a device, is known to be dirty; the slot of a swap entry, or the one page that stands for it in ' +
      'the swap cache, holds what was written last.',
    source: [
      'reference C39, B.5, B.4 X4, D5, D11, D12, D44',
      'mm/migrate_device.c',
      'mm/rmap.c: try_to_migrate_one, try_to_unmap_one',
      'mm/memory.c: do_swap_page',
      'Documentation/mm/hmm.rst',
    ],
    checks: [
      'the entry names the page that holds the data',
      'no migration entry is left behind',
      'a page is locked by somebody else, and is not collected',
      'a page cannot be taken off its list, and stays',
      'a page is held by somebody else, and stays',
      'somebody gets hold of a page when it has been copied, and it stays',
      'a migration keeps what the entry says',
      'a page that only faults for its place is migrated like any other',
      'a page that differs from its copy in swap is dirty',
      'a swap entry names the slot that holds the data',
      'a slot has its entries and one page',
      'a page goes to swap',
      'a page that was in the swap cache gets to the device',
    ],
  },
  {
    id: 'C40',
    title: 'only anonymous memory goes to a device',
    text:
      "An entry becomes device-private only in private memory, and only for data that is the address space's own: in an " +
      'anonymous area, or for the copy that a write to a private mapping of a file has made. The pages of files, and those of ' +
      'shared memory, stay where all who share them find them; a migration that has collected one puts it back.',
    source: [
      'reference C40, E.2 (hmm.migrate_file_private, hmm.migrate_shared)',
      'mm/migrate_device.c: migrate_vma_pages, migrate_vma_insert_page, migrate_vma_setup',
    ],
    checks: ['only anonymous memory goes to a device'],
  },
  {
    id: 'C42',
    title: 'processes share a device page read-only',
    text:
      'fork copies a device-private entry, and counts a reference and a mapping for it. Neither process may write through ' +
      'its entry from then on; a write brings the page back and is answered with a copy.',
    source: ['reference C42, B.2', 'mm/memory.c: copy_nonpresent_pte'],
    checks: ['shared device pages are read-only'],
  },
  {
    id: 'C48',
    title: 'a fault on a device page gets on',
    text:
      'A CPU that faults on a device page gets its access done, or a signal, after finitely many faults, if the device works ' +
      'and every thread that can go on does. Faults of several CPUs on one page must not keep each other from it, nor a fault ' +
      'the migration whose end it waits for.',
    source: ['reference C48, B.6, D6, D7', 'mm/memory.c: do_swap_page', 'mm/migrate_device.c'],
    checks: ['an access of a CPU ends', 'a migration that waits for every CPU gets on'],
  },
  {
    id: 'C51',
    title: 'a page behind a migration entry is locked',
    text:
      'As long as a migration entry for a page is in any page table, whoever migrates the page holds its folio lock, and a ' +
      'reference to it. Others wait for the lock. A page is not freed while it is locked.',
    source: ['reference C51, B.5', 'include/linux/swapops.h', 'mm/migrate_device.c'],
    checks: ['a page behind a migration entry is locked', 'assert:putPage'],
  },
]
