/**
 * Defects of huge pages in device memory.
 *
 * @module
 */
import { allocateAndCopy, bringBack, copyPage, systemFrames } from '../../../src/driver/index.js'
import {
  FolioSplit,
  folio_put,
  isLockedByFault,
  migrate_vma_collect_skip,
  migrate_vma_finalize,
  migrate_vma_pages,
  migrate_vma_setup,
  migrate_vma_split_folio,
  pagesOf,
  SELECT_DEVICE_PRIVATE,
  split_folio,
  tryLockPage,
  unlockPage,
} from '../../../src/kernel/index.js'
import { override, step } from '../../../src/world/index.js'
import type { Defect } from '../../defect.js'

/** Copies a page where there are as many as the folio has. */
const firstPageOnly = override(
  copyPage,
  () =>
    function* (current, _args, page) {
      const entry = pagesOf(current)[page]
      yield* step('copy the page', () => {
        if (entry.source && entry.dst) entry.dst.contents = current.machine.frames[entry.source].contents
        return 0
      })
    },
)

/** Whatever the fault is about, one page is brought back. */
const onePageForAll = override(
  bringBack,
  () =>
    function* (current, mm, page, fault) {
      const { owner } = current.machine.frames[fault.pfn]
      const args = { mm, start: page, end: page + 1, owner, select: SELECT_DEVICE_PRIVATE, fault }
      yield* migrate_vma_setup(current, args)
      yield* allocateAndCopy(current, args, systemFrames(current))
      yield* migrate_vma_pages(current, args)
      yield* migrate_vma_finalize(current, args)
      return 0
    },
)

/** A page that stays is passed over, and its fault is not told why. */
const passOverInSilence = override(migrate_vma_collect_skip, () => function* () {})

/** After a split the lock of the part that the fault is about is tried, and taken for had. */
const takeLockForHad = override(
  migrate_vma_split_folio,
  (original) =>
    function* (current, args, folio) {
      const { fault } = args
      const isFaults = yield* step('look whose the folio lock is', () =>
        isLockedByFault(args, folio) ? 1 : 0,
      )
      if (!isFaults || fault === undefined || fault.pfn === folio.pfn)
        return yield* original(current, args, folio)
      const isSplit = yield* split_folio(current, folio, [fault.pfn, folio.pfn, folio.pfn])
      yield* folio_put(folio)
      if (!isSplit) return FolioSplit.not
      yield* step('the lock goes to the part of the fault', () => {
        tryLockPage(current.machine.frames[fault.pfn])
        unlockPage(folio)
        return 0
      })
      yield* folio_put(folio)
      return FolioSplit.fromFault
    },
)

/** Defects of migrating huge pages whole, and of faults on them. */
export const largeFolioDefects: readonly Defect[] = [
  {
    name: 'X330',
    kind: 'mutation',
    title: 'a driver copies the first page of a large folio only',
    text:
      'The array of a migration has one entry for a huge page that migrates as a whole. A driver that copies a page for ' +
      'each entry leaves the other parts of the destination as they were.',
    source: ['reference E.3.9', 'lib/test_hmm.c: dmirror_migrate_alloc_and_copy'],
    requirement: 'C38',
    scenario: 'large-folio',
    overrides: [firstPageOnly],
    steps: 19,
  },
  {
    name: 'X331',
    kind: 'mutation',
    title: 'a fault on a huge page in device memory brings back one page',
    text:
      'The callback migrates the page of the fault without MIGRATE_VMA_SELECT_COMPOUND. The huge page would have to be split, ' +
      'and the reference of the fault forbids that: nothing migrates, and the fault is repeated for ever.',
    source: ['reference E.3.9, C30', 'mm/migrate_device.c: migrate_vma_collect_huge_pmd'],
    requirement: 'C30',
    scenario: 'large-folio',
    overrides: [onePageForAll],
    steps: 44,
  },
  {
    name: 'X332',
    kind: 'mutation',
    title: 'a fault on a folio that cannot be split is not told that it is held',
    text:
      'migrate_vma_collect_skip() leaves the entries of the array as they are. The fault cannot tell a page that somebody else ' +
      'holds, and that stays for now, from a driver which answers 0 and has migrated nothing.',
    source: ['reference B.5 step 2, C30', 'mm/migrate_device.c: migrate_vma_collect_skip'],
    requirement: 'C30',
    scenario: 'large-folio-held',
    overrides: [passOverInSilence],
    steps: 63,
  },
  {
    name: 'X333',
    kind: 'mutation',
    title: 'after a split the lock of the faulting page is taken for had',
    text:
      'split_folio() unlocks every part but the first, so that another thread may lock the page of the fault before ' +
      'migrate_vma_split_folio() does. The fault goes on without the lock, and unlocks what somebody else has locked. ' +
      'folio_lock() waits.',
    source: ['reference B.5 step 1', 'mm/migrate_device.c: migrate_vma_split_folio'],
    requirement: 'C30',
    scenario: 'large-folio-held',
    overrides: [takeLockForHad],
    steps: 92,
  },
]
