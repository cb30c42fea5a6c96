/**
 * Changes since Linux 6.16 in the headers that drivers include.
 *
 * @see reference A.4
 * @module
 */

/** A header of the interface. */
export type Header = 'hmm.h' | 'migrate.h' | 'memremap.h' | 'mmu_notifier.h'

/** One change of the interface. */
export interface InterfaceChange {
  readonly header: Header
  /** The declaration in Linux 6.12, read in its header (6.12.117). */
  readonly before: string
  /** The declaration in the header of the mm tree, as of mid-2026. */
  readonly after: string
  /**
   * The release that made the change; undefined if neither a header of a release nor a recording
   * shows it.
   */
  readonly release?: string
  /** The evidence for the release besides the two headers. */
  readonly known: string
}

/** The changes, by header. */
export const interfaceChanges: readonly InterfaceChange[] = [
  {
    header: 'hmm.h',
    before: 'three flags in an entry, the order from bit 56',
    after: '`HMM_PFN_DMA_MAPPED`, `HMM_PFN_P2PDMA`, `HMM_PFN_P2PDMA_BUS`; the order from bit 53',
    release: '6.16',
    known: 'reference A.4',
  },
  {
    header: 'hmm.h',
    before: 'none',
    after:
      'a walk that may drop the mmap lock: `hmm_range_fault_unlockable` in the header that was read, `hmm_range_fault_unlocked_timeout` in later patches',
    release: '7.2',
    known: 'a recording of 7.3 performs the test driver’s read by it; 6.12 answers EINVAL',
  },
  {
    header: 'migrate.h',
    before: 'none',
    after: '`MIGRATE_VMA_SELECT_COMPOUND`, `MIGRATE_PFN_COMPOUND`',
    release: '6.19',
    known: 'reference A.4; a recording of 7.3 migrates huge pages whole',
  },
  {
    header: 'migrate.h',
    before: '`migrate_device_range` alone',
    after: '`migrate_device_pfns` too',
    release: '6.19',
    known: 'reference A.4',
  },
  {
    header: 'migrate.h',
    before: '`migration_entry_wait_on_locked`',
    after: '`softleaf_entry_wait_on_locked`',
    known: 'the headers alone',
  },
  {
    header: 'memremap.h',
    before: '`page_free(page)`',
    after: '`folio_free(folio)`',
    release: '6.19',
    known: 'reference A.4',
  },
  {
    header: 'memremap.h',
    before: 'none',
    after: '`folio_split(head, tail)`, `zone_device_private_split_cb`, `zone_device_folio_init`',
    release: '6.19',
    known: 'reference A.4, B.7',
  },
  {
    header: 'memremap.h',
    before: '`zone_device_page_init(page)`',
    after: '`zone_device_page_init(page, pgmap, order)`',
    known: 'the headers alone: first with an order, then with the pagemap as well',
  },
  {
    header: 'memremap.h',
    before: '`get_dev_pagemap(pfn, pgmap)`',
    after: '`get_dev_pagemap(pfn)`',
    known: 'the headers alone',
  },
  {
    header: 'mmu_notifier.h',
    before: '`invalidate` alone',
    after: '`invalidate_start`, `invalidate_finish`, `struct mmu_interval_notifier_finish`',
    release: '7.1',
    known: 'reference B.1.1; commit 7aba71dbc416',
  },
  {
    header: 'mmu_notifier.h',
    before: 'none',
    after:
      '`flags` of an interval notifier, `MMU_INTERVAL_NOTIFIER_BLOCK_THP`, `mmu_interval_notifier_insert_locked_flags`, `mmu_interval_notifier_set_flags_locked`',
    known: 'the header of the mm tree alone; not modelled',
  },
  {
    header: 'mmu_notifier.h',
    before: '`clear_flush_young`, `clear_young`, `test_young` return int',
    after: 'they return bool',
    known: 'the headers alone',
  },
]
