/**
 * Splitting a mapping: a page table replaces the PMD that maps a huge page. The folio itself is not
 * split.
 *
 * @see reference B.2
 * @module
 */

import {
  hugePmdAt,
  type Machine,
  type MmStruct,
  NotifyEvent,
  type Pmd,
  PmdKind,
  pmdAt,
  type Task,
  VmaKind,
} from '../../../machine/index.js'
import { become, procedure, type Running, step } from '../../../world/index.js'
import { invalidateRangeEnd, invalidateRangeStart } from '../../mmu_notifier/index.js'
import { areaEnd } from '../area/vma.js'
import { flushTlb } from '../tlb.js'

/**
 * Splits the PMD of `page` if it maps a huge page. The folio stays as it is; the invalidation
 * covers all of its pages, since a device may have one translation for the whole. If the caller has
 * an open invalidation, this one nests in it.
 *
 * @kernel __split_huge_pmd mm/huge_memory.c
 * @see reference B.2
 */
export const __split_huge_pmd = procedure(function* __split_huge_pmd(
  current: Task,
  mm: MmStruct,
  page: number,
): Running<void> {
  const pmd = pmdAt(mm, page)
  if (pmd === undefined) return
  const isHuge = yield* step('look at the entry above', () => (hugePmdAt(mm, page) ? 1 : 0))
  if (!isHuge) return
  yield* become(split_huge_pmd_address, current, mm, pmd)
})

/**
 * Replaces the PMD. One step: the page-table lock is held, and the PMD is not present between the
 * flush and the new entry.
 *
 * @kernel __split_huge_pmd_locked mm/huge_memory.c
 * @see reference B.2
 */
export const __split_huge_pmd_locked = procedure(function* __split_huge_pmd_locked(
  { machine }: Task,
  mm: MmStruct,
  pmd: Pmd,
): Running<void> {
  yield* mm.ptl.critical('put a page table in its place', () => {
    replaceByTable(machine, mm, pmd)
    return 0
  })
})

/**
 * Replaces `pmd` by a page table whose entries have its bits. Called inside an atomic step, under
 * the page-table lock.
 *
 * @returns true if it was a huge page
 */
export function replaceByTable(machine: Machine, mm: MmStruct, pmd: Pmd): boolean {
  if (pmd.kind !== PmdKind.huge) return false
  pmd.kind = PmdKind.table
  flushTlb(machine, mm, pmd.start, pmd.end)
  return true
}

/**
 * Splits a huge page across the start or the end of a range that will become a VMA of its own: a
 * VMA must not end inside a huge page. The kernel looks for a huge page only after the
 * invalidation, which therefore covers the whole block of the PMD even if it refers to a page
 * table. The mmap lock is held for writing.
 *
 * @kernel vma_adjust_trans_huge mm/huge_memory.c
 * @see reference B.2
 */
export const vma_adjust_trans_huge = procedure(function* vma_adjust_trans_huge(
  current: Task,
  mm: MmStruct,
  start: number,
  end: number,
): Running<void> {
  const across = yield* step('look where the areas end', () => {
    const first = splitsBlock(mm, start, 0) ? 1 : 0
    // The part that was split off at the start does not count at the end.
    return first | (splitsBlock(mm, end, start) ? 2 : 0)
  })
  for (const [edge, bit] of [
    [start, 1],
    [end, 2],
  ]) {
    const pmd = pmdAt(mm, edge)
    if (pmd !== undefined && across & bit) yield* split_huge_pmd_address(current, mm, pmd)
  }
})

/**
 * True if a VMA that covers a whole PMD will end inside it, at `edge`.
 *
 * @kernel split_huge_pmd_if_needed
 */
function splitsBlock(mm: MmStruct, edge: number, from: number): boolean {
  const pmd = pmdAt(mm, edge)
  if (pmd === undefined || pmd.start === edge || !pmd.isWhole || pmd.start < from) return false
  if (mm.vma[pmd.start].kind === VmaKind.none) return false
  return areaEnd(mm, pmd.start, pmd.end) === pmd.end
}

/**
 * Invalidates the whole block of the PMD, then splits it if it maps a huge page.
 *
 * @kernel split_huge_pmd_address mm/huge_memory.c
 * @see reference B.2
 */
export const split_huge_pmd_address = procedure(function* split_huge_pmd_address(
  current: Task,
  mm: MmStruct,
  pmd: Pmd,
): Running<void> {
  yield* invalidateRangeStart(current, mm, NotifyEvent.CLEAR, pmd.start, pmd.end)
  yield* __split_huge_pmd_locked(current, mm, pmd)
  yield* invalidateRangeEnd(current, mm, NotifyEvent.CLEAR, pmd.start, pmd.end)
})
