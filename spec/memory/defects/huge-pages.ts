/**
 * Defects of huge pages.
 *
 * @module
 */
import { mapAsOne, program, rangeOf } from '../../../src/driver/index.js'
import {
  __split_huge_pmd,
  __split_huge_pmd_locked,
  addNewAnonRmap,
  alloc_page,
  anonVmaPrepare,
  do_anonymous_page,
  hmm_vma_walk_pmd,
  hugePmdAt,
  isMappable,
  mapUnusedToZeropage,
  mayWritePage,
  move_page_tables,
  PmdKind,
  PteKind,
  readEntry,
  release_pages,
  setPte,
  try_to_free_pte,
  unmapAndRemap,
  VM_FAULT_OOM,
} from '../../../src/kernel/index.js'
import { onStep, override, step } from '../../../src/world/index.js'
import type { Defect } from '../../defect.js'

/** The walk tests for a huge page in one step, and reads the entry in another. */
const orderReadApart = override(
  hmm_vma_walk_pmd,
  () =>
    function* (range, request, page) {
      const { mm } = range.notifier
      const isHuge = yield* step('look at the entry above', () => (hugePmdAt(mm, page) ? 1 : 0))
      return yield* step('read an entry', () => {
        const walked = readEntry(range, request, page)
        if (isHuge && walked.kind === 'next') range.pfns[page].order = range.hugeOrder
        return walked
      })
    },
)

/** The walk reports each page of a huge page with order 0. */
const orderForgotten = onStep(hmm_vma_walk_pmd, 'read an entry', (_original, range, request, page) => () => {
  const walked = readEntry(range, request, page)
  for (const entry of range.pfns) entry.order = 0
  return walked
})

/** A new page is mapped without a page table. */
const mapWithoutTable = override(
  do_anonymous_page,
  (original) =>
    function* (current, mm, page, write) {
      if (!write) return yield* original(current, mm, page, write)
      const pfn = yield* alloc_page(current.machine)
      if (pfn === 0) return VM_FAULT_OOM
      const isMapped = yield* mm.ptl.critical('map a new page', () => {
        anonVmaPrepare(current.machine, mm, page)
        if (mm.pte[page].kind !== PteKind.none) return 0
        setPte(current.machine, mm.pte[page], pfn, mayWritePage(mm, page))
        addNewAnonRmap(current.machine, mm, page)
        return 1
      })
      if (!isMapped) yield* release_pages(current.machine, [pfn])
      return 0
    },
)

/** mremap always splits a huge page before it moves it. */
const moveSplit = override(
  move_page_tables,
  (original) =>
    function* (current, mm, page, pages, to) {
      yield* __split_huge_pmd(current, mm, page)
      yield* original(current, mm, page, pages, to)
    },
)

/** Empty page tables are not freed. */
const keepTables = override(try_to_free_pte, () => function* () {})

/** The PMD is split without an invalidation. */
const splitUntold = override(
  __split_huge_pmd,
  () =>
    function* (current, mm, page) {
      const pmd = mm.pmd?.find(({ start, end }) => start <= page && page < end)
      if (pmd !== undefined) yield* __split_huge_pmd_locked(current, mm, pmd)
    },
)

/** The PMD is split without a TLB flush. */
const remapUnflushed = onStep(
  unmapAndRemap,
  'put a page table in its place',
  (_original, { machine }, { mm, start, end }, frame) =>
    () => {
      const pmd = hugePmdAt(mm, start)
      if (pmd === undefined || mm.pte[pmd.start].frame !== frame.pfn) return 0
      pmd.kind = PmdKind.table
      for (const pte of mm.pte.slice(start, end)) mapUnusedToZeropage(machine, pte)
      return 0
    },
)

/** In a VMA with huge pages enabled the driver maps every page as part of a huge page. */
const anyOrder = override(
  program,
  () =>
    function* (current, mirror, start, end) {
      const range = rangeOf(mirror, current)
      for (let page = start; page < end; page++)
        yield* step('program what may be mapped as one', () => {
          if (isMappable(range, page)) mapAsOne(mirror, range, page, range.hugeOrder)
          return 0
        })
      return 0
    },
)

