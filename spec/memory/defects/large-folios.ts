/**
 * Defects of huge pages in device memory.
 *
 * @module
 */
import {
  allocateAndCopy,
  allocateAndCopyPage,
  bringBack,
  copyPage,
  systemFrames,
} from '../../../src/driver/index.js'
import {
  FolioSplit,
  folio_put,
  freeHugePmd,
  isLockedByFault,
  isolateHugePmd,
  madvise_cold_or_pageout_huge_pmd,
  madvise_free_huge_pmd,
  migrate_vma_collect_skip,
  migrate_vma_finalize,
  migrate_vma_insert_huge_pmd_page,
  migrate_vma_pages,
  migrate_vma_setup,
  migrate_vma_split_folio,
  PmdKind,
  PteKind,
  pagesOf,
  pmdAt,
  removeRmap,
  SELECT_DEVICE_PRIVATE,
  split_folio,
  stopMigrating,
  tryLockPage,
  unlockPage,
  zap_huge_pmd,
} from '../../../src/kernel/index.js'
import { BLOCKED, onStep, override, READ_ONCE, step } from '../../../src/world/index.js'
import type { Defect } from '../../defect.js'

/** Copies one page of a large folio. */
const firstPageOnly = onStep(copyPage, 'copy the page', (_original, current, _args, page) => {
  const entry = pagesOf(current)[page]
  return () => {
    if (entry.source && entry.dst) entry.dst.contents = current.machine.frames[entry.source].contents
    return 0
  }
})

/** migrate_to_ram always migrates one page. */
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

/** migrate_vma_collect_skip does not record that the page of the fault is held. */
const passOverInSilence = override(migrate_vma_collect_skip, () => function* () {})

/** After a split the lock of the faulting part is tried, and the result is ignored. */
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

/** MADV_PAGEOUT does not handle a device-private PMD. */
const pageoutKnowsNoDevice = onStep(
  madvise_cold_or_pageout_huge_pmd,
  'isolate the huge page',
  (_original, current, mm, pmd, start, end) => () =>
    isolateHugePmd(current, mm, pmd, start, end, [PteKind.migration]),
)

/** MADV_FREE does not handle a device-private PMD. */
const freeKnowsNoDevice = onStep(
  madvise_free_huge_pmd,
  'clean the huge entry',
  (_original, current, mm, pmd, start, end) => () =>
    freeHugePmd(current, mm, pmd, start, end, [PteKind.migration]),
)

/** After the OOM reaper the error path does not drop the page-table lock. */
const abortWithLock = override(
  migrate_vma_insert_huge_pmd_page,
  (original) =>
    function* (current, args, page) {
      const { mm } = args
      const isReaped = yield* step('check_stable_address_space', () => {
        if (!mm.ptl.acquire()) return BLOCKED
        if (mm.unstable) {
          stopMigrating(pagesOf(current)[page])
          return 1
        }
        mm.ptl.release()
        return 0
      })
      if (!isReaped) yield* original(current, args, page)
    },
)

/** The page table allocated in advance is leaked. */
const leakPageTable = onStep(migrate_vma_insert_huge_pmd_page, 'pte_free', () => () => 0)

/** The mappings of a huge page in device memory are dropped twice. */
const dropHugeMappingTwice = onStep(
  zap_huge_pmd,
  'clear the huge entry',
  (original, { machine }, mm, page, limit) =>
    (choice) => {
      const pmd = pmdAt(mm, page)
      const isWhole =
        pmd !== undefined && page === pmd.start && pmd.end <= limit && READ_ONCE(pmd).kind === PmdKind.huge
      const isOfDevice = isWhole && READ_ONCE(mm.pte[page]).kind === PteKind.devicePrivate
      const pfns = isOfDevice ? mm.pte.slice(pmd.start, pmd.end).map((pte) => READ_ONCE(pte).frame) : []
      const cleared = original(choice)
      if (cleared !== BLOCKED) for (const pfn of pfns) removeRmap(machine.frames[pfn])
      return cleared
    },
)

