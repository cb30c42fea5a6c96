/**
 * mremap: moves VMAs and their pages to other addresses.
 *
 * @module
 */

import {
  Errno,
  isFileBacked,
  type MmStruct,
  NotifyEvent,
  ownExpected,
  PmdKind,
  type Pte,
  PteKind,
  pmdAt,
  type Task,
  VM_LOCKED,
  VM_UFFD_MISSING,
  VM_UFFD_WP,
  VmaKind,
} from '../../../machine/index.js'
import { become, type Procedure, procedure, type Running, step } from '../../../world/index.js'
import { invalidateRangeEnd, invalidateRangeStart } from '../../mmu_notifier/index.js'
import { free_pgtables, isPmdNone, pteAlloc } from '../huge/page.js'
import { __split_huge_pmd, vma_adjust_trans_huge } from '../huge/split.js'
import { unmerge_ksm_pages } from '../ksm.js'
import { clearEntry } from '../page.js'
import { flushTlb } from '../tlb.js'
import { detachVmas, findVma, leaveData, unmap_region } from './mmap.js'
import { areaEnd, areaStart, beginVma, Merge, mergeVma, splitVma, unlinkPage } from './vma.js'
import { zap_page_range } from './zap.js'

/**
 * Moves `pages` pages at `page` to `to`, and unmaps any previous mapping there. The mmap lock is
 * held for writing throughout.
 *
 * @returns 0; -EINVAL for an empty range, or ranges that overlap; -EFAULT if `page` lies in no VMA,
 * or if the range is not inside one VMA and the release moves only one: then the pages at `to` are
 * unmapped all the same
 * @kernel mremap mm/mremap.c with MREMAP_MAYMOVE, MREMAP_FIXED
 * @see reference B.2
 */
export const mremap = procedure(function* mremap(
  current: Task,
  page: number,
  pages: number,
  to: number,
): Running<number> {
  const { mm, machine } = current
  const overlaps = page < to + pages && to < page + pages
  if (pages === 0 || (machine.rules.movesSeveral && overlaps)) return -Errno.EINVAL
  yield* mm.mmapLock.lockWrite()
  const error = machine.rules.movesSeveral
    ? yield* remap_move(current, mm, { page, end: page + pages, to, move: move_vma }, page)
    : yield* mremap_to(current, mm, page, pages, to, move_vma)
  yield* mm.mmapLock.unlockWrite()
  return error
})

/**
 * The same, but the old VMA stays, without pages: an access to it faults in new ones.
 *
 * @returns as {@link mremap}
 * @kernel mremap mm/mremap.c with MREMAP_MAYMOVE, MREMAP_FIXED, MREMAP_DONTUNMAP
 * @see reference B.2
 */
export const mremapDontUnmap = procedure(
  'mremap (MREMAP_DONTUNMAP)',
  function* (current: Task, page: number, pages: number, to: number): Running<number> {
    const { mm, machine } = current
    const overlaps = page < to + pages && to < page + pages
    if (pages === 0 || (machine.rules.movesSeveral && overlaps)) return -Errno.EINVAL
    yield* mm.mmapLock.lockWrite()
    const error = machine.rules.movesSeveral
      ? yield* remap_move(current, mm, { page, end: page + pages, to, move: moveContents }, page)
      : yield* mremap_to(current, mm, page, pages, to, moveContents)
    yield* mm.mmapLock.unlockWrite()
    return error
  },
)

/** Moves one VMA: {@link move_vma}, or its variant with MREMAP_DONTUNMAP. */
type MoveArea = Procedure<[Task, MmStruct, number, number, number], void>

/**
 * The pages to move, from `page` to `end`; the new address of the first; and the procedure that
 * moves one VMA.
 */
interface Move {
  readonly page: number
  readonly end: number
  readonly to: number
  readonly move: MoveArea
}

/**
 * A VMA that is registered with userfaultfd cannot be moved together with others.
 *
 * @kernel vma_multi_allowed
 */
const REFUSED = -1

/**
 * Moves one VMA after another, from `at` on. Holes between them are kept: pages mapped at the new
 * address of a hole are not unmapped.
 *
 * @returns 0; -EFAULT if the range starts in a hole, or at a VMA that is registered with
 * userfaultfd and is only a part of the range
 * @kernel remap_move mm/mremap.c
 * @see reference B.2
 */
const remap_move = procedure(function* remap_move(
  current: Task,
  mm: MmStruct,
  move: Move,
  at: number,
): Running<number> {
  const { start, end } = yield* step('find the next area', () => {
    const start = findVma(mm, at, move.end)
    if (start === move.end) return { start, end: start }
    const end = areaEnd(mm, start, move.end)
    const isRegistered = (mm.vma[start].flags & (VM_UFFD_MISSING | VM_UFFD_WP)) !== 0
    return isRegistered && (at !== move.page || end !== move.end) ? { start: REFUSED, end } : { start, end }
  })
  if (start === REFUSED) return -Errno.EFAULT
  if (at === move.page && start !== move.page) return -Errno.EFAULT
  if (start === move.end) return 0
  const to = move.to + start - move.page
  yield* do_munmap(current, mm, to, end - start)
  yield* move.move(current, mm, start, end - start, to)
  return end === move.end ? 0 : yield* become(remap_move, current, mm, move, end)
})

