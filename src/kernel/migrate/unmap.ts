/**
 * migrate_device_unmap: unmaps the collected pages from the other page tables that map them, and
 * restores the pages that others hold references to.
 *
 * @see reference B.5 step 3
 * @module
 */

import { type Frame, type MigratingPage, type MmStruct, NotifyEvent, type Task } from '../../machine/index.js'
import { become, procedure, type Running, step } from '../../world/index.js'
import { free_zone_device_folio } from '../memremap/device-page.js'
import { entryState } from '../mm/encoding.js'
import { folioAddLru, lru_add_drain } from '../mm/lru.js'
import { putPage, putPages, setMigrationEntry } from '../mm/page.js'
import { areaAt, maps, partsOf, rmapOf } from '../mm/rmap.js'
import { swapCacheReferences } from '../mm/swap/slots.js'
import { flushTlb } from '../mm/tlb.js'
import { invalidateRangeEnd, invalidateRangeStart } from '../mmu_notifier/index.js'
import { isolateLru } from './lru.js'
import {
  forgetPage,
  hasSource,
  isCompound,
  isMigrating,
  type MigrateVma,
  markUnmapped,
  ownReferences,
  pagesOf,
  sourcesOf,
  stopForOthers,
} from './request.js'
import { remove_migration_ptes, unlockSources } from './restore.js'

/**
 * Isolates each page from the LRU, unmaps it from the other page tables that map it, and restores
 * the pages that others hold references to.
 *
 * @kernel migrate_device_unmap mm/migrate_device.c
 * @see reference B.5 step 3
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

/** The state of a collected page. */
interface Look {
  readonly pfn: number
  /** True if the page was isolated: it is still to be migrated. */
  readonly isIsolated: boolean
  readonly isMapped: boolean
  readonly isWhole: boolean
}

/**
 * Unmaps one page from every page table that still maps it, and compares its reference count.
 *
 * @kernel migrate_device_unmap mm/migrate_device.c
 * @see reference B.5 step 3
 */
const unmapPage = procedure(
  'migrate_device_unmap (page)',
  function* (current: Task, args: MigrateVma, page: number) {
    const { machine } = current
    const entry = pagesOf(current)[page]
    const found = yield* step('look at the page', (): Look | 'no page' => {
      if (hasSource(entry))
        return {
          pfn: entry.source,
          isIsolated: isMigrating(entry),
          isMapped: sourcesOf(machine, entry).some(({ mapcount }) => mapcount > 0),
          isWhole: isCompound(entry),
        }
      if (isMigrating(entry)) markUnmapped(entry)
      return 'no page'
    })
    if (found === 'no page') return
    const frame = machine.frames[found.pfn]
    const { isIsolated } = found
    if (isIsolated) {
      if (found.isMapped) {
        if (found.isWhole) yield* tryToMigrateLarge(current, frame, 0)
        else yield* try_to_migrate(current, frame, 0)
      }
      const stays = yield* step('migrate_vma_check_page', () => {
        if (sourcesOf(machine, entry).some((source) => isHeldByOthers(source, args))) {
          stopForOthers(entry, args)
          return 1
        }
        markUnmapped(entry)
        return 0
      })
      if (!stays) return
    }
    yield* remove_migration_ptes(current, frame, frame)
    const freed = yield* step('let the page be', () => {
      const sources = sourcesOf(machine, entry)
      forgetPage(entry)
      entry.lifecycle.signal('RESTORED')
      if (isIsolated && frame.owner < 0) folioAddLru(current, frame)
      return putPages(unlockSources(sources, args, true))
    })
    if (freed) yield* free_zone_device_folio(freed)
  },
)

/**
 * True if the page is still mapped, or has references besides those of the migration, the fault and
 * the caches.
 */
function isHeldByOthers(frame: Frame, args: MigrateVma): boolean {
  const known = ownReferences(args, frame) + swapCacheReferences(frame)
  return frame.mapcount > 0 || frame.refcount > known
}

