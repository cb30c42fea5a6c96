/**
 * Collecting what one entry above the page table maps: a huge page in system memory or in a device's, the huge zero page, or nothing.
 *
 * @see reference B.5 step 2
 * @module
 */

import {
  type DeviceFault,
  type Frame,
  type Pmd,
  PmdKind,
  PteKind,
  type Task,
  VmaKind,
  ZERO_PAGE,
} from '../../machine/index.js'
import { procedure, type Running, step } from '../../world/index.js'
import { entryState } from '../mm/encoding.js'
import { split_folio } from '../mm/huge/folio.js'
import { isPmdNone } from '../mm/huge/page.js'
import { folio_lock, folio_put, folio_unlock, getPage, setMigrationEntry, tryLockPage } from '../mm/page.js'
import { flushTlb } from '../mm/tlb.js'
import {
  beginEntry,
  isLockedByFault,
  isSelected,
  MIGRATE_PFN_COMPOUND,
  MIGRATE_PFN_HELD,
  MIGRATE_PFN_MIGRATE,
  MIGRATE_PFN_VALID,
  MIGRATE_PFN_WRITE,
  type MigrateVma,
  pagesOf,
  SELECT_COMPOUND,
  SELECT_SYSTEM,
} from './request.js'

/** What came of the entry above: its page table is to be gone through, or nothing is left to do. A frame is a huge page to split. */
const Huge = { table: 0, done: -1 } as const

/** A huge page that somebody else has locked, held for a moment: from its first frame to what is returned for it, and back. */
function busy(frame: number): number {
  return Huge.done - 1 - frame
}

/**
 * Collects a huge page that the range covers as one, if that is asked for: the entry above is a migration entry then. One that it
 * does not cover, or where it is not asked for, is locked and split.
 *
 * @param start - the first page of the range that it covers
 * @param end - the page after the last
 * @returns true if nothing is left to do; otherwise there is a page table, and its entries come next
 * @kernel migrate_vma_collect_huge_pmd mm/migrate_device.c
 * @see reference B.5 step 2
 */
export const migrate_vma_collect_huge_pmd = procedure(function* migrate_vma_collect_huge_pmd(
  current: Task,
  args: MigrateVma,
  pmd: Pmd,
  start: number,
  end: number,
): Running<boolean> {
  const { mm } = args
  const found = yield* mm.ptl.critical('collect the huge entry', () =>
    collectHugePmd(current, args, pmd, start, end),
  )
  if (found < Huge.done) yield* folio_put(current.machine.frames[busy(found)])
  if (found <= 0) return found !== Huge.table
  const frame = current.machine.frames[found]
  const isSplit = yield* split_folio(current, frame, [frame.pfn])
  if (!isLockedByFault(args, frame)) yield* folio_unlock(frame)
  yield* folio_put(frame)
  if (!isSplit) yield* migrate_vma_collect_skip(current, start, end)
  return !isSplit
})

/**
 * The pages from `start` to `end` stay where they are. If there is a fault it is about one that somebody else holds.
 *
 * @kernel migrate_vma_collect_skip mm/migrate_device.c
 * @see reference B.5
 */
export const migrate_vma_collect_skip = procedure(function* migrate_vma_collect_skip(
  current: Task,
  start: number,
  end: number,
  fault?: DeviceFault,
) {
  yield* step('pass over the pages', () => {
    skip(current, start, end)
    if (fault) pagesOf(current)[start].flags = MIGRATE_PFN_HELD
    return 0
  })
})

function skip(current: Task, start: number, end: number): void {
  for (const entry of pagesOf(current).slice(start, end)) beginEntry(entry)
}

/**
 * Looks at the entry, and replaces it if it is collected as a whole. Part of a step, under the page-table lock.
 *
 * @returns one of {@link Huge}, or the frame to split, which is locked and held
 */
