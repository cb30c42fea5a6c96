/**
 * Faults on entries that name a slot of swap.
 *
 * @see reference B.2
 * @module
 */

import { type Frame, type MmStruct, PteKind, type Task } from '../../../machine/index.js'
import { BLOCKED, become, procedure, type Running, step } from '../../../world/index.js'
import { setSwappedAnonRmap } from '../area/vma.js'
import { mayWritePage, VM_FAULT_OOM } from '../fault/answers.js'
import { do_wp_page } from '../fault/cow.js'
import {
  alloc_page,
  dirtyPte,
  folio_put,
  folio_unlock,
  getPage,
  handOnMarks,
  mayWriteUntold,
  putPage,
  setPte,
  tryLockPage,
} from '../page.js'
import {
  addToSwapCache,
  cachedPage,
  clearSwapEntry,
  folioFreeSwap,
  slotOf,
  swapCacheReferences,
} from './slots.js'

/**
 * Brings the page of `slot` into memory, if it is not there, and maps it. Whoever faults on the same slot meets the same
 * page in the swap cache, and waits for its lock.
 *
 * @param slot - what the entry named when it was looked at: it may name something else by now
 * @returns 0: try the access again; or VM_FAULT_OOM
 * @kernel do_swap_page mm/memory.c
 * @see reference B.2
 */
export const doSwapSlot = procedure(
  'do_swap_page (swap)',
  function* (current: Task, mm: MmStruct, page: number, write: boolean, slot: number): Running<number> {
    const pfn = yield* swapin_folio(current, slot)
    if (pfn <= 0) return pfn
    const frame = current.machine.frames[pfn]
    const isShared = yield* mm.ptl.critical('map the page', () =>
      mapSwappedPage(current, mm, page, slot, frame, write) ? 1 : 0,
    )
    yield* folio_unlock(frame)
    yield* folio_put(frame)
    return isShared ? yield* become(do_wp_page, current, mm, page) : 0
  },
)

/**
 * The page that stands for the slot: the one in the swap cache, or a new one with what is in the slot.
 *
 * @returns its frame, locked and held; 0 if the slot is not in use any more, or the page was put there just now: the
 * entry is looked at again; or VM_FAULT_OOM
 * @kernel swapin_readahead mm/swap_state.c
 * @see reference B.2
 */
export const swapin_folio = procedure(function* swapin_folio(current: Task, slot: number): Running<number> {
  const { machine } = current
  const cached = yield* step('look in the swap cache', () => {
    const frame = cachedPage(machine, slot)
    if (frame === undefined) return 0
    getPage(frame)
    return frame.pfn
  })
  if (cached > 0) {
    yield* step('lock the page', () => (tryLockPage(machine.frames[cached]) ? 0 : BLOCKED))
    return cached
  }
  const pfn = yield* alloc_page(machine)
  if (pfn === 0) return VM_FAULT_OOM
  const frame = machine.frames[pfn]
  const added = yield* step('add it to the swap cache', () => {
    if (slotOf(machine, slot).count === 0 || cachedPage(machine, slot) !== undefined) {
      putPage(frame)
      return 0
    }
    tryLockPage(frame)
    addToSwapCache(frame, slot)
    return 1
  })
  if (!added) return 0
  yield* step('read the slot', () => {
    frame.contents = slotOf(machine, slot).contents
    return 0
  })
  return pfn
})

/**
 * Maps the page, if the entry still names its slot. A page that was this mapping's alone may be written at once, also
 * if it was only to be read, and stays clean as long as it is not: then its slot is kept, as a copy that saves writing
 * it out again. Whoever faults to write gives the slot up.
 *
 * @returns true if it is to be written and may not be yet
 */
function mapSwappedPage(
  { machine }: Task,
  mm: MmStruct,
  page: number,
  slot: number,
  frame: Frame,
  write: boolean,
): boolean {
  const pte = mm.pte[page]
  if (frame.swapCache !== slot) return false
  if (pte.kind !== PteKind.swap || pte.slot !== slot) return false
  const state = { softDirty: pte.softDirty, uffdWp: pte.uffdWp }
  const wasExclusive = pte.exclusive
  clearSwapEntry(machine, pte)
  const isGivenUp = write && frame.refcount === 1 + swapCacheReferences(frame)
  if (isGivenUp || machine.rules.swapsAtOnce) folioFreeSwap(machine, frame)
  const isExclusive = wasExclusive || frame.refcount === 1
  setPte(machine, pte, frame.pfn, false)
  getPage(frame)
  handOnMarks(pte, state)
  const isGranted = write || machine.rules.mapsSwappedWritable
  const isWritable = isExclusive && isGranted && mayWritePage(mm, page) && mayWriteUntold(machine, mm, page)
  if (isWritable) pte.write = true
  if (isExclusive) frame.anonExclusive = true
  if (machine.anonVmas.length > 0) setSwappedAnonRmap(machine, frame, mm, page, isExclusive)
  if (write && isWritable) dirtyPte(pte)
  return write && !isWritable
}
