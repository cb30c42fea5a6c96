/**
 * Where a monitor that `rvgen` has made is told of the events of a statechart: functions of the kernel to attach to, with kprobes,
 * kretprobes or tracepoints.
 *
 * @module
 */

/** A place in the kernel: `FUNCTION entry` or `FUNCTION return`, with a condition after a colon where not every call is the event. */
export type RvPlace =
  | `${string} ${'entry' | 'return'}`
  | `${string} ${'entry' | 'return'}: ${string}`
  /** No function of the kernel's own: the driver does it. */
  | `driver: ${string}`

const GONE = 'the kernel has the function no more' as const

/** The places of each event, by statechart. */
export const RV_EVENTS: Readonly<Record<string, Readonly<Record<string, readonly RvPlace[]>>>> = {
  range: {
    BEGIN: ['hmm_range_fault entry'],
    FAULTED: ['hmm_range_fault return: 0'],
    COLLIDED: ['hmm_range_fault return: -EBUSY', 'driver: mmu_interval_read_retry is true'],
    VALIDATED: ['driver: mmu_interval_read_retry is false, under the update lock'],
    COMMITTED: ['driver: drops the update lock'],
    FAILED: ['hmm_range_fault return: another error', 'driver: ends the fault with an error'],
    TIMED_OUT: ['driver: gives up after HMM_RANGE_DEFAULT_TIMEOUT'],
    RELEASED: ['driver: mmput at the end of the fault'],
  },
  intervalNotifier: {
    INSERTED: ['mmu_interval_notifier_insert return: 0, and no invalidation runs'],
    INSERT_DEFERRED: ['mmu_interval_notifier_insert return: 0, and the number of the mm is odd'],
    INSERTED_DURING_INVALIDATION: [
      'mmu_interval_notifier_insert return: 0, and an invalidation runs that overlaps no interval',
    ],
    SEQUENCE_SET: ['driver: mmu_interval_set_seq in its invalidate callback'],
    INVALIDATION_ENDED: ['mn_itree_inv_end return: the number of the mm has become even'],
    REMOVED: [
      'mmu_interval_notifier_remove entry: the number of the mm is even, or the insertion is deferred',
    ],
    REMOVE_DEFERRED: ['mmu_interval_notifier_remove entry: the number of the mm is odd'],
  },
  migration: {
    COLLECTED: ['migrate_vma_collect return', 'migrate_device_range return'],
    UNMAPPED: ['migrate_device_unmap return: the entry has MIGRATE_PFN_MIGRATE'],
    GIVEN_UP: [
      'migrate_device_unmap return: the entry has lost MIGRATE_PFN_MIGRATE',
      'migrate_vma_pages return: the entry has lost MIGRATE_PFN_MIGRATE',
    ],
    COPIED: ['migrate_vma_pages entry: dst is stored'],
    WITHDRAWN: ['driver: clears dst'],
    INSTALLED: ['migrate_vma_pages return: the entry has MIGRATE_PFN_MIGRATE'],
    RESTORED: ['migrate_vma_finalize return: the entry has lost MIGRATE_PFN_MIGRATE'],
    FINALIZED: ['migrate_vma_finalize return: the entry has MIGRATE_PFN_MIGRATE'],
  },
  devicePrivatePage: {
    ALLOCATED: ['zone_device_page_init return'],
    COLLECTED: ['migrate_vma_collect return', 'migrate_device_range return'],
    MAPPED: ['migrate_vma_finalize return', 'migrate_vma_insert_page return'],
    RESTORED: ['remove_migration_ptes return'],
    UNMAPPED: ['zap_pte_range return: the last entry, and references are left'],
    ABANDONED: ['migrate_vma_finalize return: not mapped, and references are left'],
    FREED: ['free_zone_device_folio entry'],
  },
  deviceMemory: {
    PLUGGED: ['memremap_pages return'],
    FILLED: ['zone_device_page_init return: the first page in use'],
    EMPTIED: ['free_zone_device_folio return: the last page in use'],
    STOPPED: ['driver: begins to remove the region'],
    LOST: ['driver: the device is lost'],
    KILLED: ['memunmap_pages entry'],
    REMOVED: ['memunmap_pages return'],
  },
  deviceMemoryHotplug: {
    ALLOCATED: [`hmm_devmem_add entry: ${GONE}`],
    COUNTED: [`hmm_devmem_add entry: its counter exists; ${GONE}`],
    RESERVED: [`hmm_devmem_add entry: its addresses are reserved; ${GONE}`],
    READY: [`hmm_devmem_add return: ${GONE}`],
    KILLED: [`hmm_devmem_ref_kill entry: ${GONE}`],
    DRAINED: [`hmm_devmem_ref_release entry: ${GONE}`],
    EXITED: [`hmm_devmem_ref_exit return: ${GONE}`],
    UNRESERVED: [`hmm_devmem_add return: with an error, or the region is removed; ${GONE}`],
    FREED: [`hmm_devmem_add return: with an error, or the region is removed; ${GONE}`],
  },
  mirror: {
    REGISTERED: [`hmm_mirror_register return: ${GONE}`],
    TOLD: [`hmm_invalidate_range_start return: ${GONE}`],
    RELEASED: [`hmm_release return: ${GONE}`],
    UNREGISTERED: [`hmm_mirror_unregister return: ${GONE}`],
  },
}
