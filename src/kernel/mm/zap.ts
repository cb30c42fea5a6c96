/**
 * Zapping: taking the pages of a range out of the page table. Watchers hear of it before the first entry changes;
 * TLBs are flushed and pages freed after they have heard the end.
 *
 * @module
 */
import { procedure, type Running } from '../../world/index.js'
import type { MmStruct, Task } from '../machine.js'
import {
  hasNotifiers,
  mmuNotifierInvalidateRangeEnd,
  mmuNotifierInvalidateRangeStart,
} from '../mmu_notifier/index.js'
import { flushTlbRange } from './cpu.js'
import { clearPte, mapsPage, releasePages } from './page.js'

/** Opens a notifier window of ours, if anybody watches `mm`. It cannot fail: everyone on the way may sleep. */
export function* invalidateRangeStart(
  current: Task,
  mm: MmStruct,
  event: number,
  start: number,
  end: number,
): Running<void> {
  if (!hasNotifiers(mm)) return
  yield* mmuNotifierInvalidateRangeStart(current, mm, { start, end, event, blockable: true, owner: -1 })
}

/** Closes the window that {@link invalidateRangeStart} has opened. */
export function* invalidateRangeEnd(
  current: Task,
  mm: MmStruct,
  event: number,
  start: number,
  end: number,
): Running<void> {
  if (!hasNotifiers(mm)) return
  yield* mmuNotifierInvalidateRangeEnd(current, mm, { start, end, event, blockable: true, owner: -1 })
}

/**
 * Empties the entries from `start` to `end`, and gathers what they mapped. A page-table lock section an entry: that
 * is the finest at which others can see the range go. The data of a private page is lost here.
 *
 * @returns the frames that are to be freed once the TLBs have forgotten them; the zero page is among them
 * @kernel zap_pte_range
 * @see reference B.2
 */
export const zapPteRange = procedure(
  'zap_pte_range',
  function* (current: Task, mm: MmStruct, start: number, end: number): Running<number[]> {
    const gathered: number[] = []
    for (let page = start; page < end; page++) {
      const pfn = yield* mm.ptl.critical('clear an entry', (w) => {
        if (!mapsPage(w, mm.pte[page])) return NOTHING
        mm.expected[page].set(w, 0)
        return clearPte(w, current.machine, mm.pte[page])
      })
      if (pfn !== NOTHING) gathered.push(pfn)
    }
    return gathered
  },
)

const NOTHING = -1

/**
 * What follows a zap: TLBs forget the range, then the pages are freed. By then the window is closed; devices had
 * forgotten the pages before the first entry changed.
 *
 * @param gathered - what {@link zapPteRange} returned
 * @kernel tlb_finish_mmu
 * @see reference B.2
 */
export const tlbFinishMmu = procedure(
  'tlb_finish_mmu',
  function* (current: Task, mm: MmStruct, start: number, end: number, gathered: readonly number[]) {
    if (gathered.length === 0) return
    yield* flushTlbRange(current.machine, mm, start, end)
    yield* releasePages(current.machine, gathered)
  },
)

/**
 * A whole zap: the window, the entries, the end of the window, the flush, the pages. The caller holds the mmap lock.
 *
 * @param event - why: UNMAP, or CLEAR where the area stays
 * @kernel unmap_region, zap_page_range_single
 */
export const zapPageRange = procedure(
  'zap_page_range',
  function* (current: Task, mm: MmStruct, event: number, start: number, end: number): Running<void> {
    yield* invalidateRangeStart(current, mm, event, start, end)
    const gathered = yield* zapPteRange(current, mm, start, end)
    yield* invalidateRangeEnd(current, mm, event, start, end)
    yield* tlbFinishMmu(current, mm, start, end, gathered)
  },
)
