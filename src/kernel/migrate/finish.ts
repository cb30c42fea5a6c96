/**
 * The second half of a migration: the new pages take the place of the old ones.
 *
 * @see reference B.5 steps 5 and 7
 * @module
 */
import { claim, procedure, READ_ONCE, type Running, step } from '../../world/index.js'
import { isPageCache, ownExpected } from '../address-space.js'
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
import { letGo, remove_migration_ptes } from './restore.js'

/**
 * Moves what is known of each page to its destination, and maps destinations where there was nothing. A page that has
 * none, or that somebody has got hold of meanwhile, is not migrated.
 *
 * @kernel migrate_vma_pages
 */
export const migrate_vma_pages = procedure(function* migrate_vma_pages(current: Task, args: MigrateVma) {
  const { mm, start, end, owner } = args
  let opened = -1
  for (let page = start; page < end; page++) {
    const isHole = yield* folio_migrate_mapping(current, args, page)
    if (!isHole) continue
    if (opened < 0) {
      opened = page
      yield* invalidateRangeStart(current, mm, NotifyEvent.MIGRATE, page, end, owner)
    }
    yield* migrate_vma_insert_page(current, args, page)
  }
  if (opened >= 0) yield* invalidateRangeEnd(current, mm, NotifyEvent.MIGRATE, opened, end, owner)
})

/**
 * One page. One step: the page is locked and no page table maps it, and its count is compared and frozen atomically.
 *
 * @returns 1 if there was no page, and the destination is to be mapped
 * @kernel folio_migrate_mapping
 */
export const folio_migrate_mapping = procedure(function* folio_migrate_mapping(
  current: Task,
  args: MigrateVma,
  page: number,
): Running<number> {
  const entry = pagesOf(current)[page]
  return yield* step('move what is known of the page', () => {
    mustKeepOut(current, args, page)
    const { dst } = entry
    if (dst === undefined) {
      stopMigrating(entry)
      return 0
    }
    if (!isMigrating(entry)) return 0
    if (!hasSource(entry)) return 1
    const { frames } = current.machine
    const source = frames[entry.source]
    // A device cannot write back what it holds of a file: that stays.
    const isFree = !isPageCache(source) && leavesSwapCache(current.machine, source)
    if (!isFree || source.refcount !== ownReferences(args, source)) stopForOthers(entry, args)
    else {
      markMoved(entry)
      if (source.dirty) dst.dirty = true
      moveCharge(source, dst)
      moveIdentity(source, dst)
    }
    return 0
  })
})

