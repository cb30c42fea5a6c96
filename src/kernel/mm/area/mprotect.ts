/**
 * mprotect: changes the permissions of VMAs.
 *
 * @module
 */

import {
  Errno,
  isShared,
  type Machine,
  type MmStruct,
  NotifyEvent,
  type Pmd,
  PmdKind,
  PteKind,
  pmdAt,
  type Task,
  VM_ACCOUNT,
  VM_LOCKED,
  VM_READ,
  VM_WRITE,
  VmaKind,
} from '../../../machine/index.js'
import { become, procedure, READ_ONCE, type Running, step } from '../../../world/index.js'
import { invalidateRangeEnd, invalidateRangeStart } from '../../mmu_notifier/index.js'
import { isExclusive } from '../fault/answers.js'
import { populateArea } from '../fault/populate.js'
import { isPmdNone } from '../huge/page.js'
import { vma_adjust_trans_huge } from '../huge/split.js'
import { mapsPage, mayWriteUntold } from '../page.js'
import { flush_tlb_range } from '../tlb.js'
import { areaEnd, Merge, mergeVma, splitVma } from './vma.js'

/**
 * Changes the permissions of `pages` pages from `page` on, VMA by VMA, under the mmap lock for
 * writing.
 *
 * @param flags - {@link VM_READ}, {@link VM_WRITE}, or 0 for no access
 * @returns 0; -ENOMEM at a hole, with the pages before it changed
 * @kernel mprotect mm/mprotect.c
 * @see reference B.2
 */
export const mprotect = procedure(function* mprotect(
  current: Task,
  page: number,
  pages: number,
  flags: number,
): Running<number> {
  if (pages === 0) return 0
  const { mm } = current
  yield* mm.mmapLock.lockWrite()
  const error = yield* do_mprotect_pkey(current, mm, page, page + pages, flags)
  yield* mm.mmapLock.unlockWrite()
  return error
})

/**
 * Changes one VMA after another, up to the end of the range or a hole.
 *
 * @kernel do_mprotect_pkey mm/mprotect.c
 * @see reference B.2
 */
const do_mprotect_pkey = procedure(function* do_mprotect_pkey(
  current: Task,
  mm: MmStruct,
  page: number,
  end: number,
  flags: number,
): Running<number> {
  if (page === end) return 0
  const changed = yield* mprotect_fixup(current, mm, page, end, flags)
  if (changed.end === page) return -Errno.ENOMEM
  if (changed.populated) yield* change_protection(current, mm, page, changed.end, flags)
  if (changed.faultsIn) yield* populateArea(current, page, changed.end, true)
  return yield* become(do_mprotect_pkey, current, mm, changed.end, end, flags)
})

/**
 * Changes the flags of the VMA that starts at `page`; a VMA that has these flags already is not
 * touched, nor are its entries. A huge page across its new start or end is split first.
 *
 * The change is one step: every reader of a VMA holds the mmap lock, and the caller holds it for
 * writing. So no fault runs, and no page table appears before the caller walks the range.
 *
 * @returns the page after the VMA (`page` itself in a hole); whether entries may have to change;
 * and whether its pages must be faulted in afterwards, since the VMA is mlocked, private and now
 * writable
 * @kernel mprotect_fixup mm/mprotect.c
 * @see reference B.2
 */
const mprotect_fixup = procedure(function* mprotect_fixup(
  current: Task,
  mm: MmStruct,
  page: number,
  limit: number,
  flags: number,
) {
  const { machine } = current
  if (mm.pmd) {
    const end = yield* step('find the end of the area', () =>
      mm.vma[page].kind === VmaKind.none || !changesFlags(mm, page, flags) ? page : areaEnd(mm, page, limit),
    )
    if (end > page) yield* vma_adjust_trans_huge(current, mm, page, end)
  }
  return yield* step('change vm_flags', () => {
    if (mm.vma[page].kind === VmaKind.none) return { end: page, populated: false, faultsIn: false }
    const end = areaEnd(mm, page, limit)
    if (!changesFlags(mm, page, flags)) return { end, populated: false, faultsIn: false }
    const { flags: oldFlags, kind } = mm.vma[page]
    const newFlags = accountedFlags(machine, mm, page, flags)
    const isCopied = (oldFlags & (VM_WRITE | VM_LOCKED)) === VM_LOCKED && !isShared(kind)
    splitVma(machine, mm, page)
    splitVma(machine, mm, end)
    for (let at = page; at < end; at++) mm.vma[at].flags = newFlags
    mergeVma(machine, mm, page, end, Merge.either)
    return { end, populated: isPopulated(mm, page, end), faultsIn: isCopied && (flags & VM_WRITE) !== 0 }
  })
})

/**
 * The flags of the VMA of `page` after the change to `flags`. A private VMA that becomes writable
 * is charged for. It keeps the charge when it is made read-only, unless it has never had a page.
 */
function accountedFlags({ rules }: Machine, mm: MmStruct, page: number, flags: number): number {
  const kept = mm.vma[page].flags & ~(VM_READ | VM_WRITE)
  if (!mm.tracksAreas || isShared(mm.vma[page].kind)) return flags | kept
  if (flags & VM_WRITE) return flags | kept | VM_ACCOUNT
  const isUnfaulted = mm.vma[page].kind === VmaKind.anonymous && mm.vma[page].anonymous === 0
  return flags | (rules.unaccountsUnfaulted && isUnfaulted ? kept & ~VM_ACCOUNT : kept)
}

