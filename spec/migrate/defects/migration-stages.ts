/**
 * Defects of the stages of a migration: what its driver, or the kernel, does at the wrong one.
 *
 * @module
 */
import {
  allocateAndCopy,
  allocateInTurn,
  copyPage,
  type Mirror,
  mapMigrated,
  migrateToDevice,
  systemFrames,
} from '../../../src/driver/index.js'
import { faultWithoutWaiting } from '../../../src/generations/profiles.js'
import {
  clearMigrationEntry,
  devicePageAt,
  do_swap_page,
  FaultHolds,
  folio_add_lru,
  getPage,
  hasSource,
  isMigrating,
  type MigrateVma,
  migrate_vma_finalize,
  migrate_vma_pages,
  migrate_vma_setup,
  migrateToRam,
  PteKind,
  pagesOf,
  putPage,
  remove_migration_ptes,
  returnToLru,
  SELECT_SYSTEM,
  setPte,
  stopMigrating,
  type Task,
  unlockPage,
} from '../../../src/kernel/index.js'
import { type Override, override, type Running, step } from '../../../src/world/index.js'
import type { Defect } from '../../defect.js'
import { losing } from '../scenarios/migration-failures.js'
import { ignoreOwnMigrations } from './migration.js'

/** A page that finds no place is struck off src. */
const strikeOffSrc = override(
  allocateAndCopy,
  (original) =>
    function* (current, args, from) {
      const short = yield* original(current, args, from)
      yield* step('strike off what has no place', () => {
        for (const entry of pagesOf(current).slice(args.start, args.end))
          if (isMigrating(entry) && entry.dst === undefined) stopMigrating(entry)
        return 0
      })
      return short
    },
)

/** The destinations are not locked. */
const unlockedDestinations = override(
  allocateAndCopy,
  (original) =>
    function* (current, args, from) {
      const short = yield* original(current, args, from)
      yield* step('unlock the destinations', () => {
        for (const entry of pagesOf(current).slice(args.start, args.end)) if (entry.dst) unlockPage(entry.dst)
        return 0
      })
      return short
    },
)

/** A driver that does `between` when its pages have migrated, before it finalizes. */
function migrateAndThen(
  between: (current: Task, mirror: Mirror, args: MigrateVma) => Running<unknown>,
): Override {
  return override(
    migrateToDevice,
    () =>
      function* (current, mirror, start, end): Running<number> {
        const { mm } = mirror
        const args = { mm, start, end, owner: mirror.owner, select: SELECT_SYSTEM }
        yield* mm.mmapLock.lockRead()
        yield* migrate_vma_setup(current, args)
        yield* allocateAndCopy(current, args, current.machine.deviceMemory[mirror.owner].frames)
        yield* migrate_vma_pages(current, args)
        yield* between(current, mirror, args)
        yield* migrate_vma_finalize(current, args)
        yield* mm.mmapLock.unlockRead()
        return 0
      },
  )
}

/** What did not migrate is taken out of dst, and freed. */
const tidyDst = migrateAndThen(function* (current, _mirror, args) {
  yield* step('free what was not needed', () => {
    for (const entry of pagesOf(current).slice(args.start, args.end)) {
      const { dst } = entry
      if (isMigrating(entry) || dst === undefined) continue
      entry.dst = undefined
      unlockPage(dst)
      putPage(dst)
    }
    return 0
  })
})

/** Whatever there is a destination for is mapped, whether it has migrated or not. */
const mapWhatWasWanted = migrateAndThen(function* (current, mirror, args) {
  yield* mirror.updateLock.lock()
  yield* step('map every destination', () => {
    for (let page = args.start; page < args.end; page++) {
      const entry = pagesOf(current)[page]
      if (entry.dst === undefined) continue
      mirror.pageTable[page].frame = entry.dst
      mirror.pageTable[page].write = false
    }
    return 0
  })
  yield* mirror.updateLock.unlock()
})

/** The mmap lock is let go as soon as the pages have migrated. */
const finalizeWithoutMmapLock = override(
  migrate_vma_finalize,
  (original) =>
    function* (current, args) {
      yield* args.mm.mmapLock.unlockRead()
      yield* original(current, args)
      yield* args.mm.mmapLock.lockRead()
    },
)

/** Whoever comes first in the address space is brought back first. */
const inOrderOfAddress = override(
  allocateInTurn,
  () =>
    function* (current, args): Running<number> {
      return yield* allocateAndCopy(current, args, systemFrames(current))
    },
)

/** A page that is put back can only be read. */
const putBackReadOnly = override(
  remove_migration_ptes,
  (original) =>
    function* (current, from, to) {
      if (from !== to) return yield* original(current, from, to)
      for (const { ptl, pte: entries } of current.machine.mms)
        yield* ptl.critical('put the page back', () => {
          for (const pte of entries) {
            if (pte.kind !== PteKind.migration || pte.frame !== from.pfn) continue
            clearMigrationEntry(pte)
            setPte(current.machine, pte, from.pfn, false)
            getPage(from)
          }
          return 0
        })
    },
)

