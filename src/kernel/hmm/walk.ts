/**
 * The callbacks of the page-table walk, with the names and the order of cases of mm/hmm.c. All of them
 * are called inside one atomic step: the walk reads one entry of the page table without its lock.
 *
 * @see reference B.3.1
 * @module
 */

import { Errno, hugePmdAt, type Pte, PteKind, pmdAt, VM_READ, VmaKind } from '../../machine/index.js'
import { READ_ONCE } from '../../world/index.js'
import { areaEnd } from '../mm/area/vma.js'
import {
  entryAt,
  HMM_PFN_ERROR,
  HMM_PFN_REQ_FAULT,
  HMM_PFN_REQ_WRITE,
  HMM_PFN_VALID,
  HMM_PFN_WRITE,
  type HmmRange,
  type HmmRequest,
  RangeResult,
} from './range.js'

/** The page must be faulted in before it can be reported. @kernel HMM_NEED_FAULT mm/hmm.c */
export const HMM_NEED_FAULT = 1
/** The fault must be a write fault. @kernel HMM_NEED_WRITE_FAULT mm/hmm.c */
export const HMM_NEED_WRITE_FAULT = 2

/** What the walk does after it has read an entry. */
export type Walked =
  /** It continues at `page`. */
  | { readonly kind: 'next'; readonly page: number }
  /** It faults in the pages from the current one to `end`; `need` is a set of `HMM_NEED_` bits. */
  | { readonly kind: 'fault'; readonly end: number; readonly need: number }
  /** It waits for the migration of the page. */
  | { readonly kind: 'migration' }
  /** It fails with `-errno`. */
  | { readonly kind: 'error'; readonly errno: number }

/** Decides which fault an entry needs: {@link hmm_pte_need_fault}, or that of another release. */
export type NeedFault = typeof hmm_pte_need_fault

/** What the callbacks share. @kernel struct hmm_vma_walk mm/hmm.c */
interface HmmVmaWalk {
  readonly range: HmmRange
  /** The fields of the range that do not change during the walk. */
  readonly request: HmmRequest
  readonly needFault: NeedFault
}

/**
 * Which fault the walk needs before it can report an entry.
 *
 * @param pfnReqFlags - `HMM_PFN_REQ_` bits of the entry of the array
 * @param cpuFlags - `HMM_PFN_` bits that the CPU's entry grants
 * @returns `HMM_NEED_` bits; 0 if the entry can be reported
 * @kernel hmm_pte_need_fault mm/hmm.c
 * @see reference B.3.1
 */
export function hmm_pte_need_fault(request: HmmRequest, pfnReqFlags: number, cpuFlags: number): number {
  const requested = (pfnReqFlags & request.pfnFlagsMask) | request.defaultFlags
  if (!(requested & HMM_PFN_REQ_FAULT)) return 0
  if (requested & HMM_PFN_REQ_WRITE && !(cpuFlags & HMM_PFN_WRITE))
    return HMM_NEED_FAULT | HMM_NEED_WRITE_FAULT
  if (!(cpuFlags & HMM_PFN_VALID)) return HMM_NEED_FAULT
  return 0
}

/**
 * Which fault any of the pages from `start` to `end` needs. One entry of the CPU covers all of them, and
 * grants `cpuFlags`.
 *
 * @kernel hmm_range_need_fault mm/hmm.c
 */
function hmm_range_need_fault(
  { range, request, needFault }: HmmVmaWalk,
  start: number,
  end: number,
  cpuFlags: number,
): number {
  let need = 0
  for (let page = start; page < end; page++) need |= needFault(request, range.pfns[page].flags, cpuFlags)
  return need
}

/** Reports all pages from `start` to `end` as `flags`, without a frame. @kernel hmm_pfns_fill mm/hmm.c */
function hmm_pfns_fill({ range }: HmmVmaWalk, start: number, end: number, flags: number): void {
  for (let page = start; page < end; page++) setPfn(range, page, 0, flags, 0)
}

function setPfn(range: HmmRange, page: number, frame: number, flags: number, order: number): void {
  const pfn = entryAt(range, page)
  pfn.flags = flags
  pfn.frame = frame
  pfn.order = order
}

