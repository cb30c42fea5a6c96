/**
 * Zapping: taking the pages of a range out of the page table. Watchers hear of it before the first entry changes;
 * TLBs are flushed and pages freed after they have heard the end.
 *
 * @module
 */
import { procedure, type Running } from '../../../world/index.js'
import { ownExpected } from '../../address-space.js'
import { PmdKind, pmdAt } from '../../huge.js'
import { type MmStruct, NotifyEvent, type Pte, PteKind, type Task, VmaKind } from '../../machine.js'
import { invalidateRangeEnd, invalidateRangeStart } from '../../mmu_notifier/index.js'
import { flush_tlb_range } from '../fault/cpu.js'
import { clearHugePmd, framesOf, isPmdNone } from '../huge/page.js'
import { __split_huge_pmd } from '../huge/split.js'
import { clearMigrationEntry, clearPte, mapsPage, putPage, release_pages, removeRmap } from '../page.js'
import { clearSwapEntry, freeSwapAndCache } from '../swap/slots.js'

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
    const pfn = yield* mm.ptl.critical('clear an entry', () => {
      const pte = mm.pte[page]
      if (pte.kind === PteKind.none) return NOTHING
      loseData(mm, page)
      if (mapsPage(pte)) return clearPte(current.machine, pte)
      zapEntry(current, pte)
      return NOTHING
    })
    if (pfn !== NOTHING) gathered.push(pfn)
  }
  return gathered
})

const NOTHING = -1

/** Ghost: what was in the page is gone, unless its area has been moved elsewhere, with all that was in it. */
function loseData(mm: MmStruct, page: number): void {
  const isElsewhere =
    mm.tracksMoves &&
    mm.vma.some(
      ({ kind, data }, other) => other !== page && kind !== VmaKind.none && data === mm.vma[page].data,
    )
  if (!isElsewhere) ownExpected(mm, page).value = 0
}

/** What lies above the entries of a range that is zapped: a table to go through, or nothing any more. */
const Zapped = { table: -1, nothing: -2 } as const

/**
 * Empties the entry above `page` if it maps a huge page that is to go as a whole; one that is to go in part is split.
 *
 * @returns the first frame that it mapped, or what is left to do
 * @kernel zap_pmd_range, zap_huge_pmd
 * @see reference B.2
 */
const zap_huge_pmd = procedure(function* zap_huge_pmd(
  current: Task,
  mm: MmStruct,
  page: number,
  limit: number,
): Running<number> {
  const pmd = pmdAt(mm, page)
  if (pmd === undefined) return Zapped.table
  const isWhole = page === pmd.start && pmd.end <= limit
  if (!isWhole) yield* __split_huge_pmd(current, mm, page)
  return yield* mm.ptl.critical('clear the huge entry', () => {
    if (isPmdNone(mm, pmd)) return Zapped.nothing
    if (!isWhole || pmd.kind !== PmdKind.huge) return Zapped.table
    for (let at = pmd.start; at < pmd.end; at++) loseData(mm, at)
    if (mapsPage(mm.pte[page])) return clearHugePmd(current.machine, mm, pmd)
    // In device memory, or on its way.
    for (let at = pmd.start; at < pmd.end; at++) zapEntry(current, mm.pte[at])
    pmd.kind = PmdKind.none
    return Zapped.nothing
  })
})

/**
 * An entry that no CPU can have cached goes at once: a page of a device, or one that a device has to itself, and a slot are
 * given back, a migration loses its place.
 */
function zapEntry({ machine }: Task, pte: Pte): void {
  if (pte.kind === PteKind.swap) {
    freeSwapAndCache(machine, clearSwapEntry(machine, pte))
    return
  }
  if (pte.kind !== PteKind.devicePrivate) {
    const frame = machine.frames[pte.frame]
    const isExclusive = pte.kind === PteKind.deviceExclusive
    clearMigrationEntry(pte)
    // It held a reference, and was no mapping, but where exclusive access is had page by page.
    if (isExclusive && machine.rules.exclusiveByPage) removeRmap(frame)
    if (isExclusive) putPage(frame)
    return
  }
  const frame = machine.frames[clearPte(machine, pte)]
  // Somebody is about to bring it back, or has just put it there, and finds it unwanted.
  if (frame.mapcount === 0 && frame.refcount > 1) frame.lifecycle?.signal('UNMAPPED')
  putPage(frame)
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

/** Page tables all of which was thrown away are given back, so that a huge page can come in their place. @kernel try_to_free_pte */
const try_to_free_pte = procedure(function* try_to_free_pte(mm: MmStruct, start: number, end: number) {
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
 * @kernel unmap_region, zap_page_range_single
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
