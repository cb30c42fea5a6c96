/**
 * The first half of a migration: pages are locked, their entries replaced by migration entries, and those that
 * somebody else holds are put back.
 *
 * @see reference B.5 steps 1 to 3
 * @module
 */
import { become, claim, procedure, type Running, step } from '../../world/index.js'
import { Errno } from '../errno.js'
import { hugePmdAt } from '../huge.js'
import {
  type Frame,
  isDevicePrivate,
  type Machine,
  type MigratingPage,
  type MmStruct,
  NotifyEvent,
  PteKind,
  type Task,
  VmaKind,
  ZERO_PAGE,
} from '../machine.js'
import {
  areaEnd,
  entryState,
  flushTlb,
  folioAddLru,
  lru_add_drain,
  maps,
  putPage,
  rmapOf,
  setMigrationEntry,
  split_huge_page_to_list_to_order,
  swapCacheReferences,
  tryLockPage,
} from '../mm/index.js'
import { invalidateRangeEnd, invalidateRangeStart } from '../mmu_notifier/index.js'
import { isolateLru } from './lru.js'
import {
  FaultHolds,
  forgetPage,
  hasSource,
  isLockedByFault,
  isMigrating,
  MIGRATE_PFN_MIGRATE,
  MIGRATE_PFN_VALID,
  MIGRATE_PFN_WRITE,
  type MigrateVma,
  markUnmapped,
  ownReferences,
  pagesOf,
  SELECT_SYSTEM,
  selectMemory,
  stopForOthers,
} from './request.js'
import { letGo, remove_migration_ptes } from './restore.js'

/**
 * Collects the pages that can be migrated. Each is locked and held by a reference when it returns, and no page table
 * maps it any more.
 *
 * @returns 0, also if there is nothing to migrate; -EINVAL for an empty range, or one that is not in one area; for an area of
 * huge pages, or of what a driver has mapped; and for a page of the fault that is not a device-private one, or of which the
 * caller says that he has locked it, and it is not
 * @kernel migrate_vma_setup
 */
