/**
 * userfaultfd: user space handles faults on missing pages, and writes to pages that it has
 * write-protected. Here a fault gets a signal, as with `UFFD_FEATURE_SIGBUS`, and does not wait for
 * user space.
 *
 * @see reference E.3.13
 * @module
 */

import {
  Errno,
  isFileBacked,
  type MmStruct,
  NotifyEvent,
  PteKind,
  pmdAt,
  type Task,
  VM_UFFD_MISSING,
  VM_UFFD_WP,
} from '../../../machine/index.js'
import { procedure, type Running, step } from '../../../world/index.js'
import { invalidateRangeEnd, invalidateRangeStart } from '../../mmu_notifier/index.js'
import { mayWritePage } from '../fault/answers.js'
import { __split_huge_pmd } from '../huge/split.js'
import { mapsPage } from '../page.js'
import { flush_tlb_range } from '../tlb.js'
import { find_vma, setFlags, walkAreas } from './madvise.js'
import { findVma } from './mmap.js'
import { canChangePteWritable, isPopulated } from './mprotect.js'
import { areaEnd } from './vma.js'

/** The VMA flags of the registration modes. */
export const UFFD_FLAGS = VM_UFFD_MISSING | VM_UFFD_WP

/**
 * Registers the VMAs of the range, under the mmap lock for writing. A VMA that reaches beyond the
 * range is split; a VMA that becomes compatible with a neighbour is merged with it. Holes after the
 * first VMA are skipped.
 *
 * @param mode - `VM_UFFD_MISSING` or `VM_UFFD_WP`
 * @returns 0; -EINVAL if the range has no VMA, or a VMA that is not private anonymous memory
 * @kernel userfaultfd_register fs/userfaultfd.c
 * @see reference E.3.13
 */
export const userfaultfd_register = procedure(function* userfaultfd_register(
  current: Task,
  page: number,
  pages: number,
  mode: number,
): Running<number> {
  const { mm, machine } = current
  const end = page + pages
  yield* mm.mmapLock.lockWrite()
  const error = yield* step('look at the areas', () => {
    if (findVma(mm, page, end) === end) return -Errno.EINVAL
    return mm.vma.slice(page, end).some(({ kind }) => isFileBacked(kind)) ? -Errno.EINVAL : 0
  })
  if (!error)
    yield* walkAreas(mm, page, end, function* (area) {
      return yield* step('change vm_flags', () => {
        const { flags } = mm.vma[area.start]
        setFlags({ machine, mm }, area.start, area.end, (flags & ~UFFD_FLAGS) | mode)
        return 0
      })
    })
  yield* mm.mmapLock.unlockWrite()
  return error
})

/**
 * Write-protects the pages of the range, or removes the protection, one VMA after another, under
 * the mmap lock for reading.
 *
 * @param protect - true to write-protect
 * @returns 0; -ENOENT if the range has no VMA, or at the first VMA that is not registered for it:
 * pages before it are changed. In releases that handle one VMA only, that VMA must contain the
 * range
 * @kernel mwriteprotect_range mm/userfaultfd.c
 * @see reference E.3.13
 */
export const userfaultfd_writeprotect = procedure(function* userfaultfd_writeprotect(
  current: Task,
  page: number,
  pages: number,
  protect: boolean,
): Running<number> {
  const { mm, machine } = current
  const end = page + pages
  yield* mm.mmapLock.lockRead()
  let error = yield* step('look at the areas', () => {
    const first = findVma(mm, page, end)
    const isOne = first === page && areaEnd(mm, page, end) === end
    return first === end || (machine.rules.writeProtectsOneArea && !isOne) ? -Errno.ENOENT : 0
  })
  for (let at = page; at < end && !error; ) {
    const area = yield* find_vma(mm, at, end)
    if (area.start === end) break
    error = yield* uffd_wp_range(current, area.start, area.end, protect)
    at = area.end
  }
  yield* mm.mmapLock.unlockRead()
  return error
})

/**
 * Handles the pages of one VMA. If there is a page table, the invalidation opens before the first
 * entry changes. The TLBs are flushed after its end.
 *
 * @returns 0, or -ENOENT
 * @kernel uffd_wp_range mm/userfaultfd.c
 * @see reference E.3.13
 */
export const uffd_wp_range = procedure(function* uffd_wp_range(
  current: Task,
  start: number,
  end: number,
  protect: boolean,
): Running<number> {
  const { mm } = current
  const found = yield* step('look at the area', () => {
    if (!(mm.vma[start].flags & VM_UFFD_WP)) return -Errno.ENOENT
    return isPopulated(mm, start, end) ? 1 : 0
  })
  if (found <= 0) return found
  yield* invalidateRangeStart(current, mm, NotifyEvent.PROTECTION_VMA, start, end)
  for (let page = start; page < end; page++) {
    const pmd = pmdAt(mm, page)
    if (pmd && (page === start || page === pmd.start)) yield* __split_huge_pmd(current, mm, page)
    yield* mm.ptl.critical('mark an entry', () => markEntry(current, mm, page, protect))
  }
  yield* invalidateRangeEnd(current, mm, NotifyEvent.PROTECTION_VMA, start, end)
  yield* flush_tlb_range(current.machine, mm, start, end)
  return 0
})

/**
 * Sets or clears the mark of one entry. Setting it write-protects the entry; clearing it makes a
 * present entry writable at once if a write need not fault. Called inside an atomic step, under the
 * page-table lock.
 *
 * @kernel change_pte_range mm/mprotect.c (MM_CP_UFFD_WP)
 */
function markEntry(current: Task, mm: MmStruct, page: number, protect: boolean): number {
  const pte = mm.pte[page]
  if (pte.kind === PteKind.none) return 0
  pte.uffdWp = protect
  pte.write = false
  if (!protect && mapsPage(pte) && current.machine.rules.upgradesUnprotected)
    pte.write = mayWritePage(mm, page) && canChangePteWritable(current, mm, page)
  return 0
}
