/**
 * Faults on a PMD.
 *
 * @module
 */

import {
  hugePmdAt,
  type MmStruct,
  NotifyEvent,
  type Pmd,
  PteKind,
  pmdAt,
  type Task,
  ZERO_PAGE,
} from '../../../machine/index.js'
import { become, procedure, READ_ONCE, type Running } from '../../../world/index.js'
import { invalidateRangeEnd, invalidateRangeStart } from '../../mmu_notifier/index.js'
import { anonVmaPrepare, setAnonRmap } from '../area/vma.js'
import { isExclusive, mayWritePage, VM_FAULT_SIGBUS } from '../fault/answers.js'
import { handle_pte_fault } from '../fault/fault.js'
import { addNewAnonRmap, dirtyPte, isPageLocked, release_pages, userfaultfdMissing } from '../page.js'
import { flushTlb } from '../tlb.js'
import { allocHugePage, clearHugePmd, framesOf, isPmdNone, pteAlloc, setHugePmd } from './page.js'
import { __split_huge_pmd } from './split.js'

/**
 * First access to a VMA with huge pages: a read maps the huge zero page, a write maps a new huge
 * page. If no huge page is free, a page table is allocated, and the fault continues as a fault on a
 * PTE. There is no invalidation, since no page was mapped.
 *
 * @returns 0, or an error of the fault
 * @kernel do_huge_pmd_anonymous_page mm/huge_memory.c
 * @see reference B.2
 */
export const do_huge_pmd_anonymous_page = procedure(function* do_huge_pmd_anonymous_page(
  current: Task,
  mm: MmStruct,
  page: number,
  write: boolean,
): Running<number> {
  const head = write ? yield* allocHugePage(current.machine) : ZERO_PAGE
  if (write && head === ZERO_PAGE) return yield* become(pte_alloc, current, mm, page, write)
  const installed = yield* mm.ptl.critical('map a huge page', () => {
    anonVmaPrepare(current.machine, mm, page)
    const pmd = pmdAt(mm, page)
    if (pmd === undefined || !isPmdNone(mm, pmd)) return Installed.notNeeded
    // After the OOM reaper a lost page must not be replaced by a zeroed one.
    if (mm.unstable || userfaultfdMissing(mm, page)) return VM_FAULT_SIGBUS
    setHugePmd(current.machine, mm, pmd, head, write && mayWritePage(mm, page))
    for (let at = pmd.start; write && at < pmd.end; at++) addNewAnonRmap(current.machine, mm, at)
    return Installed.yes
  })
  if (installed === Installed.yes) return 0
  yield* release_pages(current.machine, framesOf(current.machine, head))
  return installed === Installed.notNeeded ? 0 : installed
})

/** Whether the new huge page was mapped. An error is negative. */
const Installed = { yes: 0, notNeeded: 1 } as const

/**
 * No huge page is free: allocates a page table instead.
 *
 * @kernel pte_alloc include/linux/mm.h
 * @see reference B.2
 */
const pte_alloc = procedure(function* pte_alloc(
  current: Task,
  mm: MmStruct,
  page: number,
  write: boolean,
): Running<number> {
  yield* mm.ptl.critical('allocate a page table', () => {
    pteAlloc(mm, page)
    return 0
  })
  return yield* become(handle_pte_fault, current, mm, page, write)
})

/**
 * A write to the huge zero page: a new huge page replaces it. If none is free, the PMD is split,
 * and the fault continues on the PTE.
 *
 * @returns 0, or an error of the fault
 * @kernel do_huge_zero_wp_pmd mm/huge_memory.c
 * @see reference B.2
 */
