/**
 * Reclaim: memory is short, and pages that are not needed now go to swap.
 *
 * @see reference B.2
 * @module
 */

import {
  type Frame,
  folioOf,
  isPageCache,
  type Machine,
  type MmStruct,
  NotifyEvent,
  ownExpected,
  type Pte,
  PteKind,
  type Task,
} from '../../../machine/index.js'
import { become, claim, procedure, READ_ONCE, type Running, step } from '../../../world/index.js'
import { invalidateRangeEnd, invalidateRangeStart } from '../../mmu_notifier/index.js'
import { entryState } from '../encoding.js'
import { split_folio } from '../huge/folio.js'
import { __split_huge_pmd } from '../huge/split.js'
import { clearPte, folio_put, folio_unlock, getPage, putPage, tryLockPage, unlockPage } from '../page.js'
import { partsOf, rmapOf } from '../rmap.js'
import { flushTlb } from '../tlb.js'
import {
  addToSwapCache,
  deleteFromSwapCache,
  folioFreeSwap,
  freeSlot,
  setSwapEntry,
  slotOf,
  swapCacheReferences,
} from './slots.js'

/**
 * Frees the page, if that can be done now: it gets a slot, leaves every page table, is written out unless its slot
 * holds the same already, and is given back if nobody has come by it meanwhile. The folio lock is held throughout:
 * whoever faults on its slot waits for that.
 *
 * @returns 1 if it is freed, 0 if it stays
 * @kernel shrink_folio_list mm/vmscan.c
 * @see reference B.2
 */
export const shrink_folio_list = procedure(function* shrink_folio_list(
  current: Task,
  frame: Frame,
): Running<number> {
  const held = yield* step('lock the page, and hold it', () => {
    if (!isReclaimable(frame) || !tryLockPage(frame)) return Held.no
    if (!frame.compound || !frame.lazyFree) getPage(folioOf(frame))
    // What may be dropped is dropped as it is: each part is held while its entries go.
    else for (const part of partsOf(current.machine, frame)) getPage(part)
    if (!frame.compound) return Held.page
    return frame.lazyFree ? Held.toDrop : Held.toSplit
  })
  if (held === Held.no) return 0
  if (held === Held.toSplit) return yield* become(splitAndShrink, current, frame)
  if (held === Held.toDrop) return yield* become(dropFolio, current, frame)
  if (yield* add_to_swap(current, frame)) {
    yield* unmapPage(current, frame)
    yield* pageout(current, frame)
  }
  return yield* __remove_mapping(current, frame)
})

/** What was locked and is held: nothing; a page by itself; a huge page that may be dropped, or one that must be split to be written out. */
const Held = { no: 0, page: 1, toDrop: 2, toSplit: 3 } as const

/** The parts of the huge page. Its lock is held: nobody splits it. */
function* lookAtParts({ machine }: Task, frame: Frame): Running<readonly Frame[]> {
  return yield* step('look at the parts', () => partsOf(machine, frame))
}

/**
 * A huge page for which there are no slots side by side is split, and each of its pages is reclaimed by itself.
 *
 * @kernel split_folio_to_list include/linux/huge_mm.h
 * @see reference B.2
 */
const splitAndShrink = procedure(
  'shrink_folio_list (split)',
  function* (current: Task, frame: Frame): Running<number> {
    const parts = yield* lookAtParts(current, frame)
    const [head] = parts
    const isSplit = yield* split_folio(current, head, [head.pfn])
    yield* folio_unlock(head)
    yield* folio_put(head)
    if (!isSplit) return 0
    let freed = 0
    for (const part of parts) freed |= yield* shrink_folio_list(current, part)
    return freed
  },
)

/**
 * A huge page that may be dropped, page by page, until one turns out to have been written to since. The caller has locked it, and
 * holds each of its pages.
 *
 * @kernel shrink_folio_list mm/vmscan.c
 * @see reference B.2
 */
const dropFolio = procedure(
  'shrink_folio_list (drop)',
  function* (current: Task, frame: Frame): Running<number> {
    const parts = yield* lookAtParts(current, frame)
    for (const part of parts) if (yield* unmapPage(current, part)) break
    yield* folio_unlock(frame)
    yield* folio_put(...parts)
    return 0
  },
)

