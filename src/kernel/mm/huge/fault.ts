/**
 * Faults where a huge page is, or would be, mapped.
 *
 * @module
 */
import { become, procedure, type Running } from '../../../world/index.js'
import { hugePmdAt, type Pmd, pmdAt } from '../../huge.js'
import { type MmStruct, PteKind, type Task, ZERO_PAGE } from '../../machine.js'
import { anonVmaPrepare, setAnonRmap } from '../area/vma.js'
import { handle_pte_fault, isExclusive, mayWritePage, VM_FAULT_SIGBUS } from '../fault/fault.js'
import { addNewAnonRmap, dirtyPte, release_pages } from '../page.js'
import { allocHugePage, framesOf, isPmdNone, pteAlloc, setHugePmd } from './page.js'
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
    if (mm.unstable) return VM_FAULT_SIGBUS
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
 * A write to a huge page that is mapped read-only. One that nobody else has is made writable as a whole; any other, the huge
 * zero page among them, is split, and the one page is dealt with like any other.
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
  const done = yield* mm.ptl.critical('reuse the huge page', () => {
    const pmd = hugePmdAt(mm, page)
    if (pmd === undefined || mm.pte[page].kind !== PteKind.present) return 1
    if (!canReuseHuge(current, mm, pmd)) return 0
    for (const pte of mm.pte.slice(pmd.start, pmd.end)) {
      pte.write = mayWritePage(mm, page)
      dirtyPte(pte)
    }
    return 1
  })
  if (done) return 0
  yield* __split_huge_pmd(current, mm, page)
  return yield* become(handle_pte_fault, current, mm, page, true)
})

/** True if the huge page is this mapping's alone, or nobody else has it any more: then it is from now on. Under the page-table lock. */
function canReuseHuge(current: Task, mm: MmStruct, pmd: Pmd): boolean {
  const { frames } = current.machine
  const first = frames[mm.pte[pmd.start].frame]
  const isZero = first.pfn === ZERO_PAGE
  for (let at = pmd.start; at < pmd.end; at++) {
    if (isExclusive(current, mm, at)) continue
    if (isZero || frames[mm.pte[at].frame].refcount !== 1 || first.locked) return false
  }
  for (let at = pmd.start; at < pmd.end; at++) {
    const frame = frames[mm.pte[at].frame]
    frame.anonExclusive = true
    setAnonRmap(frame, mm, at)
  }
  return true
}
