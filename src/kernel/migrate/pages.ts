/**
 * migrate_vma_pages: moves the state of each source folio to its destination.
 *
 * @see reference B.5 step 5
 * @module
 */

import {
  type Frame,
  isPageCache,
  type Machine,
  type MigratingPage,
  NotifyEvent,
  type Task,
} from '../../machine/index.js'
import { claim, procedure, type Running, step } from '../../world/index.js'
import { __split_huge_pmd } from '../mm/huge/split.js'
import { tryLockPage } from '../mm/page.js'
import { folioFreeSwap, swapCacheReferences } from '../mm/swap/slots.js'
import { invalidateRangeEnd, invalidateRangeStart } from '../mmu_notifier/index.js'
import { migrate_vma_insert_page } from './insert.js'
import {
  destinationOf,
  hasSource,
  isCompound,
  isMigrating,
  MIGRATE_PFN_COMPOUND,
  MIGRATE_PFN_MIGRATE,
  type MigrateVma,
  markMoved,
  ownReferences,
  pagesOf,
  sourcesOf,
  stopForOthers,
  stopMigrating,
} from './request.js'

/**
 * Moves the state of each source to its destination, and maps destinations in holes. A page without
 * a destination, or with a reference taken meanwhile, is not migrated.
 *
 * @kernel migrate_vma_pages mm/migrate_device.c
 * @see reference B.5 step 5
 */
export const migrate_vma_pages = procedure(function* migrate_vma_pages(current: Task, args: MigrateVma) {
  const { mm, start, end, owner } = args
  let opened = -1
  for (let page = start; page < end; page++) {
    let found = yield* folio_migrate_mapping(current, args, page)
    if (found === Mapping.split) {
      yield* migrate_vma_split_unmapped_folio(current, args, page)
      found = yield* folio_migrate_mapping(current, args, page)
    }
    if (found !== Mapping.hole) continue
    if (opened < 0) {
      opened = page
      yield* invalidateRangeStart(current, mm, NotifyEvent.MIGRATE, page, end, owner)
    }
    yield* migrate_vma_insert_page(current, args, page)
  }
  if (opened >= 0) yield* invalidateRangeEnd(current, mm, NotifyEvent.MIGRATE, opened, end, owner)
})

/**
 * Moves the state of one page, or of a huge page as a whole. One step: the page is locked, no page
 * table maps it, and its reference count is compared and frozen atomically.
 *
 * @returns one of `Mapping`
 * @kernel folio_migrate_mapping mm/migrate.c
 * @see reference B.5 step 5
 */
export const folio_migrate_mapping = procedure(function* folio_migrate_mapping(
  current: Task,
  args: MigrateVma,
  page: number,
): Running<number> {
  const entry = pagesOf(current)[page]
  return yield* step('move what is known of the page', () => {
    requireMigrationLocks(current, args, page)
    const { dst } = entry
    if (dst === undefined) {
      stopMigrating(entry)
      return Mapping.done
    }
    if (!isMigrating(entry)) return Mapping.done
    if (isCompound(entry) && dst.compound === 0) {
      if (hasSource(entry)) return args.fromDevice ? stopWhole(entry, args) : Mapping.split
      beginEach(current, args, page)
    }
    if (!hasSource(entry)) return Mapping.hole
    const sources = sourcesOf(current.machine, entry)
    if (sources.every((source) => isFree(current.machine, source, args))) {
      markMoved(entry)
      for (const source of sources) moveTo(source, destinationOf(source, dst))
    } else stopForOthers(entry, args)
    return Mapping.done
  })
})

/**
 * The result for one entry. `done`: the state has moved, or the page is not migrated. `hole`: the
 * entry has no source. `split`: a huge page whose destination is not one must be split.
 */
const Mapping = { done: 0, hole: 1, split: 2 } as const

/**
 * True if no other thread holds the page and it can be migrated. A file page cannot: a device
 * cannot write it back.
 */
function isFree(machine: Machine, source: Frame, args: MigrateVma): boolean {
  if (isPageCache(source) || !leavesSwapCache(machine, source)) return false
  return source.refcount === ownReferences(args, source)
}

/** Moves the state of the folio with its data. */
function moveTo(source: Frame, dst: Frame): void {
  if (source.dirty) dst.dirty = true
  moveCharge(source, dst)
  moveIdentity(source, dst)
}

