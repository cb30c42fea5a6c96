/**
 * Defects of mremap, files and shared memory.
 *
 * @module
 */
import {
  clearMigrationEntry,
  copy_page_range,
  do_wp_page,
  flushTlb,
  folio_migrate_mapping,
  fput,
  getPage,
  hasSource,
  invalidateRangeEnd,
  invalidateRangeStart,
  isMigrating,
  isPageCache,
  markMoved,
  move_page_tables,
  moveEntry,
  NotifyEvent,
  PteKind,
  pagesOf,
  remove_migration_ptes,
  setPte,
} from '../../../src/kernel/index.js'
import { override, step } from '../../../src/world/index.js'
import type { Defect } from '../../defect.js'

/** Entries are moved without an invalidation. */
const moveUntold = override(
  move_page_tables,
  () =>
    function* ({ machine }, mm, page, pages, to) {
      for (let at = 0; at < pages; at++)
        yield* mm.ptl.critical('move an entry, and flush', () => {
          moveEntry(mm, page + at, to + at)
          flushTlb(machine, mm, page + at, page + at + 1)
          return 0
        })
    },
)

/** Entries are moved without a TLB flush of the old addresses. */
const moveWithoutFlush = override(
  move_page_tables,
  () =>
    function* (current, mm, page, pages, to) {
      yield* invalidateRangeStart(current, mm, NotifyEvent.UNMAP, page, page + pages)
      for (let at = 0; at < pages; at++)
        yield* mm.ptl.critical('move an entry', () => {
          moveEntry(mm, page + at, to + at)
          return 0
        })
      yield* invalidateRangeEnd(current, mm, NotifyEvent.UNMAP, page, page + pages)
    },
)

/** The VMA is moved without its pages. */
const moveNothing = override(move_page_tables, () => function* () {})

/** The child gets the VMAs of its parent without the pages. */
const copyNoEntry = override(
  copy_page_range,
  () =>
    function* () {
      return 0
    },
)

/** Migration entries are replaced only at the address at which the page was collected. */
const restoreByPageNumber = override(
  remove_migration_ptes,
  () =>
    function* (current, from, to) {
      const { machine } = current
      for (const mm of machine.mms)
        yield* mm.ptl.critical('replace a migration entry', () => {
          const page = pagesOf(current).findIndex((entry) => entry.source === from.pfn)
          const pte = mm.pte[page]
          if (pte.kind !== PteKind.migration || pte.frame !== from.pfn) return 0
          const write = pte.write
          clearMigrationEntry(pte)
          setPte(machine, pte, to.pfn, write)
          getPage(to)
          return 0
        })
    },
)

/** A page of a file migrates to a device like any other. */
const migrateFiles = override(
  folio_migrate_mapping,
  (original) =>
    function* (current, args, page) {
      const entry = pagesOf(current)[page]
      const done = yield* step('move what is known of the page of a file', () => {
        if (entry.dst === undefined || !isMigrating(entry) || !hasSource(entry)) return 0
        if (!isPageCache(current.machine.frames[entry.source])) return 0
        markMoved(entry)
        return 1
      })
      return done ? 0 : yield* original(current, args, page)
    },
)

/** A write to a read-only page makes it writable in place, even a page of a file. */
const writeInPlace = override(
  do_wp_page,
  () =>
    function* (_current, mm, page) {
      yield* mm.ptl.critical('reuse the page', () => {
        if (mm.pte[page].kind === PteKind.present) mm.pte[page].write = true
        return 0
      })
      return 0
    },
)

/** The pages of an unused file are not freed. */
const keepUnusedFiles = override(fput, () => function* () {})

/** Defects of areas. */
export const areaDefects: readonly Defect[] = [
  {
    name: 'X307',
    kind: 'mutation',
    title: 'mremap moves the VMA and not its pages',
    text:
      'move_page_tables() does nothing: the pages are zapped with the old VMA, and the new one reads as zeroes. ' +
      'All data is lost.',
    source: ['our own', 'reference B.2 (mremap)', 'mm/mremap.c: move_page_tables'],
    requirement: 'data',
    scenario: 'mremap',
    overrides: [moveNothing],
    steps: 16,
  },
  {
    name: 'X308',
    kind: 'mutation',
    title: 'fork copies no page',
    text: 'copy_page_range() copies nothing: the child reads zeroes where its parent has data.',
    source: ['our own', 'reference B.2 (fork)', 'mm/memory.c: copy_page_range'],
    requirement: 'data',
    scenario: 'fork',
    overrides: [copyNoEntry],
    steps: 7,
  },
  {
    name: 'X90',
    kind: 'mutation',
    title: 'mremap sends no notification',
    text:
      'mremap moves the entries from the old addresses outside of any notifier range: a device continues to ' +
      'use the page there.',
    source: ['our own', 'reference C2, B.2 (mremap)'],
    requirement: 'C2',
    scenario: 'mremap',
    overrides: [moveUntold],
    steps: 5,
  },
  {
    name: 'X91',
    kind: 'mutation',
    title: 'mremap does not flush the TLBs',
    text:
      'A CPU still accesses the page at its old address. When the page is zapped at its new address, ' +
      'only that is flushed, and the page is freed while the CPU uses it.',
    source: ['our own', 'reference C47, B.2 (mremap)'],
    requirement: 'C47',
    scenario: 'mremap',
    overrides: [moveWithoutFlush],
    steps: 23,
  },
  {
    name: 'X92',
    kind: 'mutation',
    title: 'a migration entry is restored at the old address of the page',
    text:
      'Migration entries are replaced only at the address at which the page was collected. A child has ' +
      'moved its entry with mremap: that entry is left behind, and refers to a free page.',
    source: ['our own', 'reference C39, C51, B.5 step 7 (rmap walk)'],
    requirement: 'C39',
    scenario: 'mremap-and-migrate',
    overrides: [restoreByPageNumber],
    steps: 57,
  },
  {
    name: 'X93',
    kind: 'mutation',
    title: 'a page of a file migrates to a device',
    text: 'The mapping of the source is not checked: other mappings, and reads of the file, use a stale page.',
    source: ['our own', 'reference C40, B.5 step 5'],
    requirement: 'C40',
    scenario: 'files-and-migration',
    overrides: [migrateFiles],
    steps: 20,
  },
  {
    name: 'X94',
    kind: 'mutation',
    title: 'a write to a private mapping reaches the file',
    text: 'The page is made writable in place instead of copied, although it belongs to the file.',
    source: ['our own', 'reference B.2 (copy-on-write)'],
    requirement: 'data',
    scenario: 'files-and-migration',
    overrides: [writeInPlace],
    steps: 5,
  },
  {
    name: 'X95',
    kind: 'mutation',
    title: 'the pages of an unused file stay in memory',
    text: 'The last mapping is removed, the file is closed, and its pages are never freed.',
    source: ['our own', 'reference C6'],
    requirement: 'C6',
    scenario: 'shared-file',
    overrides: [keepUnusedFiles],
    steps: 72,
  },
]
