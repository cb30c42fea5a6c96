/**
 * migrate_vma_setup: locks the pages, replaces their entries by migration entries, and restores the pages
 * that others hold references to.
 *
 * @see reference B.5 steps 1 to 3
 * @module
 */

import {
  Errno,
  FaultHolds,
  type Frame,
  folioOf,
  hugePmdAt,
  isDevicePrivate,
  type Machine,
  type MigratingPage,
  type MmStruct,
  NotifyEvent,
  PteKind,
  pmdAt,
  type Task,
  VmaKind,
  ZERO_PAGE,
} from '../../machine/index.js'
import { become, claim, procedure, type Running, step } from '../../world/index.js'
import { areaEnd } from '../mm/area/vma.js'
import { entryState } from '../mm/encoding.js'
import { folio_put, getPage, isPageLocked, setMigrationEntry, tryLockPage } from '../mm/page.js'
import { flushTlb } from '../mm/tlb.js'
import { invalidateRangeEnd, invalidateRangeStart } from '../mmu_notifier/index.js'
import {
  FolioSplit,
  migrate_vma_collect_huge_pmd,
  migrate_vma_collect_skip,
  migrate_vma_split_folio,
} from './collect-huge.js'
import {
  beginEntry,
  isLockedByFault,
  isSelected,
  MIGRATE_PFN_HELD,
  MIGRATE_PFN_MIGRATE,
  MIGRATE_PFN_VALID,
  MIGRATE_PFN_WRITE,
  type MigrateVma,
  pagesOf,
  SELECT_SYSTEM,
} from './request.js'
import { migrate_device_unmap } from './unmap.js'

/**
 * Collects the pages that can be migrated. When it returns each of them is locked, a reference to it is
 * held, and no page table maps it.
 *
 * @returns 0, also if there is no page to migrate; -EINVAL for an empty range, for a range that is not
 * inside one VMA, for a VMA that is hugetlb or special (VM_PFNMAP, VM_MIXEDMAP), and for a `fault_page`
 * that is not device-private, or that the caller should have locked and has not
 * @kernel migrate_vma_setup mm/migrate_device.c
 * @see reference B.5 steps 1 to 3
 */
export const migrate_vma_setup = procedure(function* migrate_vma_setup(
  current: Task,
  args: MigrateVma,
): Running<number> {
  const error = yield* step('check the range', () => {
    const { frames } = current.machine
    claim(
      'C31',
      () => args.fault === undefined || frames[args.fault.pfn].refcount > 0,
      `frame ${args.fault?.pfn} is to be brought back, and is free: nobody holds it for the fault`,
    )
    return isOneArea(args) && isFaultPage(current.machine, args) ? 0 : -Errno.EINVAL
  })
  if (error) return error
  yield* migrate_vma_collect(current, args)
  yield* migrate_device_unmap(current, args)
  return 0
})

function isOneArea({ mm, start, end }: MigrateVma): boolean {
  if (start >= end || end > mm.vma.length) return false
  return isMigratable(mm.vma[start].kind) && areaEnd(mm, start, end) === end
}

/** False for a hole, a special VMA, and a hugetlb VMA. @kernel VM_SPECIAL, is_vm_hugetlb_page */
function isMigratable(kind: VmaKind): boolean {
  switch (kind) {
    case VmaKind.none:
    case VmaKind.pfnmap:
    case VmaKind.mixedmap:
    case VmaKind.hugetlb:
      return false
    default:
      return true
  }
}

/** True without a `fault_page`, and for one that is device-private, and locked if the fault says so. */
function isFaultPage({ frames }: Machine, { fault }: MigrateVma): boolean {
  if (fault === undefined) return true
  if (!isDevicePrivate(frames[fault.pfn])) return false
  return fault.holds !== FaultHolds.lock || isPageLocked(frames[fault.pfn])
}

/**
 * Walks the page table under its lock. The TLBs are flushed before the lock is dropped: no CPU may write
 * to a page through a stale translation once a migration entry has replaced its PTE (D4).
 *
 * @kernel migrate_vma_collect mm/migrate_device.c
 * @see reference B.5 step 2
 */
export const migrate_vma_collect = procedure(function* migrate_vma_collect(current: Task, args: MigrateVma) {
  const { mm, start, end, owner } = args
  yield* invalidateRangeStart(current, mm, NotifyEvent.MIGRATE, start, end, owner)
  for (const part of splitByPmd(mm, start, end))
    yield* migrate_vma_collect_pmd(current, args, part.start, part.end)
  yield* invalidateRangeEnd(current, mm, NotifyEvent.MIGRATE, start, end, owner)
})

/** Splits a range at the boundaries of its PMDs. A machine without huge pages has none. @kernel pmd_addr_end */
function splitByPmd(
  { pmd }: MmStruct,
  start: number,
  end: number,
): { readonly start: number; readonly end: number }[] {
  if (pmd === undefined) return [{ start, end }]
  return pmd
    .filter((entry) => start < entry.end && entry.start < end)
    .map((entry) => ({ start: Math.max(start, entry.start), end: Math.min(end, entry.end) }))
}

/**
 * Collects the pages from `start` to `end`, which one PMD covers: a huge page first, then the entries of
 * the page table. An entry may map a part of a large folio; then the lock is dropped, the folio is split,
 * and the walk restarts at that entry. If the folio cannot be split, the remaining pages are skipped.
 *
 * @kernel migrate_vma_collect_pmd mm/migrate_device.c
 * @see reference B.5 step 2
 */
