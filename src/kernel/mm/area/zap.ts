/**
 * Zapping: clears the page-table entries of a range. The invalidation opens before the first entry
 * changes; the TLBs are flushed and the pages freed after its end.
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
 * Clears the entries from `start` to `end`, and gathers the pages that they mapped. One page-table
 * lock section for each entry: other threads may see the range partly cleared at any entry. The
 * data of a private page is lost here.
 *
 * @returns the frames to free after the TLB flush, including the zero page
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
      // The owner of a page that is now free is called under the page-table lock.
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
 * Clears the entry of `page`. Called inside an atomic step, under the page-table lock.
 *
 * @returns the frame that it mapped, to be freed after the TLB flush; {@link NOTHING}; or a page
 * that is now free and whose owner must be called
 */
function clearEntryAt(current: Task, mm: MmStruct, page: number): number | Frame {
  const pte = mm.pte[page]
  if (pte.kind === PteKind.none) return NOTHING
  loseData(mm, page)
  if (mapsPage(pte)) return clearPte(current.machine, pte)
  return zapEntry(current, pte) ?? NOTHING
}

/**
 * Returns `freed` to its owner, and drops the page-table lock, which the caller holds.
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

/**
 * The result for a PMD: it refers to a page table whose entries come next, or it maps no page any
 * more.
 */
const Zapped = { table: -1, nothing: -2 } as const

/** Ghost: the contents of the page are lost, unless mremap has moved its VMA with the contents. */
function loseData(mm: MmStruct, page: number): void {
  const isElsewhere =
    mm.tracksMoves &&
    mm.vma.some(
      ({ kind, data }, other) => other !== page && kind !== VmaKind.none && data === mm.vma[page].data,
    )
  if (!isElsewhere) ownExpected(mm, page).value = 0
}

/**
 * Clears the PMD of `page` if it maps a huge page and the range covers all of it; a huge page that
 * the range covers in part is split.
 *
 * @returns the first frame that it mapped, or one of `Zapped`
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
    // As for a single entry.
    if (typeof zapped === 'number') mm.ptl.release()
    return zapped
  })
  if (typeof zapped === 'number') return zapped
  yield* freeUnderLock(mm, zapped)
  return Zapped.nothing
})

/**
 * Called inside an atomic step, under the page-table lock. Returns as {@link zap_huge_pmd}, or the
 * pages that are now free and whose owner must be called.
 */
function zapHugePmd(current: Task, mm: MmStruct, pmd: Pmd, isWhole: boolean): number | readonly Frame[] {
  if (isPmdNone(mm, pmd)) return Zapped.nothing
  if (!isWhole || pmd.kind !== PmdKind.huge) return Zapped.table
  for (let at = pmd.start; at < pmd.end; at++) loseData(mm, at)
  if (mapsPage(mm.pte[pmd.start])) return clearHugePmd(current.machine, mm, pmd)
  // A device-private or migration PMD.
  const freed = mm.pte.slice(pmd.start, pmd.end).flatMap((pte) => zapEntry(current, pte) ?? [])
  pmd.kind = PmdKind.none
  return freed.length > 0 ? freed : Zapped.nothing
}

/**
 * Clears an entry that no TLB can hold, so its page need not wait for the flush: a device-private
 * or device-exclusive page is put, a swap slot is freed, a migration entry is cleared. Called
 * inside an atomic step, under the page-table lock.
 *
 * @returns the page, if it is now free and its owner must be called: see {@link putPage}
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
    // A device-exclusive entry holds a reference. It counts as a mapping only since Linux 6.15
    // (make_device_exclusive).
    if (isExclusive && machine.rules.exclusiveByPage) removeRmap(frame)
    if (isExclusive) putPage(frame)
    return undefined
  }
  const frame = machine.frames[clearPte(machine, pte)]
  // Another thread is migrating the page, or has just mapped it, and will find it unmapped.
  if (unobserved(() => frame.mapcount === 0 && frame.refcount > 1)) frame.lifecycle?.signal('UNMAPPED')
  return putPage(frame) ? frame : undefined
}

/**
 * Ends a zap: flushes the TLBs, then frees the pages. The invalidation is closed by then; devices
 * dropped the pages before the first entry changed.
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
 * Frees page tables that are empty, so that a huge page can be mapped in their place.
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
 * A whole zap: opens the invalidation, clears the entries, closes the invalidation, flushes the
 * TLBs, frees the pages. The caller holds the mmap lock.
 *
 * @param event - UNMAP, or CLEAR if the VMA stays
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
