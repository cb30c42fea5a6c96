/**
 * Device-private memory and migration: where the data is, which entries may refer to it, and bringing it back.
 *
 * @module
 */
import type { Requirement } from '../../requirement.js'

/** The requirements of pages that migrate to memory that no CPU can map. */
export const migration: readonly Requirement[] = [
  {
    id: 'C27',
    title: 'a device page of another owner is never valid',
    text:
      'A walk reports a device-private page only if the page belongs to the owner that the caller ' +
      'names. A page of another owner is migrated back by a fault if it was requested, and otherwise ' +
      'reported as absent.',
    source: ['reference C27, B.3.1, D28', 'mm/hmm.c: hmm_vma_handle_pte', 'Documentation/mm/hmm.rst'],
    checks: ['a foreign device page is never valid'],
  },
  {
    id: 'C28',
    title: 'no CPU maps device-private memory',
    text:
      'A present entry of a page table maps only system memory or coherent device memory, and a ' +
      'device-private entry refers only to device-private memory. No CPU TLB translates to ' +
      'device-private memory.',
    source: ['reference C28, B.6', 'include/linux/memremap.h: MEMORY_DEVICE_PRIVATE'],
    checks: ['no CPU maps device memory'],
  },
  {
    id: 'C29',
    title: 'a walk does not refuse a page that a fault can bring back',
    text:
      'A fault, by a CPU or another device, can always migrate a page back from device memory. So a ' +
      'walk fails only for an access that the VMA forbids, never because of the location of a page. It ' +
      'also fails if memory has run out; then the error comes from the fault, not from the walk of the ' +
      'entry.',
    source: ['reference C29, B.3.1, D3', 'mm/hmm.c: hmm_vma_handle_pte', 'Documentation/mm/hmm.rst'],
    checks: [
      'the walk refuses only what the area forbids',
      'a page of a device is brought back for somebody who holds it',
    ],
  },
  {
    id: 'C30',
    title: 'migrate_to_ram brings the page back, or reports why not',
    text:
      'If migrate_to_ram returns 0, the page at that address is no longer in device memory, or another ' +
      'reference prevented the migration, or the driver declares that it keeps the page for now (a ' +
      'time slice); the access is retried. Otherwise the driver returns VM_FAULT_OOM, or ' +
      'VM_FAULT_SIGBUS if its device has failed. It may migrate other pages back as well, but the ' +
      'faulting page comes first: it must not fail for memory that the others were given. A page that ' +
      'was lost with its device stays lost: every access gets SIGBUS, with the entry unchanged or ' +
      'poisoned. No walk maps it.',
    source: [
      'reference C30, B.6',
      'include/linux/memremap.h: struct dev_pagemap_ops',
      'mm/memory.c: do_swap_page',
    ],
    checks: [
      'assert:do_swap_page',
      'assert:do_huge_pmd_device_private',
      'assert:requireMigrationLocks',
      'assert:mustHaveFailed',
      'a fault leaves a page that somebody holds',
      'a huge page that somebody else holds is not split, and stays',
      'a fault finds the device gone',
      'an entry is poisoned',
    ],
  },
  {
    id: 'C31',
    title: 'a device page is freed once, and is then unreachable',
    text:
      'When the last reference to a device page is dropped, no page table has an entry for it, ' +
      'migration entries included; no migration uses it, and its lock is not held; no device maps it, ' +
      'has it in its TLB or has an access to it outstanding; and no fault is migrating it back. From ' +
      'then on it belongs to its driver, whose page_free is called once.',
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
    title: 'at every instant the data is in one place, and its state is kept',
    text:
      'For every present, device-private or migration entry, the frame that it refers to holds the ' +
      'data written last: the source until the entry is replaced, the destination from then on. A page ' +
      'that could not be migrated stays at its source. When all threads have ended there is no ' +
      'migration entry, and no page is locked. Whether it succeeds or fails, a migration preserves the ' +
      'state of the entry: writable as far as the VMA permits, dirty, soft-dirty and uffd-wp. A ' +
      'swap-in never returns stale data: a page in the swap cache that was written after its slot, by ' +
      'a CPU or a device, is dirty; the slot of a swap entry, or its one page in the swap cache, holds ' +
      'the data written last. A lazily freed page (MADV_FREE) is dropped only if neither a CPU nor a ' +
      'device has written to it since.',
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
      'all pages of a fault have migrated',
      'a migration keeps what the entry says',
      'a page that only faults for its place is migrated like any other',
      'a page that differs from its copy in swap is dirty',
      'a swap entry names the slot that holds the data',
      'a slot has its entries and one page',
      'a page that was given up is dropped',
      'a page that was written before it was given up is dropped',
      'a page that was given up and written again goes to swap',
      'a huge page that was given up is dropped',
      'a huge page that was written to again goes to swap',
      'assert:dropEntry',
      'assert:clearSwapEntry',
      'a page goes to swap',
      'two pages are merged',
      'a page that was in the swap cache gets to the device',
    ],
  },
  {
    id: 'C40',
    title: 'only anonymous memory migrates to device-private memory',
    text:
      'An entry becomes device-private only in private memory, and only for data of this address ' +
      'space: in an anonymous VMA, or for the copy that a write to a private file mapping has made. ' +
      'Pages of files and of shared memory stay in the page cache; a migration that has collected one ' +
      'restores it.',
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
      'fork copies a device-private entry, with a reference and a mapping for the copy. From then on ' +
      'both entries are read-only: a write migrates the page back and copies it.',
    source: ['reference C42, B.2', 'mm/memory.c: copy_nonpresent_pte'],
    checks: ['shared device pages are read-only'],
  },
  {
    id: 'C48',
    title: 'a fault on a device page completes',
    text:
      'If the device works and every thread that can go on does, a CPU that faults on a device page ' +
      'completes its access, or gets a signal, after finitely many faults. Faults of several CPUs on ' +
      'one page must not block each other for ever, nor may a fault block the migration that it waits ' +
      'for.',
    source: ['reference C48, B.6, D6, D7', 'mm/memory.c: do_swap_page', 'mm/migrate_device.c'],
    checks: ['an access of a CPU ends', 'a migration that waits for every CPU gets on'],
  },
  {
    id: 'C51',
    title: 'a page behind a migration entry is locked',
    text:
      'While any page table has a migration entry for a page, the migrating thread holds the folio ' +
      'lock of the page and a reference to it. Other threads wait for the lock. A page is not freed ' +
      'while it is locked.',
    source: ['reference C51, B.5', 'include/linux/swapops.h', 'mm/migrate_device.c'],
    checks: ['a page behind a migration entry is locked', 'assert:putPage'],
  },
]
