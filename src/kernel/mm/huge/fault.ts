/**
 * Faults where a huge page is, or would be, mapped.
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
 * First access to memory that wants huge pages: reading maps the huge zero page, writing a new huge page. If there is none
 * a page table takes its place, and the fault is like any other. None of it is told to notifiers, since nothing was mapped.
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
    // After the OOM reaper a page that was lost must not come back as a zeroed one.
    if (mm.unstable || userfaultfdMissing(mm, page)) return VM_FAULT_SIGBUS
    setHugePmd(current.machine, mm, pmd, head, write && mayWritePage(mm, page))
    for (let at = pmd.start; write && at < pmd.end; at++) addNewAnonRmap(current.machine, mm, at)
    return Installed.yes
  })
  if (installed === Installed.yes) return 0
  yield* release_pages(current.machine, framesOf(current.machine, head))
  return installed === Installed.notNeeded ? 0 : installed
})

/** Whether a new huge page was mapped; an error is negative. */
const Installed = { yes: 0, notNeeded: 1 } as const

/**
 * There is no huge page to be had: from now on there is a page table.
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
 * A write to the huge zero page: a new huge page takes its place. Where there is none its mapping is split, and the one page is
 * dealt with like any other.
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
 * True if the entry above `page` maps the huge zero page. Called inside an atomic step.
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
 * Splits the mapping, and goes on as with any other page.
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
 * A write to a huge page that is mapped read-only. One that nobody else has is made writable as a whole; any other is split, and
 * the one page is dealt with like any other. So is the huge zero page, unless a new huge page is to take its place.
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

/** What is done about a write: the entry may be written, or has changed; its page is to be replaced, or its mapping to be split. */
const WriteProtected = { done: 0, isZero: 1, isShared: 2 } as const

/**
 * True if the huge page is this mapping's alone, or nobody else has it any more: then it is from
 * now on. Called under the page-table lock.
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
