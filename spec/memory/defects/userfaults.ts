/**
 * Defects of userfaultfd.
 *
 * @module
 */
import {
  addNewAnonRmap,
  getPage,
  invalidateRangeEnd,
  invalidateRangeStart,
  markMoved,
  mayWritePage,
  migrate_vma_insert_page,
  NotifyEvent,
  PteKind,
  pagesOf,
  setPte,
  stopMigrating,
  uffd_wp_range,
  userfaultfdMissing,
} from '../../../src/kernel/index.js'
import { override, step } from '../../../src/world/index.js'
import type { Defect } from '../../defect.js'

/** A migration populates a hole that user space handles. */
const fillMissing = override(
  migrate_vma_insert_page,
  (original) =>
    function* (current, args, page) {
      const { mm } = args
      const entry = pagesOf(current)[page]
      const isMissing = yield* step('look at the area', () => (userfaultfdMissing(mm, page) ? 1 : 0))
      if (!isMissing) return yield* original(current, args, page)
      yield* mm.ptl.critical('map the destination', () => {
        const { dst } = entry
        if (dst === undefined || mm.pte[page].kind !== PteKind.none) {
          stopMigrating(entry)
          return 0
        }
        setPte(current.machine, mm.pte[page], dst.pfn, mayWritePage(mm, page))
        addNewAnonRmap(current.machine, mm, page)
        getPage(dst)
        markMoved(entry)
        return 0
      })
    },
)

/** Entries are write-protected without an invalidation. */
const protectUntold = override(
  uffd_wp_range,
  () =>
    function* ({ mm }, start, end, protect) {
      for (let page = start; page < end; page++)
        yield* mm.ptl.critical('mark an entry', () => {
          mm.pte[page].uffdWp = protect && mm.pte[page].kind !== PteKind.none
          mm.pte[page].write = false
          return 0
        })
      return 0
    },
)

/** Entries are marked, and stay writable. */
const markOnly = override(
  uffd_wp_range,
  () =>
    function* (current, start, end, protect) {
      const { mm } = current
      yield* invalidateRangeStart(current, mm, NotifyEvent.PROTECTION_VMA, start, end)
      for (let page = start; page < end; page++)
        yield* mm.ptl.critical('mark an entry', () => {
          mm.pte[page].uffdWp = protect && mm.pte[page].kind !== PteKind.none
          return 0
        })
      yield* invalidateRangeEnd(current, mm, NotifyEvent.PROTECTION_VMA, start, end)
      return 0
    },
)

/** Defects of userfaultfd. */
export const userfaultDefects: readonly Defect[] = [
  {
    name: 'X500',
    kind: 'mutation',
    title: 'a migration populates a hole that user space handles',
    text:
      'migrate_vma_insert_page() maps a new page in a hole, and does not check whether the VMA is ' +
      'registered for missing pages: user space gets no fault, and the page reads as zeroes. Fix: do ' +
      'not populate the hole.',
    source: [
      'our own',
      'reference E.3.13',
      'mm/migrate_device.c: migrate_vma_insert_page (userfaultfd_missing)',
    ],
    requirement: 'user-faults',
    scenario: 'userfault-missing',
    overrides: [fillMissing],
    steps: 35,
  },
  {
    name: 'X501',
    kind: 'mutation',
    title: 'userfaultfd write-protects a page without an invalidation',
    text:
      'uffd_wp_range() changes the entries without an invalidation: a device continues to write to the ' +
      'protected page, and user space never hears of it.',
    source: ['our own', 'reference E.3.13', 'mm/mprotect.c: change_protection'],
    requirement: 'C2',
    scenario: 'userfault-protect',
    overrides: [protectUntold],
    steps: 10,
  },
  {
    name: 'X502',
    kind: 'mutation',
    title: 'userfaultfd marks an entry that stays writable',
    text:
      'uffd_wp_range() sets uffd-wp and leaves the entry writable: the next write does not fault, and ' +
      'user space does not learn of it.',
    source: ['our own', 'reference E.3.13', 'mm/mprotect.c: change_pte_range (MM_CP_UFFD_WP)'],
    requirement: 'write-tracking',
    scenario: 'userfault-protect',
    overrides: [markOnly],
    steps: 15,
  },
]