function collectHugePmd(current: Task, args: MigrateVma, pmd: Pmd, start: number, end: number): number {
  const { mm, select } = args
  const isWhole = (select & SELECT_COMPOUND) !== 0 && pmd.isWhole && start === pmd.start && end === pmd.end
  if (isPmdNone(mm, pmd)) return isWhole ? collectHole(current, args, start, end, isWhole) : Huge.table
  if (pmd.kind !== PmdKind.huge) return Huge.table
  skip(current, start, end)
  const { kind, frame: pfn } = mm.pte[pmd.start]
  if (pfn === ZERO_PAGE)
    return select & SELECT_SYSTEM ? collectHole(current, args, start, end, isWhole) : Huge.done
  if (kind === PteKind.migration) return Huge.done
  const head = current.machine.frames[pfn]
  if (!isSelected(head, args)) return Huge.done
  if (!isLockedByFault(args, head) && !tryLockPage(head)) {
    getPage(head)
    return busy(head.pfn)
  }
  if (!isWhole) {
    getPage(head)
    return pfn
  }
  collectWhole(current, args, pmd, head)
  return Huge.done
}

/** Nothing is there, or zeroes: a place for pages, or for a huge page. @kernel migrate_vma_collect_hole */
function collectHole(
  current: Task,
  { mm }: MigrateVma,
  start: number,
  end: number,
  isWhole: boolean,
): number {
  skip(current, start, end)
  if (mm.vma[start].kind !== VmaKind.anonymous) return Huge.done
  const entries = pagesOf(current).slice(start, isWhole ? start + 1 : end)
  for (const entry of entries) {
    entry.flags = MIGRATE_PFN_MIGRATE | (isWhole ? MIGRATE_PFN_COMPOUND : 0)
    entry.lifecycle.signal('COLLECTED')
  }
  return Huge.done
}

/** The mappings' references become the migration's. The TLBs are flushed at once. @kernel set_pmd_migration_entry */
function collectWhole(current: Task, { mm }: MigrateVma, pmd: Pmd, head: Frame): void {
  const { machine } = current
  const entry = pagesOf(current)[pmd.start]
  const write = entryState(mm.pte[pmd.start]).write ? MIGRATE_PFN_WRITE : 0
  entry.flags = MIGRATE_PFN_VALID | MIGRATE_PFN_MIGRATE | MIGRATE_PFN_COMPOUND | write
  entry.source = head.pfn
  entry.lifecycle.signal('COLLECTED')
  for (const pte of mm.pte.slice(pmd.start, pmd.end)) {
    machine.frames[pte.frame].lifecycle?.signal('COLLECTED')
    setMigrationEntry(machine, pte)
  }
  flushTlb(machine, mm, pmd.start, pmd.end)
}

/** Whether a folio was split, and whether it was that of the fault, which is about another part than the first. */
export const FolioSplit = { not: 0, done: 1, fromFault: 2 } as const

/**
 * Splits a huge page that has entries of its own, however else it is mapped. Whoever holds the folio lock is waited for, while the
 * pages before are locked. The folio of a fault is locked and held already: after the split, the part that the fault is about is, and
 * whoever has locked that part since is waited for.
 *
 * @param folio - its first part, on which the caller has a reference; the reference is given back
 * @returns one of {@link FolioSplit}
 * @kernel migrate_vma_split_folio mm/migrate_device.c
 * @see reference B.5 step 2
 */
export const migrate_vma_split_folio = procedure(function* migrate_vma_split_folio(
  current: Task,
  args: MigrateVma,
  folio: Frame,
): Running<number> {
  const { fault } = args
  const isFaults = yield* step('look whose the folio lock is', () => (isLockedByFault(args, folio) ? 1 : 0))
  if (!isFaults || fault === undefined) {
    yield* folio_lock(folio)
    const isSplit = yield* split_folio(current, folio, [folio.pfn])
    yield* folio_unlock(folio)
    yield* folio_put(folio)
    return isSplit ? FolioSplit.done : FolioSplit.not
  }
  const pins = folio.pfn === fault.pfn ? [fault.pfn, fault.pfn] : [fault.pfn, folio.pfn, folio.pfn]
  const isSplit = yield* split_folio(current, folio, pins)
  yield* folio_put(folio)
  const page = current.machine.frames[fault.pfn]
  if (!isSplit) return FolioSplit.not
  if (page === folio) return FolioSplit.done
  yield* folio_lock(page)
  yield* folio_unlock(folio)
  yield* folio_put(folio)
  return FolioSplit.fromFault
})