/** migrate_device_pages never splits: the huge page is not migrated. */
function stopWhole(entry: MigratingPage, args: MigrateVma): number {
  stopForOthers(entry, args)
  return Mapping.done
}

/**
 * A hole of the size of a huge page, for which the driver has allocated single pages: from now on
 * each page is a hole of its own.
 */
function beginEach(current: Task, args: MigrateVma, page: number): void {
  for (const entry of eachPart(current, args, page)) {
    entry.flags = MIGRATE_PFN_MIGRATE
    entry.lifecycle.signal('COLLECTED')
    entry.lifecycle.signal('UNMAPPED')
    if (entry.dst) entry.lifecycle.signal('COPIED')
  }
  const entry = pagesOf(current)[page]
  entry.flags = entry.flags & ~MIGRATE_PFN_COMPOUND
}

/** The entries after the first of a huge page. */
function eachPart(current: Task, { end }: MigrateVma, page: number): readonly MigratingPage[] {
  return pagesOf(current).slice(page + 1, Math.min(page + current.machine.hugePages, end))
}

/**
 * Splits a huge page whose destinations are single pages. No page table maps it; its PMD migration
 * entry in the address space that migrates is split too.
 *
 * @kernel migrate_vma_split_unmapped_folio mm/migrate_device.c
 * @see reference B.5 step 5
 */
const migrate_vma_split_unmapped_folio = procedure(function* migrate_vma_split_unmapped_folio(
  current: Task,
  args: MigrateVma,
  page: number,
): Running<void> {
  const { machine } = current
  yield* __split_huge_pmd(current, args.mm, page)
  yield* step('split the huge page', () => {
    const entry = pagesOf(current)[page]
    const sources = sourcesOf(machine, entry)
    const flags = entry.flags & ~MIGRATE_PFN_COMPOUND
    entry.flags = flags
    const others = eachPart(current, args, page)
    for (const [index, source] of sources.entries()) {
      source.compound = 0
      source.pgmap?.ops.folioSplit?.(source)
      if (index === 0) continue
      tryLockPage(source)
      others[index - 1].flags = flags
      others[index - 1].source = source.pfn
      others[index - 1].lifecycle.signal('COLLECTED')
      others[index - 1].lifecycle.signal('UNMAPPED')
      if (others[index - 1].dst) others[index - 1].lifecycle.signal('COPIED')
    }
    return 0
  })
})

/**
 * Asserts the obligations of the driver in migrate_vma_pages: it holds the mmap lock, the
 * destination is locked, and the page of the fault has a destination.
 */
function requireMigrationLocks(current: Task, args: MigrateVma, page: number): void {
  const entries = pagesOf(current)
  const { dst } = entries[page]
  claim(
    'C37',
    args.fromDevice === true || args.mm.mmapLock.heldBy(current.thread),
    'a migration goes on, and the mmap lock is not held: areas may change',
  )
  if (dst === undefined) return
  claim(
    'C35',
    dst.locked === current.thread + 1,
    `frame ${dst.pfn} is to be the destination of page ${page}, and is not locked by who migrates`,
  )
  const { fault } = args
  if (fault === undefined) return
  const waiting = entries.some(
    (entry) =>
      hasSource(entry) && entry.source === fault.pfn && isMigrating(entry) && entry.dst === undefined,
  )
  claim(
    'C30',
    !waiting,
    `page ${page} is brought back, and frame ${fault.pfn}, which the fault is about, is not`,
  )
}

/**
 * Copies mapping and index: the rmap walk of the destination finds the migration entries of the
 * source.
 *
 * @kernel folio_migrate_mapping
 */
function moveIdentity(from: Frame, to: Frame): void {
  to.anonVma = from.anonVma
  to.index = from.index
  to.ksm = from.ksm
  from.ksm = false
}

/**
 * Moves the memcg charge, whatever the limit is: the number of pages does not grow.
 *
 * @kernel mem_cgroup_migrate
 */
function moveCharge(from: Frame, to: Frame): void {
  to.charged = from.charged
  from.charged = false
}

/**
 * A device page is never in the swap cache, so the source must leave it. References are counted
 * afterwards, when the swap cache holds none (D12). Called inside an atomic step.
 *
 * @returns false if another thread uses the swap slot: the page is not migrated
 */
function leavesSwapCache(machine: Machine, frame: Frame): boolean {
  return swapCacheReferences(frame) === 0 || folioFreeSwap(machine, frame)
}
