/**
 * The second half of a migration: the new pages take the place of the old ones.
 *
 * @see reference B.5 steps 5 and 7
 * @module
 */
import { claim, procedure, type Running, step, type World } from '../../world/index.js'
import { isPageCache } from '../address-space.js'
import { hugePmdAt } from '../huge.js'
import { type Frame, type Machine, NotifyEvent, PteKind, type Task, VmaKind, ZERO_PAGE } from '../machine.js'
import {
  addNewAnonRmap,
  anonVmaPrepare,
  chargePage,
  clearPte,
  flushTlb,
  folioFreeSwap,
  getPage,
  mayWritePage,
  pteAlloc,
  putPage,
  setPte,
  swapCacheReferences,
  unlockPage,
} from '../mm/index.js'
import { invalidateRangeEnd, invalidateRangeStart } from '../mmu_notifier/index.js'
import { returnToLru } from './lru.js'
import {
  forgetPage,
  hasSource,
  isMigrating,
  MIGRATE_PFN_HELD,
  MIGRATE_PFN_MOVED,
  type MigrateVma,
  markMoved,
  ownReferences,
  pagesOf,
  stopForOthers,
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
      yield* invalidateRangeStart(current, mm, NotifyEvent.MIGRATE, page, end, owner)
    }
    yield* migrateVmaInsertPage(current, args, page)
  }
  if (opened >= 0) yield* invalidateRangeEnd(current, mm, NotifyEvent.MIGRATE, opened, end, owner)
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
      mustKeepOut(w, current, args, page)
      if (entry.destination.get(w) === 0) {
        stopMigrating(entry, w)
        return 0
      }
      if (!isMigrating(entry, w)) return 0
      if (!hasSource(entry, w)) return 1
      const { frames } = current.machine
      const source = frames[entry.source.get(w)]
      // A device cannot write back what it holds of a file: that stays.
      const isFree = !isPageCache(w, source) && leavesSwapCache(w, current.machine, source)
      if (!isFree || source.refcount.get(w) !== ownReferences(args, source, w)) stopForOthers(entry, args, w)
      else {
        markMoved(entry, w)
        if (source.flags?.dirty.get(w)) frames[entry.destination.get(w) - 1].flags?.dirty.set(w, 1)
        moveCharge(w, source, frames[entry.destination.get(w) - 1])
        moveIdentity(w, source, frames[entry.destination.get(w) - 1])
      }
      return 0
    })
  },
)

/** What whoever migrates owes the page: the lock of its destination, that of the address space, and the fault's page first. */
function mustKeepOut(w: World, current: Task, args: MigrateVma, page: number): void {
  const { frames } = current.machine
  const entries = pagesOf(current)
  const destination = entries[page].destination.get(w) - 1
  claim(
    'C37',
    args.fromDevice === true || args.mm.mmapLock.heldBy(w, current.thread),
    'a migration goes on, and the mmap lock is not held: areas may change',
  )
  if (destination < 0) return
  claim(
    'C35',
    frames[destination].locked.get(w) === current.thread + 1,
    `frame ${destination} is to be the destination of page ${page}, and is not locked by who migrates`,
  )
  const { fault } = args
  if (fault === undefined) return
  const waiting = entries.some(
    (entry) =>
      hasSource(entry, w) &&
      entry.source.get(w) === fault.pfn &&
      isMigrating(entry, w) &&
      entry.destination.get(w) === 0,
  )
  claim(
    'C30',
    !waiting,
    `page ${page} is brought back, and frame ${fault.pfn}, which the fault is about, is not`,
  )
}

/** Who looks for the mappings of the new page finds those of the old one. @kernel folio_migrate_mapping */
function moveIdentity(w: World, from: Frame, to: Frame): void {
  to.anonVma?.set(w, from.anonVma?.get(w) ?? 0)
  to.index?.set(w, from.index?.get(w) ?? 0)
}

