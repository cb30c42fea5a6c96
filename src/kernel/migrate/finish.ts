/**
 * migrate_vma_finalize: the destinations replace the sources.
 *
 * @see reference B.5 step 7
 * @module
 */

import { type Frame, ownExpected, PteKind, type Task } from '../../machine/index.js'
import { claim, procedure, READ_ONCE, step, unobserved } from '../../world/index.js'
import { free_zone_device_folio } from '../memremap/device-page.js'
import { putPages, unlockPage } from '../mm/page.js'
import { partsOf } from '../mm/rmap.js'
import { returnToLru } from './lru.js'
import {
  destinationOf,
  forgetPage,
  hasSource,
  isMigrating,
  MIGRATE_PFN_HELD,
  MIGRATE_PFN_MOVED,
  type MigrateVma,
  pagesOf,
  sourcesOf,
} from './request.js'
import { remove_migration_ptes, unlockSources } from './restore.js'

/**
 * Replaces each migration entry by an entry of the destination, or of the source if the page was
 * not migrated. Unlocks and puts both pages. The copies must be complete.
 *
 * @kernel migrate_vma_finalize mm/migrate_device.c
 * @see reference B.5 step 7
 */
export const migrate_vma_finalize = procedure(function* migrate_vma_finalize(
  current: Task,
  args: MigrateVma,
) {
  for (let page = args.start; page < args.end; page++) yield* finalizePage(current, args, page)
})

/**
 * Replaces the migration entries of one page, and unlocks and puts both pages.
 *
 * @kernel migrate_vma_finalize mm/migrate_device.c
 * @see reference B.5 step 7
 */
const finalizePage = procedure(
  'migrate_vma_finalize (page)',
  function* (current: Task, args: MigrateVma, page: number) {
    const { frames } = current.machine
    const entry = pagesOf(current)[page]
    const { src, dst, mayRemap } = yield* step('look at the page', () => {
      unobserved(() => mustBeComplete(current, args, page))
      const dst = isMigrating(entry) ? entry.dst : undefined
      // The rmap walk starts at the destination folio. If migrate_vma_pages was skipped, that folio
      // has no mapping to find (H15).
      const mayRemap = dst === undefined || (entry.flags & MIGRATE_PFN_MOVED) !== 0
      return { src: hasSource(entry) ? frames[entry.source] : undefined, dst, mayRemap }
    })
    if (src) yield* returnToLru(current, page, (dst ?? src).pfn)
    if (src && mayRemap) yield* remove_migration_ptes(current, src, dst ?? src)
    const freed = yield* step('let go of the pages', () => {
      const arrived = entry.dst && partsOf(current.machine, entry.dst)
      const puts = src ? [...unlockSources(sourcesOf(current.machine, entry), args, dst === undefined)] : []
      if (arrived) puts.push(...release(arrived))
      if (entry.flags & ~MIGRATE_PFN_HELD)
        entry.lifecycle.signal(isMigrating(entry) && dst ? 'FINALIZED' : 'RESTORED')
      forgetPage(entry)
      entry.dst = undefined
      return putPages(puts)
    })
    if (freed) yield* free_zone_device_folio(freed)
  },
)

/** Asserts the obligations of the driver before a page is finalized. */
function mustBeComplete(current: Task, args: MigrateVma, page: number): void {
  const entry = pagesOf(current)[page]
  const to = entry.dst
  claim(
    'page-tables',
    !entry.pageTable,
    `the page table that was allocated for a huge page at page ${page} is in no page table, and nobody has freed it`,
  )
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
  const sources = sourcesOf(current.machine, entry)
  for (const source of sources) {
    const place = page + source.compound - sources[0].compound
    mustBeCopied(current, args, place, source, destinationOf(source, to))
  }
}

function mustBeCopied(current: Task, args: MigrateVma, page: number, source: Frame, to: Frame): void {
  // No migration entry refers to the source, so no entry of the destination will be made.
  if (!isAwaited(current, source.pfn)) return
  const arrived = to.contents
  // The device may already use the destination, and may have written to it since the copy.
  const isWritten = () => !args.fromDevice && arrived === ownExpected(args.mm, page).value
  const copied = arrived === source.contents || isWritten()
  claim(
    'C50',
    copied || arrived === 0,
    `page ${page} is to be frame ${to.pfn}, which holds data of somebody else`,
  )
  claim('C38', copied, `page ${page} is to be frame ${to.pfn}, to which it has not been copied yet`)
}

/** True if any page table has a migration entry of the frame. */
function isAwaited({ machine }: Task, pfn: number): boolean {
  return machine.mms.some(({ pte }) =>
    pte.some((pte) => READ_ONCE(pte).kind === PteKind.migration && READ_ONCE(pte).frame === pfn),
  )
}

/**
 * Unlocks the destination. From here on its mappings hold the references to it, or it is free.
 * Called inside an atomic step.
 *
 * @returns the pages that the caller must put
 */
function release(parts: readonly Frame[]): readonly Frame[] {
  for (const frame of parts)
    if (unobserved(() => frame.mapcount > 0)) frame.lifecycle?.signal('MAPPED')
    else if (unobserved(() => frame.refcount > 1)) frame.lifecycle?.signal('ABANDONED')
  unlockPage(parts[0])
  return parts
}
