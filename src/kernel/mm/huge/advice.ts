/**
 * MADV_FREE and MADV_PAGEOUT on a PMD: a huge page is lazily freed or reclaimed as a whole, or
 * split if the range covers only a part of it.
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

/**
 * The kinds of a PMD that is not present.
 *
 * @kernel pmd_is_migration_entry, pmd_is_device_private_entry
 */
const NON_PRESENT: readonly PteKind[] = [PteKind.migration, PteKind.devicePrivate]

/**
 * The result for a PMD: it refers to a page table whose entries come next, or it is done. A frame
 * number is a huge page that must be split or reclaimed.
 */
const Advised = { table: 0, done: -1 } as const

/**
 * The huge page that the PMD maps, if it is in system memory and mapped once. Called inside an
 * atomic step, under the page-table lock: the page may have been migrated since an earlier read
 * without the lock.
 *
 * @param known - the kinds of a non-present PMD that the release handles
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
 * Marks the huge page lazily freed: reclaim may drop it until it is written again. If the range
 * covers only a part of it, it is split first.
 *
 * @param start - the first page of the range
 * @param end - the page after the last
 * @returns true if the PMD is done; false if it refers to a page table whose entries come next
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
 * Clears the dirty bit of the PMD, or takes the folio lock and a reference to a huge page that must
 * be split. Called inside an atomic step, under the page-table lock.
 *
 * @param known - the kinds of a non-present PMD that the release handles
 * @returns one of `Advised`, or the frame to split
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
 * Isolates the huge page for reclaim. If the range covers only a part of it, it is split first;
 * this waits for the folio lock.
 *
 * @param start - the first page of the range
 * @param end - the page after the last
 * @returns the isolated huge page; 0 if the PMD refers to a page table whose entries come next; -1
 * if it is done
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
 * Finds the huge page, and takes a reference to one that must be split. Called inside an atomic
 * step, under the page-table lock.
 *
 * @param known - the kinds of a non-present PMD that the release handles
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
 * Locks and references a huge page that is mapped by PTEs, so that the caller can split it, if each
 * part is mapped at most once and the folio is not locked. Called inside an atomic step, under the
 * page-table lock.
 *
 * @returns its head page; 0 if it cannot be split now
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
 * Splits the huge page that starts at `frame`, which the caller has locked and referenced. Drops
 * lock and reference.
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