/** The walk continues at `page`. At the end of the request the array is filled. */
function next({ range, request }: HmmVmaWalk, page: number): Walked {
  if (page === request.end) {
    range.result = RangeResult.filled
    range.lifecycle.signal('FAULTED')
  }
  return { kind: 'next', page }
}

/** The walk fails. The caller may use no entry of the array. */
export function failRange(range: HmmRange, errno: number): Walked {
  range.result = RangeResult.failed
  range.lifecycle.signal('FAILED')
  return { kind: 'error', errno }
}

/**
 * Reads the entry of one page and calls the callback for it: the walker first asks which VMA covers the
 * page, then hmm_vma_walk_pmd looks at the entry. A huge page, a hole and a VMA that cannot be mirrored
 * take one callback for all of their pages.
 *
 * The walk does not read several entries atomically: only the sequence number makes a snapshot of them.
 *
 * @param needFault - decides which fault an entry needs
 * @kernel walk_page_range mm/pagewalk.c
 * @see reference B.3.1
 */
export function readEntry(
  range: HmmRange,
  request: HmmRequest,
  page: number,
  needFault: NeedFault = hmm_pte_need_fault,
): Walked {
  const walk = { range, request, needFault }
  const { mm } = range.notifier
  const vmaEnd = areaEnd(mm, page, request.end)
  if (mm.vma[page].kind === VmaKind.none) return hmm_vma_walk_hole(walk, page, vmaEnd)
  const skipped = hmm_vma_walk_test(walk, page, vmaEnd)
  if (skipped !== undefined) return skipped

  // From here on the cases of hmm_vma_walk_pmd.
  const huge = hugePmdAt(mm, page)
  if (huge === undefined)
    return hmm_vma_handle_pte(walk, page, Math.min(vmaEnd, pmdAt(mm, page)?.end ?? vmaEnd))
  const end = Math.min(vmaEnd, huge.end)
  const pmd = READ_ONCE(mm.pte[page])
  if (pmd.kind === PteKind.migration) {
    if (hmm_range_need_fault(walk, page, end, 0)) return { kind: 'migration' }
    hmm_pfns_fill(walk, page, end, 0)
    return next(walk, end)
  }
  if (pmd.kind === PteKind.devicePrivate) return hmm_vma_handle_absent_pmd(walk, page, end, pmd)
  return hmm_vma_handle_pmd(walk, page, end, pmd)
}

/**
 * A VMA that cannot be mirrored (VM_PFNMAP, no VM_READ): -EFAULT if any page of it was requested, else
 * HMM_PFN_ERROR for all of its pages.
 *
 * @returns `undefined` for a VMA that can be mirrored
 * @kernel hmm_vma_walk_test mm/hmm.c
 */
function hmm_vma_walk_test(walk: HmmVmaWalk, start: number, end: number): Walked | undefined {
  const { range } = walk
  const vma = range.notifier.mm.vma[start]
  if (vma.kind !== VmaKind.pfnmap && vma.flags & VM_READ) return undefined
  if (hmm_range_need_fault(walk, start, end, 0)) return failRange(range, Errno.EFAULT)
  hmm_pfns_fill(walk, start, end, HMM_PFN_ERROR)
  return next(walk, end)
}

/**
 * Pages without a VMA: -EFAULT if any of them was requested, else HMM_PFN_ERROR. The kernel also calls it
 * for a hole inside a VMA; here such a hole is a row of empty entries, and hmm_vma_handle_pte reads them.
 *
 * @kernel hmm_vma_walk_hole mm/hmm.c
 */
function hmm_vma_walk_hole(walk: HmmVmaWalk, start: number, end: number): Walked {
  if (hmm_range_need_fault(walk, start, end, 0)) return failRange(walk.range, Errno.EFAULT)
  hmm_pfns_fill(walk, start, end, HMM_PFN_ERROR)
  return next(walk, end)
}

/**
 * A present huge page: one entry answers for all of its pages up to `end`. If any of them needs a fault,
 * the walk faults in all of them.
 *
 * @kernel hmm_vma_handle_pmd mm/hmm.c
 */
