/**
 * What entries, TLBs and pages carry beside a frame, and where pages go that are swapped out. A machine without swap
 * declares none of it.
 *
 * @module
 */
import type { Cell, Layout, Lock } from '../world/index.js'

/**
 * The bits of a page-table entry beside the right to write. Where they lie depends on what the entry is: see
 * {@link encodeEntry}.
 */
export interface PteBits {
  /** Of a present entry: it was written through since this was cleared. The CPU sets it without a lock. Of a migration entry: the entry that it stands for had it. */
  dirty: boolean
  /** The page was written to since a reader of `pagemap` last cleared the bit. */
  softDirty: boolean
  /** userfaultfd wants to hear of the next write. */
  uffdWp: boolean
  /** Of an entry that is not present: the page was this mapping's alone ({@link FrameFlags.anonExclusive}). */
  exclusive: boolean
  /** Slot of a swap entry; 0 in any other. */
  slot: number
  /** False on a machine without swap, which has none of these. */
  readonly tracksBits: boolean
}

/** What is known of a page beside its counts. @kernel PG_dirty, PG_swapcache, PageAnonExclusive */
export interface FrameFlags {
  /** It holds what its slot does not. */
  dirty: boolean
  /** 0, or the slot for which it is in the swap cache, which has a reference to it. */
  swapCache: number
  /** It is the one mapping's alone, which may write to it without a copy. Entries that are not present keep this themselves. */
  anonExclusive: boolean
  /** It may be dropped without being written out, unless it is dirty (MADV_FREE). @kernel !PG_swapbacked */
  lazyFree: boolean
  /** False on a machine without swap, which has none of these. */
  readonly tracksFlags: boolean
}

/** A page's place in swap. @kernel swap_map */
export interface SwapSlot {
  /** Its number, from 1 on. */
  readonly slot: number
  /** Page-table entries that name it. */
  count: number
  /** What was written out last; 0 in one that is free. */
  contents: number
}

/** A page-table entry is one machine word: it is read and written at once. @kernel pte_t */
export const PTE_WORD = { word: 'entry' } as const

/** Declares the bits of an entry under the page-table lock `ptl`. Without swap nothing is ever clean. */
export function declarePteBits(entry: Layout, slots: number, when: boolean, ptl: Lock) {
  return {
    dirty: entry.flag('dirty', { ...PTE_WORD, when, otherwise: 1 }),
    softDirty: entry.flag('soft_dirty', { ...PTE_WORD, guardedBy: ptl, when, otherwise: 1 }),
    uffdWp: entry.flag('uffd_wp', { ...PTE_WORD, guardedBy: ptl, when }),
    exclusive: entry.flag('exclusive', { ...PTE_WORD, guardedBy: ptl, when }),
    slot: entry.counter('slot', Math.max(1, slots), { ...PTE_WORD, guardedBy: ptl, when }),
    tracksBits: when,
  }
}

/** Declares the flags of a frame to which there are `countedBy` references. */
export function declareFrameFlags(
  frame: Layout,
  slots: number,
  when: boolean,
  countedBy: Cell,
  isAdvised: boolean,
) {
  return {
    dirty: frame.flag('dirty', { countedBy, when }),
    swapCache: frame.counter('swap_cache', Math.max(1, slots), { countedBy, when }),
    anonExclusive: frame.flag('anon_exclusive', { countedBy, when }),
    lazyFree: frame.flag('lazy_free', { countedBy, when: isAdvised }),
    tracksFlags: when,
  }
}

/** Declares `slots` slots, which at most `entries` entries name, with values up to `values`. */
export function declareSwap(layout: Layout, slots: number, entries: number, values: number): SwapSlot[] {
  return layout.array('slot', slots, (slot, index) => ({
    slot: index + 1,
    count: slot.counter('count', entries),
    contents: slot.counter('contents', values),
  }))
}
