/**
 * remove_migration_ptes: replaces migration entries by entries of the page that now holds the data.
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
 * Replaces every migration entry of `from` by an entry of `to`, wherever mremap has moved it. No
 * invalidation is needed, since access is only widened. One step for each address space: its
 * page-table lock is held, and mremap moves an entry under that lock too.
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

/**
 * The new frame of each old one. Each part of a large folio moves to the same part of the
 * destination.
 */
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
  // The rmap walk reads the VMA of another address space without its mmap lock.
  const state = entryState(pte)
  const write =
    (state.write || isShared(READ_ONCE(mm.vma[page]).kind)) &&
    (READ_ONCE(mm.vma[page]).flags & VM_WRITE) !== 0
  const isExclusive = write || pte.exclusive
  clearMigrationEntry(pte)
  setPte(machine, pte, to.pfn, write)
  // In a VMA without VM_READ and VM_WRITE the entry becomes PROT_NONE.
  if (mapsPage(pte) && !(READ_ONCE(mm.vma[page]).flags & (VM_READ | VM_WRITE))) pte.kind = PteKind.protnone
  handOnMarks(pte, state)
  // The page may have been written back meanwhile. A device-private entry has no dirty bit.
  if (!isDevicePrivate(to)) pte.dirty = state.dirty && to.dirty
  if (isExclusive) to.anonExclusive = true
  getPage(to)
}

/**
 * Unlocks the source. Called inside an atomic step.
 *
 * @param sources - the source page, or all parts of the source folio
 * @param stays - true if the page was not migrated and still holds the data
 * @returns the pages that the caller must put
 */
export function unlockSources(sources: readonly Frame[], args: MigrateVma, stays: boolean): readonly Frame[] {
  for (const frame of sources)
    if (stays && unobserved(() => frame.mapcount > 0)) frame.lifecycle?.signal('RESTORED')
    else if (unobserved(() => frame.refcount > 1)) frame.lifecycle?.signal('ABANDONED')
  // The fault unlocks the page that it has locked.
  if (!isLockedByFault(args, sources[0])) unlockPage(sources[0])
  return sources
}