function hmm_vma_handle_pmd(walk: HmmVmaWalk, start: number, end: number, pmd: HugeEntry): Walked {
  const { range } = walk
  const cpuFlags = pte_to_hmm_pfn_flags(pmd)
  const need = hmm_range_need_fault(walk, start, end, cpuFlags)
  if (need) return { kind: 'fault', end, need }
  const { pte } = range.notifier.mm
  for (let page = start; page < end; page++)
    setPfn(range, page, READ_ONCE(pte[page]).frame, cpuFlags, cpuFlags ? range.hugeOrder : 0)
  return next(walk, end)
}

/**
 * A huge page in device-private memory. A page of the caller is reported as is, with its order. A page of
 * another owner is faulted in if any part of it was requested; if none was, HMM_PFN_ERROR is reported,
 * although a fault would migrate the page back.
 *
 * @kernel hmm_vma_handle_absent_pmd mm/hmm.c
 */
function hmm_vma_handle_absent_pmd(walk: HmmVmaWalk, start: number, end: number, pmd: HugeEntry): Walked {
  const { range, request } = walk
  const { frame, write } = pmd
  if (range.ownerOf(frame) === request.owner) {
    const cpuFlags = write ? HMM_PFN_VALID | HMM_PFN_WRITE : HMM_PFN_VALID
    const { pte } = range.notifier.mm
    for (let page = start; page < end; page++)
      setPfn(range, page, READ_ONCE(pte[page]).frame, cpuFlags, range.hugeOrder)
    return next(walk, end)
  }
  const need = hmm_range_need_fault(walk, start, end, 0)
  if (need) return { kind: 'fault', end, need }
  hmm_pfns_fill(walk, start, end, HMM_PFN_ERROR)
  return next(walk, end)
}

/**
 * One entry of the page table.
 *
 * @param end - where a fault that starts at `page` stops: the end of the page table, VMA or request
 * @kernel hmm_vma_handle_pte mm/hmm.c
 */
function hmm_vma_handle_pte(walk: HmmVmaWalk, page: number, end: number): Walked {
  const { range, request, needFault } = walk
  const pte = READ_ONCE(range.notifier.mm.pte[page])
  const pfnReqFlags = range.pfns[page].flags
  const report = (frame: number, flags: number) => {
    setPfn(range, page, frame, flags, 0)
    return next(walk, page + 1)
  }

  if (pte.kind === PteKind.none) {
    const need = needFault(request, pfnReqFlags, 0)
    if (need) return { kind: 'fault', end, need }
    return report(0, 0)
  }

  if (pte.kind !== PteKind.present && pte.kind !== PteKind.protnone) {
    // A device-private page of the caller is reported as is, even if write was requested and it is read-only (H4).
    if (pte.kind === PteKind.devicePrivate && range.ownerOf(pte.frame) === request.owner)
      return report(pte.frame, HMM_PFN_VALID | (pte.write ? HMM_PFN_WRITE : 0))
    const need = needFault(request, pfnReqFlags, 0)
    if (!need) return report(0, 0)
    switch (pte.kind) {
      case PteKind.swap:
      case PteKind.devicePrivate:
      case PteKind.deviceExclusive:
        return { kind: 'fault', end, need }
      case PteKind.migration:
        return { kind: 'migration' }
      case PteKind.poison:
        // hwpoison: faulting cannot bring the page back.
        return failRange(range, Errno.EFAULT)
    }
  }

  const cpuFlags = pte_to_hmm_pfn_flags(pte)
  const need = needFault(request, pfnReqFlags, cpuFlags)
  if (need) return { kind: 'fault', end, need }
  return report(pte.frame, cpuFlags)
}

/** What the walk reads of the entry of a huge page. */
type HugeEntry = Pick<Pte, 'kind' | 'frame' | 'write'>

/** What a present entry grants; nothing under PROT_NONE. @kernel pte_to_hmm_pfn_flags mm/hmm.c */
function pte_to_hmm_pfn_flags(pte: Pick<Pte, 'kind' | 'write'>): number {
  if (pte.kind !== PteKind.present) return 0
  return pte.write ? HMM_PFN_VALID | HMM_PFN_WRITE : HMM_PFN_VALID
}
