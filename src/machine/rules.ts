/**
 * Differences between releases inside procedures that are otherwise the same. A machine states
 * which release it follows.
 *
 * @see reference E.3
 * @module
 */

/**
 * When a write reuses a part of a huge page that is not marked exclusive: if it has the last
 * reference to the folio (to Linux 6.3), never (to 6.14), or if one process has all mappings and
 * there are no other references.
 */
export const PartReuse = { lastReference: 0, never: 1, oneProcess: 2 } as const

/** The behaviour of one release. */
export interface Rules {
  /** `mprotect` makes an entry writable only if it is dirty (`can_change_pte_writable`, to Linux 6.2). */
  readonly upgradesDirtyOnly: boolean
  /**
   * A VMA without an `anon_vma` takes over that of the VMA that is merged into it (from Linux
   * 6.16).
   */
  readonly mergesIntoUnfaulted: boolean
  /**
   * `mmap` between two VMAs that cannot be merged with each other extends the next (to Linux 6.11),
   * not the previous.
   */
  readonly extendsNext: boolean
  /**
   * When a write reuses a PTE-mapped part of a huge page without copying: see {@link PartReuse}.
   */
  readonly partReuse: (typeof PartReuse)[keyof typeof PartReuse]
  /** A write to the huge zero page allocates a huge page (from Linux 6.13), not a single page. */
  readonly hugeZeroWriteIsHuge: boolean
  /**
   * Migration splits a PTE-mapped large folio and migrates the page (from Linux 6.19), instead of
   * skipping it.
   */
  readonly splitsMappedParts: boolean
  /**
   * When a folio is split, the PMD of its first page in each VMA is split first, with an
   * MMU_NOTIFY_CLEAR of the whole block (to Linux 6.15).
   */
  readonly splitsBlockFirst: boolean
  /**
   * hmm_range_fault returns -ENOMEM, not -EFAULT, if a fault returns VM_FAULT_OOM (in 7.3; not to
   * 6.12).
   */
  readonly tellsOfMemory: boolean
  /** MADV_DONTNEED of all pages of a page table frees the page table (from Linux 6.14). */
  readonly reclaimsPageTables: boolean
  /**
   * `mremap` moves all VMAs of a range and keeps the holes between them (from Linux 6.17), instead
   * of one VMA only.
   */
  readonly movesSeveral: boolean
  /**
   * make_device_exclusive takes one page (from Linux 6.15). Its entry keeps the mapping and is
   * restored with the write permission that the page has by then; a CPU fault invalidates with
   * MMU_NOTIFY_CLEAR, not MMU_NOTIFY_EXCLUSIVE. The reference has the older interface,
   * make_device_exclusive_range.
   */
  readonly exclusiveByPage: boolean
  /**
   * MREMAP_DONTUNMAP splits the emptied range off an mlocked VMA, and a VMA that is emptied as a
   * whole gets the offset of a new VMA (in stable releases of 6.1 such as 6.1.192; later releases
   * have not been recorded).
   */
  readonly emptiesAsNew: boolean
  /**
   * MADV_POPULATE skips holes as other advice does (to Linux 6.8), instead of stopping at the
   * first.
   */
  readonly populatesOverHoles: boolean
  /**
   * The test driver lets its device write to a page that was a hole before the migration (to Linux
   * 6.18).
   */
  readonly dmirrorWritesNewPages: boolean
  /**
   * The test driver migrates huge pages without splitting, in chunks of a huge page (from Linux
   * 6.19).
   */
  readonly dmirrorLargeFolios: boolean
  /**
   * The length of the test driver's arrays for faults and snapshots, in pages: 64, or 32 in later
   * releases.
   */
  readonly dmirrorPages: number
  /**
   * A read fault maps a swapped page writable if it is exclusive to this mapping (from Linux 6.11).
   */
  readonly mapsSwappedWritable: boolean
  /**
   * Swap is in memory and read synchronously: a page to whose slot only one entry refers leaves the
   * swap cache when it is mapped (`SWP_SYNCHRONOUS_IO`).
   */
  readonly swapsAtOnce: boolean
  /**
   * Soft-dirty tracking: a write fault sets the bit. A VMA whose bits have never been cleared
   * (VM_SOFTDIRTY) needs no fault.
   */
  readonly tracksSoftDirty: boolean
  /** userfaultfd write-protects within one VMA only (to Linux 6.2), not across several. */
  readonly writeProtectsOneArea: boolean
  /**
   * When userfaultfd removes its write protection, an entry becomes writable at once if a write
   * need not fault (from Linux 6.2).
   */
  readonly upgradesUnprotected: boolean
  /** `mprotect` uncharges a VMA without an `anon_vma` that loses VM_WRITE (from Linux 6.7). */
  readonly unaccountsUnfaulted: boolean
}

/** The behaviour of the latest release. */
export const latestRules: Rules = {
  upgradesDirtyOnly: false,
  mergesIntoUnfaulted: true,
  extendsNext: false,
  partReuse: PartReuse.oneProcess,
  hugeZeroWriteIsHuge: true,
  splitsMappedParts: true,
  splitsBlockFirst: false,
  tellsOfMemory: true,
  reclaimsPageTables: true,
  movesSeveral: true,
  exclusiveByPage: false,
  populatesOverHoles: false,
  emptiesAsNew: false,
  dmirrorWritesNewPages: true,
  dmirrorLargeFolios: false,
  dmirrorPages: 64,
  mapsSwappedWritable: true,
  swapsAtOnce: false,
  tracksSoftDirty: true,
  writeProtectsOneArea: false,
  upgradesUnprotected: true,
  unaccountsUnfaulted: true,
}
