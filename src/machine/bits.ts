/**
 * The bits of entries, TLBs and pages, and the slots of swap. A machine without swap declares none
 * of them.
 *
 * @module
 */
import type { Cell, Layout, Lock } from '../world/index.js'

/**
 * The bits of a page-table entry besides its write bit. Their position depends on the kind of the
 * entry: see {@link encodeEntry}.
 */
export interface PteBits {
  /**
   * In a present entry: a CPU has written through the entry since the bit was cleared. The CPU sets
   * it without a lock. In a migration entry: the bit of the entry that it replaced.
   */
  dirty: boolean
  /** The page was written since user space last cleared the bit (`/proc/PID/clear_refs`). */
  softDirty: boolean
  /** userfaultfd write-protects the entry: the next write faults. */
  uffdWp: boolean
  /**
   * In an entry that is not present: the page is exclusive to this mapping ({@link
   * FrameFlags.anonExclusive}).
   */
  exclusive: boolean
  /** The slot of a swap entry; 0 in any other entry. */
  slot: number
  /** False on a machine without swap, which has none of these. */
  readonly tracksBits: boolean
}

/** The flags of a page. @kernel PG_dirty, PG_swapcache, PageAnonExclusive */
export interface FrameFlags {
  /** Its contents differ from those of its swap slot. */
  dirty: boolean
  /** 0, or the slot of the page in the swap cache, which holds a reference to it. */
  swapCache: number
  /**
   * The page is exclusive to one mapping, which may write to it without copying. An entry that is
   * not present keeps this flag itself.
   */
  anonExclusive: boolean
  /**
   * Reclaim may drop the page without writing it out, unless it is dirty (MADV_FREE).
   *
   * @kernel !PG_swapbacked
   */
  lazyFree: boolean
  /** False on a machine without swap, which has none of these. */
  readonly tracksFlags: boolean
}

/** A swap slot. @kernel swap_map */
export interface SwapSlot {
  /** Its number, from 1 on. */
  readonly slot: number
  /** Page-table entries that refer to it. */
  count: number
  /** The contents last written to it; 0 in a free slot. */
  contents: number
}

/** A page-table entry is one machine word: it is read and written atomically. @kernel pte_t */
export const PTE_WORD = { word: 'entry' } as const

/** Declares the bits of an entry under the page-table lock `ptl`. */
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

/** Declares the flags of a frame whose reference count is `countedBy`. */
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

/**
 * Declares `slots` slots, to each of which at most `entries` entries refer, with contents up to
 * `values`.
 */
export function declareSwap(layout: Layout, slots: number, entries: number, values: number): SwapSlot[] {
  return layout.array('slot', slots, (slot, index) => ({
    slot: index + 1,
    count: slot.counter('count', entries),
    contents: slot.counter('contents', values),
  }))
}