/** Replaces every entry that maps the page, until one is met that must stay. Returns true if there is one. */
function* unmapPage(current: Task, frame: Frame): Running<boolean> {
  const { machine } = current
  if (machine.anonVmas.length > 0) return yield* tryToUnmapAreas(current, frame, 0)
  for (const mm of machine.mms) if (yield* try_to_unmap(current, mm, frame)) return true
  return false
}

/** True if the page is on a list of those that may go to swap: never one that nobody has, or of a device, or of a file. */
function isReclaimable(frame: Frame): boolean {
  return !isPageCache(frame) && frame.owner < 0 && (frame.mapcount > 0 || swapCacheReferences(frame) > 0)
}

/**
 * The page gets a slot, unless it has one. One step: it is locked, and allocating a slot is atomic. It is dirty, since
 * nothing is in the slot yet.
 *
 * @returns 0 if there is no slot left
 * @kernel add_to_swap mm/swap_state.c
 * @see reference B.2
 */
export const add_to_swap = procedure(function* add_to_swap({ machine }: Task, frame: Frame): Running<number> {
  return yield* step('give it a slot', () => {
    // What may be dropped gets none: it is not written out.
    if (swapCacheReferences(frame) > 0 || frame.lazyFree) return 1
    const slot = freeSlot(machine)
    if (slot === 0) return 0
    addToSwapCache(frame, slot)
    frame.dirty = true
    return 1
  })
})

/** What came of an entry that maps a page: it is gone from there; it is replaced; or the page stays mapped. */
export const Unmapped = { gone: 0, replaced: 1, kept: 2 } as const

/**
 * Replaces the entry that maps the page by one that names its slot, wherever it is; its watchers hear of it before. If it
 * has gone from where it was found it may have moved, and is looked for again. One that maps a huge page is split first.
 *
 * @returns true if the walk ends at an entry that must stay
 *
 * @kernel try_to_unmap mm/rmap.c
 * @see reference B.2
 */
export const try_to_unmap = procedure(function* try_to_unmap(
  current: Task,
  mm: MmStruct,
  frame: Frame,
): Running<boolean> {
  const page = yield* step('walk the mappings', () =>
    mm.pte.findIndex((pte) => maps(current.machine, pte, frame)),
  )
  if (page < 0) return false
  yield* invalidateRangeStart(current, mm, NotifyEvent.CLEAR, page, page + 1)
  yield* __split_huge_pmd(current, mm, page)
  const unmapped = yield* try_to_unmap_one(current, mm, page, frame)
  yield* invalidateRangeEnd(current, mm, NotifyEvent.CLEAR, page, page + 1)
  if (unmapped === Unmapped.gone) return yield* become(try_to_unmap, current, mm, frame)
  return unmapped === Unmapped.kept
})

/**
 * The same where areas know what links them: those that may map the page are visited one after another, until none does any more.
 * Watchers of each hear of it before anybody has looked whether it maps the page.
 *
 * @param from - which area to go on with, in the order of the walk
 * @kernel try_to_unmap mm/rmap.c
 * @see reference B.2
 */
const tryToUnmapAreas = procedure(
  'try_to_unmap (areas)',
  function* (current: Task, frame: Frame, from: number): Running<boolean> {
    const place = yield* step('walk the areas', () =>
      frame.mapcount > 0 ? rmapOf(current.machine, frame)[from] : undefined,
    )
    if (place === undefined) return false
    const { mm, page } = place
    yield* invalidateRangeStart(current, mm, NotifyEvent.CLEAR, page, page + 1)
    yield* __split_huge_pmd(current, mm, page)
    const unmapped = yield* try_to_unmap_one(current, mm, page, frame)
    yield* invalidateRangeEnd(current, mm, NotifyEvent.CLEAR, page, page + 1)
    if (unmapped === Unmapped.kept) return true
    return yield* become(tryToUnmapAreas, current, frame, from + 1)
  },
)

/**
 * Replaces the entry, if it still maps the page. One step: the page-table lock is held, and the TLBs are flushed under it,
 * since a CPU that could still write would do so unseen. That the page was written to passes from the entry to the page.
 *
 * @returns one of {@link Unmapped}
 * @kernel try_to_unmap_one mm/rmap.c
 * @see reference B.2
 */