/**
 * Replaces every PTE of a page by a migration entry. The rmap walk visits the VMAs that may map the
 * page, one after another, until the page is unmapped: after mremap a parent and its child map a
 * page at different addresses, and a file page may be mapped any number of times. Each VMA gets an
 * invalidation before the walk looks whether it maps the page at all, and the event is
 * MMU_NOTIFY_CLEAR without an owner. So the driver that migrates a page that fork has shared is
 * invalidated too, although its own PTE was replaced during collection.
 *
 * If the entry found by the walk is gone when the page-table lock is held, mremap may have moved
 * it, and the walk restarts.
 *
 * @param from - index of the VMA to visit next, in the order of the rmap walk
 * @kernel try_to_migrate mm/rmap.c
 * @see reference B.5 step 3
 */
export const try_to_migrate = procedure(function* try_to_migrate(
  current: Task,
  frame: Frame,
  from: number,
): Running<void> {
  const { machine } = current
  const found = yield* step('walk the areas', () => {
    const place = frame.mapcount === 0 ? undefined : rmapOf(machine, frame)[from]
    if (place === undefined) return 'no more'
    return { mm: place.mm.index, page: place.page, isMapped: maps(place.mm.pte[place.page], frame) }
  })
  if (found === 'no more') return
  const { page, isMapped } = found
  const mm = machine.mms[found.mm]
  yield* invalidateRangeStart(current, mm, NotifyEvent.CLEAR, page, page + 1)
  const replaced = yield* try_to_migrate_one(current, mm, page, frame)
  yield* invalidateRangeEnd(current, mm, NotifyEvent.CLEAR, page, page + 1)
  yield* become(try_to_migrate, current, frame, isMapped && !replaced ? 0 : from + 1)
})

/**
 * Replaces the entry if it still maps the page. One step: the page-table lock is held until the
 * TLBs are flushed.
 *
 * @returns 1, or 0 if the entry does not map the page
 * @kernel try_to_migrate_one mm/rmap.c
 * @see reference B.5 step 3
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
 * Replaces the entry of `page` by a migration entry if it maps `frame`. Called inside an atomic
 * step, under the page-table lock.
 *
 * @param read - reads the state of the entry: its bits
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

/**
 * The same for a large folio. The invalidation covers all pages of the folio in the VMA, and its
 * mapping is replaced in one step: the PMD, which becomes a migration entry, or the PTEs of its
 * parts.
 *
 * @param from - index of the VMA to visit next, in the order of the rmap walk
 * @kernel try_to_migrate mm/rmap.c
 * @see reference B.5 step 3
 */
const tryToMigrateLarge = procedure(
  'try_to_migrate (large folio)',
  function* (current: Task, frame: Frame, from: number): Running<void> {
    const { machine } = current
    const area = yield* step('walk the areas', () =>
      partsOf(machine, frame).some(({ mapcount }) => mapcount > 0) ? areaAt(machine, frame, from) : undefined,
    )
    if (area === undefined) return
    const { mm, start, end } = area
    yield* invalidateRangeStart(current, mm, NotifyEvent.CLEAR, start, end)
    yield* mm.ptl.critical('replace the entries', () => {
      const parts = new Map(partsOf(machine, frame).map((part) => [part.pfn, part]))
      for (let page = start; page < end; page++) {
        const part = parts.get(mm.pte[page].frame)
        if (part) migrateEntry(current, mm, page, part)
      }
      return 0
    })
    yield* invalidateRangeEnd(current, mm, NotifyEvent.CLEAR, start, end)
    yield* become(tryToMigrateLarge, current, frame, from + 1)
  },
)

/** True if any page of the range is still to be migrated. */
export function anyMigrating(entries: readonly MigratingPage[], args: MigrateVma): boolean {
  return entries.slice(args.start, args.end).some((entry) => isMigrating(entry))
}
