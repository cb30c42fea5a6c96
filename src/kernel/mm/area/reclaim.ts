/**
 * MADV_FREE and MADV_PAGEOUT.
 *
 * @module
 */
import {
  Errno,
  type Frame,
  type Machine,
  type MmStruct,
  NotifyEvent,
  ownExpected,
  type Pte,
  PteKind,
  pmdAt,
  type Task,
  VM_LOCKED,
  VmaKind,
  ZERO_PAGE,
} from '../../../machine/index.js'
import { become, procedure, type Running, step } from '../../../world/index.js'
import { invalidateRangeEnd, invalidateRangeStart } from '../../mmu_notifier/index.js'
import {
  holdToSplit,
  madvise_cold_or_pageout_huge_pmd,
  madvise_free_huge_pmd,
  splitLocked,
} from '../huge/advice.js'
import { mapsPage } from '../page.js'
import { shrink_folio_list } from '../swap/reclaim.js'
import { clearSwapEntry, folioFreeSwap, freeSwapAndCache } from '../swap/slots.js'
import { flushTlb } from '../tlb.js'
import { walkAreas } from './madvise.js'

/**
 * MADV_FREE: reclaim may drop the pages of the range until they are written again. A dropped page
 * reads as zeroes. Device-private and device-exclusive entries are skipped.
 *
 * @returns 0; -ENOMEM if the range has a hole, after its VMAs are handled; -EINVAL at the first VMA
 * that is mlocked or is not private anonymous memory
 * @kernel madvise_free_single_vma mm/madvise.c, madvise with MADV_FREE
 * @see reference B.2
 */
export const madvise_free = procedure(function* madvise_free(
  current: Task,
  page: number,
  pages: number,
): Running<number> {
  const { mm } = current
  yield* mm.mmapLock.lockRead()
  const error = yield* walkAreas(mm, page, page + pages, function* ({ start, end }) {
    const isRefused = yield* step('check the area', () =>
      isLocked(mm, start) || mm.vma[start].kind !== VmaKind.anonymous ? 1 : 0,
    )
    if (isRefused) return -Errno.EINVAL
    yield* invalidateRangeStart(current, mm, NotifyEvent.CLEAR, start, end)
    for (let at = start; at < end; at++) {
      const pmd = pmdAt(mm, at)
      const last = Math.min(pmd?.end ?? end, end)
      if (pmd && (at === start || at === pmd.start))
        if (yield* madvise_free_huge_pmd(current, mm, pmd, at, last)) {
          at = last - 1
          continue
        }
      yield* madvise_free_pte_range(current, mm, at)
    }
    yield* invalidateRangeEnd(current, mm, NotifyEvent.CLEAR, start, end)
    return 0
  })
  yield* mm.mmapLock.unlockRead()
  return error
})

/**
 * Handles one entry: marks it and its page clean, and the page lazily freed. A swap entry is
 * cleared at once. One step: the page-table lock is held until the TLBs are flushed, so that the
 * next write sets the dirty bit. A large folio is split first.
 *
 * @kernel madvise_free_pte_range mm/madvise.c
 * @see reference B.2
 */
const madvise_free_pte_range = procedure(function* madvise_free_pte_range(
  current: Task,
  mm: MmStruct,
  page: number,
): Running<void> {
  const { machine } = current
  const folio = yield* mm.ptl.critical('clean an entry', () => {
    const pte = mm.pte[page]
    if (pte.kind === PteKind.swap) {
      freeSwapAndCache(machine, clearSwapEntry(machine, pte))
      ownExpected(mm, page).value = 0
      return 0
    }
    if (!isOfSystem(machine, pte)) return 0
    const frame = machine.frames[pte.frame]
    if (frame.compound) return holdToSplit(machine, frame)
    if (!cleanPage(machine, frame)) return 0
    pte.dirty = false
    flushTlb(machine, mm, page, page + 1)
    if (frame.swapCache === 0) {
      frame.lazyFree = true
      const expected = ownExpected(mm, page)
      expected.given = expected.value
    }
    return 0
  })
  if (folio > 0 && (yield* splitLocked(current, machine.frames[folio])))
    yield* become(madvise_free_pte_range, current, mm, page)
})

/**
 * True if the page is clean now, and may be dropped. A shared page that is dirty or in the swap
 * cache stays as it is. Called inside an atomic step.
 */
function cleanPage(machine: Machine, frame: Frame): boolean {
  if (!frame.dirty && frame.swapCache === 0) return true
  if (frame.mapcount !== 1 || frame.locked !== 0) return false
  if (frame.swapCache > 0 && !folioFreeSwap(machine, frame)) return false
  frame.dirty = false
  return true
}

/**
 * True if the entry maps a page of system memory other than the zero page. Called inside an atomic
 * step, under the page-table lock.
 *
 * @kernel vm_normal_page
 */
function isOfSystem({ frames }: Machine, pte: Pte): boolean {
  return mapsPage(pte) && pte.frame !== ZERO_PAGE && frames[pte.frame].owner < 0
}

function isLocked({ vma }: MmStruct, page: number): boolean {
  return (vma[page].flags & VM_LOCKED) !== 0
}

/**
 * MADV_PAGEOUT: reclaims the pages of the range that are mapped once. Each is swapped out, or
 * dropped if it is lazily freed.
 *
 * @returns 0; -ENOMEM if the range has a hole, after its VMAs are handled; -EINVAL at the first
 * mlocked VMA
 * @kernel madvise_cold_or_pageout_pte_range mm/madvise.c, madvise with MADV_PAGEOUT
 * @see reference B.2
 */
export const madvise_pageout = procedure(function* madvise_pageout(
  current: Task,
  page: number,
  pages: number,
): Running<number> {
  const { mm } = current
  yield* mm.mmapLock.lockRead()
  const error = yield* walkAreas(mm, page, page + pages, function* ({ start, end }) {
    if (yield* step('check VM_LOCKED', () => (isLocked(mm, start) ? 1 : 0))) return -Errno.EINVAL
    for (let at = start; at < end; at++) {
      const pmd = pmdAt(mm, at)
      const last = Math.min(pmd?.end ?? end, end)
      if (pmd && (at === start || at === pmd.start)) {
        const huge = yield* madvise_cold_or_pageout_huge_pmd(current, mm, pmd, at, last)
        if (huge > 0) yield* shrink_folio_list(current, current.machine.frames[huge])
        if (huge !== 0) {
          at = last - 1
          continue
        }
      }
      yield* pageoutEntry(current, mm, at)
    }
    return 0
  })
  yield* mm.mmapLock.unlockRead()
  return error
})

/**
 * Reclaims the page of one entry if it is mapped once. A large folio is split first.
 *
 * @kernel madvise_cold_or_pageout_pte_range mm/madvise.c
 * @see reference B.2
 */
const pageoutEntry = procedure(
  'madvise_cold_or_pageout_pte_range',
  function* (current: Task, mm: MmStruct, page: number): Running<void> {
    const { machine } = current
    const found = yield* mm.ptl.critical('isolate the page', () => {
      const pte = mm.pte[page]
      if (!isOfSystem(machine, pte)) return 0
      const frame = machine.frames[pte.frame]
      if (frame.compound) {
        const folio = holdToSplit(machine, frame)
        return folio > 0 ? -folio : 0
      }
      return frame.mapcount === 1 ? pte.frame : 0
    })
    if (found > 0) yield* shrink_folio_list(current, machine.frames[found])
    if (found < 0 && (yield* splitLocked(current, machine.frames[-found])))
      yield* become(pageoutEntry, current, mm, page)
  },
)