export const try_to_unmap_one = procedure(function* try_to_unmap_one(
  current: Task,
  mm: MmStruct,
  page: number,
  frame: Frame,
): Running<number> {
  return yield* mm.ptl.critical('replace the entry', () => unmapEntry(current, mm, page, frame))
})

/**
 * Replaces the entry of `page`, if it maps the page, by one that names its slot. Part of a step, under the page-table lock.
 *
 * @param read - reads what the entry says
 */
export function unmapEntry(
  { machine }: Task,
  mm: MmStruct,
  page: number,
  frame: Frame,
  read = entryState,
): number {
  const pte = mm.pte[page]
  if (!maps(machine, pte, frame)) return Unmapped.gone
  const state = read(pte)
  if (frame.lazyFree) return dropEntry(machine, mm, page, frame)
  setSwapEntry(machine, pte, frame, state)
  flushTlb(machine, mm, page, page + 1)
  if (state.dirty) frame.dirty = true
  putPage(frame)
  return Unmapped.replaced
}

/**
 * A page that may be dropped is, if nobody has written to it since and nobody else has it; otherwise it is kept, and goes to swap the
 * next time. Part of a step, under the page-table lock.
 */
function dropEntry(machine: Machine, mm: MmStruct, page: number, frame: Frame): number {
  const pte = mm.pte[page]
  if (pte.dirty) frame.dirty = true
  const parts = partsOf(machine, frame)
  const isDirty = parts.some((part) => part.dirty)
  if (isDirty || parts.some(({ refcount, mapcount }) => refcount !== 1 + mapcount)) {
    if (isDirty) for (const part of parts) part.lazyFree = false
    return Unmapped.kept
  }
  clearPte(machine, pte)
  flushTlb(machine, mm, page, page + 1)
  putPage(frame)
  const expected = ownExpected(mm, page)
  claim(
    'C39',
    expected.value === expected.given,
    `page ${page} of ${mm.name} is dropped, and was written after it was given up`,
  )
  expected.value = 0
  expected.given = 0
  return Unmapped.replaced
}

/** An exclusive entry is replaced like another where it keeps the mapping; otherwise it is none, and keeps its page in memory. */
function maps({ rules }: Machine, pte: Pte, frame: Frame): boolean {
  const { kind } = READ_ONCE(pte)
  const isTaken = kind === PteKind.deviceExclusive && rules.exclusiveByPage
  const isMapping = kind === PteKind.present || kind === PteKind.protnone || isTaken
  return isMapping && READ_ONCE(pte).frame === frame.pfn
}

/**
 * Writes the page to its slot, if it holds something else. One step: nobody maps it, who wants to waits for its lock,
 * and who reads its slot is given the page.
 *
 * @kernel pageout mm/vmscan.c, swap_writepage
 * @see reference B.2
 */
export const pageout = procedure(function* pageout({ machine }: Task, frame: Frame): Running<void> {
  yield* step('write the page to its slot', () => {
    if (frame.mapcount > 0 || !frame.dirty) return 0
    if (folioFreeSwap(machine, frame)) return 0
    slotOf(machine, frame.swapCache).contents = frame.contents
    frame.dirty = false
    return 0
  })
})

/**
 * Takes the page out of the swap cache and gives it back, if it is clean and nobody else has a reference to it; then
 * lets go of it. One step: the count is compared and frozen atomically.
 *
 * @returns 1 if it is free, 0 if it stays
 * @kernel __remove_mapping mm/vmscan.c
 * @see reference B.2
 */
const __remove_mapping = procedure(function* __remove_mapping(
  { machine }: Task,
  frame: Frame,
): Running<number> {
  const isFree = yield* step('let go of the page', () => {
    const cached = swapCacheReferences(frame)
    const isOurs = frame.mapcount === 0 && frame.refcount === 1 + cached
    if (!isOurs || (cached && frame.dirty)) return 0
    // The count is frozen at zero: nobody sees that the page is unlocked before it is free.
    if (cached) deleteFromSwapCache(machine, frame)
    unlockPage(frame)
    putPage(frame)
    return 1
  })
  if (isFree) return 1
  yield* folio_unlock(frame)
  yield* folio_put(frame)
  return 0
})
