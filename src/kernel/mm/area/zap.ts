/**
 * Zapping: taking the pages of a range out of the page table. Watchers hear of it before the first entry changes;
 * TLBs are flushed and pages freed after they have heard the end.
 *
 * @module
 */

import {
  type Frame,
  type MmStruct,
  NotifyEvent,
  ownExpected,
  type Pmd,
  PmdKind,
  type Pte,
  PteKind,
  pmdAt,
  type Task,
  VmaKind,
} from '../../../machine/index.js'
import { BLOCKED, procedure, type Running, step, unobserved } from '../../../world/index.js'
import { free_zone_device_folio } from '../../memremap/device-page.js'
import { invalidateRangeEnd, invalidateRangeStart } from '../../mmu_notifier/index.js'
import { clearHugePmd, framesOf, isPmdNone } from '../huge/page.js'
import { __split_huge_pmd } from '../huge/split.js'
import { clearMigrationEntry, clearPte, mapsPage, putPage, release_pages, removeRmap } from '../page.js'
import { clearSwapEntry, freeSwapAndCache } from '../swap/slots.js'
import { flush_tlb_range } from '../tlb.js'

/**
 * Empties the entries from `start` to `end`, and gathers what they mapped. A page-table lock section an entry: that
 * is the finest at which others can see the range go. The data of a private page is lost here.
 *
 * @returns the frames that are to be freed once the TLBs have forgotten them; the zero page is among them
 * @kernel zap_pte_range mm/memory.c
 * @see reference B.2
 */
export const zap_pte_range = procedure(function* zap_pte_range(
  current: Task,
  mm: MmStruct,
  start: number,
  end: number,
): Running<number[]> {
  const gathered: number[] = []
  for (let page = start; page < end; page++) {
    const pmd = pmdAt(mm, page)
    if (pmd !== undefined && (page === start || page === pmd.start)) {
      const head = yield* zap_huge_pmd(current, mm, page, end)
      if (head >= 0) gathered.push(...framesOf(current.machine, head))
      if (head !== Zapped.table) {
        page = Math.min(pmd.end, end) - 1
        continue
      }
    }
    const cleared = yield* step('clear an entry', () => {
      if (!mm.ptl.acquire()) return BLOCKED
      const cleared = clearEntryAt(current, mm, page)
      // Of a page that is free its owner is told under the lock.
      if (typeof cleared === 'number') mm.ptl.release()
      return cleared
    })
    if (typeof cleared !== 'number') yield* freeUnderLock(mm, [cleared])
    else if (cleared !== NOTHING) gathered.push(cleared)
  }
  return gathered
})

const NOTHING = -1

/**
 * Empties the entry of `page`. Called inside an atomic step, under the page-table lock.
 *
 * @returns the frame that it mapped, to be freed once the TLBs have forgotten it; {@link NOTHING};
 * or a page that is free, whose owner is still to be told
 */
function clearEntryAt(current: Task, mm: MmStruct, page: number): number | Frame {
  const pte = mm.pte[page]
  if (pte.kind === PteKind.none) return NOTHING
  loseData(mm, page)
  if (mapsPage(pte)) return clearPte(current.machine, pte)
  return zapEntry(current, pte) ?? NOTHING
}

/**
 * Tells the owner of `freed`, and drops the page-table lock, which the caller holds.
 *
 * @kernel zap_pte_range mm/memory.c
 * @see reference B.2
 */
const freeUnderLock = procedure(
  'zap (free under the lock)',
  function* (mm: MmStruct, freed: readonly Frame[]) {
    yield* free_zone_device_folio(freed)
    yield* mm.ptl.unlock()
  },
)

/** What lies above the entries of a range that is zapped: a table to go through, or nothing any more. */
const Zapped = { table: -1, nothing: -2 } as const

/** Ghost: what was in the page is gone, unless its area has been moved elsewhere, with all that was in it. */
function loseData(mm: MmStruct, page: number): void {
  const isElsewhere =
    mm.tracksMoves &&
    mm.vma.some(
      ({ kind, data }, other) => other !== page && kind !== VmaKind.none && data === mm.vma[page].data,
    )
  if (!isElsewhere) ownExpected(mm, page).value = 0
}

/**
 * Empties the entry above `page` if it maps a huge page that is to go as a whole; one that is to go in part is split.
 *
 * @returns the first frame that it mapped, or what is left to do
 * @kernel zap_huge_pmd mm/huge_memory.c, zap_pmd_range
 * @see reference B.2
 */