/**
 * Moves the one VMA that contains the range. Pages at the new address are unmapped even if no
 * single VMA contains the range.
 *
 * @kernel mremap_to mm/mremap.c
 * @see reference B.2
 */
const mremap_to = procedure(function* mremap_to(
  current: Task,
  mm: MmStruct,
  page: number,
  pages: number,
  to: number,
  move: MoveArea,
): Running<number> {
  const refused = yield* step('check the ranges', () => {
    if (mm.vma[page].kind === VmaKind.none) return -Errno.EFAULT
    return page < to + pages && to < page + pages ? -Errno.EINVAL : 0
  })
  if (refused) return refused
  yield* do_munmap(current, mm, to, pages)
  const fits = yield* step('check the area', () => (areaEnd(mm, page, page + pages) === page + pages ? 1 : 0))
  if (!fits) return -Errno.EFAULT
  yield* move(current, mm, page, pages, to)
  return 0
})

/**
 * Unmaps the pages at the new address.
 *
 * @kernel do_munmap mm/mmap.c
 * @see reference B.2
 */
const do_munmap = procedure(function* do_munmap(
  current: Task,
  mm: MmStruct,
  to: number,
  pages: number,
): Running<void> {
  if (mm.pmd) yield* vma_adjust_trans_huge(current, mm, to, to + pages)
  if (yield* detachVmas(current.machine, mm, to, to + pages)) yield* unmap_region(current, mm, to, to + pages)
})

/**
 * Moves one VMA. For a while both the old and the new VMA exist; no fault can run, since the mmap
 * lock is held for writing.
 *
 * @kernel move_vma mm/mremap.c
 * @see reference B.2
 */
const move_vma = procedure(function* move_vma(
  current: Task,
  mm: MmStruct,
  page: number,
  pages: number,
  to: number,
): Running<void> {
  if (current.machine.hasKsm) yield* unmerge_ksm_pages(current, mm, page, page + pages)
  yield* step('copy the area', () => {
    for (let at = 0; at < pages; at++) copyVma(mm, page + at, to + at)
    beginVma(current.machine, mm, to)
    mergeVma(current.machine, mm, to, to + pages, Merge.either)
    return 0
  })
  yield* move_page_tables(current, mm, page, pages, to)
  if (mm.pmd) yield* vma_adjust_trans_huge(current, mm, page, page + pages)
  yield* detachVmas(current.machine, mm, page, page + pages)
  // No entry is left to zap, but notifiers are invalidated again.
  yield* zap_page_range(current, mm, NotifyEvent.UNMAP, page, page + pages)
  if (mm.pmd) yield* free_pgtables(mm, page, page + pages)
})

/**
 * The same with MREMAP_DONTUNMAP. The old VMA keeps its bounds and permissions, and is no longer
 * mlocked. If all of it was moved, it counts as a VMA that has never had a page. Rules of some
 * releases: only the moved range of an mlocked VMA is unlocked, and becomes a VMA of its own; a VMA
 * that has never had a page gets the offset of a new VMA.
 *
 * @kernel move_vma mm/mremap.c, dontunmap_complete
 * @see reference B.2
 */
const moveContents = procedure(
  'move_vma (MREMAP_DONTUNMAP)',
  function* (current: Task, mm: MmStruct, page: number, pages: number, to: number): Running<void> {
    const { machine } = current
    const { emptiesAsNew } = machine.rules
    if (mm.pmd && emptiesAsNew) {
      const isLocked = yield* step('look at vm_flags', () => (mm.vma[page].flags & VM_LOCKED ? 1 : 0))
      if (isLocked) yield* vma_adjust_trans_huge(current, mm, page, page + pages)
    }
    if (machine.hasKsm) yield* unmerge_ksm_pages(current, mm, page, page + pages)
    yield* step('copy the area', () => {
      if (emptiesAsNew && mm.vma[page].flags & VM_LOCKED) {
        splitVma(machine, mm, page)
        splitVma(machine, mm, page + pages)
      }
      for (let at = 0; at < pages; at++) copyVma(mm, page + at, to + at)
      beginVma(current.machine, mm, to)
      mergeVma(current.machine, mm, to, to + pages, Merge.either)
      return 0
    })
    yield* move_page_tables(current, mm, page, pages, to)
    yield* step('empty the area', () => {
      const [start, end] = [areaStart(mm, page), areaEnd(mm, page, mm.vma.length)]
      const isWhole = start === page && end === page + pages
      for (let at = start; at < end; at++) mm.vma[at].flags = mm.vma[at].flags & ~VM_LOCKED
      for (let at = page; at < page + pages; at++) {
        leaveData(mm, at)
        ownExpected(mm, at).value = 0
        if (!isWhole) continue
        unlinkPage(machine, mm, at)
        mm.vma[at].anonymous = 0
        if (emptiesAsNew && mm.vma[at].kind === VmaKind.anonymous) mm.vma[at].pgoff = at
      }
      return 0
    })
  },
)

