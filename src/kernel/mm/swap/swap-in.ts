/**
 * Faults on swap entries.
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
 * Reads the page of `slot` into memory if it is not there, and maps it. Another fault on the same
 * slot finds the same page in the swap cache, and waits for its lock.
 *
 * @param slot - the slot that the entry referred to when it was read; the entry may have changed
 * since
 * @returns 0: retry the access; or VM_FAULT_OOM
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
 * The page of the slot: the one in the swap cache, or a new one with the contents of the slot.
 *
 * @returns its frame, locked and with a reference; 0 if the slot is no longer in use, or another
 * thread has just added its page: the caller reads the entry again; or VM_FAULT_OOM
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
 * Maps the page if the entry still refers to its slot. A page that is exclusive to this mapping is
 * mapped writable even for a read fault, and stays clean until it is written: its slot is kept, so
 * that it need not be written out again. A write fault frees the slot.
 *
 * @returns true if the fault is a write and the page is not mapped writable
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
  const isExclusive = wasExclusive || (frame.refcount === 1 && !frame.ksm)
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
