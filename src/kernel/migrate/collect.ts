/**
 * The first half of a migration: pages are locked, their entries replaced by migration entries, and those that
 * somebody else holds are put back.
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
 * Collects the pages that can be migrated. Each is locked and held by a reference when it returns, and no page table
 * maps it any more.
 *
 * @returns 0, also if there is nothing to migrate; -EINVAL for an empty range, or one that is not in one area; for an area of
 * huge pages, or of what a driver has mapped; and for a page of the fault that is not a device-private one, or of which the
 * caller says that he has locked it, and it is not
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

/** False for what has no pages that could be had one by one: a hole, what a driver has mapped, huge pages. @kernel VM_SPECIAL, is_vm_hugetlb_page */
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

/** True if the migration serves no fault, or one on a device-private page, which is locked if the fault says so. */
function isFaultPage({ frames }: Machine, { fault }: MigrateVma): boolean {
  if (fault === undefined) return true
  if (!isDevicePrivate(frames[fault.pfn])) return false
  return fault.holds !== FaultHolds.lock || isPageLocked(frames[fault.pfn])
}

/**
 * Walks the page table under its lock. The TLBs are flushed before the lock is dropped: nobody may write to a page
 * whose entry says that it is being migrated (D4).
 *
 * @kernel migrate_vma_collect mm/migrate_device.c
 * @see reference B.5 step 2
 */
export const migrate_vma_collect = procedure(function* migrate_vma_collect(current: Task, args: MigrateVma) {
  const { mm, start, end, owner } = args
  yield* invalidateRangeStart(current, mm, NotifyEvent.MIGRATE, start, end, owner)
  for (const piece of piecesOf(mm, start, end))
    yield* migrate_vma_collect_pmd(current, args, piece.start, piece.end)
  yield* invalidateRangeEnd(current, mm, NotifyEvent.MIGRATE, start, end, owner)
})

/** What each entry above the page table covers of a range; all of it where there are no huge pages. @kernel pmd_addr_end */
function piecesOf(
  { pmd }: MmStruct,
  start: number,
  end: number,
): { readonly start: number; readonly end: number }[] {
  if (pmd === undefined) return [{ start, end }]
  return pmd
    .filter((above) => start < above.end && above.start < end)
    .map((above) => ({ start: Math.max(start, above.start), end: Math.min(end, above.end) }))
}

/**
 * The pages from `page` to `end`, which one entry above the page table covers; all of the range where there are no huge pages. A huge
 * page comes first; where there is a page table its entries do. The lock is dropped to split what is still part of a huge page, and
 * all is looked at again from there on; if it cannot be split, what is left stays where it is.
 *
 * @kernel migrate_vma_collect_pmd mm/migrate_device.c
 * @see reference B.5 step 2
 */
export const migrate_vma_collect_pmd = procedure(function* migrate_vma_collect_pmd(
  current: Task,
  args: MigrateVma,
  page: number,
  end: number,
): Running<void> {
  const { mm } = args
  const pmd = pmdAt(mm, page)
  if (pmd !== undefined && (yield* migrate_vma_collect_huge_pmd(current, args, pmd, page, end))) return
  yield* mm.ptl.lock()
  let unmapped = false
  let part: Frame | undefined
  let at = page
  for (; at < end; at++) {
    const collected = yield* migrateVmaCollectPte(current, args, at)
    if (collected.kind === 'part') {
      part = current.machine.frames[collected.pfn]
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
  if (part === undefined) return
  const split = yield* migrate_vma_split_folio(current, args, part)
  if (split === FolioSplit.not) yield* migrate_vma_collect_skip(current, at, end, args.fault)
  else
    yield* become(
      migrate_vma_collect_pmd,
      current,
      split === FolioSplit.fromFault ? withStaleFault(args) : args,
      at,
      end,
    )
})

/**
 * The folio of the fault is remembered from before it was split: who goes on does not know the page of the fault for one that it has
 * locked itself, cannot lock it, and leaves it. The fault is taken again, and finds a page by itself.
 *
 * @kernel migrate_vma_collect_pmd, where fault_folio is stale
 */
function withStaleFault(args: MigrateVma): MigrateVma {
  return args.fault === undefined ? args : { ...args, fault: { ...args.fault, holds: FaultHolds.reference } }
}

/**
 * One entry. One step: the page-table lock is held, and the bits of the entry are read as it is taken out. The page is held before
 * its lock is tried: one that somebody else has locked is put again, and until then has a reference too many for who has the lock.
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

/** What came of an entry. */
export type Collected =
  /** No CPU has a translation of it. */
  | { readonly kind: 'untouched' }
  /** A CPU may have a translation of it. */
  | { readonly kind: 'flush' }
  /** It maps a part of a huge page, which must be split first: its first part, with a reference for it. */
  | { readonly kind: 'part'; readonly pfn: number }
  /** It maps a page that somebody else has locked: the page, with a reference to be put. */
  | { readonly kind: 'busy'; readonly pfn: number }

const UNTOUCHED: Collected = { kind: 'untouched' }

/**
 * Locks the page, if it is to be migrated, and replaces its entry. Part of a step, under the page-table lock.
 *
 * @param read - reads what the entry says
 */
export function collectEntry(current: Task, args: MigrateVma, page: number, read = entryState): Collected {
  const { mm, select } = args
  const entry = pagesOf(current)[page]
  const pte = mm.pte[page]
  beginEntry(entry)
  // One that could not be split, or has come since, stays.
  if (hugePmdAt(mm, page)) return UNTOUCHED
  const kind = pte.kind
  // What a CPU may not use for now, or at all, is mapped all the same.
  const isPresent = kind === PteKind.present || kind === PteKind.protnone
  const isHole = kind === PteKind.none || (isPresent && pte.frame === ZERO_PAGE)
  if (isHole) {
    const wanted = kind === PteKind.none || select & SELECT_SYSTEM
    if (!wanted || mm.vma[page].kind !== VmaKind.anonymous) return UNTOUCHED
    entry.flags = MIGRATE_PFN_MIGRATE
    entry.lifecycle.signal('COLLECTED')
    return UNTOUCHED
  }
  if (!isPresent && kind !== PteKind.devicePrivate) return UNTOUCHED
  const frame = current.machine.frames[pte.frame]
  if (!isSelected(frame, args)) return UNTOUCHED
  if (frame.compound) {
    if (!current.machine.rules.splitsMappedParts) return UNTOUCHED
    const folio = folioOf(frame)
    getPage(folio)
    return { kind: 'part', pfn: folio.pfn }
  }
  if (!isLockedByFault(args, frame) && !tryLockPage(frame)) {
    const isFaults = args.fault?.pfn === frame.pfn && frame.locked === current.thread + 1
    if (isFaults) entry.flags = MIGRATE_PFN_HELD
    getPage(frame)
    return { kind: 'busy', pfn: frame.pfn }
  }
  // The mapping's reference becomes the migration's.
  const state = read(pte)
  const write = state.write ? MIGRATE_PFN_WRITE : 0
  entry.flags = MIGRATE_PFN_VALID | MIGRATE_PFN_MIGRATE | write
  entry.source = frame.pfn
  setMigrationEntry(current.machine, pte, state)
  entry.lifecycle.signal('COLLECTED')
  frame.lifecycle?.signal('COLLECTED')
  return isPresent ? { kind: 'flush' } : UNTOUCHED
}