/** The charge goes with the data, whatever the limit is: there is not a page more than before. @kernel mem_cgroup_migrate */
function moveCharge(w: World, from: Frame, to: Frame): void {
  to.charged?.set(w, from.charged?.get(w) ?? 0)
  from.charged?.set(w, 0)
}

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
      if (isAnonymous) anonVmaPrepare(w, machine, mm, page)
      const destination = machine.frames[entry.destination.get(w) - 1]
      if (
        !isFree ||
        hugePmdAt(w, mm, page) ||
        mm.unstable.get(w) ||
        !isAnonymous ||
        !chargePage(w, machine, destination)
      ) {
        stopMigrating(entry, w)
        return 0
      }
      if (isZero) {
        clearPte(w, machine, pte)
        flushTlb(w, machine, mm, page, page + 1)
      }
      claim(
        'C50',
        destination.contents.get(w) === 0,
        `frame ${destination.pfn} is mapped where nothing was, and holds somebody's data`,
      )
      pteAlloc(w, mm, page)
      setPte(w, machine, pte, destination.pfn, mayWritePage(w, mm, page))
      addNewAnonRmap(w, machine, mm, page)
      getPage(w, destination)
      markMoved(entry, w)
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
      mustBeComplete(w, current, args, page)
      const source = hasSource(entry, w) ? entry.source.get(w) : 0
      const moved = isMigrating(entry, w) ? entry.destination.get(w) : 0
      // The walk over the mappings starts from the page that takes over: one that was never told finds none (H15).
      const known = moved === 0 || entry.flags.get(w) & MIGRATE_PFN_MOVED ? 1 : 0
      return (source * destinations + moved) * 2 + known
    })
    const source = Math.floor(found / 2 / destinations)
    const moved = (found >> 1) % destinations
    if (source) yield* returnToLru(current, page, moved ? moved - 1 : source)
    if (source && found & 1)
      yield* removeMigrationPtes(current, frames[source], frames[moved ? moved - 1 : source])
    yield* step('let go of the pages', (w) => {
      const destination = entry.destination.get(w) - 1
      if (source) letGo(w, frames[source], args, moved === 0)
      if (destination >= 0) release(w, frames[destination])
      if (entry.flags.get(w) & ~MIGRATE_PFN_HELD)
        entry.lifecycle.signal(w, isMigrating(entry, w) && moved ? 'FINALIZED' : 'RESTORED')
      forgetPage(entry, w)
      entry.destination.set(w, 0)
      return 0
    })
  },
)

/** What must be true of a page whose migration is to end. */
function mustBeComplete(w: World, current: Task, args: MigrateVma, page: number): void {
  const { frames } = current.machine
  const entry = pagesOf(current)[page]
  const to = frames[entry.destination.get(w) - 1]
  claim(
    'C37',
    args.fromDevice === true || args.mm.mmapLock.heldBy(w, current.thread),
    'a migration ends, and the mmap lock was let go before: areas may have changed',
  )
  if (to === undefined) return
  claim('C35', to.locked.get(w) === current.thread + 1, `frame ${to.pfn} is let go, and was not locked`)
  if (!isMigrating(entry, w)) return
  claim(
    'C52',
    (entry.flags.get(w) & MIGRATE_PFN_MOVED) !== 0,
    `page ${page} is finalized as migrated, and has not been through migrate_vma_pages`,
  )
  // Without a migration entry nobody is given the page.
  if (!hasSource(entry, w) || !isAwaited(w, current, entry.source.get(w))) return
  const arrived = to.contents.get(w)
  // A device that uses the page already may have written to it since.
  const copied =
    arrived === frames[entry.source.get(w)].contents.get(w) || arrived === args.mm.expected[page].get(w)
  claim(
    'C50',
    copied || arrived === 0,
    `page ${page} is to be frame ${to.pfn}, which holds data of somebody else`,
  )
  claim('C38', copied, `page ${page} is to be frame ${to.pfn}, to which it has not been copied yet`)
}

/** True if a migration entry for the frame is in any page table. */
function isAwaited(w: World, { machine }: Task, pfn: number): boolean {
  return machine.mms.some(({ pte }) =>
    pte.some(({ kind, frame }) => kind.readOnce(w) === PteKind.migration && frame.readOnce(w) === pfn),
  )
}

/** The destination is the migration's no longer: it belongs to those who map it, or is free. */
function release(w: World, frame: Frame): void {
  if (frame.mapcount.get(w) > 0) frame.lifecycle?.signal(w, 'MAPPED')
  else if (frame.refcount.get(w) > 1) frame.lifecycle?.signal(w, 'ABANDONED')
  unlockPage(w, frame)
  putPage(w, frame)
}
