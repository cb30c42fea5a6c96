/**
 * The end of a migration entry: it becomes an entry of the page that holds the data now.
 *
 * @see reference B.5 step 7
 * @module
 */

import {
  type Frame,
  isDevicePrivate,
  isShared,
  type MmStruct,
  PteKind,
  type Task,
  VM_READ,
  VM_WRITE,
} from '../../machine/index.js'
import { procedure, READ_ONCE, unobserved } from '../../world/index.js'
import { entryState } from '../mm/encoding.js'
import { clearMigrationEntry, getPage, handOnMarks, mapsPage, setPte, unlockPage } from '../mm/page.js'
import { partsOf } from '../mm/rmap.js'
import { destinationOf, isLockedByFault, type MigrateVma } from './request.js'

/**
 * Replaces every migration entry of `from` by an entry of `to`, wherever it is by now. Access only gets wider: nobody is
 * told. One step an address space: its page-table lock is held, and mremap takes an entry and puts it elsewhere under it too.
 *
 * @kernel remove_migration_ptes mm/migrate.c
 * @see reference B.5 step 7
 */
export const remove_migration_ptes = procedure(function* remove_migration_ptes(
  current: Task,
  from: Frame,
  to: Frame,
) {
  for (const mm of current.machine.mms)
    yield* mm.ptl.critical('replace a migration entry', () => {
      const moved = movedParts(current, from, to)
      for (const page of mm.pte.keys()) replace(current, mm, page, moved)
      return 0
    })
})

/** By frame: where it has gone. All parts of a large folio have, each to the same part of the other. */
function movedParts({ machine }: Task, from: Frame, to: Frame): ReadonlyMap<number, Frame> {
  if (from.compound === 0) return new Map([[from.pfn, to]])
  return new Map(
    partsOf(machine, from).map((part) => [part.pfn, from === to ? part : destinationOf(part, to)]),
  )
}

function replace({ machine }: Task, mm: MmStruct, page: number, moved: ReadonlyMap<number, Frame>): void {
  const pte = mm.pte[page]
  if (pte.kind !== PteKind.migration) return
  const to = moved.get(pte.frame)
  if (to === undefined) return
  // Of another address space the area is looked at without its mmap lock, as a walk over all mappings does.
  const state = entryState(pte)
  const write =
    (state.write || isShared(READ_ONCE(mm.vma[page]).kind)) &&
    (READ_ONCE(mm.vma[page]).flags & VM_WRITE) !== 0
  const isExclusive = write || pte.exclusive
  clearMigrationEntry(pte)
  setPte(machine, pte, to.pfn, write)
  // What an area forbids altogether its entries do too.
  if (mapsPage(pte) && !(READ_ONCE(mm.vma[page]).flags & (VM_READ | VM_WRITE))) pte.kind = PteKind.protnone
  handOnMarks(pte, state)
  // Nothing is dirty of a page that has been written out meanwhile; a page of a device keeps it to itself.
  if (!isDevicePrivate(to)) pte.dirty = state.dirty && to.dirty
  if (isExclusive) to.anonExclusive = true
  getPage(to)
}

/**
 * The source is the migration's no longer: it is unlocked. Part of a step.
 *
 * @param sources - the page, or all parts of the huge page, that has migrated or was to
 * @param stays - true if the page still holds the data
 * @returns the pages that are still to be put
 */
export function letGo(sources: readonly Frame[], args: MigrateVma, stays: boolean): readonly Frame[] {
  for (const frame of sources)
    if (stays && unobserved(() => frame.mapcount > 0)) frame.lifecycle?.signal('RESTORED')
    else if (unobserved(() => frame.refcount > 1)) frame.lifecycle?.signal('ABANDONED')
  // A page that a fault has locked is unlocked by that fault.
  if (!isLockedByFault(args, sources[0])) unlockPage(sources[0])
  return sources
}