/** A device page of order 0 is allocated, and still refers to its former folio. */
const keepStaleHead = onStep(
  allocateAndCopyPage,
  'allocate a destination',
  (original, current, _args, page, from) => (choice) => {
    const formerly = from.map((frame) => frame.formerly)
    const done = original(choice)
    const { dst } = pagesOf(current)[page]
    if (dst === undefined || dst.compound > 0) return done
    const stale = formerly[from.indexOf(dst)]
    if (!stale) return done
    // It is locked when it is initialised: the lock is that of the folio that it seems to be a part of.
    unlockPage(dst)
    dst.compound = stale
    tryLockPage(dst)
    return done
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
    title: 'a fault on a huge page in device memory migrates one page back',
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
    title: 'a fault does not learn that its folio is held and cannot be split',
    text:
      'migrate_vma_collect_skip() records nothing for the page of the fault. The checker cannot ' +
      'distinguish a page that another thread holds from a driver that returns 0 without migrating it.',
    source: ['reference B.5 step 2, C30', 'mm/migrate_device.c: migrate_vma_collect_skip'],
    requirement: 'C30',
    scenario: 'large-folio-held',
    overrides: [passOverInSilence],
    steps: 63,
  },
  {
    name: 'X333',
    kind: 'mutation',
    title: 'after a split the faulting page is used without its lock',
    text:
      'split_folio() unlocks every part but the first, so that another thread may lock the page of the ' +
      'fault before migrate_vma_split_folio() does. The fault continues without the lock, and unlocks ' +
      'the page of another thread. folio_lock() waits.',
    source: ['reference B.5 step 1', 'mm/migrate_device.c: migrate_vma_split_folio'],
    requirement: 'C30',
    scenario: 'large-folio-held',
    overrides: [takeLockForHad],
    steps: 92,
  },
  {
    name: 'D40',
    kind: 'history',
    title: 'mapping a huge page in device memory fails, and the page-table lock stays held',
    text:
      'migrate_vma_insert_huge_pmd_page() finds under the page-table lock that the OOM reaper has run, ' +
      'and returns by a path that does not drop the lock. The next thread that needs the page table ' +
      'waits for ever, first the migration itself. Fix: the path that drops the lock.',
    source: ['reference D40', 'mm/migrate_device.c: migrate_vma_insert_huge_pmd_page, commit 63451de16e0a'],
    requirement: 'lock-discipline',
    scenario: 'large-folio-reaped',
    overrides: [abortWithLock],
    steps: 33,
  },
  {
    name: 'D41',
    kind: 'history',
    title: 'mapping a huge page in device memory fails, and its page table is not freed',
    text:
      'migrate_vma_insert_huge_pmd_page() allocates a page table before it takes the page-table lock. ' +
      'If another page was mapped meanwhile, or the OOM reaper has run, it returns without freeing it. ' +
      'Fix: free it on that path.',
    source: ['reference D41', 'mm/migrate_device.c: migrate_vma_insert_huge_pmd_page, commit 24861d04f197'],
    requirement: 'page-tables',
    scenario: 'large-folio-reaped',
    overrides: [leakPageTable],
    steps: 31,
  },
  {
    name: 'D57',
    kind: 'history',
    title: 'a page of device memory is allocated, and still refers to its former folio',
    text:
      'zone_device_page_init() initialises a page of order 0, and does not clear the compound head and ' +
      'flags of its former large folio. Locking the page then locks another, which may be in use. Fix: ' +
      'initialise every field, with the region that the caller passes, since that field may hold a ' +
      'stale head too.',
    source: ['reference D57', 'patchew 20260116111325, patch 1 of 5', 'mm/memremap.c: zone_device_page_init'],
    requirement: 'C35',
    scenario: 'folio-reused',
    overrides: [keepStaleHead],
    steps: 82,
  },
  {
    name: 'D58',
    kind: 'history',
    title: 'a zap drops the mapping of a huge page in device memory twice',
    text:
      'The zap of an entry for a huge page in device memory drops its mapping as for any huge page, and again as for device memory: ' +
      '_mapcount is below zero, and the page counts as unmapped while another process maps it. Drop it once.',
    source: ['reference D58', 'CVE-2026-99668', 'mm/huge_memory.c: zap_huge_pmd'],
    requirement: 'use-after-free',
    scenario: 'large-folio-hole',
    overrides: [dropHugeMappingTwice],
    steps: 31,
  },
  {
    name: 'D50a',
    kind: 'history',
    title: 'MADV_PAGEOUT does not handle a huge page in device memory',
    text:
      'The walk reads the PMD of a huge page without a lock. Before it takes the page-table lock the ' +
      'huge page migrates to a device. The walk then finds a PMD that is not present, expects a ' +
      'migration entry, and hits VM_BUG_ON. Fix: skip device-private entries as well.',
    source: [
      'reference D50',
      'CVE-2026-93217',
      'mm/madvise.c: madvise_cold_or_pageout_pte_range, commit d4b76d0b03cb',
    ],
    requirement: 'pmd-entries',
    scenario: 'advise-large-folio',
    overrides: [pageoutKnowsNoDevice],
    steps: 35,
  },
  {
    name: 'D50b',
    kind: 'history',
    title: 'MADV_FREE does not handle a huge page in device memory',
    text:
      'madvise_free_huge_pmd() takes the page-table lock after a check without it, and finds a ' +
      'device-private PMD, since the huge page has migrated in between. It expects a migration entry, ' +
      'and hits VM_BUG_ON. Fix: skip device-private entries as well.',
    source: [
      'reference D50',
      'CVE-2026-93218',
      'mm/huge_memory.c: madvise_free_huge_pmd, commit ce579dcf730c',
    ],
    requirement: 'pmd-entries',
    scenario: 'advise-large-folio',
    overrides: [freeKnowsNoDevice],
    steps: 28,
  },
]
