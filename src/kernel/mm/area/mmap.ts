/**
 * Areas of an address space: mapping and unmapping.
 *
 * @module
 */

import {
  type AddressSpace,
  Errno,
  isShared,
  type Machine,
  type MmStruct,
  NotifyEvent,
  type Task,
  VM_ACCOUNT,
  VM_WRITE,
  VmaKind,
} from '../../../machine/index.js'
import { procedure, type Running, step } from '../../../world/index.js'
import { free_pgtables } from '../huge/page.js'
import { vma_adjust_trans_huge } from '../huge/split.js'
import { fput } from './file.js'
import { beginVma, Merge, mergeVma, splitVma, unlinkPage } from './vma.js'
import { zap_page_range } from './zap.js'

/** The first page from `page` on that is in an area, or `limit`. Called under the mmap lock. */
export function findVma(mm: MmStruct, page: number, limit: number): number {
  let at = page
  while (at < limit && mm.vma[at].kind === VmaKind.none) at++
  return at
}

/** What an area is to map. */
export interface Backing {
  readonly kind: VmaKind
  readonly file: AddressSpace
  /** The page of the file that the first page of the area is. */
  readonly pgoff: number
}

/**
 * Maps `pages` pages at `page`, in place of what is there. Nothing else changes the areas meanwhile: the mmap lock is held
 * for writing throughout, while the old pages are zapped too.
 *
 * @param flags - {@link VM_READ}, {@link VM_WRITE}; with `VM_HUGEPAGE` what MADV_HUGEPAGE makes of the area is there at once
 * @param backing - the file or shared memory to map; private anonymous memory if absent
 * @returns 0, or -EINVAL if `pages` is 0
 * @kernel mmap mm/mmap.c with MAP_FIXED
 * @see reference B.2
 */
export const mmap = procedure(function* mmap(
  current: Task,
  page: number,
  pages: number,
  flags: number,
  backing?: Backing,
): Running<number> {
  if (pages === 0) return -Errno.EINVAL
  const { mm } = current
  yield* mm.mmapLock.lockWrite()
  if (mm.pmd) yield* vma_adjust_trans_huge(current, mm, page, page + pages)
  const replaced = yield* detachVmas(current.machine, mm, page, page + pages)
  if (replaced) yield* unmap_region(current, mm, page, page + pages)
  yield* step('insert the area', () => {
    for (let at = 0; at < pages; at++) {
      const area = mm.vma[page + at]
      area.kind = backing?.kind ?? VmaKind.anonymous
      area.flags = flags | accountableMapping(mm, backing, flags)
      area.file = backing ? backing.file.index + 1 : 0
      area.pgoff = (backing?.pgoff ?? page) + at
    }
    const { extendsNext } = current.machine.rules
    beginVma(current.machine, mm, page)
    mergeVma(current.machine, mm, page, page + pages, extendsNext ? Merge.preferNext : Merge.either)
    return 0
  })
  yield* mm.mmapLock.unlockWrite()
  return 0
})

/** What is private and may be written is charged for. @kernel accountable_mapping */
function accountableMapping(mm: MmStruct, backing: Backing | undefined, flags: number): number {
  if (!mm.tracksAreas || isShared(backing?.kind ?? VmaKind.anonymous)) return 0
  return flags & VM_WRITE ? VM_ACCOUNT : 0
}

/**
 * Unmaps what there is in `pages` pages from `page` on. The areas go first, under the mmap lock for writing, so that
 * nobody can fault the pages in again; then a reader's lock is enough.
 *
 * @returns 0, also where there was nothing; or -EINVAL if `pages` is 0
 * @kernel munmap mm/mmap.c
 * @see reference B.2
 */
export const munmap = procedure(function* munmap(
  current: Task,
  page: number,
  pages: number,
): Running<number> {
  if (pages === 0) return -Errno.EINVAL
  const { mm } = current
  yield* mm.mmapLock.lockWrite()
  if (mm.pmd) yield* vma_adjust_trans_huge(current, mm, page, page + pages)
  if (!(yield* detachVmas(current.machine, mm, page, page + pages))) {
    yield* mm.mmapLock.unlockWrite()
    return 0
  }
  yield* mm.mmapLock.downgrade()
  yield* unmap_region(current, mm, page, page + pages)
  yield* mm.mmapLock.unlockRead()
  return 0
})

/**
 * Zaps what the areas from `start` to `end`, which are taken out already, have left, and gives up files that nobody uses any
 * more.
 *
 * @kernel unmap_region mm/vma.c, free_pgtables, remove_vma
 * @see reference B.2
 */
export const unmap_region = procedure(function* unmap_region(
  current: Task,
  mm: MmStruct,
  start: number,
  end: number,
): Running<void> {
  yield* zap_page_range(current, mm, NotifyEvent.UNMAP, start, end)
  if (mm.pmd) yield* free_pgtables(mm, start, end)
  yield* fput(current.machine)
})

/**
 * Takes the areas from `start` to `end` out of the address space. One step: who looks at areas holds the mmap lock,
 * and the caller has it for writing.
 *
 * @returns 1 if there was any, 0 if it was all one hole
 * @kernel vms_gather_munmap_vmas mm/vma.c
 * @see reference B.2
 */
export const detachVmas = procedure(
  'detach areas',
  function* (machine: Machine, mm: MmStruct, start: number, end: number) {
    return yield* step('take the areas out', () => {
      if (findVma(mm, start, end) === end) return 0
      splitVma(machine, mm, start)
      splitVma(machine, mm, end)
      for (let page = start; page < end; page++) {
        unlinkPage(machine, mm, page)
        mm.vma[page].kind = VmaKind.none
        mm.vma[page].flags = 0
        mm.vma[page].anonymous = 0
        mm.vma[page].file = 0
        mm.vma[page].pgoff = 0
        mm.vma[page].starts = false
        if (mm.tracksMoves) leaveData(mm, page)
      }
      return 1
    })
  },
)

/**
 * Ghost: what was in the area has been moved with it, if it was; whatever comes here next begins
 * with nothing. Called inside an atomic step.
 */
export function leaveData(mm: MmStruct, page: number): void {
  const isElsewhere = mm.vma.some(({ data }, other) => other !== page && data === mm.vma[page].data)
  if (isElsewhere)
    mm.vma[page].data = mm.expected.findIndex((_, data) => mm.vma.every((vma) => vma.data !== data))
}
