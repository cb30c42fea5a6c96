/**
 * mmap and munmap.
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

/** The first page from `page` on that lies in a VMA, or `limit`. Called under the mmap lock. */
export function findVma(mm: MmStruct, page: number, limit: number): number {
  let at = page
  while (at < limit && mm.vma[at].kind === VmaKind.none) at++
  return at
}

/** The file that a VMA maps. */
export interface Backing {
  readonly kind: VmaKind
  readonly file: AddressSpace
  /** `vm_pgoff`: the page of the file at the first page of the VMA. */
  readonly pgoff: number
}

/**
 * Maps `pages` pages at `page`, and unmaps any previous mapping there. The mmap lock is held for
 * writing throughout, also while the old pages are zapped, so no other thread changes a VMA
 * meanwhile.
 *
 * @param flags - {@link VM_READ}, {@link VM_WRITE}; with `VM_HUGEPAGE` as if followed by
 * MADV_HUGEPAGE
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

/** A private writable mapping is charged for. @kernel accountable_mapping */
function accountableMapping(mm: MmStruct, backing: Backing | undefined, flags: number): number {
  if (!mm.tracksAreas || isShared(backing?.kind ?? VmaKind.anonymous)) return 0
  return flags & VM_WRITE ? VM_ACCOUNT : 0
}

/**
 * Unmaps `pages` pages from `page` on. The VMAs are removed first, under the mmap lock for writing,
 * so that no fault can map the pages again; then the lock is downgraded to reading.
 *
 * @returns 0, also if no VMA was there; -EINVAL if `pages` is 0
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
 * Zaps the pages from `start` to `end`, whose VMAs are already removed, and frees files that are no
 * longer used.
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
 * Removes the VMAs from `start` to `end`. One step: every reader of a VMA holds the mmap lock, and
 * the caller holds it for writing.
 *
 * @returns 1 if there was a VMA, 0 if the range was one hole
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
 * Ghost: the page has no contents any more, because its VMA was unmapped or moved elsewhere. Called
 * inside an atomic step.
 */
export function leaveData(mm: MmStruct, page: number): void {
  const isElsewhere = mm.vma.some(({ data }, other) => other !== page && data === mm.vma[page].data)
  if (isElsewhere)
    mm.vma[page].data = mm.expected.findIndex((_, data) => mm.vma.every((vma) => vma.data !== data))
}
