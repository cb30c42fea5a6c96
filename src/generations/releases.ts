/**
 * The Linux releases that were recorded, each described by its differences from the reference.
 *
 * @see reference E.3
 * @module
 */
import { PartReuse, type Rules } from '../kernel/index.js'
import type { Override } from '../world/index.js'
import { hugePagesOf61, hugePagesOf612 } from './huge-pages.js'
import { faultWithoutLock } from './profiles.js'

/**
 * A release: overrides of procedures, and rules that select between variants within a procedure.
 */
export interface Release {
  readonly overrides: readonly Override[]
  readonly rules: Partial<Rules>
  /**
   * Whether pagemap sets `PM_MMAP_EXCLUSIVE` for a device-private page that is mapped once. From
   * 6.11 on only present pages have it.
   */
  readonly marksDevicePages: boolean
  /**
   * Whether pagemap reports the huge zero page as a file page, since it is not anonymous: up to
   * 6.17. From 6.18 on its entry is special.
   */
  readonly showsHugeZeroAsFile: boolean
  /**
   * Whether the test driver has a read whose walk drops the mmap lock for its faults (from 7.2).
   */
  readonly readsUnlocked: boolean
  /** Whether allocations of the test driver can be made to fail (from 6.19). */
  readonly failsAllocations: boolean
  /**
   * Which mappings pagemap counts to decide whether a page is mapped once: {@link CountsMappings}.
   */
  readonly countsMappings: (typeof CountsMappings)[keyof typeof CountsMappings]
}

/**
 * Which mappings pagemap counts for the pages of a PMD entry: those of the first page, or of each
 * page (6.12).
 */
export const CountsMappings = { ofHead: 0, ofPage: 1 } as const

/** Rules of the releases up to 6.15, which merge VMAs in the same way. */
const before616: Partial<Rules> = {
  mergesIntoUnfaulted: false,
  partReuse: PartReuse.never,
  hugeZeroWriteIsHuge: false,
  splitsMappedParts: false,
  splitsBlockFirst: true,
  tellsOfMemory: false,
  reclaimsPageTables: false,
  movesSeveral: false,
}

/** Releases, by version. */
export const releases: Readonly<Record<'6.1' | '6.12' | '7.3', Release>> = {
  '6.1': {
    overrides: [...hugePagesOf61, faultWithoutLock],
    marksDevicePages: true,
    showsHugeZeroAsFile: true,
    readsUnlocked: false,
    failsAllocations: false,
    countsMappings: CountsMappings.ofHead,
    rules: {
      ...before616,
      upgradesDirtyOnly: true,
      mapsSwappedWritable: false,
      unaccountsUnfaulted: false,
      writeProtectsOneArea: true,
      upgradesUnprotected: false,
      extendsNext: true,
      populatesOverHoles: true,
      emptiesAsNew: true,
      partReuse: PartReuse.lastReference,
    },
  },
  '6.12': {
    overrides: [...hugePagesOf612, faultWithoutLock],
    rules: before616,
    marksDevicePages: false,
    showsHugeZeroAsFile: true,
    readsUnlocked: false,
    failsAllocations: false,
    countsMappings: CountsMappings.ofPage,
  },
  '7.3': {
    overrides: [],
    rules: {
      exclusiveByPage: true,
      dmirrorWritesNewPages: false,
      dmirrorLargeFolios: true,
      dmirrorPages: 32,
    },
    marksDevicePages: false,
    showsHugeZeroAsFile: false,
    readsUnlocked: true,
    failsAllocations: true,
    countsMappings: CountsMappings.ofHead,
  },
}