export const zap_huge_pmd = procedure(function* zap_huge_pmd(
  current: Task,
  mm: MmStruct,
  page: number,
  limit: number,
): Running<number> {
  const pmd = pmdAt(mm, page)
  if (pmd === undefined) return Zapped.table
  const isWhole = page === pmd.start && pmd.end <= limit
  if (!isWhole) yield* __split_huge_pmd(current, mm, page)
  const zapped = yield* step('clear the huge entry', () => {
    if (!mm.ptl.acquire()) return BLOCKED
    const zapped = zapHugePmd(current, mm, pmd, isWhole)
    // As for an entry by itself.
    if (typeof zapped === 'number') mm.ptl.release()
    return zapped
  })
  if (typeof zapped === 'number') return zapped
  yield* freeUnderLock(mm, zapped)
  return Zapped.nothing
})

/**
 * Called inside an atomic step, under the page-table lock. Returns as {@link zap_huge_pmd}, or the
 * pages that are free, whose owner is to be told.
 */
function zapHugePmd(current: Task, mm: MmStruct, pmd: Pmd, isWhole: boolean): number | readonly Frame[] {
  if (isPmdNone(mm, pmd)) return Zapped.nothing
  if (!isWhole || pmd.kind !== PmdKind.huge) return Zapped.table
  for (let at = pmd.start; at < pmd.end; at++) loseData(mm, at)
  if (mapsPage(mm.pte[pmd.start])) return clearHugePmd(current.machine, mm, pmd)
  // In device memory, or on its way.
  const freed = mm.pte.slice(pmd.start, pmd.end).flatMap((pte) => zapEntry(current, pte) ?? [])
  pmd.kind = PmdKind.none
  return freed.length > 0 ? freed : Zapped.nothing
}

/**
 * An entry that no CPU can have cached goes at once: a page of a device, or one that a device has
 * to itself, and a slot are given back, a migration loses its place. Called inside an atomic step,
 * under the page-table lock.
 *
 * @returns the page, if it is free now and its owner is still to be told: see {@link putPage}
 */
function zapEntry({ machine }: Task, pte: Pte): Frame | undefined {
  if (pte.kind === PteKind.swap) {
    freeSwapAndCache(machine, clearSwapEntry(machine, pte))
    return undefined
  }
  if (pte.kind !== PteKind.devicePrivate) {
    const frame = machine.frames[pte.frame]
    const isExclusive = pte.kind === PteKind.deviceExclusive
    clearMigrationEntry(pte)
    // It held a reference, and was no mapping, but where exclusive access is had page by page.
    if (isExclusive && machine.rules.exclusiveByPage) removeRmap(frame)
    if (isExclusive) putPage(frame)
    return undefined
  }
  const frame = machine.frames[clearPte(machine, pte)]
  // Somebody is about to bring it back, or has just put it there, and finds it unwanted.
  if (unobserved(() => frame.mapcount === 0 && frame.refcount > 1)) frame.lifecycle?.signal('UNMAPPED')
  return putPage(frame) ? frame : undefined
}

/**
 * What follows a zap: TLBs forget the range, then the pages are freed. By then the window is closed; devices had
 * forgotten the pages before the first entry changed.
 *
 * @param gathered - what {@link zap_pte_range} returned
 * @kernel tlb_finish_mmu mm/mmu_gather.c
 * @see reference B.2
 */
export const tlb_finish_mmu = procedure(function* tlb_finish_mmu(
  current: Task,
  mm: MmStruct,
  start: number,
  end: number,
  gathered: readonly number[],
) {
  if (gathered.length === 0) return
  yield* flush_tlb_range(current.machine, mm, start, end)
  yield* release_pages(current.machine, gathered)
})

/**
 * Page tables all of which was thrown away are given back, so that a huge page can come in their place.
 *
 * @kernel try_to_free_pte mm/pt_reclaim.c
 * @see reference B.2
 */
export const try_to_free_pte = procedure(function* try_to_free_pte(mm: MmStruct, start: number, end: number) {
  yield* mm.ptl.critical('free the empty page tables', () => {
    for (const pmd of mm.pmd ?? []) {
      const isCovered = pmd.isWhole && start <= pmd.start && pmd.end <= end
      if (isCovered && mm.pte.slice(pmd.start, pmd.end).every(({ kind }) => kind === PteKind.none))
        pmd.kind = PmdKind.none
    }
    return 0
  })
})

/**
 * A whole zap: the window, the entries, the end of the window, the flush, the pages. The caller holds the mmap lock.
 *
 * @param event - why: UNMAP, or CLEAR where the area stays
 * @kernel zap_page_range_single mm/memory.c, unmap_region
 * @see reference B.2
 */
export const zap_page_range = procedure(function* zap_page_range(
  current: Task,
  mm: MmStruct,
  event: NotifyEvent,
  start: number,
  end: number,
): Running<void> {
  yield* invalidateRangeStart(current, mm, event, start, end)
  const gathered = yield* zap_pte_range(current, mm, start, end)
  if (mm.pmd && event === NotifyEvent.CLEAR && current.machine.rules.reclaimsPageTables)
    yield* try_to_free_pte(mm, start, end)
  yield* invalidateRangeEnd(current, mm, event, start, end)
  yield* tlb_finish_mmu(current, mm, start, end, gathered)
})