/** What whoever migrates owes the page: the lock of its destination, that of the address space, and the fault's page first. */
function mustKeepOut(current: Task, args: MigrateVma, page: number): void {
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

/** Who looks for the mappings of the new page finds those of the old one. @kernel folio_migrate_mapping */
function moveIdentity(from: Frame, to: Frame): void {
  to.anonVma = from.anonVma
  to.index = from.index
}

/** The charge goes with the data, whatever the limit is: there is not a page more than before. @kernel mem_cgroup_migrate */
function moveCharge(from: Frame, to: Frame): void {
  to.charged = from.charged
  from.charged = false
}

/**
 * A device page is never in the swap cache: a page that goes there leaves it. Its references are counted afterwards, when
 * the swap cache has none (D12). Part of a step.
 *
 * @returns false if its slot is wanted by somebody else: then the page stays
 */
function leavesSwapCache(machine: Machine, frame: Frame): boolean {
  return swapCacheReferences(frame) === 0 || folioFreeSwap(machine, frame)
}

/**
 * Maps the destination where nothing was, or the zero page. What has come there meanwhile stays.
 *
 * @kernel migrate_vma_insert_page
 */
export const migrate_vma_insert_page = procedure(function* migrate_vma_insert_page(
  current: Task,
  args: MigrateVma,
  page: number,
) {
  const { mm } = args
  const { machine } = current
  const entry = pagesOf(current)[page]
  yield* mm.ptl.critical('map the destination', () => {
    const pte = mm.pte[page]
    const isZero = pte.kind === PteKind.present && pte.frame === ZERO_PAGE
    const isFree = pte.kind === PteKind.none || isZero
    const isAnonymous = mm.vma[page].kind === VmaKind.anonymous
    if (isAnonymous) anonVmaPrepare(machine, mm, page)
    const { dst } = entry
    if (
      dst === undefined ||
      !isFree ||
      hugePmdAt(mm, page) ||
      mm.unstable ||
      !isAnonymous ||
      !chargePage(machine, dst)
    ) {
      stopMigrating(entry)
      return 0
    }
    if (isZero) {
      clearPte(machine, pte)
      flushTlb(machine, mm, page, page + 1)
    }
    claim(
      'C50',
      dst.contents === 0,
      `frame ${dst.pfn} is mapped where nothing was, and holds somebody's data`,
    )
    pteAlloc(mm, page)
    setPte(machine, pte, dst.pfn, mayWritePage(mm, page))
    addNewAnonRmap(machine, mm, page)
    getPage(dst)
    markMoved(entry)
    return 0
  })
})

/**
 * Puts the new pages, or the old ones where there are none, in the place of the migration entries, and lets go of both.
 * The copies must be complete.
 *
 * @kernel migrate_vma_finalize
 */
export const migrate_vma_finalize = procedure(function* migrate_vma_finalize(
  current: Task,
  args: MigrateVma,
) {
  for (let page = args.start; page < args.end; page++) yield* finalizePage(current, args, page)
})

const finalizePage = procedure(
  'migrate_vma_finalize (page)',
  function* (current: Task, args: MigrateVma, page: number) {
    const { frames } = current.machine
    const entry = pagesOf(current)[page]
    const { src, dst, mayRemap } = yield* step('look at the page', () => {
      mustBeComplete(current, args, page)
      const dst = isMigrating(entry) ? entry.dst : undefined
      // The rmap walk starts at the folio that takes over; one that migrate_vma_pages never saw has no mappings (H15).
      const mayRemap = dst === undefined || (entry.flags & MIGRATE_PFN_MOVED) !== 0
      return { src: hasSource(entry) ? frames[entry.source] : undefined, dst, mayRemap }
    })
    if (src) yield* returnToLru(current, page, (dst ?? src).pfn)
    if (src && mayRemap) yield* remove_migration_ptes(current, src, dst ?? src)
    yield* step('let go of the pages', () => {
      if (src) letGo(src, args, dst === undefined)
      if (entry.dst) release(entry.dst)
      if (entry.flags & ~MIGRATE_PFN_HELD)
        entry.lifecycle.signal(isMigrating(entry) && dst ? 'FINALIZED' : 'RESTORED')
      forgetPage(entry)
      entry.dst = undefined
      return 0
    })
  },
)

/** What must be true of a page whose migration is to end. */
function mustBeComplete(current: Task, args: MigrateVma, page: number): void {
  const { frames } = current.machine
  const entry = pagesOf(current)[page]
  const to = entry.dst
  claim(
    'C37',
    args.fromDevice === true || args.mm.mmapLock.heldBy(current.thread),
    'a migration ends, and the mmap lock was let go before: areas may have changed',
  )
  if (to === undefined) return
  claim('C35', to.locked === current.thread + 1, `frame ${to.pfn} is let go, and was not locked`)
  if (!isMigrating(entry)) return
  claim(
    'C52',
    (entry.flags & MIGRATE_PFN_MOVED) !== 0,
    `page ${page} is finalized as migrated, and has not been through migrate_vma_pages`,
  )
  // Without a migration entry nobody is given the page.
  if (!hasSource(entry) || !isAwaited(current, entry.source)) return
  const arrived = to.contents
  // A device that uses the page already may have written to it since.
  const copied = arrived === frames[entry.source].contents || arrived === ownExpected(args.mm, page).value
  claim(
    'C50',
    copied || arrived === 0,
    `page ${page} is to be frame ${to.pfn}, which holds data of somebody else`,
  )
  claim('C38', copied, `page ${page} is to be frame ${to.pfn}, to which it has not been copied yet`)
}

/** True if a migration entry for the frame is in any page table. */
function isAwaited({ machine }: Task, pfn: number): boolean {
  return machine.mms.some(({ pte }) =>
    pte.some((pte) => READ_ONCE(pte).kind === PteKind.migration && READ_ONCE(pte).frame === pfn),
  )
}

/** The destination is the migration's no longer: it belongs to those who map it, or is free. */
function release(frame: Frame): void {
  if (frame.mapcount > 0) frame.lifecycle?.signal('MAPPED')
  else if (frame.refcount > 1) frame.lifecycle?.signal('ABANDONED')
  unlockPage(frame)
  putPage(frame)
}