export const migrate_vma_collect_pmd = procedure(function* migrate_vma_collect_pmd(
  current: Task,
  args: MigrateVma,
  start: number,
  end: number,
): Running<void> {
  const { mm } = args
  const pmd = pmdAt(mm, start)
  if (pmd !== undefined && (yield* migrate_vma_collect_huge_pmd(current, args, pmd, start, end))) return

  yield* mm.ptl.lock()
  let unmapped = false
  let large: Frame | undefined
  let page = start
  for (; page < end; page++) {
    const collected = yield* migrateVmaCollectPte(current, args, page)
    if (collected.kind === 'part') {
      large = current.machine.frames[collected.pfn]
      break
    }
    if (collected.kind === 'flush') unmapped = true
  }
  if (unmapped)
    yield* step('flush every CPU', () => {
      flushTlb(current.machine, mm, args.start, args.end)
      return 0
    })
  yield* mm.ptl.unlock()

  if (large === undefined) return
  const split = yield* migrate_vma_split_folio(current, args, large)
  if (split === FolioSplit.not) {
    yield* migrate_vma_collect_skip(current, page, end, args.fault)
    return
  }
  const again = split === FolioSplit.fromFault ? withStaleFaultFolio(args) : args
  yield* become(migrate_vma_collect_pmd, current, again, page, end)
})

/**
 * migrate_vma_collect_pmd computes `fault_folio` once, before the split. Afterwards it no longer recognises
 * the folio of the fault as one that it need not lock, fails to lock it, and skips it. The fault is then
 * taken again, and finds a small folio.
 *
 * @kernel migrate_vma_collect_pmd, where fault_folio is stale
 */
function withStaleFaultFolio(args: MigrateVma): MigrateVma {
  return args.fault === undefined ? args : { ...args, fault: { ...args.fault, holds: FaultHolds.reference } }
}

/**
 * Collects one entry. One step: the page-table lock is held, and the entry is cleared and its bits
 * are read atomically. The kernel takes a reference to the page before it tries the page lock. If
 * another thread has locked the page, the reference is put again; until then that thread counts one
 * reference too many.
 *
 * @kernel migrate_vma_collect_pmd mm/migrate_device.c
 * @see reference B.5 step 2
 */
export const migrateVmaCollectPte = procedure(
  'migrate_vma_collect_pmd (entry)',
  function* (current: Task, args: MigrateVma, page: number): Running<Collected> {
    const collected = yield* step('collect an entry', () => collectEntry(current, args, page))
    if (collected.kind !== 'busy') return collected
    yield* folio_put(current.machine.frames[collected.pfn])
    return UNTOUCHED
  },
)

/** What migrate_vma_collect_pmd does after it has looked at an entry. */
export type Collected =
  /** No CPU can have a stale translation of the entry. */
  | { readonly kind: 'untouched' }
  /** The entry was replaced: a CPU may have a stale translation of it. */
  | { readonly kind: 'flush' }
  /** The entry maps a part of a large folio, which must be split first: its head page, with a reference. */
  | { readonly kind: 'part'; readonly pfn: number }
  /** The entry maps a page that another thread has locked: the page, with a reference that must be put. */
  | { readonly kind: 'busy'; readonly pfn: number }

const UNTOUCHED: Collected = { kind: 'untouched' }

/**
 * Locks the page of an entry, if it is to be migrated, and replaces the entry by a migration entry.
 * Called inside an atomic step, under the page-table lock.
 *
 * @param read - reads the state of the entry: its bits
 */
export function collectEntry(current: Task, args: MigrateVma, page: number, read = entryState): Collected {
  const { mm, select } = args
  const entry = pagesOf(current)[page]
  const pte = mm.pte[page]
  beginEntry(entry)
  // A huge page that could not be split, or was faulted in since, is skipped.
  if (hugePmdAt(mm, page)) return UNTOUCHED
  const { kind } = pte

  if (kind === PteKind.none) {
    collectHole(args, entry, page)
    return UNTOUCHED
  }

  // A PROT_NONE entry is present for the kernel.
  const isPresent = kind === PteKind.present || kind === PteKind.protnone
  if (!isPresent && kind !== PteKind.devicePrivate) return UNTOUCHED
  if (isPresent && pte.frame === ZERO_PAGE) {
    if (select & SELECT_SYSTEM) collectHole(args, entry, page)
    return UNTOUCHED
  }
  const frame = current.machine.frames[pte.frame]
  if (!isSelected(frame, args)) return UNTOUCHED
  if (frame.compound) {
    if (!current.machine.rules.splitsMappedParts) return UNTOUCHED
    const folio = folioOf(frame)
    getPage(folio)
    return { kind: 'part', pfn: folio.pfn }
  }

  // A trylock: two migrations that wait for each other's folio locks would deadlock.
  if (!isLockedByFault(args, frame) && !tryLockPage(frame)) {
    const isFaultFolio = args.fault?.pfn === frame.pfn && frame.locked === current.thread + 1
    if (isFaultFolio) entry.flags = MIGRATE_PFN_HELD
    getPage(frame)
    return { kind: 'busy', pfn: frame.pfn }
  }
  // The reference that the mapping held passes to the migration.
  const state = read(pte)
  const write = state.write ? MIGRATE_PFN_WRITE : 0
  entry.flags = MIGRATE_PFN_VALID | MIGRATE_PFN_MIGRATE | write
  entry.source = frame.pfn
  setMigrationEntry(current.machine, pte, state)
  entry.lifecycle.signal('COLLECTED')
  frame.lifecycle?.signal('COLLECTED')
  return isPresent ? { kind: 'flush' } : UNTOUCHED
}

/** An empty entry, or one of the zero page, in an anonymous VMA: device memory can be populated for it. */
function collectHole({ mm }: MigrateVma, entry: MigratingPage, page: number): void {
  if (mm.vma[page].kind !== VmaKind.anonymous) return
  entry.flags = MIGRATE_PFN_MIGRATE
  entry.lifecycle.signal('COLLECTED')
}