export const migrate_vma_setup = procedure(function* migrate_vma_setup(
  current: Task,
  args: MigrateVma,
): Running<number> {
  const error = yield* step('check the range', () => {
    const { frames } = current.machine
    claim(
      'C31',
      args.fault === undefined || frames[args.fault.pfn].refcount > 0,
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
  return fault.holds !== FaultHolds.lock || frames[fault.pfn].locked !== 0
}

/**
 * Walks the page table under its lock. The TLBs are flushed before the lock is dropped: nobody may write to a page
 * whose entry says that it is being migrated (D4).
 *
 * @kernel migrate_vma_collect
 */
export const migrate_vma_collect = procedure(function* migrate_vma_collect(current: Task, args: MigrateVma) {
  const { mm, start, end, owner } = args
  yield* invalidateRangeStart(current, mm, NotifyEvent.MIGRATE, start, end, owner)
  yield* migrate_vma_collect_pmd(current, args)
  yield* invalidateRangeEnd(current, mm, NotifyEvent.MIGRATE, start, end, owner)
})

/** @kernel migrate_vma_collect_pmd */
export const migrate_vma_collect_pmd = procedure(function* migrate_vma_collect_pmd(
  current: Task,
  args: MigrateVma,
) {
  const { mm, start, end } = args
  for (const pmd of mm.pmd ?? [])
    if (start < pmd.end && pmd.start < end) yield* split_huge_page_to_list_to_order(current, mm, pmd.start)
  yield* mm.ptl.lock()
  let unmapped = 0
  for (let page = start; page < end; page++) unmapped |= yield* migrateVmaCollectPte(current, args, page)
  if (unmapped) yield* flushBeforeUnlock(current, args)
  yield* mm.ptl.unlock()
})

/**
 * One entry. One step: the page-table lock is held, and the bits of the entry are read as it is taken out.
 *
 * @returns 1 if a CPU may have a translation of the page
 * @kernel migrate_vma_collect_pmd
 */
export const migrateVmaCollectPte = procedure(
  'migrate_vma_collect_pmd (entry)',
  function* (current: Task, args: MigrateVma, page: number): Running<number> {
    return yield* step('collect an entry', () => collectEntry(current, args, page))
  },
)

/** The TLBs forget what was taken out of the page table, whose lock is still held. */
export const flushBeforeUnlock = procedure(
  'migrate_vma_collect_pmd (flush)',
  function* ({ machine }: Task, { mm, start, end }: MigrateVma) {
    yield* step('flush every CPU', () => {
      flushTlb(machine, mm, start, end)
      return 0
    })
  },
)

/**
 * Locks the page, if it is to be migrated, and replaces its entry. Part of a step, under the page-table lock.
 *
 * @param read - reads what the entry says
 * @returns 1 if a CPU may have a translation of the page
 */
export function collectEntry(current: Task, args: MigrateVma, page: number, read = entryState): number {
  const { mm, select } = args
  const entry = pagesOf(current)[page]
  const pte = mm.pte[page]
  forgetPage(entry)
  // What an earlier try came to counts no more.
  entry.flags = 0
  entry.dst = undefined
  // One that could not be split, or has come since, stays.
  if (hugePmdAt(mm, page)) return 0
  const kind = pte.kind
  // What a CPU may not use for now, or at all, is mapped all the same.
  const isPresent = kind === PteKind.present || kind === PteKind.protnone
  const isHole = kind === PteKind.none || (isPresent && pte.frame === ZERO_PAGE)
  if (isHole) {
    const wanted = kind === PteKind.none || select & SELECT_SYSTEM
    if (!wanted || mm.vma[page].kind !== VmaKind.anonymous) return 0
    entry.flags = MIGRATE_PFN_MIGRATE
    entry.lifecycle.signal('COLLECTED')
    return 0
  }
  if (!isPresent && kind !== PteKind.devicePrivate) return 0
  const frame = current.machine.frames[pte.frame]
  // What is still part of a huge page stays too.
  if (frame.compound || !isSelected(frame, args)) return 0
  if (!isLockedByFault(args, frame.pfn) && !tryLockPage(frame)) return 0
  // The mapping's reference becomes the migration's.
  const state = read(pte)
  const write = state.write ? MIGRATE_PFN_WRITE : 0
  entry.flags = MIGRATE_PFN_VALID | MIGRATE_PFN_MIGRATE | write
  entry.source = frame.pfn
  setMigrationEntry(current.machine, pte, state)
  entry.lifecycle.signal('COLLECTED')
  frame.lifecycle?.signal('COLLECTED')
  return isPresent ? 1 : 0
}

/** True if the caller wants what is where the page is. Of device memory there is only his own to be had. */
function isSelected(frame: Frame, { select, owner }: MigrateVma): boolean {
  if (frame.owner < 0) return (select & SELECT_SYSTEM) !== 0
  return frame.owner === owner && (select & selectMemory(frame)) !== 0
}

/**
 * Takes the pages out of the other page tables that map them, and puts back those that somebody else still holds.
 *
 * @kernel migrate_device_unmap
 */
export const migrate_device_unmap = procedure(function* migrate_device_unmap(
  current: Task,
  args: MigrateVma,
) {
  yield* lru_add_drain(current)
  let mayDrain = true
  for (let page = args.start; page < args.end; page++) {
    if (yield* isolateLru(current, page, mayDrain)) mayDrain = false
    yield* unmapPage(current, args, page)
  }
})

/** What is found of a page that was collected; its frame is above. */
const Look = { isolated: 1, mapped: 2 } as const
const LOOK_BITS = 2

const unmapPage = procedure(
  'migrate_device_unmap (page)',
  function* (current: Task, args: MigrateVma, page: number) {
    const { frames } = current.machine
    const entry = pagesOf(current)[page]
    const found = yield* step('look at the page', () => {
      if (hasSource(entry)) {
        const isMapped = frames[entry.source].mapcount > 0 ? Look.mapped : 0
        return (entry.source << LOOK_BITS) | (isMigrating(entry) ? Look.isolated : 0) | isMapped
      }
      if (isMigrating(entry)) markUnmapped(entry)
      return 0
    })
    if (found === 0) return
    const frame = frames[found >> LOOK_BITS]
    const isIsolated = (found & Look.isolated) !== 0
    if (isIsolated) {
      if (found & Look.mapped) yield* try_to_migrate(current, frame, 0)
      const stays = yield* step('migrate_vma_check_page', () => {
        if (isHeldByOthers(frame, args)) {
          stopForOthers(entry, args)
          return 1
        }
        markUnmapped(entry)
        return 0
      })
      if (!stays) return
    }
    yield* remove_migration_ptes(current, frame, frame)
    yield* step('let the page be', () => {
      forgetPage(entry)
      entry.lifecycle.signal('RESTORED')
      if (isIsolated) folioAddLru(current, frame)
      letGo(frame, args, true)
      return 0
    })
  },
)

/** True if there are mappings, or references beyond those that are accounted for. */
function isHeldByOthers(frame: Frame, args: MigrateVma): boolean {
  const known = ownReferences(args, frame) + swapCacheReferences(frame)
  return frame.mapcount > 0 || frame.refcount > known
}

/**
 * Replaces the entries of a page by migration entries, wherever they are: after mremap a page lies at different numbers in a
 * parent and its child, and the page of a file is mapped any number of times. The areas that may map it are visited one
 * after another, until none does any more. Watchers of each are told that it goes, before anybody has looked whether the
 * area maps it at all; and nobody is named as the one who migrates. So who migrates a page that fork has shared is told as well,
 * as of anybody's doing, though its own entry has been replaced long since.
 *
 * If an entry has gone from where it was found it may have moved, and the walk begins again.
 *
 * @param from - which area to go on with, in the order of the walk
 * @kernel try_to_migrate
 */
export const try_to_migrate = procedure(function* try_to_migrate(
  current: Task,
  frame: Frame,
  from: number,
): Running<void> {
  const { machine } = current
  const found = yield* step('walk the areas', () => {
    if (frame.mapcount === 0) return 0
    const places = rmapOf(machine, frame)
    if (from >= places.length) return 0
    const { mm, page } = places[from]
    return ((mm.index * machine.pages + page) << 1) + (maps(mm.pte[page], frame) ? 1 : 0) + 1
  })
  if (found === 0) return
  const place = (found - 1) >> 1
  const mm = machine.mms[Math.floor(place / machine.pages)]
  const page = place % machine.pages
  yield* invalidateRangeStart(current, mm, NotifyEvent.CLEAR, page, page + 1)
  const replaced = yield* try_to_migrate_one(current, mm, page, frame)
  yield* invalidateRangeEnd(current, mm, NotifyEvent.CLEAR, page, page + 1)
  const hasMoved = ((found - 1) & 1) === 1 && !replaced
  yield* become(try_to_migrate, current, frame, hasMoved ? 0 : from + 1)
})

/**
 * Replaces the entry, if it still maps the page. One step: the page-table lock is held, and the TLBs are flushed under it.
 *
 * @returns 1, or 0 if the page is not there
 * @kernel try_to_migrate_one
 */
export const try_to_migrate_one = procedure(function* try_to_migrate_one(
  current: Task,
  mm: MmStruct,
  page: number,
  frame: Frame,
): Running<number> {
  return yield* mm.ptl.critical('replace the entry', () => migrateEntry(current, mm, page, frame))
})

/**
 * Replaces the entry of `page`, if it maps the page, by a migration entry. Part of a step, under the page-table lock.
 *
 * @param read - reads what the entry says
 */
export function migrateEntry(
  { machine }: Task,
  mm: MmStruct,
  page: number,
  frame: Frame,
  read = entryState,
): number {
  const pte = mm.pte[page]
  if (!maps(pte, frame)) return 0
  setMigrationEntry(machine, pte, read(pte))
  flushTlb(machine, mm, page, page + 1)
  putPage(frame)
  return 1
}

/** True if any page is still to be migrated. */
export function anyMigrating(entries: readonly MigratingPage[], args: MigrateVma): boolean {
  return entries.slice(args.start, args.end).some((entry) => isMigrating(entry))
}