/** Defects of splitting, and of the report of huge pages. */
export const hugePageDefects: readonly Defect[] = [
  {
    name: 'X280',
    kind: 'mutation',
    title: 'the order is read separately from the entry',
    text:
      'The walk tests whether the page is part of a huge one, and reads the entry in another step. In ' +
      'between the mapping is split, and the order exceeds the CPU mapping: the pages beside the page ' +
      'may have been replaced by the time the device maps all of it. A single read of the PMD gives ' +
      'both.',
    source: ['reference C26, B.3.1'],
    requirement: 'C26',
    scenario: 'huge-page',
    overrides: [orderReadApart],
    steps: 22,
  },
  {
    name: 'X281',
    kind: 'mutation',
    title: 'splitting a huge page sends no notification',
    text:
      'The pages stay where they are, so a notification seems unnecessary. But a device may have one ' +
      'translation for all of them, and a later change of one page is notified for that page alone.',
    source: ['reference B.2'],
    requirement: 'C2',
    scenario: 'huge-page',
    overrides: [splitUntold],
    steps: 8,
  },
  {
    name: 'X282',
    kind: 'mutation',
    title: 'splitting a huge page does not flush the TLBs',
    text:
      'A page of zeroes is freed, and the zero page mapped in its place; a CPU with the translation of the ' +
      'huge page continues to write to the freed page.',
    source: ['reference B.2, C47'],
    requirement: 'C47',
    scenario: 'huge-page-migrates',
    overrides: [remapUnflushed],
    steps: 17,
  },
  {
    name: 'X283',
    kind: 'mutation',
    title: 'a driver maps a huge page without checking the order',
    text:
      'The VMA requests huge pages, and the driver assumes that the CPU maps one: if the mapping has been ' +
      'split, the adjacent memory belongs to another page, or is free, and the device accesses it. The ' +
      'order of the entry is the limit.',
    source: ['reference C26, A.4'],
    requirement: 'C1',
    scenario: 'huge-page-mapped-whole',
    overrides: [anyOrder],
    steps: 30,
  },
  {
    name: 'X406',
    kind: 'mutation',
    title: 'a fault maps a page where there is no page table',
    text:
      'The page table was freed after the fault had checked it, and the fault does not allocate ' +
      'another: the entry is in no page table, and a huge page could be mapped over it.',
    source: ['our own', 'mm/memory.c: do_anonymous_page'],
    requirement: 'C26',
    scenario: 'huge-page-faults',
    overrides: [mapWithoutTable],
    steps: 26,
  },
  {
    name: 'X407',
    kind: 'mutation',
    title: 'a walk reports each page of a huge page with order 0',
    text:
      'The order of the entries is 0 although a PMD maps all of them: a driver programs as many ' +
      'translations as there are pages.',
    source: ['our own', 'reference C26, A.4', 'mm/hmm.c: hmm_vma_handle_pmd'],
    requirement: 'C26',
    scenario: 'huge-page-mapped-whole',
    overrides: [orderForgotten],
    steps: 7,
  },
  {
    name: 'X409',
    kind: 'mutation',
    title: 'mremap splits a huge page that it could move as a whole',
    text: 'The pages are at their new address, but mapped by PTEs: the huge mapping is lost needlessly.',
    source: ['our own', 'mm/mremap.c: move_page_tables', 'mm/huge_memory.c: move_huge_pmd'],
    requirement: 'system-calls',
    scenario: 'huge-page-moves',
    overrides: [moveSplit],
    steps: 0,
  },
  {
    name: 'X410',
    kind: 'mutation',
    title: 'madvise keeps page tables that it has emptied',
    text: 'An empty page table stays: its memory is lost, and no huge page can be mapped in its place.',
    source: ['our own', 'mm/pt_reclaim.c: try_to_free_pte'],
    requirement: 'system-calls',
    scenario: 'empty-page-table',
    overrides: [keepTables],
    steps: 0,
  },
]
