/**
 * fork: duplicates an address space.
 *
 * @module
 */

import {
  Errno,
  isPageCache,
  isShared,
  type Machine,
  type MmStruct,
  NotifyEvent,
  ownExpected,
  PmdKind,
  type Pte,
  PteKind,
  pmdAt,
  type Task,
  VM_DONTCOPY,
  VM_LOCKED,
  VM_UFFD_MISSING,
  VM_UFFD_WP,
  VM_WIPEONFORK,
  ZERO_PAGE,
} from '../../../machine/index.js'
import {
  BLOCKED,
  become,
  procedure,
  READ_ONCE,
  type Running,
  step,
  unobserved,
} from '../../../world/index.js'
import { invalidateRangeEnd, invalidateRangeStart } from '../../mmu_notifier/index.js'
import { find_vma } from '../area/madvise.js'
import { anonVmaFork } from '../area/vma.js'
import { tryRestoreExclusivePte } from '../exclusive/restore.js'
import { getPage, pteAt } from '../page.js'
import { slotOf } from '../swap/slots.js'
import { flush_tlb_range } from '../tlb.js'
import { exit_mmap } from './exit.js'

/**
 * Makes `child` a copy of the current address space. Private pages are then shared, read-only on
 * both sides, until one side writes. The parent's mmap lock is held for writing until the TLBs are
 * flushed: otherwise a thread of the parent could still write to a page that the child shares.
 *
 * @param child - an unused address space; afterwards it has one user
 * @returns 0, or -ENOMEM if a page could not be copied
 * @kernel dup_mm kernel/fork.c, dup_mmap
 * @see reference B.2
 */
export const fork = procedure(function* fork(current: Task, child: MmStruct): Running<number> {
  const { mm, machine } = current
  yield* mm.mmapLock.lockWrite()
  yield* child.mmapLock.lockWrite()
  const error = yield* dup_mmap(current, child, 0)
  yield* flush_tlb_range(machine, mm, 0, machine.pages)
  if (error) return yield* become(giveUp, current, child)
  yield* step('the child is ready', () => {
    child.users = 1
    rememberContents(current, child)
    return 0
  })
  yield* child.mmapLock.unlockWrite()
  yield* mm.mmapLock.unlockWrite()
  return 0
})

/**
 * Tears down the child with the entries copied so far.
 *
 * @kernel dup_mm kernel/fork.c
 * @see reference B.2
 */
const giveUp = procedure('dup_mm (give up)', function* (current: Task, child: MmStruct): Running<number> {
  yield* child.mmapLock.unlockWrite()
  yield* current.mm.mmapLock.unlockWrite()
  yield* exit_mmap(current, child)
  return -Errno.ENOMEM
})

/**
 * Ghost: from now on the child must read the values that its parent reads, since neither can write
 * to a shared page.
 */
function rememberContents({ mm, machine }: Task, child: MmStruct): void {
  for (let page = 0; page < machine.pages; page++) {
    const isShared = unobserved(() => !(mm.vma[page].flags & (VM_DONTCOPY | VM_WIPEONFORK)))
    ownExpected(child, page).value = isShared ? ownExpected(mm, page).value : 0
  }
}

/**
 * Copies one VMA after another. Returns 0, or -EBUSY from the first page that could not be copied.
 *
 * @kernel dup_mmap mm/mmap.c
 * @see reference B.2
 */
const dup_mmap = procedure(function* dup_mmap(current: Task, child: MmStruct, page: number): Running<number> {
  const { machine, mm } = current
  const area = yield* find_vma(mm, page, machine.pages)
  if (area.start === machine.pages) return 0
  const isCow =
    mm.tracksAdvice && (yield* staysBehind(current, child, area.start, area.end))
      ? 0
      : yield* vm_area_dup(current, child, area.start, area.end)
  const error = isCow ? yield* copy_page_range(current, child, area.start, area.end) : 0
  if (error) return error
  return area.end === machine.pages ? 0 : yield* become(dup_mmap, current, child, area.end)
})

/**
 * Handles the VMA flags set by madvise: a VMA with `VM_DONTCOPY` is not copied, and one with
 * `VM_WIPEONFORK` is copied without its pages. The child's VMAs are not mlocked. One step: both
 * mmap locks are held for writing.
 *
 * @returns 1 if the VMA needs no further copying
 * @kernel dup_mmap mm/mmap.c
 * @see reference B.2
 */
const staysBehind = procedure(
  'dup_mmap (VM_DONTCOPY, VM_WIPEONFORK)',
  function* ({ mm }: Task, child: MmStruct, start: number, end: number): Running<number> {
    return yield* step('look at vm_flags', () => {
      const { flags } = mm.vma[start]
      if (flags & VM_DONTCOPY) return 1
      if (!(flags & VM_WIPEONFORK)) return 0
      for (let page = start; page < end; page++) copyVma(mm, child, page)
      return 1
    })
  },
)

/** Copies the VMA to the child, without its page-table entries. Called inside an atomic step. */
function copyVma(mm: MmStruct, child: MmStruct, page: number): void {
  const [area, copy] = [mm.vma[page], child.vma[page]]
  copy.kind = area.kind
  // The parent's userfaultfd does not cover the child.
  copy.flags = area.flags & ~(VM_LOCKED | VM_UFFD_MISSING | VM_UFFD_WP)
  copy.file = area.file
  copy.pgoff = area.pgoff
  copy.starts = area.starts
}

