/**
 * Collecting what one PMD maps: a huge page in system or device memory, the huge zero page, or nothing.
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

/** What migrate_vma_collect_huge_pmd does after it has looked at the PMD. */
type CollectedPmd =
  /** The PMD refers to a page table: collect its entries. */
  | { readonly kind: 'table' }
  /** All pages of the PMD are collected or skipped. */
  | { readonly kind: 'done' }
  /** The folio must be split. It is locked, and a reference to it is held. */
  | { readonly kind: 'split'; readonly pfn: number }
  /** Another thread has locked the folio: skipped. A reference to it is still to be put. */
  | { readonly kind: 'busy'; readonly pfn: number }

const TABLE: CollectedPmd = { kind: 'table' }
const DONE: CollectedPmd = { kind: 'done' }

/**
 * Collects a huge page as a whole if the range covers all of it and MIGRATE_VMA_SELECT_COMPOUND is set:
 * the PMD becomes a migration entry. Otherwise the huge page is locked and split.
 *
 * @param start - the first page that both the range and the PMD cover
 * @param end - the page after the last
 * @returns true if all pages are collected or skipped; false if the PMD refers to a page table
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
  const collected = yield* args.mm.ptl.critical('collect the huge entry', () =>
    collectHugePmd(current, args, pmd, start, end),
  )
  switch (collected.kind) {
    case 'table':
      return false
    case 'done':
      return true
    case 'busy':
      yield* folio_put(current.machine.frames[collected.pfn])
      return true
    case 'split': {
      const folio = current.machine.frames[collected.pfn]
      const isSplit = yield* split_folio(current, folio, [folio.pfn])
      if (!isLockedByFault(args, folio)) yield* folio_unlock(folio)
      yield* folio_put(folio)
      if (!isSplit) yield* migrate_vma_collect_skip(current, start, end)
      return !isSplit
    }
  }
})

/**
 * Skips the pages from `start` to `end`: they are not migrated.
 *
 * @param fault - the fault that the migration serves; `start` is its page, which another thread holds
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
 * The cases of migrate_vma_collect_huge_pmd, in its order. Called inside an atomic step, under the
 * page-table lock.
 */
function collectHugePmd(current: Task, args: MigrateVma, pmd: Pmd, start: number, end: number): CollectedPmd {
  const { mm, select } = args
  const isWhole = (select & SELECT_COMPOUND) !== 0 && pmd.isWhole && start === pmd.start && end === pmd.end
  if (isPmdNone(mm, pmd)) {
    if (!isWhole) return TABLE
    migrate_vma_collect_hole(current, args, start, end, isWhole)
    return DONE
  }
  if (pmd.kind !== PmdKind.huge) return TABLE
  skip(current, start, end)
  const { kind, frame: pfn } = mm.pte[pmd.start]
  if (pfn === ZERO_PAGE) {
    if (select & SELECT_SYSTEM) migrate_vma_collect_hole(current, args, start, end, isWhole)
    return DONE
  }
  if (kind === PteKind.migration) return DONE
  const folio = current.machine.frames[pfn]
  if (!isSelected(folio, args)) return DONE
  if (!isLockedByFault(args, folio) && !tryLockPage(folio)) {
    getPage(folio)
    return { kind: 'busy', pfn }
  }
  if (!isWhole) {
    getPage(folio)
    return { kind: 'split', pfn }
  }
  collectWhole(current, args, pmd, folio)
  return DONE
}

/**
 * An empty PMD, or the huge zero page, in an anonymous VMA: each page, or the huge page as a whole, can
 * be populated in device memory. No page of another VMA can.
 *
 * @kernel migrate_vma_collect_hole mm/migrate_device.c
 */
function migrate_vma_collect_hole(
  current: Task,
  { mm }: MigrateVma,
  start: number,
  end: number,
  isWhole: boolean,
): void {
  skip(current, start, end)
  if (mm.vma[start].kind !== VmaKind.anonymous) return
  const entries = pagesOf(current).slice(start, isWhole ? start + 1 : end)
  for (const entry of entries) {
    entry.flags = MIGRATE_PFN_MIGRATE | (isWhole ? MIGRATE_PFN_COMPOUND : 0)
    entry.lifecycle.signal('COLLECTED')
  }
}

/**
 * Replaces the PMD by a migration entry and flushes the TLBs. The references that the mapping held pass
 * to the migration.
 *
 * @kernel set_pmd_migration_entry
 */
function collectWhole(current: Task, { mm }: MigrateVma, pmd: Pmd, folio: Frame): void {
  const { machine } = current
  const entry = pagesOf(current)[pmd.start]
  const write = entryState(mm.pte[pmd.start]).write ? MIGRATE_PFN_WRITE : 0
  entry.flags = MIGRATE_PFN_VALID | MIGRATE_PFN_MIGRATE | MIGRATE_PFN_COMPOUND | write
  entry.source = folio.pfn
  entry.lifecycle.signal('COLLECTED')
  for (const pte of mm.pte.slice(pmd.start, pmd.end)) {
    machine.frames[pte.frame].lifecycle?.signal('COLLECTED')
    setMigrationEntry(machine, pte)
  }
  flushTlb(machine, mm, pmd.start, pmd.end)
}

/**
 * The result of migrate_vma_split_folio. `not`: the folio could not be split. `done`: it was split.
 * `fromFault`: it was split, it was the folio of the fault, and the fault is about a part of it other than the first.
 */
export const FolioSplit = { not: 0, done: 1, fromFault: 2 } as const

/**
 * Splits a folio that is mapped by PTEs. It waits for the folio lock with other folios of the migration
 * locked. If the folio is that of the fault, the fault has locked it and holds a reference: after the
 * split, lock and reference must be on the part that the fault is about, and this waits for any thread
 * that has locked that part since.
 *
 * @param folio - its head page; the caller passes on a reference, which is dropped
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
  const isFaultFolio = yield* step('look whose the folio lock is', () =>
    isLockedByFault(args, folio) ? 1 : 0,
  )
  if (!isFaultFolio || fault === undefined) {
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