/** Nothing is copied into a page for a hole, and nothing is cleared either. */
const holesNotCleared = override(
  copyPage,
  (original) =>
    function* (current, args, page) {
      yield* original(current, args, page)
      yield* step('leave what is there', () => {
        const entry = pagesOf(current)[page]
        if (!hasSource(entry) && entry.dst) entry.dst.contents = 3
        return 0
      })
    },
)

/** A fault takes a device page without regard to who has it locked. */
const faultWithoutRegard = override(
  do_swap_page,
  () =>
    function* (current, mm, page): Running<number> {
      const pfn = yield* mm.ptl.critical('hold the page', () => {
        const found = devicePageAt(mm, page)
        if (found > 0) getPage(current.machine.frames[found])
        return found
      })
      if (pfn <= 0) return 0
      const error = yield* migrateToRam(current, mm, page, { pfn, holds: FaultHolds.lock })
      yield* step('put the page', () => {
        putPage(current.machine.frames[pfn])
        return 0
      })
      return error
    },
)

/** Who else was told of since the migration began is not looked at. */
const mapWithoutLooking = override(
  mapMigrated,
  (original) =>
    function* (current, mirror, args) {
      yield* mirror.updateLock.critical('forget who was there', () => {
        const undisturbed = mirror.undisturbed?.get(current.thread)
        if (undisturbed) undisturbed.value = true
        return 0
      })
      yield* original(current, mirror, args)
    },
)

/** Whatever is of the system's memory goes to the LRU lists, wanted or not. */
const bothToLru = override(
  returnToLru,
  (original) =>
    function* (current, page, pfn) {
      yield* original(current, page, pfn)
      const source = yield* step('take the other page', () => pagesOf(current)[page].source)
      if (source !== pfn) yield* folio_add_lru(current, page, source)
    },
)