/**
 * Copies the VMA to the new address. An anonymous VMA that has never had a page is like a new one
 * there, and may be merged with a neighbour; any other keeps its offset, by which the rmap walk
 * finds its pages.
 *
 * @kernel copy_vma
 */
function copyVma(mm: MmStruct, page: number, to: number): void {
  const [area, copy] = [mm.vma[page], mm.vma[to]]
  const keepsOffset = isFileBacked(area.kind) || area.anonymous !== 0
  copy.kind = area.kind
  // The moved VMA is no longer registered with userfaultfd (no UFFD_FEATURE_EVENT_REMAP).
  copy.flags = area.flags & ~(VM_UFFD_MISSING | VM_UFFD_WP)
  copy.anonymous = area.anonymous
  copy.file = area.file
  copy.pgoff = keepsOffset ? area.pgoff : to
  copy.data = area.data
}

/**
 * Moves the entries unchanged, including device-private and migration entries: a migration finds
 * them at the new address. Notifiers are invalidated for the old addresses only; the new ones were
 * invalidated when the pages there were unmapped.
 *
 * @kernel move_page_tables mm/mremap.c
 * @see reference B.2
 */
export const move_page_tables = procedure(function* move_page_tables(
  current: Task,
  mm: MmStruct,
  page: number,
  pages: number,
  to: number,
): Running<void> {
  yield* invalidateRangeStart(current, mm, NotifyEvent.UNMAP, page, page + pages)
  for (let at = 0; at < pages; at++) {
    const moved = mm.pmd ? yield* move_huge_pmd(current, mm, page + at, to + at, pages - at) : 0
    if (moved) {
      at += moved - 1
      continue
    }
    // The TLBs are flushed before the lock is dropped: from then on another thread may free the
    // page through its new entry.
    yield* mm.ptl.critical('move an entry, and flush', () => {
      if (moveEntry(mm, page + at, to + at)) flushTlb(current.machine, mm, page + at, page + at + 1)
      return 0
    })
  }
  yield* invalidateRangeEnd(current, mm, NotifyEvent.UNMAP, page, page + pages)
})

/**
 * Moves the PMD of a huge page if the range covers all of it and the new address is aligned;
 * otherwise splits it.
 *
 * @returns the number of pages moved
 * @kernel move_huge_pmd mm/huge_memory.c
 * @see reference B.2
 */
const move_huge_pmd = procedure(function* move_huge_pmd(
  current: Task,
  mm: MmStruct,
  page: number,
  to: number,
  left: number,
): Running<number> {
  const [pmd, target] = [pmdAt(mm, page), pmdAt(mm, to)]
  if (pmd === undefined || target === undefined || page !== pmd.start) return 0
  const fits = target.isWhole && to === target.start && target.end - to <= left
  const moved = yield* mm.ptl.critical('move the huge entry, and flush', () => {
    if (pmd.kind !== PmdKind.huge || !fits || !isPmdNone(mm, target)) return 0
    for (let at = 0; at < pmd.end - pmd.start; at++) moveEntry(mm, page + at, to + at)
    flushTlb(current.machine, mm, pmd.start, pmd.end)
    pmd.kind = PmdKind.none
    target.kind = PmdKind.huge
    return pmd.end - pmd.start
  })
  if (!moved) yield* __split_huge_pmd(current, mm, page)
  return moved
})

/**
 * Moves one entry. Called inside an atomic step, under the page-table lock.
 *
 * @returns false if the entry was empty
 * @kernel move_ptes
 */
export function moveEntry(mm: MmStruct, page: number, to: number): boolean {
  if (mm.pte[page].kind === PteKind.none) return false
  pteAlloc(mm, to)
  movePte(mm.pte[page], mm.pte[to])
  // The VMA is no longer registered, so its write-protection marks are cleared.
  if (mm.tracksUserfaults && mm.vma[page].flags & VM_UFFD_WP) mm.pte[to].uffdWp = false
  return true
}

/** Moves the entry with its bits, its reference and its mapping. */
function movePte(from: Pte, to: Pte): void {
  to.kind = from.kind
  to.frame = from.frame
  to.write = from.write
  to.dirty = from.dirty
  // Soft-dirty: the contents at this address have changed.
  to.softDirty = true
  to.uffdWp = from.uffdWp
  to.exclusive = from.exclusive
  to.slot = from.slot
  clearEntry(from)
}
