/**
 * Huge pages: their frames, and the PMD that maps them.
 *
 * @module
 */

import {
  type Machine,
  type MmStruct,
  type Pmd,
  PmdKind,
  PteKind,
  pmdAt,
  VM_HUGEPAGE,
  VmaKind,
  ZERO_PAGE,
} from '../../../machine/index.js'
import { mightSleep, procedure, READ_ONCE, step } from '../../../world/index.js'
import { areaEnd } from '../area/vma.js'
import { clearPte, setPte } from '../page.js'

/**
 * Allocates the contiguous frames of a huge page, zeroed, each with one reference. One step, as for
 * a single page.
 *
 * @returns the first frame, or 0 if there are not enough contiguous free frames
 * @kernel vma_alloc_folio mm/mempolicy.c
 * @see reference B.2
 */
export const allocHugePage = procedure(function* alloc_huge_page({ frames, layout, hugePages }: Machine) {
  return yield* step('take free frames', () => {
    mightSleep(layout, 'an allocation')
    let length = 0
    for (const frame of frames) {
      length = frame.pfn !== ZERO_PAGE && frame.owner < 0 && frame.refcount === 0 ? length + 1 : 0
      if (length < hugePages) continue
      const head = frame.pfn - hugePages + 1
      for (let part = 0; part < hugePages; part++) {
        frames[head + part].refcount = 1
        frames[head + part].contents = 0
        frames[head + part].compound = part + 1
      }
      return head
    }
    return 0
  })
})

/** The frames of the huge page that starts at `head`. The huge zero page has one frame only. */
export function framesOf({ hugePages }: Machine, head: number): number[] {
  return head === ZERO_PAGE ? [ZERO_PAGE] : Array.from({ length: hugePages }, (_, part) => head + part)
}

/** True if the PMD maps no huge page and refers to no page table. @kernel pmd_none */
export function isPmdNone(mm: MmStruct, pmd: Pmd): boolean {
  return (
    READ_ONCE(pmd).kind === PmdKind.none &&
    mm.pte.slice(pmd.start, pmd.end).every((pte) => READ_ONCE(pte).kind === PteKind.none)
  )
}

/**
 * True if a fault on `page` would map a huge page: the PMD is empty, and lies in one VMA of private
 * anonymous memory with huge pages enabled. Called under the mmap lock.
 *
 * @kernel thp_vma_allowable_order, thp_vma_suitable_order
 */
export function wantsHugePage(mm: MmStruct, page: number): boolean {
  const pmd = pmdAt(mm, page)
  if (pmd === undefined || !pmd.isWhole || !isPmdNone(mm, pmd)) return false
  const isWanted =
    mm.vma[pmd.start].kind === VmaKind.anonymous && (mm.vma[pmd.start].flags & VM_HUGEPAGE) !== 0
  return isWanted && areaEnd(mm, pmd.start, pmd.end) === pmd.end
}

/**
 * Maps the huge page that starts at `head`. The PMD takes over the caller's references. Called
 * inside an atomic step, under the page-table lock.
 *
 * @kernel set_pmd_at
 */
export function setHugePmd(machine: Machine, mm: MmStruct, pmd: Pmd, head: number, write: boolean): void {
  pmd.kind = PmdKind.huge
  for (let page = pmd.start; page < pmd.end; page++)
    setPte(machine, mm.pte[page], head === ZERO_PAGE ? ZERO_PAGE : head + page - pmd.start, write)
}

/**
 * Clears the PMD. Its references pass to the caller. Called inside an atomic step, under the
 * page-table lock.
 *
 * @returns the first frame that it mapped
 * @kernel pmdp_huge_get_and_clear
 */
export function clearHugePmd(machine: Machine, mm: MmStruct, pmd: Pmd): number {
  const head = mm.pte[pmd.start].frame
  for (let page = pmd.start; page < pmd.end; page++) clearPte(machine, mm.pte[page])
  pmd.kind = PmdKind.none
  return head
}

/**
 * Allocates a page table if the PMD is empty. Called inside an atomic step, under the page-table
 * lock.
 *
 * @kernel pte_alloc
 */
export function pteAlloc(mm: MmStruct, page: number): void {
  const pmd = pmdAt(mm, page)
  if (pmd?.kind === PmdKind.none) pmd.kind = PmdKind.table
}

/**
 * Frees page tables that no VMA overlaps any more. The mmap lock is held for writing, so no fault
 * runs there.
 *
 * @kernel free_pgtables mm/memory.c
 * @see reference B.2
 */
export const free_pgtables = procedure(function* free_pgtables(mm: MmStruct, start: number, end: number) {
  const above = mm.pmd?.filter((pmd) => start < pmd.end && pmd.start < end) ?? []
  yield* mm.ptl.critical('free the page tables', () => {
    for (const pmd of above)
      if (mm.vma.slice(pmd.start, pmd.end).every((vma) => READ_ONCE(vma).kind === VmaKind.none))
        pmd.kind = PmdKind.none
    return 0
  })
})
