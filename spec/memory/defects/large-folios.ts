/**
 * Defects of huge pages in device memory.
 *
 * @module
 */
import { allocateAndCopy, bringBack, copyPage, systemFrames } from '../../../src/driver/index.js'
import {
  migrate_vma_finalize,
  migrate_vma_pages,
  migrate_vma_setup,
  pagesOf,
  SELECT_DEVICE_PRIVATE,
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
]
