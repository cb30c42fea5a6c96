import type { SwapSlot } from '../../../machine/index.js'
import { type Frame, type Machine, type Pte, PteKind } from '../../../machine/index.js'
import { claim, READ_ONCE } from '../../../world/index.js'
import type { EntryState } from '../encoding.js'
import { clearEntry, clearPte, handOnMarks, putPage, takeExclusive } from '../page.js'

/** The slot with this number. */
export function slotOf(machine: Machine, slot: number): SwapSlot {
  return machine.swap[slot - 1]
}

/** The page of `slot` in the swap cache. @kernel swap_cache_get_folio */
export function cachedPage(machine: Machine, slot: number): Frame | undefined {
  return machine.frames.find((frame) => frame.swapCache === slot)
}

/** References that the swap cache holds on the page: 1 if the page is in it. */
export function swapCacheReferences(frame: Frame): number {
  return frame.swapCache > 0 ? 1 : 0
}

/** A free slot, or 0 if there is none. Called inside an atomic step. @kernel folio_alloc_swap */
export function freeSlot(machine: Machine): number {
  const free = machine.swap.find(
    (swapSlot) => swapSlot.count === 0 && cachedPage(machine, swapSlot.slot) === undefined,
  )
  return free?.slot ?? 0
}

/** Clears the contents of the slot if no entry refers to it. Called inside an atomic step. */
function forgetIfUnused(machine: Machine, slot: number): void {
  const swapSlot = slotOf(machine, slot)
  if (swapSlot.count === 0 && cachedPage(machine, slot) === undefined) swapSlot.contents = 0
}

/**
 * Adds the page to the swap cache, which takes a reference. Called inside an atomic step.
 *
 * @kernel add_to_swap_cache
 */
export function addToSwapCache(frame: Frame, slot: number): void {
  frame.swapCache = slot
  frame.refcount += 1
}

/**
 * Removes the page from the swap cache, which puts its reference. Called inside an atomic step.
 *
 * @kernel delete_from_swap_cache
 */
export function deleteFromSwapCache(machine: Machine, frame: Frame): void {
  const slot = frame.swapCache
  frame.swapCache = 0
  forgetIfUnused(machine, slot)
  putPage(frame)
}

/**
 * Removes the page from the swap cache if no entry refers to its slot any more. The page is then
 * the only copy, and dirty. The caller holds the folio lock, or the folio is unlocked. Called
 * inside an atomic step.
 *
 * @returns true if the page was removed
 * @kernel folio_free_swap
 */
export function folioFreeSwap(machine: Machine, frame: Frame): boolean {
  const slot = frame.swapCache
  if (slot === 0 || slotOf(machine, slot).count > 0) return false
  frame.dirty = true
  deleteFromSwapCache(machine, frame)
  return true
}

/**
 * The same for a page that is not mapped, and only if it is not locked. Called inside an atomic
 * step.
 *
 * @kernel free_swap_cache
 */
export function freeSwapCache(machine: Machine, frame: Frame): void {
  if (frame.mapcount === 0 && frame.locked === 0) folioFreeSwap(machine, frame)
}

/**
 * Replaces an entry that maps the page by a swap entry. The reference that it held passes to the
 * caller. Called inside an atomic step, under the page-table lock.
 *
 * @kernel swap_duplicate
 */
export function setSwapEntry(
  machine: Machine,
  pte: Pte,
  frame: Frame,
  state: Pick<EntryState, 'softDirty' | 'uffdWp'>,
): void {
  const slot = frame.swapCache
  clearPte(machine, pte)
  pte.kind = PteKind.swap
  pte.slot = slot
  handOnMarks(pte, state)
  takeExclusive(pte, frame)
  slotOf(machine, slot).count += 1
}

/**
 * Clears a swap entry. Called inside an atomic step, under the page-table lock. Returns its slot.
 *
 * @kernel swap_free
 */
export function clearSwapEntry(machine: Machine, pte: Pte): number {
  const slot = pte.slot
  clearEntry(pte)
  const swapSlot = slotOf(machine, slot)
  claim('C39', swapSlot.count > 0, `slot ${slot} is given back, and no entry names it`)
  swapSlot.count -= 1
  return slot
}

/**
 * An entry of the slot was cleared: the page in the swap cache is freed too if neither has another
 * user. Called inside an atomic step.
 *
 * @kernel free_swap_and_cache
 */
export function freeSwapAndCache(machine: Machine, slot: number): void {
  const frame = cachedPage(machine, slot)
  if (frame === undefined) forgetIfUnused(machine, slot)
  else freeSwapCache(machine, frame)
}

/**
 * The contents of the page that the entry refers to, in memory or in swap; 0 if it refers to none.
 */
export function entryContents(machine: Machine, pte: Pte): number {
  const slot = READ_ONCE(pte).slot
  const holder =
    slot > 0 ? (cachedPage(machine, slot) ?? slotOf(machine, slot)) : machine.frames[READ_ONCE(pte).frame]
  return holder.contents
}
