/**
 * The second half of a migration: the new pages take the place of the old ones.
 *
 * @see reference B.5 steps 5 and 7
 * @module
 */
import { procedure, type Running, step, type World } from '../../world/index.js'
import { type Frame, type Machine, NotifyEvent, PteKind, type Task, VmaKind, ZERO_PAGE } from '../machine.js'
import {
  addNewAnonRmap,
  anonVmaPrepare,
  clearPte,
  flushTlb,
  folioFreeSwap,
  getPage,
  mayWritePage,
  putPage,
  setPte,
  swapCacheReferences,
  unlockPage,
} from '../mm/index.js'
import {
  hasNotifiers,
  mmuNotifierInvalidateRangeEnd,
  mmuNotifierInvalidateRangeStart,
} from '../mmu_notifier/index.js'
import {
  forgetPage,
  hasSource,
  isMigrating,
  MIGRATE_PFN_MOVED,
  type MigrateVma,
  ownReferences,
  pagesOf,
  stopMigrating,
} from './request.js'
import { letGo, removeMigrationPtes } from './restore.js'

/**
 * Moves what is known of each page to its destination, and maps destinations where there was nothing. A page that has
 * none, or that somebody has got hold of meanwhile, is not migrated.
 *
 * @kernel migrate_vma_pages
 */
export const migrateVmaPages = procedure('migrate_vma_pages', function* (current: Task, args: MigrateVma) {
  const { mm, start, end, owner } = args
  let opened = -1
  for (let page = start; page < end; page++) {
    const isHole = yield* migratePage(current, args, page)
    if (!isHole) continue
    if (opened < 0) {
      opened = page
      if (hasNotifiers(mm))
        yield* mmuNotifierInvalidateRangeStart(current, mm, {
          start: page,
          end,
          event: NotifyEvent.MIGRATE,
          blockable: true,
          owner,
        })
    }
    yield* migrateVmaInsertPage(current, args, page)
  }
  if (opened >= 0 && hasNotifiers(mm))
    yield* mmuNotifierInvalidateRangeEnd(current, mm, {
      start: opened,
      end,
      event: NotifyEvent.MIGRATE,
      blockable: true,
      owner,
    })
})

/**
 * One page. One step: the page is locked and no page table maps it, and its count is compared and frozen atomically.
 *
 * @returns 1 if there was no page, and the destination is to be mapped
 * @kernel folio_migrate_mapping
 */
export const migratePage = procedure(
  'folio_migrate_mapping',
  function* (current: Task, args: MigrateVma, page: number): Running<number> {
    const entry = pagesOf(current)[page]
    return yield* step('move what is known of the page', (w) => {
      if (entry.destination.get(w) === 0) {
        stopMigrating(entry, w)
        return 0
      }
      if (!isMigrating(entry, w)) return 0
      if (!hasSource(entry, w)) return 1
      const { frames } = current.machine
      const source = frames[entry.source.get(w)]
      const isFree = leavesSwapCache(w, current.machine, source)
      if (!isFree || source.refcount.get(w) !== ownReferences(args, source.pfn)) stopMigrating(entry, w)
      else {
        entry.flags.set(w, entry.flags.get(w) | MIGRATE_PFN_MOVED)
        if (source.flags?.dirty.get(w)) frames[entry.destination.get(w) - 1].flags?.dirty.set(w, 1)
      }
      return 0
    })
  },
)

/**
 * A device page is never in the swap cache: a page that goes there leaves it. Its references are counted afterwards, when
 * the swap cache has none (D12). Part of a step.
 *
 * @returns false if its slot is wanted by somebody else: then the page stays
 */
function leavesSwapCache(w: World, machine: Machine, frame: Frame): boolean {
  return swapCacheReferences(w, frame) === 0 || folioFreeSwap(w, machine, frame)
}

/**
 * Maps the destination where nothing was, or the zero page. What has come there meanwhile stays.
 *
 * @kernel migrate_vma_insert_page
 */
export const migrateVmaInsertPage = procedure(
  'migrate_vma_insert_page',
  function* (current: Task, args: MigrateVma, page: number) {
    const { mm } = args
    const { machine } = current
    const entry = pagesOf(current)[page]
    yield* mm.ptl.critical('map the destination', (w) => {
      const pte = mm.pte[page]
      const isZero = pte.kind.get(w) === PteKind.present && pte.frame.get(w) === ZERO_PAGE
      const isFree = pte.kind.get(w) === PteKind.none || isZero
      const isAnonymous = mm.vma[page].kind.get(w) === VmaKind.anonymous
      if (isAnonymous) anonVmaPrepare(w, mm, page)
      if (!isFree || mm.unstable.get(w) || !isAnonymous) {
        stopMigrating(entry, w)
        return 0
      }
      if (isZero) {
        clearPte(w, machine, pte)
        flushTlb(w, machine, mm, page, page + 1)
      }
      const destination = machine.frames[entry.destination.get(w) - 1]
      setPte(w, machine, pte, destination.pfn, mayWritePage(w, mm, page))
      addNewAnonRmap(w, machine, pte)
      getPage(w, destination)
      return 0
    })
  },
)

/**
 * Puts the new pages, or the old ones where there are none, in the place of the migration entries, and lets go of both.
 * The copies must be complete.
 *
 * @kernel migrate_vma_finalize
 */
export const migrateVmaFinalize = procedure(
  'migrate_vma_finalize',
  function* (current: Task, args: MigrateVma) {
    for (let page = args.start; page < args.end; page++) yield* finalizePage(current, args, page)
  },
)

const finalizePage = procedure(
  'migrate_vma_finalize (page)',
  function* (current: Task, args: MigrateVma, page: number) {
    const { frames } = current.machine
    const destinations = frames.length + 1
    const entry = pagesOf(current)[page]
    const found = yield* step('look at the page', (w) => {
      const source = hasSource(entry, w) ? entry.source.get(w) : 0
      const moved = isMigrating(entry, w) ? entry.destination.get(w) : 0
      // The walk over the mappings starts from the page that takes over: one that was never told finds none (H15).
      const known = moved === 0 || entry.flags.get(w) & MIGRATE_PFN_MOVED ? 1 : 0
      return (source * destinations + moved) * 2 + known
    })
    const source = Math.floor(found / 2 / destinations)
    const moved = (found >> 1) % destinations
    if (source && found & 1)
      yield* removeMigrationPtes(current, frames[source], frames[moved ? moved - 1 : source])
    yield* step('let go of the pages', (w) => {
      const destination = entry.destination.get(w) - 1
      if (source) letGo(w, frames[source], args, moved === 0)
      if (destination >= 0) release(w, frames[destination])
      forgetPage(entry, w)
      entry.destination.set(w, 0)
      return 0
    })
  },
)

/** The destination is the migration's no longer: it belongs to those who map it, or is free. */
function release(w: World, frame: Frame): void {
  if (frame.refcount.get(w) > 1) frame.lifecycle?.signal(w, 'MAPPED')
  unlockPage(w, frame)
  putPage(w, frame)
}