/**
 * Copies the VMA to the child. One step: both mmap locks are held for writing.
 *
 * @returns 1 if the VMA is private and has an anon_vma: its entries must be copied. The child can
 * fault in all others, including the zero page and shared memory
 * @kernel vm_area_dup kernel/fork.c, anon_vma_fork, vma_needs_copy
 * @see reference B.2
 */
const vm_area_dup = procedure(function* vm_area_dup(
  { machine, mm }: Task,
  child: MmStruct,
  start: number,
  end: number,
) {
  return yield* step('copy the area', () => {
    for (let page = start; page < end; page++) copyVma(mm, child, page)
    const anonVma = anonVmaOfArea(machine, mm, start, end)
    anonVmaFork(machine, child, start, end, anonVma)
    return anonVma > 0 ? 1 : 0
  })
})

/**
 * The anon_vma of the VMA. On a machine without anon_vmas: 1 if any entry of the VMA refers to an
 * anonymous page.
 */
function anonVmaOfArea(machine: Machine, mm: MmStruct, start: number, end: number): number {
  if (machine.anonVmas.length > 0) return mm.vma[start].anonymous
  for (let page = start; page < end; page++)
    if (!isShared(mm.vma[page].kind) && hasHadPages(machine, mm, page)) return 1
  return 0
}

/** True if the entry refers to an anonymous page, or the VMA has had one. */
function hasHadPages({ frames }: Machine, mm: MmStruct, page: number): boolean {
  const holds = READ_ONCE(mm.pte[page]).kind
  const pfn = READ_ONCE(mm.pte[page]).frame
  const isMapped = holds !== PteKind.none && pfn !== ZERO_PAGE && !isPageCache(frames[pfn])
  const hasOne = holds === PteKind.swap || isMapped
  return hasOne || mm.vma[page].anonymous === 1
}

/**
 * Copies the entries of a private VMA. The parent is invalidated, since its entries are
 * write-protected; the child has no notifier yet. The copy cannot wait under the page-table locks:
 * it fails at a device-exclusive page that another thread has locked.
 *
 * @returns 0, or -EBUSY
 * @kernel copy_page_range mm/memory.c
 * @see reference B.2
 */
export const copy_page_range = procedure(function* copy_page_range(
  current: Task,
  child: MmStruct,
  start: number,
  end: number,
) {
  const { mm } = current
  yield* invalidateRangeStart(current, mm, NotifyEvent.PROTECTION_PAGE, start, end)
  let busy = 0
  for (let page = start; page < end && !busy; page++) {
    const pmd = pmdAt(mm, page)
    if (pmd !== undefined && page === pmd.start && (yield* copy_huge_pmd(current, child, page))) {
      page = pmd.end - 1
      continue
    }
    // Both page-table locks are held: another thread sees both entries changed, or neither.
    busy = yield* mm.ptl.critical('write-protect and copy an entry', () => {
      if (!child.ptl.acquire()) return BLOCKED
      const restored = tryRestoreExclusivePte(current.machine, mm, page)
      if (restored) copyPte(current, child, page)
      child.ptl.release()
      return restored ? 0 : 1
    })
  }
  yield* invalidateRangeEnd(current, mm, NotifyEvent.PROTECTION_PAGE, start, end)
  return busy ? -Errno.EBUSY : 0
})

/**
 * Shares a huge page as a whole. If the parent's PMD refers to a page table, the child gets one.
 *
 * @returns 1 if it is a huge page
 * @kernel copy_huge_pmd mm/huge_memory.c
 * @see reference B.2
 */
const copy_huge_pmd = procedure(function* copy_huge_pmd(
  current: Task,
  child: MmStruct,
  page: number,
): Running<number> {
  const { mm } = current
  const [from, to] = [pmdAt(mm, page), pmdAt(child, page)]
  if (from === undefined || to === undefined) return 0
  return yield* mm.ptl.critical('write-protect and copy the huge entry', () => {
    if (!child.ptl.acquire()) return BLOCKED
    to.kind = from.kind
    const isHuge = from.kind === PmdKind.huge
    if (isHuge) for (let at = from.start; at < from.end; at++) copyPte(current, child, at)
    child.ptl.release()
    return isHuge ? 1 : 0
  })
})

/** @kernel copy_present_pte, copy_nonpresent_pte */
function copyPte({ machine, mm }: Task, child: MmStruct, page: number): void {
  const pte = pteAt(mm, page)
  if (pte.kind === PteKind.none) return
  const pfn = pte.frame
  pte.write = false
  child.pte[page].kind = pte.kind
  child.pte[page].frame = pfn
  copyBits(machine, pte, child.pte[page])
  // A migration entry holds neither a reference nor a mapping. Both are taken when the migration
  // ends.
  if (pfn === ZERO_PAGE || pte.kind === PteKind.migration) return
  getPage(machine.frames[pfn])
  machine.frames[pfn].mapcount += 1
}

/**
 * Adjusts the bits of both entries: the page is no longer exclusive, a swap slot has one more
 * entry, and the parent's userfaultfd does not cover the child.
 */
function copyBits(machine: Machine, pte: Pte, to: Pte): void {
  machine.frames[pte.frame].anonExclusive = false
  pte.exclusive = false
  to.dirty = pte.dirty
  to.softDirty = pte.softDirty
  to.slot = pte.slot
  if (pte.kind === PteKind.swap) slotOf(machine, pte.slot).count += 1
}