const do_huge_zero_wp_pmd = procedure(function* do_huge_zero_wp_pmd(
  current: Task,
  mm: MmStruct,
  page: number,
): Running<number> {
  const { machine } = current
  const pmd = pmdAt(mm, page)
  const head = yield* allocHugePage(machine)
  if (pmd === undefined || head === ZERO_PAGE) return yield* become(splitAndWrite, current, mm, page)
  yield* invalidateRangeStart(current, mm, NotifyEvent.CLEAR, pmd.start, pmd.end)
  const installed = yield* mm.ptl.critical('clear, flush and map a huge page', () => {
    anonVmaPrepare(machine, mm, page)
    if (!mapsHugeZeroPage(mm, page)) return Installed.notNeeded
    if (mm.unstable) return VM_FAULT_SIGBUS
    clearHugePmd(machine, mm, pmd)
    flushTlb(machine, mm, pmd.start, pmd.end)
    setHugePmd(machine, mm, pmd, head, mayWritePage(mm, page))
    for (let at = pmd.start; at < pmd.end; at++) addNewAnonRmap(machine, mm, at)
    return Installed.yes
  })
  yield* invalidateRangeEnd(current, mm, NotifyEvent.CLEAR, pmd.start, pmd.end)
  if (installed === Installed.yes) return 0
  yield* release_pages(machine, framesOf(machine, head))
  return installed === Installed.notNeeded ? 0 : installed
})

/**
 * True if the PMD of `page` maps the huge zero page. Called inside an atomic step.
 *
 * @kernel is_huge_zero_pmd
 */
export function mapsHugeZeroPage(mm: MmStruct, page: number): boolean {
  const pte = mm.pte[page]
  return (
    hugePmdAt(mm, page) !== undefined &&
    READ_ONCE(pte).kind === PteKind.present &&
    READ_ONCE(pte).frame === ZERO_PAGE
  )
}

/**
 * Splits the PMD, and continues with the PTE.
 *
 * @kernel do_huge_pmd_wp_page mm/huge_memory.c
 * @see reference B.2
 */
const splitAndWrite = procedure(
  'do_huge_pmd_wp_page (fall back)',
  function* (current: Task, mm: MmStruct, page: number): Running<number> {
    yield* __split_huge_pmd(current, mm, page)
    return yield* become(handle_pte_fault, current, mm, page, true)
  },
)

/**
 * A write to a huge page that is mapped read-only. A huge page without other references is made
 * writable as a whole; any other is split, and the fault continues on the PTE. So is the huge zero
 * page, unless the release replaces it by a new huge page.
 *
 * @returns 0, or an error of the fault
 * @kernel do_huge_pmd_wp_page mm/huge_memory.c
 * @see reference B.2
 */
export const do_huge_pmd_wp_page = procedure(function* do_huge_pmd_wp_page(
  current: Task,
  mm: MmStruct,
  page: number,
): Running<number> {
  const found = yield* mm.ptl.critical('reuse the huge page', () => {
    const pmd = hugePmdAt(mm, page)
    if (pmd === undefined || mm.pte[page].kind !== PteKind.present) return WriteProtected.done
    if (mm.pte[page].frame === ZERO_PAGE && current.machine.rules.hugeZeroWriteIsHuge)
      return WriteProtected.isZero
    if (!canReuseHuge(current, mm, pmd)) return WriteProtected.isShared
    for (const pte of mm.pte.slice(pmd.start, pmd.end)) {
      pte.write = mayWritePage(mm, page)
      dirtyPte(pte)
    }
    return WriteProtected.done
  })
  if (found === WriteProtected.done) return 0
  return found === WriteProtected.isZero
    ? yield* become(do_huge_zero_wp_pmd, current, mm, page)
    : yield* become(splitAndWrite, current, mm, page)
})

/**
 * The result for a write: done (the PMD is writable, or has changed); the huge zero page must be
 * replaced; or the PMD must be split.
 */
const WriteProtected = { done: 0, isZero: 1, isShared: 2 } as const

/**
 * True if the huge page is exclusive to this mapping, or becomes so because it has no other
 * references. Called under the page-table lock.
 */
function canReuseHuge(current: Task, mm: MmStruct, pmd: Pmd): boolean {
  const { frames } = current.machine
  const first = frames[mm.pte[pmd.start].frame]
  const isZero = first.pfn === ZERO_PAGE
  for (let at = pmd.start; at < pmd.end; at++) {
    if (isExclusive(current, mm, at)) continue
    if (isZero || frames[mm.pte[at].frame].refcount !== 1 || isPageLocked(first)) return false
  }
  for (let at = pmd.start; at < pmd.end; at++) {
    const frame = frames[mm.pte[at].frame]
    frame.anonExclusive = true
    setAnonRmap(frame, mm, at)
  }
  return true
}
