/**
 * Splitting a mapping: a page table takes the place of the one entry that maps a huge page, whose parts they remain.
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
 * Splits the mapping of the huge page at `page`, if there is one. Its pages stay where they are, and part of the huge page;
 * watchers are told that all of them go, since a device may have one translation for the whole. In the middle of an
 * invalidation this is another within it.
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
 * Replaces the entry. One step: the page-table lock is held, and the entry is not there between the flush and the new one.
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
 * The pages of `pmd` have entries of their own, which say what the huge one said. Called inside an
 * atomic step, under the page-table lock.
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
 * Splits what lies across the first or the last page of a range whose area is to be changed: an area may end within what a
 * page table covers, and not within what a huge page does. Whether there is a huge page at all is looked at only when watchers
 * have been told: the whole block that its entry would cover goes, also where it has a page table. Under the mmap lock for
 * writing.
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
    // What is split off at the start does not count at the end.
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

/** True if an area that reaches over all that one entry would cover is to end there, at `edge`. @kernel split_huge_pmd_if_needed */
function splitsBlock(mm: MmStruct, edge: number, from: number): boolean {
  const pmd = pmdAt(mm, edge)
  if (pmd === undefined || pmd.start === edge || !pmd.isWhole || pmd.start < from) return false
  if (mm.vma[pmd.start].kind === VmaKind.none) return false
  return areaEnd(mm, pmd.start, pmd.end) === pmd.end
}

/**
 * Watchers are told of the whole block, and then it is split if it is a huge page.
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
