/**
 * Maps a destination in a hole, or in place of the zero page.
 *
 * @see reference B.5 step 5
 * @module
 */

import { type Frame, hugePmdAt, PteKind, pmdAt, type Task, VmaKind, ZERO_PAGE } from '../../machine/index.js'
import { claim, mightSleep, procedure, type Running, step } from '../../world/index.js'
import { anonVmaPrepare, areaEnd } from '../mm/area/vma.js'
import { mayWritePage } from '../mm/fault/answers.js'
import { mapsHugeZeroPage } from '../mm/huge/fault.js'
import { clearHugePmd, isPmdNone, pteAlloc, setHugePmd } from '../mm/huge/page.js'
import { __split_huge_pmd } from '../mm/huge/split.js'
import { addNewAnonRmap, chargePage, clearPte, getPage, setPte, userfaultfdMissing } from '../mm/page.js'
import { partsOf } from '../mm/rmap.js'
import { flushTlb } from '../mm/tlb.js'
import { isCompound, type MigrateVma, markMoved, pagesOf, stopMigrating } from './request.js'

/**
 * How the destination is to be mapped: as a PTE of a page table, as a PTE after the huge zero page
 * is split, or as a PMD.
 */
const Above = { table: 0, hugeZeroPage: 1, compound: 2 } as const

/**
 * On a machine with huge pages: checks whether the destination is a huge page, and whether the PMD
 * maps the huge zero page.
 *
 * @kernel migrate_vma_insert_page mm/migrate_device.c
 * @see reference B.5 step 5
 */
const lookAbove = procedure(
  'migrate_vma_insert_page (look)',
  function* (current: Task, { mm }: MigrateVma, page: number): Running<number> {
    if (mm.pmd === undefined) return Above.table
    return yield* step('look at the entry above', () => {
      if (isCompound(pagesOf(current)[page])) return Above.compound
      return mapsHugeZeroPage(mm, page) ? Above.hugeZeroPage : Above.table
    })
  },
)

/**
 * Maps the destination in a hole or in place of the zero page. It is not mapped if another page was
 * mapped there meanwhile, or if userfaultfd handles missing pages of the VMA.
 *
 * @kernel migrate_vma_insert_page mm/migrate_device.c
 * @see reference B.5 step 5
 */
export const migrate_vma_insert_page = procedure(function* migrate_vma_insert_page(
  current: Task,
  args: MigrateVma,
  page: number,
) {
  const { mm } = args
  const { machine } = current
  const entry = pagesOf(current)[page]
  const above = yield* lookAbove(current, args, page)
  if (above === Above.compound) {
    yield* migrate_vma_insert_huge_pmd_page(current, args, page)
    return
  }
  if (above === Above.hugeZeroPage) yield* __split_huge_pmd(current, mm, page)
  yield* mm.ptl.critical('map the destination', () => {
    const pte = mm.pte[page]
    const isZero = pte.kind === PteKind.present && pte.frame === ZERO_PAGE
    const isFree = pte.kind === PteKind.none || isZero
    const isAnonymous = mm.vma[page].kind === VmaKind.anonymous
    if (isAnonymous) anonVmaPrepare(machine, mm, page)
    const { dst } = entry
    if (
      dst === undefined ||
      !isFree ||
      hugePmdAt(mm, page) ||
      mm.unstable ||
      userfaultfdMissing(mm, page) ||
      !isAnonymous ||
      !chargePage(machine, dst)
    ) {
      stopMigrating(entry)
      return 0
    }
    if (isZero) {
      clearPte(machine, pte)
      flushTlb(machine, mm, page, page + 1)
    }
    mustBeEmpty(dst)
    pteAlloc(mm, page)
    setPte(machine, pte, dst.pfn, mayWritePage(mm, page))
    addNewAnonRmap(machine, mm, page)
    getPage(dst)
    markMoved(entry)
    return 0
  })
})

/**
 * The same for a huge page. It is mapped as a whole or not at all: a page or a page table that was
 * put there meanwhile stays. The page table for a later split is allocated first, since the
 * allocation may sleep; it is deposited with the mapping, or freed.
 *
 * @kernel migrate_vma_insert_huge_pmd_page mm/migrate_device.c
 * @see reference B.5 step 5
 */
export const migrate_vma_insert_huge_pmd_page = procedure(function* migrate_vma_insert_huge_pmd_page(
  current: Task,
  args: MigrateVma,
  page: number,
) {
  const { mm } = args
  const { machine } = current
  const pmd = pmdAt(mm, page)
  const entry = pagesOf(current)[page]
  yield* step('pte_alloc_one', () => {
    mightSleep(machine.layout, 'an allocation')
    entry.pageTable = true
    return 0
  })
  const isMapped = yield* mm.ptl.critical('map the huge destination', () => {
    const { dst } = entry
    const isZero = mapsHugeZeroPage(mm, page)
    const isAnonymous = mm.vma[page].kind === VmaKind.anonymous
    if (isAnonymous) anonVmaPrepare(machine, mm, page)
    const isSuitable = pmd?.isWhole === true && areaEnd(mm, pmd.start, pmd.end) === pmd.end
    if (
      dst === undefined ||
      !isSuitable ||
      !(isZero || isPmdNone(mm, pmd)) ||
      mm.unstable ||
      userfaultfdMissing(mm, page) ||
      !isAnonymous ||
      !partsOf(machine, dst).every((part) => chargePage(machine, part))
    ) {
      stopMigrating(entry)
      return false
    }
    if (isZero) {
      clearHugePmd(machine, mm, pmd)
      flushTlb(machine, mm, pmd.start, pmd.end)
    }
    // The page table is deposited with the mapping. The huge zero page has deposited one already,
    // and the new one is freed.
    entry.pageTable = false
    setHugePmd(machine, mm, pmd, dst.pfn, mayWritePage(mm, page))
    for (const [index, part] of partsOf(machine, dst).entries()) {
      mustBeEmpty(part)
      addNewAnonRmap(machine, mm, pmd.start + index)
      getPage(part)
    }
    markMoved(entry)
    return true
  })
  if (isMapped) return
  yield* step('pte_free', () => {
    entry.pageTable = false
    return 0
  })
})

/** A page that was populated in a hole must read as zero. */
function mustBeEmpty(dst: Frame): void {
  claim('C50', dst.contents === 0, `frame ${dst.pfn} is mapped where nothing was, and holds somebody's data`)
}
