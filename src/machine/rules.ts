/**
 * Where releases of Linux decide differently, though the procedure is the same: a machine says which it follows.
 *
 * @see reference E.3
 * @module
 */

/**
 * When a part of a huge page is reused though it is not known to be exclusive: while it is the last reference to all of it (to Linux
 * 6.3), never (to 6.14), or while one process has all its mappings, and nobody else a reference.
 */
export const PartReuse = { lastReference: 0, never: 1, oneProcess: 2 } as const

/** What one release does that another does not. */
export interface Rules {
  /** `mprotect` makes an entry writable only if it is dirty (`can_change_pte_writable`, to Linux 6.2). */
  readonly upgradesDirtyOnly: boolean
  /** An area without an `anon_vma` takes over that of the area which is merged into it (from Linux 6.16). */
  readonly mergesIntoUnfaulted: boolean
  /** `mmap` between two areas that cannot be one with each other extends the next (to Linux 6.11), not the previous. */
  readonly extendsNext: boolean
  /** When a write may go to a part of a huge page that has entries of its own, without a copy: see {@link PartReuse}. */
  readonly partReuse: (typeof PartReuse)[keyof typeof PartReuse]
  /** A write to the huge zero page gets a huge page (from Linux 6.13), and not the one page that is written. */
  readonly hugeZeroWriteIsHuge: boolean
  /**
   * A part of a huge page that has an entry of its own migrates once the huge page has been split for it (from Linux 6.19), and
   * does not stay where it is.
   */
  readonly splitsMappedParts: boolean
  /** Before an area gives up a folio that is split, the block above its first page is split in it, with a CLEAR of all of that (to Linux 6.15). */
  readonly splitsBlockFirst: boolean
  /** A walk for a device answers ENOMEM, and not EFAULT, where a fault finds no page (in 7.3; not to 6.12). */
  readonly tellsOfMemory: boolean
  /** Throwing away all that a page table maps frees the page table (from Linux 6.14). */
  readonly reclaimsPageTables: boolean
  /** `mremap` moves all areas of a range, with the gaps between them (from Linux 6.17), and not one only. */
  readonly movesSeveral: boolean
  /**
   * Device-exclusive access is had page by page; its entry keeps the mapping, and gives back whatever right to write the page has
   * by then; a CPU that takes the page back announces a CLEAR, and no EXCLUSIVE (from Linux 6.15). The reference has the older interface, of ranges.
   */
  readonly exclusiveByPage: boolean
  /**
   * MREMAP_DONTUNMAP makes an area of its own of what it empties of a locked area, and what is emptied whole has the offset of an
   * area that is new (in stable releases of 6.1 such as 6.1.192; what later releases do has not been recorded).
   */
  readonly emptiesAsNew: boolean
  /** MADV_POPULATE passes over holes as other advice does (to Linux 6.8), and does not end at the first. */
  readonly populatesOverHoles: boolean
  /** The kernel's test driver lets its device write to a page that was not there before it migrated (to Linux 6.18). */
  readonly dmirrorWritesNewPages: boolean
  /** The test driver migrates huge pages whole, and as many pages at a time (from Linux 6.19). */
  readonly dmirrorLargeFolios: boolean
  /** Pages that the test driver's arrays hold as it faults and takes snapshots: 64, or 32 in later releases. */
  readonly dmirrorPages: number
  /** A page that a read brings in from swap may be written at once, if it is this mapping's alone (from Linux 6.11). */
  readonly mapsSwappedWritable: boolean
  /** Swap is memory, read at once: a page that only one entry names leaves the swap cache as it is mapped (`SWP_SYNCHRONOUS_IO`). */
  readonly swapsAtOnce: boolean
  /** Writes are told from one another by soft-dirty: not so in an area that is new since nobody has cleared the bits of. */
  readonly tracksSoftDirty: boolean
  /** userfaultfd write-protects within one area only (to Linux 6.2), and not across several. */
  readonly writeProtectsOneArea: boolean
  /** An entry is writable again as userfaultfd ends its write-protection (from Linux 6.2), if a write would make it so at once. */
  readonly upgradesUnprotected: boolean
  /** `mprotect` gives the charge of an area back that has no `anon_vma` and loses its VM_WRITE (from Linux 6.7). */
  readonly unaccountsUnfaulted: boolean
}

/** What the latest release does. */
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
