import type { SwapSlot } from '../../../machine/index.js'
import { type Frame, type Machine, type Pte, PteKind } from '../../../machine/index.js'
import { claim, READ_ONCE } from '../../../world/index.js'
import type { EntryState } from '../encoding.js'
import { clearEntry, clearPte, handOnMarks, putPage, takeExclusive } from '../page.js'

/** The slot of that number. */
export function slotOf(machine: Machine, slot: number): SwapSlot {
  return machine.swap[slot - 1]
}

/** The page that stands for `slot` in the swap cache. @kernel swap_cache_get_folio */
export function cachedPage(machine: Machine, slot: number): Frame | undefined {
  return machine.frames.find((frame) => frame.swapCache === slot)
}

/** References that the swap cache has on the page: 1 if it is in it. */
export function swapCacheReferences(frame: Frame): number {
  return frame.swapCache > 0 ? 1 : 0
}

/** A slot that is not in use, or 0. Part of a step. @kernel folio_alloc_swap */
export function freeSlot(machine: Machine): number {
  const free = machine.swap.find(
    (swapSlot) => swapSlot.count === 0 && cachedPage(machine, swapSlot.slot) === undefined,
  )
  return free?.slot ?? 0
}

/** Nothing refers to the slot any more: what is in it is nobody's. Part of a step. */
function forgetIfUnused(machine: Machine, slot: number): void {
  const swapSlot = slotOf(machine, slot)
  if (swapSlot.count === 0 && cachedPage(machine, slot) === undefined) swapSlot.contents = 0
}

/** Puts the page into the swap cache, which takes a reference. Part of a step. @kernel add_to_swap_cache */
export function addToSwapCache(frame: Frame, slot: number): void {
  frame.swapCache = slot
  frame.refcount += 1
}

/** Takes the page out of the swap cache, which gives its reference back. Part of a step. @kernel delete_from_swap_cache */
export function deleteFromSwapCache(machine: Machine, frame: Frame): void {
  const slot = frame.swapCache
  frame.swapCache = 0
  forgetIfUnused(machine, slot)
  putPage(frame)
}

/**
 * Takes the page out of the swap cache if no entry names its slot any more. From then on it is the only copy, and dirty.
 * The caller has the folio lock, or nobody has it. Part of a step.
 *
 * @returns true if it was taken out
 * @kernel folio_free_swap
 */
export function folioFreeSwap(machine: Machine, frame: Frame): boolean {
  const slot = frame.swapCache
  if (slot === 0 || slotOf(machine, slot).count > 0) return false
  frame.dirty = true
  deleteFromSwapCache(machine, frame)
  return true
}

/** The same for a page that nobody maps, and only if nobody has locked it. Part of a step. @kernel free_swap_cache */
export function freeSwapCache(machine: Machine, frame: Frame): void {
  if (frame.mapcount === 0 && frame.locked === 0) folioFreeSwap(machine, frame)
}

/** Replaces the entry, which maps the page, by one that names its slot; its reference passes to the caller. Part of a step, under the page-table lock. @kernel swap_duplicate */
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

/** Makes a swap entry empty. Part of a step, under the page-table lock. Returns its slot. @kernel swap_free */
export function clearSwapEntry(machine: Machine, pte: Pte): number {
  const slot = pte.slot
  clearEntry(pte)
  const swapSlot = slotOf(machine, slot)
  claim('C39', swapSlot.count > 0, `slot ${slot} is given back, and no entry names it`)
  swapSlot.count -= 1
  return slot
}

/** An entry that named the slot is gone for good: the page that stands for it goes too, if nobody else wants either. Part of a step. @kernel free_swap_and_cache */
export function freeSwapAndCache(machine: Machine, slot: number): void {
  const frame = cachedPage(machine, slot)
  if (frame === undefined) forgetIfUnused(machine, slot)
  else freeSwapCache(machine, frame)
}

/** What is in the page that the entry names, wherever it is: in memory, or in swap; 0 where it names none. */
export function entryContents(machine: Machine, pte: Pte): number {
  const slot = READ_ONCE(pte).slot
  const holder =
    slot > 0 ? (cachedPage(machine, slot) ?? slotOf(machine, slot)) : machine.frames[READ_ONCE(pte).frame]
  return holder.contents
}
