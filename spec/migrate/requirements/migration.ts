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
      'names. A page of another owner is faulted back if it is requested, and otherwise reported as ' +
      'absent.',
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
      'A fault, of a CPU or of another device, can always bring a page back from device memory. So a ' +
      'walk fails only for what the VMA forbids, never because of where the page is. It also fails ' +
      'when memory has run out; then the fault reports the error, and not the walk of the entry.',
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
      'When the owner of a device page answers a fault with 0, the page at that address is no longer ' +
      'in its memory, or another reference prevented the migration, or the owner says that it keeps the page for now (a time slice), ' +
      'and the access is retried. ' +
      'Otherwise the owner returns VM_FAULT_OOM, or VM_FAULT_SIGBUS if its device has failed. It may ' +
      'bring back other pages as well, but the faulting page comes first: it is not left without ' +
      'memory because of what they were given. A page that was lost with its device stays refused: ' +
      'its entry is left as it is, and every access gets SIGBUS, or the entry is poisoned. No walk ' +
      'maps it.',
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
      'has it in its TLB or has an access to it outstanding; and no fault is about to bring it back. ' +
      'From then on it belongs to its driver, whose page_free is called once.',
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
      'Whatever entry a page has, present, device-private or a migration entry, the frame that the ' +
      'entry names holds what was written last: the source until the entry is replaced, the ' +
      'destination from then on. A page that could not be migrated stays at its source. When all ' +
      'threads have ended there is no migration entry, and no page is locked. Whether it succeeds or ' +
      'fails, a migration preserves the state of the entry: writable as far as the VMA permits, ' +
      'dirty, soft-dirty and uffd-wp. Nothing stale comes back from swap: a page in the swap cache ' +
      'that was written after its slot, by a CPU or a device, is dirty; the slot of a swap entry, or ' +
      'the one page in the swap cache that stands for it, holds what was written last. A page that was ' +
      'given up (MADV_FREE) is dropped only if nobody, CPU or device, has written to it since.',
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
      'a page that was in the swap cache gets to the device',
    ],
  },
  {
    id: 'C40',
    title: 'only anonymous memory migrates to device-private memory',
    text:
      'An entry becomes device-private only in private memory, and only for data of this address ' +
      'space: in an anonymous VMA, or for the copy that a write to a private file mapping has made. ' +
      'Pages of files and of shared memory stay where everyone who shares them finds them; a ' +
      'migration that has collected one restores it.',
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
      'neither process may write through its entry: a write migrates the page back and copies it.',
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