/** Defects of the stages of a migration. */
export const migrationStageDefects: readonly Defect[] = [
  {
    name: 'D7',
    aliases: ['M11'],
    kind: 'history',
    title: 'a fault that does not get the folio lock retries at once, and keeps its CPU',
    text:
      'A migration has locked a device page, and waits until every CPU has drained its LRU batch. On one of ' +
      'them the driver of another device walks the page table and faults on the device page: the trylock ' +
      'fails, the fault returns 0, the walk restarts, and so on, without ever scheduling. Its batch is ' +
      'never drained, and the lock never released. As in Linux 6.15 to 6.19; fixed in 7.0 by waiting for ' +
      'the lock.',
    source: ['reference D7, G.3 M11', 'mm/memory.c, commit b570f37a2ce4'],
    requirement: 'C48',
    scenario: 'migrate-and-drain',
    overrides: [faultWithoutWaiting],
    steps: 29,
  },
  {
    name: 'D13',
    kind: 'history',
    title: 'a page that is about to be freed goes to the LRU list',
    text:
      'At the end of a migration both pages are put back through the LRU lists: even the one that is about ' +
      'to be freed. Fixed in 6.14: that one is only put.',
    source: ['reference D13', 'mm/migrate_device.c, commit 41cddf83d8b0'],
    requirement: 'lru',
    scenario: 'migrate-held',
    overrides: [bothToLru],
    steps: 23,
  },
  {
    name: 'D15',
    kind: 'history',
    title: 'a page that was not zeroed replaces a copy that failed unreported',
    text:
      'A CPU faults on a device page. The device copies it, and fails without reporting that; the migration ' +
      'ends as if it had succeeded, and the process reads the previous contents of the page, which belong ' +
      'to another. Fixed by allocating the page zeroed: the data is lost all the same, but none is leaked. ' +
      'Fixed in 6.12.',
    source: ['reference D15', 'drivers/gpu/drm/nouveau/nouveau_dmem.c, commit 835745a377a4'],
    requirement: 'C50',
    scenario: 'copy-loses-data',
    overrides: [losing(3)],
    steps: 22,
  },
  {
    name: 'X60',
    kind: 'mutation',
    title: 'a driver clears src for pages without a destination',
    text:
      'src records what the kernel has collected. A driver that clears MIGRATE there takes over a decision ' +
      'of migrate_vma_pages.',
    source: ['our own', 'reference C34'],
    requirement: 'C34',
    scenario: 'migrate-partly',
    overrides: [strikeOffSrc],
    steps: 22,
  },
  {
    name: 'X61',
    kind: 'mutation',
    title: 'a driver clears dst after migrate_vma_pages',
    text:
      'After migrate_vma_pages dst belongs to migrate_vma_finalize, which unlocks and frees the pages that ' +
      'did not migrate. A driver that clears its entries leaves pages locked for ever, and frees twice if ' +
      'it frees them itself.',
    source: ['our own', 'reference C34, D48, D53'],
    requirement: 'C34',
    scenario: 'migrate-holes',
    overrides: [tidyDst],
    steps: 42,
  },
  {
    name: 'X62',
    kind: 'mutation',
    title: 'destinations are not locked',
    text:
      'In a hole the destination is mapped before the migration has ended: a fault on it must wait, and ' +
      'finds no lock to wait for.',
    source: ['our own', 'reference C35, H8'],
    requirement: 'C35',
    scenario: 'migrate',
    overrides: [unlockedDestinations],
    steps: 19,
  },
  {
    name: 'H11',
    kind: 'hazard',
    title: 'pages are mapped that were requested but did not migrate',
    text:
      'Read off nouveau in Linux 6.12.117. A driver maps for its device every page that has a destination. Another thread has touched the page ' +
      'before migrate_vma_pages could map it: the process has another page there, and the device one that ' +
      'is going to be freed.',
    source: ['reference B.11 H11, C36', 'drivers/gpu/drm/nouveau: nouveau_dmem_migrate_chunk'],
    requirement: 'C36',
    scenario: 'migrate-holes',
    overrides: [mapWhatWasWanted],
    steps: 43,
  },
  {
    name: 'X64',
    kind: 'mutation',
    title: 'the mmap lock is dropped before finalize',
    text:
      'The pages have migrated, and only their entries are missing. But VMAs may change now, during a walk ' +
      'that depends on them.',
    source: ['our own', 'reference C37'],
    requirement: 'C37',
    scenario: 'migrate',
    overrides: [finalizeWithoutMmapLock],
    steps: 20,
  },
  {
    name: 'X65',
    kind: 'mutation',
    title: 'a driver ignores its own migration of its own memory, and does not empty its device',
    text:
      "Ignoring the event is permitted where the device maps the driver's own pages; but then the driver " +
      'must empty the device itself. Instead it copies the page, while the device may be writing to it.',
    source: ['our own', 'reference C41', 'Documentation/mm/hmm.rst'],
    requirement: 'C41',
    scenario: 'bring-back-mirrored',
    overrides: [ignoreOwnMigrations],
    steps: 11,
  },
  {
    name: 'X66',
    kind: 'mutation',
    title: 'pages are migrated back in the order of their addresses',
    text:
      'A fault brings back more than its page. There is memory for one, and the first of them gets it; the ' +
      'fault returns VM_FAULT_OOM, because of pages that it did not ask for.',
    source: ['our own', 'reference C30', 'include/linux/memremap.h: struct dev_pagemap_ops'],
    requirement: 'C30',
    scenario: 'bring-back-more',
    overrides: [inOrderOfAddress],
    steps: 26,
  },
  {
    name: 'X67',
    kind: 'mutation',
    title: 'a restored page is read-only',
    text: 'The device has no room for it, and its entry is restored without its write permission.',
    source: ['our own', 'reference C39, B.5 step 7'],
    requirement: 'C39',
    scenario: 'migrate-partly',
    overrides: [putBackReadOnly],
    steps: 28,
  },
  {
    name: 'X68',
    kind: 'mutation',
    title: 'the page for a hole is not cleared',
    text: 'There is nothing to copy, and the driver leaves the previous contents in the page.',
    source: ['our own', 'reference C50'],
    requirement: 'C50',
    scenario: 'migrate-holes',
    overrides: [holesNotCleared],
    steps: 23,
  },
  {
    name: 'H8',
    kind: 'hazard',
    title: 'a fault migrates an inserted page away before its migration has ended',
    text:
      'Refuted. A destination that is inserted into a hole is visible to every CPU before the driver maps ' +
      'it for its device and before the migration ends. A fault on it must wait for the folio lock, which ' +
      'the migration holds. Here it ignores the lock, and begins to migrate a page that is being migrated. ' +
      'With the lock every state holds.',
    source: [
      'reference B.11 H8',
      'mm/migrate_device.c: migrate_vma_insert_page',
      'mm/memory.c: do_swap_page',
    ],
    requirement: 'refinement',
    scenario: 'migrate-and-map',
    set: { touched: 0 },
    overrides: [faultWithoutRegard],
    steps: 42,
  },
  {
    name: 'X89',
    kind: 'mutation',
    title: 'a driver that maps during the migration does not test for other events',
    text:
      'The callback has recorded that another thread invalidated the range since the migration began, and ' +
      'the driver maps all the same: H10, in a driver that is otherwise correct.',
    source: ['our own', 'reference B.11 H10'],
    requirement: 'C1',
    scenario: 'migrate-and-map',
    overrides: [mapWithoutLooking],
    steps: 30,
  },
]
