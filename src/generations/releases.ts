/**
 * The releases of Linux that recordings come from: what each does otherwise than the reference.
 *
 * @see reference E.3
 * @module
 */
import { PartReuse, type Rules } from '../kernel/index.js'
import type { Override } from '../world/index.js'
import { hugePagesOf61, hugePagesOf612 } from './huge-pages.js'
import { faultWithoutLock } from './profiles.js'

/** A release: other texts of procedures, and other decisions within the same text. */
export interface Release {
  readonly overrides: readonly Override[]
  readonly rules: Partial<Rules>
  /** Whether a page that its device holds is shown as mapped once: `PM_MMAP_EXCLUSIVE` is for what is present only, from 6.11 on. */
  readonly marksDevicePages: boolean
  /** Whether the huge zero page is shown as a file's, not being anonymous: to 6.17, as its entry is special from then on. */
  readonly showsHugeZeroAsFile: boolean
  /** The test driver has a read whose walk drops the mmap lock for its faults (from 7.2). */
  readonly readsUnlocked: boolean
  /** An allocation of the test driver's can be made to fail (from 6.19). */
  readonly failsAllocations: boolean
  /** What is counted to tell whether a page is mapped once: {@link CountsMappings}. */
  readonly countsMappings: (typeof CountsMappings)[keyof typeof CountsMappings]
}

/** Whose mappings `pagemap` counts for what one entry maps whole: those of its first page, or of each page (in 6.12). */
export const CountsMappings = { ofHead: 0, ofPage: 1 } as const

/** Those up to 6.15, which merge areas alike. */
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

/** By version. */
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
