/**
 * Splitting a folio: a huge page becomes single pages, in every page table that maps it.
 *
 * @see docs/decisions/0020-huge-pages.md
 * @module
 */

import {
  type Frame,
  isDevicePrivate,
  type Machine,
  NotifyEvent,
  type Pte,
  PteKind,
  pmdAt,
  type Task,
  ZERO_PAGE,
} from '../../../machine/index.js'
import { become, claim, procedure, READ_ONCE, type Running, step } from '../../../world/index.js'
import { invalidateRangeEnd, invalidateRangeStart } from '../../mmu_notifier/index.js'
import { clearPte, isPageLocked, putPage, setPte } from '../page.js'
import { areaAt, areasOf, isMappedBy, type MappedArea, maps, partsOf } from '../rmap.js'
import { replaceByTable, split_huge_pmd_address } from './split.js'

/**
 * Splits the folio of `frame` into single pages, if only its mappings and the caller hold
 * references to it. The pages keep their entries; the zero page replaces unused pages that hold
 * only zeroes. The caller holds the folio lock.
 *
 * @param pins - the frames to which the caller holds references, one for each
 * @returns 1, or 0 if another thread holds a reference to a part
 * @kernel split_folio include/linux/huge_mm.h, split_huge_page_to_list mm/huge_memory.c
 * @see reference B.5 step 2
 */
export const split_folio = procedure(function* split_folio(
  current: Task,
  frame: Frame,
  pins: readonly number[],
): Running<number> {
  const { machine } = current
  const isFree = yield* step('compare the references with the mappings', () => {
    claim('lock-discipline', isPageLocked(frame), () => `frame ${frame.pfn} is split without its folio lock`)
    return isHeldByOthers(machine, frame, pins) ? 0 : 1
  })
  if (!isFree) return 0
  yield* remapFolio(current, frame, 0)
  return yield* step('pages by themselves', () => {
    // A reference taken since the check prevents the split: the count is compared and frozen.
    if (isHeldByOthers(machine, frame, pins)) return 0
    for (const part of partsOf(machine, frame)) {
      part.compound = 0
      part.pgmap?.ops.folioSplit?.(part)
    }
    return 1
  })
})

/** True if a part of the folio has references beyond those of its mappings and of the caller. @kernel folio_expected_ref_count, folio_ref_freeze */
function isHeldByOthers(machine: Machine, frame: Frame, pins: readonly number[]): boolean {
  return partsOf(machine, frame).some(
    ({ pfn, refcount, mapcount }) => refcount > mapcount + pins.filter((pin) => pin === pfn).length,
  )
}

/**
 * Visits the VMAs that may map the folio, one after another, until it is unmapped. Each VMA gets an
 * invalidation, whether it maps the folio or not.
 *
 * @kernel unmap_folio mm/huge_memory.c, remap_page
 * @see reference B.5 step 2
 */
const remapFolio = procedure(
  'unmap_folio, remap_page',
  function* (current: Task, frame: Frame, index: number): Running<void> {
    const { machine } = current
    const area = yield* step('walk the areas', () => nextArea(machine, frame, index))
    if (area === undefined) return
    const pmd = pmdAt(area.mm, area.start)
    if (machine.rules.splitsBlockFirst && pmd !== undefined)
      yield* split_huge_pmd_address(current, area.mm, pmd)
    yield* invalidateRangeStart(current, area.mm, NotifyEvent.CLEAR, area.start, area.end)
    yield* unmapAndRemap(current, area, frame)
    yield* invalidateRangeEnd(current, area.mm, NotifyEvent.CLEAR, area.start, area.end)
    yield* become(remapFolio, current, frame, index + 1)
  },
)

/**
 * The VMA with number `index` of those that may map the folio. The first is always visited; a later
 * one only if it or a VMA after it maps a part, since the walk ends once the folio is unmapped.
 * Called inside an atomic step.
 *
 * @kernel rmap_walk, folio_not_mapped
 */
function nextArea(machine: Machine, frame: Frame, index: number): MappedArea | undefined {
  const isMapped =
    index === 0 ||
    areasOf(machine, frame)
      .slice(index)
      .some((area) => mapsPart(machine, area, frame))
  return isMapped ? areaAt(machine, frame, index) : undefined
}

/**
 * True if an entry of the VMA counts as a mapping of a part. A device-exclusive entry does in
 * releases in which it keeps the mapping. Called inside an atomic step.
 */
function mapsPart(machine: Machine, { mm, start, end }: MappedArea, frame: Frame): boolean {
  const parts = partsOf(machine, frame)
  const countsExclusive = machine.anonVmas.length === 0 || machine.rules.exclusiveByPage
  return mm.pte
    .slice(start, end)
    .some((pte) =>
      parts.some(
        (part) =>
          maps(pte, part) || (countsExclusive && isMappedBy(pte) && READ_ONCE(pte).frame === part.pfn),
      ),
    )
}

/**
 * Replaces the entries of the parts in one VMA. One step: the kernel has migration entries there in
 * between, through which no thread can access the data.
 *
 * @kernel try_to_migrate_one mm/rmap.c, remove_migration_pte
 * @see reference B.5 step 2
 */
export const unmapAndRemap = procedure(
  'unmap_folio, remap_page (area)',
  function* ({ machine }: Task, area: MappedArea, frame: Frame): Running<void> {
    yield* area.mm.ptl.critical('put a page table in its place', () => {
      for (const pte of entriesOf(machine, area, frame)) {
        endExclusiveAccess(machine, pte)
        mapUnusedToZeropage(machine, pte)
      }
      return 0
    })
  },
)

/**
 * The entries of `area` that map parts of the folio, after its PMD has been replaced by a page
 * table. Called inside an atomic step, under the page-table lock, with every CPU flushed.
 */
export function entriesOf(machine: Machine, { mm, start, end }: MappedArea, frame: Frame): Pte[] {
  const parts = new Set(partsOf(machine, frame).map(({ pfn }) => pfn))
  const entries = mm.pte.slice(start, end).filter((pte) => isMappedBy(pte) && parts.has(pte.frame))
  const pmd = pmdAt(mm, start)
  if (entries.length > 0 && pmd !== undefined) replaceByTable(machine, mm, pmd)
  return entries
}

/**
 * Ends device-exclusive access: the entry maps the page read-only, and the page is exclusive to it.
 * Called inside an atomic step.
 */
function endExclusiveAccess(machine: Machine, pte: Pte): void {
  if (pte.kind !== PteKind.deviceExclusive) return
  const { frame } = pte
  clearPte(machine, pte)
  setPte(machine, pte, frame, false)
}

/**
 * Maps the zero page in place of a page that holds only zeroes, and frees that page. Called inside
 * an atomic step, under the page-table lock, while no thread can write to the page.
 *
 * @kernel try_to_map_unused_to_zeropage
 */
export function mapUnusedToZeropage(machine: Machine, pte: Pte): void {
  const frame = machine.frames[pte.frame]
  if (frame.contents !== 0 || isDevicePrivate(frame)) return
  const { kind } = pte
  clearPte(machine, pte)
  setPte(machine, pte, ZERO_PAGE, false)
  pte.kind = kind
  putPage(frame)
}
