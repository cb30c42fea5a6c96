/**
 * Splitting: a page table takes the place of the one entry that maps a huge page, and the huge page itself may become
 * pages by themselves.
 *
 * @see reference B.2
 * @module
 */
import { become, procedure, READ_ONCE, type Running, step } from '../../../world/index.js'
import { hugePmdAt, type Pmd, PmdKind, pmdAt } from '../../huge.js'
import {
  type Machine,
  type MmStruct,
  NotifyEvent,
  type Pte,
  type Task,
  VmaKind,
  ZERO_PAGE,
} from '../../machine.js'
import { invalidateRangeEnd, invalidateRangeStart } from '../../mmu_notifier/index.js'
import { areaEnd } from '../area/vma.js'
import { flushTlb } from '../fault/cpu.js'
import { clearPte, getPage, putPage, setPte, tryLockPage, unlockPage } from '../page.js'

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
 * The pages of `pmd` have entries of their own, which say what the huge one said. Part of a step, under the page-table lock.
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
const split_huge_pmd_address = procedure(function* split_huge_pmd_address(
  current: Task,
  mm: MmStruct,
  pmd: Pmd,
): Running<void> {
  yield* invalidateRangeStart(current, mm, NotifyEvent.CLEAR, pmd.start, pmd.end)
  yield* __split_huge_pmd_locked(current, mm, pmd)
  yield* invalidateRangeEnd(current, mm, NotifyEvent.CLEAR, pmd.start, pmd.end)
})

/**
 * Makes pages by themselves of the huge page at `page`, so that each can be migrated. It must be held by nobody but its
 * mappings: then they go, and come back as entries of a page table. Of pages that hold nothing but zeroes the zero page
 * takes the place. Of the huge zero page only the mapping is split.
 *
 * @kernel split_folio
 * @see reference B.5 step 1
 */
export const split_huge_page_to_list_to_order = procedure(function* split_huge_page_to_list_to_order(
  current: Task,
  mm: MmStruct,
  page: number,
): Running<void> {
  const { frames, hugePages, mms } = current.machine
  const head = yield* mm.ptl.critical('lock the huge page, unless it is held', () => {
    const pmd = hugePmdAt(mm, page)
    if (pmd === undefined) return NOT_HUGE
    const first = mm.pte[pmd.start].frame
    if (first === ZERO_PAGE) return first
    const parts = frames.slice(first, first + hugePages)
    const isHeld = parts.some((frame) => frame.refcount > frame.mapcount)
    if (isHeld || !tryLockPage(frames[first])) return NOT_HUGE
    getPage(frames[first])
    return first
  })
  if (head === NOT_HUGE) return
  if (head === ZERO_PAGE) {
    yield* __split_huge_pmd(current, mm, page)
    return
  }
  for (const other of mms) yield* remap_page(current, other, head)
  yield* step('pages by themselves', () => {
    for (const frame of frames.slice(head, head + hugePages)) frame.compound = 0
    unlockPage(frames[head])
    putPage(frames[head])
    return 0
  })
})

const NOT_HUGE = -1

/**
 * One address space, if it maps the huge page as a whole: told, and given entries for its pages.
 *
 * @kernel remap_page mm/huge_memory.c
 * @see reference B.2
 */
const remap_page = procedure(function* remap_page(current: Task, mm: MmStruct, head: number): Running<void> {
  const found = yield* step('look for the huge page', () => {
    const at = mm.pmd?.find(({ start }) => READ_ONCE(mm.pte[start]).frame === head && hugePmdAt(mm, start))
    return at === undefined ? NOT_HUGE : at.start
  })
  const pmd = found === NOT_HUGE ? undefined : pmdAt(mm, found)
  if (pmd === undefined) return
  yield* invalidateRangeStart(current, mm, NotifyEvent.CLEAR, pmd.start, pmd.end)
  yield* unmapAndRemap(current, mm, pmd)
  yield* invalidateRangeEnd(current, mm, NotifyEvent.CLEAR, pmd.start, pmd.end)
})

/**
 * The entries of the pages. One step: in between the kernel has migration entries there, which nobody can see the data
 * through.
 *
 * @kernel unmap_folio, remap_page
 */
export const unmapAndRemap = procedure(
  'unmap_folio, remap_page',
  function* ({ machine }: Task, mm: MmStruct, pmd: Pmd): Running<void> {
    yield* mm.ptl.critical('put a page table in its place', () => {
      if (!replaceByTable(machine, mm, pmd)) return 0
      for (const pte of mm.pte.slice(pmd.start, pmd.end)) mapUnusedToZeropage(machine, pte)
      return 0
    })
  },
)

/**
 * The zero page in place of a page that holds nothing but zeroes, which is given back. Part of a step, under the page-table
 * lock, while nobody can write to the page.
 *
 * @kernel try_to_map_unused_to_zeropage
 */
export function mapUnusedToZeropage(machine: Machine, pte: Pte): void {
  const frame = machine.frames[pte.frame]
  if (frame.contents !== 0) return
  clearPte(machine, pte)
  setPte(machine, pte, ZERO_PAGE, false)
  putPage(frame)
}