/** True if `flags` changes the permissions of the VMA of `page`. Called under the mmap lock. */
function changesFlags(mm: MmStruct, page: number, flags: number): boolean {
  return (mm.vma[page].flags & (VM_READ | VM_WRITE)) !== flags
}

/**
 * True if the range has a page table. Without one there is no invalidation. With one, the
 * invalidation covers the whole range, even if a single entry of the table is used.
 */
export function isPopulated(mm: MmStruct, start: number, end: number): boolean {
  if (mm.pmd?.length) return mm.pmd.some((pmd) => start < pmd.end && pmd.start < end && !isPmdNone(mm, pmd))
  return mm.pte.some((pte) => READ_ONCE(pte).kind !== PteKind.none)
}

/**
 * Changes the entries from `start` to `end` to the new flags of the VMA. One page-table lock
 * section for each entry, since the kernel may drop the lock between any two. The TLBs are flushed
 * after the end of the invalidation and before the mmap lock is released: no other thread can rely
 * on the new permissions earlier.
 *
 * @kernel change_protection mm/mprotect.c
 * @see reference B.2
 */
export const change_protection = procedure(function* change_protection(
  current: Task,
  mm: MmStruct,
  start: number,
  end: number,
  flags: number,
) {
  yield* invalidateRangeStart(current, mm, NotifyEvent.PROTECTION_VMA, start, end)
  const changed = yield* change_pte_range(current, mm, start, end, flags)
  yield* invalidateRangeEnd(current, mm, NotifyEvent.PROTECTION_VMA, start, end)
  if (changed) yield* flush_tlb_range(current.machine, mm, start, end)
})

/**
 * Changes the entries. Returns 1 if any changed.
 *
 * @kernel change_pte_range mm/mprotect.c
 * @see reference B.2
 */
const change_pte_range = procedure(function* change_pte_range(
  current: Task,
  mm: MmStruct,
  start: number,
  end: number,
  flags: number,
) {
  let changed = 0
  for (let page = start; page < end; page++) {
    const pmd = pmdAt(mm, page)
    if (pmd !== undefined && page === pmd.start && pmd.end <= end) {
      const done = yield* change_huge_pmd(current, mm, pmd, flags)
      if (done !== Changed.table) {
        changed |= done
        page = pmd.end - 1
        continue
      }
    }
    changed |= yield* mm.ptl.critical('change an entry', () => changePte(current, mm, page, flags))
  }
  return changed
})

/** The result for a PMD: unchanged, changed, or it refers to a page table. */
const Changed = { no: 0, yes: 1, table: 2 } as const

/**
 * Changes the PMD of a huge page: all of its pages get the same flags. One step: it is a single
 * entry.
 *
 * @kernel change_huge_pmd mm/huge_memory.c
 * @see reference B.2
 */
export const change_huge_pmd = procedure(function* change_huge_pmd(
  current: Task,
  mm: MmStruct,
  pmd: Pmd,
  flags: number,
): Running<number> {
  return yield* mm.ptl.critical('change the huge entry', () => changePmd(current, mm, pmd, flags))
})

/**
 * Changes the PMD if it maps a huge page. Called inside an atomic step, under the page-table lock.
 */
export function changePmd(current: Task, mm: MmStruct, pmd: Pmd, flags: number): number {
  if (pmd.kind !== PmdKind.huge) return Changed.table
  let changed: number = Changed.no
  for (let page = pmd.start; page < pmd.end; page++) changed |= changePte(current, mm, page, flags)
  return changed
}

/**
 * Changes one entry to the flags. Without any permission it becomes PROT_NONE and keeps its
 * mapping. It becomes writable only if a write fault would make it writable without copying or
 * notifying; an entry of shared memory becomes writable at once.
 */
function changePte(current: Task, mm: MmStruct, page: number, flags: number): number {
  const pte = mm.pte[page]
  if (!mapsPage(pte)) {
    // These entries are write-protected even if the new flags permit writes: a fault makes them
    // writable again.
    pte.write = false
    return 0
  }
  const kind = flags & (VM_READ | VM_WRITE) ? PteKind.present : PteKind.protnone
  const write = (flags & VM_WRITE) !== 0 && canChangePteWritable(current, mm, page)
  if (pte.kind === kind && pte.write === write) return 0
  pte.kind = kind
  pte.write = write
  return 1
}

/**
 * True if the entry can be made writable without a fault: neither soft-dirty nor userfaultfd needs
 * the fault, and the page is shared memory or exclusive to this mapping. Up to Linux 6.2 the entry
 * must be dirty too; otherwise a write through it would not be recorded.
 *
 * @kernel can_change_pte_writable
 */
export function canChangePteWritable(current: Task, mm: MmStruct, page: number): boolean {
  const pte = mm.pte[page]
  if (!mayWriteUntold(current.machine, mm, page)) return false
  if (isShared(mm.vma[page].kind)) return true
  if (current.machine.rules.upgradesDirtyOnly && !pte.dirty) return false
  return isExclusive(current, mm, page)
}
