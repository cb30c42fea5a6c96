/**
 * Advice on what one entry maps whole: a huge page is given up or reclaimed as it is, or split where the advice ends within it.
 *
 * @see reference B.2
 * @module
 */

import {
  type Frame,
  folioOf,
  isDevicePrivate,
  type Machine,
  type MmStruct,
  ownExpected,
  type Pmd,
  PmdKind,
  PteKind,
  type Task,
  ZERO_PAGE,
} from '../../../machine/index.js'
import { claim, procedure, type Running } from '../../../world/index.js'
import { folio_lock, folio_put, folio_unlock, getPage, mapsPage, tryLockPage, unlockPage } from '../page.js'
import { partsOf } from '../rmap.js'
import { flushTlb } from '../tlb.js'
import { split_folio } from './folio.js'

/** What an entry above the page tables may be that is not present. @kernel pmd_is_migration_entry, pmd_is_device_private_entry */
const NON_PRESENT: readonly PteKind[] = [PteKind.migration, PteKind.devicePrivate]

/** What came of the entry above: its page table is to be gone through, or nothing is left to do. A frame is a huge page to deal with. */
const Advised = { table: 0, done: -1 } as const

/**
 * The huge page that the entry maps, if it is one in system memory that no other entry maps. Called
 * inside an atomic step, under the page-table lock: whoever looked before without it may find that
 * the page has migrated since.
 *
 * @param known - what the entry may be that is not present
 */
function hugePageOf(machine: Machine, mm: MmStruct, pmd: Pmd, known: readonly PteKind[]): Frame | undefined {
  const pte = mm.pte[pmd.start]
  if (!mapsPage(pte)) {
    claim(
      'pmd-entries',
      known.includes(pte.kind),
      `a walker meets an entry above page ${pmd.start} of ${mm.name} that is not present, and does not know it`,
    )
    return undefined
  }
  const head = machine.frames[pte.frame]
  if (head.pfn === ZERO_PAGE || isDevicePrivate(head)) return undefined
  return partsOf(machine, head).every(({ mapcount }) => mapcount === 1) ? head : undefined
}

/**
 * What the huge page holds may be dropped, until it is written again: one entry says so of all of it. Where the advice ends within
 * it, it is split first.
 *
 * @param start - the first page that is given up
 * @param end - the page after the last
 * @returns true if nothing is left to do; otherwise there is a page table, and its entries come next
 * @kernel madvise_free_huge_pmd mm/huge_memory.c
 * @see reference B.2
 */
export const madvise_free_huge_pmd = procedure(function* madvise_free_huge_pmd(
  current: Task,
  mm: MmStruct,
  pmd: Pmd,
  start: number,
  end: number,
): Running<boolean> {
  const found = yield* mm.ptl.critical('clean the huge entry', () =>
    freeHugePmd(current, mm, pmd, start, end),
  )
  if (found <= 0) return found !== Advised.table
  return !(yield* splitLocked(current, current.machine.frames[found]))
})

/**
 * Cleans the entry, or takes the folio lock and a reference of a huge page that is to be split.
 * Called inside an atomic step, under the page-table lock.
 *
 * @param known - what the entry may be that is not present
 * @returns whether there is a page table (0), nothing is left to do (-1), or the frame to split
 */
export function freeHugePmd(
  { machine }: Task,
  mm: MmStruct,
  pmd: Pmd,
  start: number,
  end: number,
  known = NON_PRESENT,
): number {
  if (pmd.kind !== PmdKind.huge) return Advised.table
  const head = hugePageOf(machine, mm, pmd, known)
  if (head === undefined || !tryLockPage(head)) return Advised.done
  if (start !== pmd.start || end !== pmd.end) {
    getPage(head)
    return head.pfn
  }
  unlockPage(head)
  for (const part of partsOf(machine, head)) {
    part.dirty = false
    part.lazyFree = true
  }
  for (let page = start; page < end; page++) {
    mm.pte[page].dirty = false
    const expected = ownExpected(mm, page)
    expected.given = expected.value
  }
  flushTlb(machine, mm, pmd.start, pmd.end)
  return Advised.done
}

/**
 * Isolates the huge page, which is to be reclaimed. Where the advice ends within it, it is split first; whoever has its lock is waited
 * for.
 *
 * @param start - the first page that is to be reclaimed
 * @param end - the page after the last
 * @returns the huge page that is isolated; 0 if there is a page table, and its entries come next; -1 if nothing is left to do
 * @kernel madvise_cold_or_pageout_pte_range mm/madvise.c (pmd_trans_huge)
 * @see reference B.2
 */
export const madvise_cold_or_pageout_huge_pmd = procedure(function* madvise_cold_or_pageout_huge_pmd(
  current: Task,
  mm: MmStruct,
  pmd: Pmd,
  start: number,
  end: number,
): Running<number> {
  const found = yield* mm.ptl.critical('isolate the huge page', () =>
    isolateHugePmd(current, mm, pmd, start, end),
  )
  if (found <= 0 || (start === pmd.start && end === pmd.end)) return found
  const frame = current.machine.frames[found]
  yield* folio_lock(frame)
  return (yield* splitLocked(current, frame)) ? Advised.table : Advised.done
})

/**
 * Finds the huge page. One that is to be split gets a reference. Called inside an atomic step,
 * under the page-table lock.
 *
 * @param known - what the entry may be that is not present
 * @returns as {@link madvise_cold_or_pageout_huge_pmd}, or the frame to split
 */
export function isolateHugePmd(
  { machine }: Task,
  mm: MmStruct,
  pmd: Pmd,
  start: number,
  end: number,
  known = NON_PRESENT,
): number {
  if (pmd.kind !== PmdKind.huge) return Advised.table
  const head = hugePageOf(machine, mm, pmd, known)
  if (head === undefined) return Advised.done
  if (start !== pmd.start || end !== pmd.end) getPage(head)
  return head.pfn
}

/**
 * A part of a huge page that is mapped by entries of its own: where nobody else maps any part, and
 * nobody has locked it, it is locked and held, and is to be split. Called inside an atomic step,
 * under the page-table lock.
 *
 * @returns its first part; 0 if it stays as it is
 * @kernel madvise_free_pte_range, madvise_cold_or_pageout_pte_range (folio_test_large)
 */
export function holdToSplit(machine: Machine, part: Frame): number {
  const isShared = partsOf(machine, part).some(({ mapcount }) => mapcount > 1)
  const head = folioOf(part)
  if (isShared || !tryLockPage(head)) return 0
  getPage(head)
  return head.pfn
}

/**
 * Splits the huge page that begins at `frame`, which the caller has locked and holds; both are given up.
 *
 * @returns 1 if it is split
 * @kernel madvise_cold_or_pageout_pte_range mm/madvise.c
 * @see reference B.2
 */
export const splitLocked = procedure(
  'split_folio (advice)',
  function* (current: Task, frame: Frame): Running<number> {
    const isSplit = yield* split_folio(current, frame, [frame.pfn])
    yield* folio_unlock(frame)
    yield* folio_put(frame)
    return isSplit
  },
)
