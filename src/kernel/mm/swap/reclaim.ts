/**
 * Reclaim: when memory is short, writes pages to swap and frees them.
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
 * Frees the page if possible: allocates a swap slot, unmaps the page everywhere, writes it to its
 * slot if it is dirty, and frees it if no other reference was taken meanwhile. The folio lock is
 * held throughout: a fault on the slot waits for it.
 *
 * @returns 1 if the page is freed, 0 if it stays
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
    // A lazily freed huge page is dropped without splitting: each part is referenced while its
    // entries are cleared.
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

/**
 * What was locked and referenced: nothing, a single page, a huge page that may be dropped, or a
 * huge page that must be split before it is written out.
 */
const Held = { no: 0, page: 1, toDrop: 2, toSplit: 3 } as const

/** The parts of the huge page. The folio lock is held, so it is not split. */
function* lookAtParts({ machine }: Task, frame: Frame): Running<readonly Frame[]> {
  return yield* step('look at the parts', () => partsOf(machine, frame))
}

/**
 * Splits a huge page for which there are no contiguous swap slots, and reclaims each of its pages.
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
 * Drops a lazily freed huge page, page by page, until one turns out to be dirty. The caller has
 * locked it and holds a reference to each of its pages.
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

/**
 * Replaces every entry that maps the page, up to the first that must stay. Returns true if there is
 * one.
 */
function* unmapPage(current: Task, frame: Frame): Running<boolean> {
  const { machine } = current
  if (machine.anonVmas.length > 0) return yield* tryToUnmapAreas(current, frame, 0)
  for (const mm of machine.mms) if (yield* try_to_unmap(current, mm, frame)) return true
  return false
}

/** True if the page can be swapped out: it is in use, anonymous, and not of a device. */
function isReclaimable(frame: Frame): boolean {
  return !isPageCache(frame) && frame.owner < 0 && (frame.mapcount > 0 || swapCacheReferences(frame) > 0)
}

/**
 * Allocates a swap slot for the page unless it has one. One step: the page is locked, and
 * allocating a slot is atomic. The page becomes dirty, since the slot is empty.
 *
 * @returns 0 if no slot is free
 * @kernel add_to_swap mm/swap_state.c
 * @see reference B.2
 */
export const add_to_swap = procedure(function* add_to_swap({ machine }: Task, frame: Frame): Running<number> {
  return yield* step('give it a slot', () => {
    // A lazily freed page needs no slot: it is not written out.
    if (swapCacheReferences(frame) > 0 || frame.lazyFree) return 1
    const slot = freeSlot(machine)
    if (slot === 0) return 0
    addToSwapCache(frame, slot)
    frame.dirty = true
    return 1
  })
})

/**
 * The result for one entry: it no longer maps the page, it was replaced, or it stays and keeps the
 * page mapped.
 */
export const Unmapped = { gone: 0, replaced: 1, kept: 2 } as const

/**
 * Replaces every entry that maps the page by a swap entry, each after an invalidation. If an entry
 * is no longer where the walk found it, mremap may have moved it, and the walk looks for it again.
 * A PMD that maps a huge page is split first.
 *
 * @returns true if the walk stopped at an entry that must stay
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
 * The same on a machine with anon_vmas: the rmap walk visits the VMAs that may map the page, until
 * it is unmapped. Each VMA gets an invalidation before the walk looks whether it maps the page.
 *
 * @param from - index of the VMA to visit next, in the order of the rmap walk
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
 * Replaces the entry if it still maps the page. One step: the page-table lock is held until the
 * TLBs are flushed, since a later write by a CPU would be lost. The dirty bit is transferred from
 * the entry to the page.
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
 * Replaces the entry of `page` by a swap entry if it maps the page. Called inside an atomic step,
 * under the page-table lock.
 *
 * @param read - reads the bits of the entry
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
 * Drops a lazily freed page if it is clean and has no other references. Otherwise it stays, and is
 * swapped out the next time. Called inside an atomic step, under the page-table lock.
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

/**
 * In a release in which a device-exclusive entry keeps the mapping, it is replaced like any other.
 * In the others it is not a mapping, and keeps its page in memory.
 */
function maps({ rules }: Machine, pte: Pte, frame: Frame): boolean {
  const { kind } = READ_ONCE(pte)
  const isTaken = kind === PteKind.deviceExclusive && rules.exclusiveByPage
  const isMapping = kind === PteKind.present || kind === PteKind.protnone || isTaken
  return isMapping && READ_ONCE(pte).frame === frame.pfn
}

/**
 * Writes the page to its slot if it is dirty. One step: the page is not mapped, a fault waits for
 * its lock, and a swap-in finds it in the swap cache.
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
 * Removes the page from the swap cache and frees it, if it is clean and has no other references;
 * then unlocks it. One step: the count is compared and frozen atomically.
 *
 * @returns 1 if the page is free, 0 if it stays
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
    // The count is frozen at zero: no other thread sees the page unlocked before it is free.
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
