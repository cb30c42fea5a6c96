/**
 * Slots of swap, and the swap cache: which page of memory stands for a slot.
 *
 * A slot is in use as long as an entry names it or a page is in the swap cache for it. A page that is in the swap cache
 * has one more reference, and its slot holds what was in it when it was last written out or read: the page says by its
 * dirty flag, or an entry that maps it says by its dirty bit, that this is not so any more.
 *
 * @module
 */
import type { World } from '../../../world/index.js'
import type { SwapSlot } from '../../bits.js'
import { type Frame, type Machine, type Pte, PteKind } from '../../machine.js'
import type { EntryState } from '../encoding.js'
import { clearEntry, clearPte, handOnMarks, putPage, takeExclusive } from '../page.js'

/** The slot of that number. */
export function slotOf(machine: Machine, slot: number): SwapSlot {
  return machine.swap[slot - 1]
}

/** The page that stands for `slot` in the swap cache. @kernel swap_cache_get_folio */
export function cachedPage(w: World, machine: Machine, slot: number): Frame | undefined {
  return machine.frames.find(({ flags }) => flags?.swapCache.get(w) === slot)
}

/** References that the swap cache has on the page: 1 if it is in it. */
export function swapCacheReferences(w: World, { flags }: Frame): number {
  return flags !== undefined && flags.swapCache.get(w) > 0 ? 1 : 0
}

/** A slot that is not in use, or 0. Part of a step. @kernel folio_alloc_swap */
export function freeSlot(w: World, machine: Machine): number {
  const free = machine.swap.find(
    ({ slot, count }) => count.get(w) === 0 && cachedPage(w, machine, slot) === undefined,
  )
  return free?.slot ?? 0
}

/** Nothing refers to the slot any more: what is in it is nobody's. Part of a step. */
function forgetIfUnused(w: World, machine: Machine, slot: number): void {
  const { count, contents } = slotOf(machine, slot)
  if (count.get(w) === 0 && cachedPage(w, machine, slot) === undefined) contents.set(w, 0)
}

/** Puts the page into the swap cache, which takes a reference. Part of a step. @kernel add_to_swap_cache */
export function addToSwapCache(w: World, frame: Frame, slot: number): void {
  frame.flags?.swapCache.set(w, slot)
  frame.refcount.add(w, 1)
}

/** Takes the page out of the swap cache, which gives its reference back. Part of a step. @kernel delete_from_swap_cache */
export function deleteFromSwapCache(w: World, machine: Machine, frame: Frame): void {
  const slot = frame.flags?.swapCache.get(w) ?? 0
  frame.flags?.swapCache.set(w, 0)
  forgetIfUnused(w, machine, slot)
  putPage(w, frame)
}

/**
 * Takes the page out of the swap cache if no entry names its slot any more. From then on it is the only copy, and dirty.
 * The caller has the folio lock, or nobody has it. Part of a step.
 *
 * @returns true if it was taken out
 * @kernel folio_free_swap
 */
export function folioFreeSwap(w: World, machine: Machine, frame: Frame): boolean {
  const slot = frame.flags?.swapCache.get(w) ?? 0
  if (slot === 0 || slotOf(machine, slot).count.get(w) > 0) return false
  frame.flags?.dirty.set(w, 1)
  deleteFromSwapCache(w, machine, frame)
  return true
}

/** The same for a page that nobody maps, and only if nobody has locked it. Part of a step. @kernel free_swap_cache */
export function freeSwapCache(w: World, machine: Machine, frame: Frame): void {
  if (frame.mapcount.get(w) === 0 && frame.locked.get(w) === 0) folioFreeSwap(w, machine, frame)
}

/** Replaces the entry, which maps the page, by one that names its slot; its reference passes to the caller. Part of a step, under the page-table lock. @kernel swap_duplicate */
export function setSwapEntry(
  w: World,
  machine: Machine,
  pte: Pte,
  frame: Frame,
  state: Pick<EntryState, 'softDirty' | 'uffdWp'>,
): void {
  const { bits } = pte
  const { flags } = frame
  if (bits === undefined || flags === undefined) return
  const slot = flags.swapCache.get(w)
  clearPte(w, machine, pte)
  pte.kind.set(w, PteKind.swap)
  bits.slot.set(w, slot)
  handOnMarks(w, pte, state)
  takeExclusive(w, pte, flags)
  slotOf(machine, slot).count.add(w, 1)
}

/** Makes a swap entry empty. Part of a step, under the page-table lock. Returns its slot. @kernel swap_free */
export function clearSwapEntry(w: World, machine: Machine, pte: Pte): number {
  const slot = pte.bits?.slot.get(w) ?? 0
  clearEntry(w, pte)
  slotOf(machine, slot).count.add(w, -1)
  return slot
}

/** An entry that named the slot is gone for good: the page that stands for it goes too, if nobody else wants either. Part of a step. @kernel free_swap_and_cache */
export function freeSwapAndCache(w: World, machine: Machine, slot: number): void {
  const frame = cachedPage(w, machine, slot)
  if (frame === undefined) forgetIfUnused(w, machine, slot)
  else freeSwapCache(w, machine, frame)
}

/** What is in the page that the entry names, wherever it is: in memory, or in swap; 0 where it names none. */
export function entryContents(w: World, machine: Machine, { frame, bits }: Pte): number {
  const slot = bits?.slot.readOnce(w) ?? 0
  const holder =
    slot > 0 ? (cachedPage(w, machine, slot) ?? slotOf(machine, slot)) : machine.frames[frame.readOnce(w)]
  return holder.contents.get(w)
}
