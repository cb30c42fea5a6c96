/**
 * The callbacks of the page-table walk, with the names and the order of cases of mm/hmm.c. All of them are part of one step,
 * which reads one entry of the page table without its lock.
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
/** The fault must be for writing. @kernel HMM_NEED_WRITE_FAULT mm/hmm.c */
export const HMM_NEED_WRITE_FAULT = 2

/** What the walk does after it has read an entry. */
export type Walked =
  /** Goes on with `page`. */
  | { readonly kind: 'next'; readonly page: number }
  /** Faults in the pages from the current one to `end`; `need` is a set of `HMM_NEED_` bits. */
  | { readonly kind: 'fault'; readonly end: number; readonly need: number }
  /** Waits for the migration of the page. */
  | { readonly kind: 'migration' }
  /** Fails with `-errno`. */
  | { readonly kind: 'error'; readonly errno: number }

/** Decides what an entry needs: {@link hmm_pte_need_fault}, or that of another release. */
export type NeedFault = typeof hmm_pte_need_fault

/**
 * What must be done before an entry can be reported.
 *
 * @param asked - `HMM_PFN_REQ_` bits of the entry of the array
 * @param cpuFlags - `HMM_PFN_` bits that the CPU's entry grants
 * @returns `HMM_NEED_` bits
 * @kernel hmm_pte_need_fault mm/hmm.c
 * @see reference B.3.1
 */
export function hmm_pte_need_fault(request: HmmRequest, asked: number, cpuFlags: number): number {
  const wanted = (asked & request.pfnFlagsMask) | request.defaultFlags
  if (!(wanted & HMM_PFN_REQ_FAULT)) return 0
  if (wanted & HMM_PFN_REQ_WRITE && !(cpuFlags & HMM_PFN_WRITE)) return HMM_NEED_FAULT | HMM_NEED_WRITE_FAULT
  return cpuFlags & HMM_PFN_VALID ? 0 : HMM_NEED_FAULT
}

/** The same for the pages from `start` to `end`, which all grant `cpuFlags`. @kernel hmm_range_need_fault mm/hmm.c */
function hmm_range_need_fault(
  range: HmmRange,
  request: HmmRequest,
  start: number,
  end: number,
  cpuFlags: number,
  needFault: NeedFault,
): number {
  let need = 0
  for (let page = start; page < end; page++) need |= needFault(request, range.pfns[page].flags, cpuFlags)
  return need
}

/** Reports all pages from `start` to `end` as `flags`, without a frame. @kernel hmm_pfns_fill mm/hmm.c */
function hmm_pfns_fill(range: HmmRange, start: number, end: number, flags: number): void {
  for (let page = start; page < end; page++) setPfn(range, page, 0, flags, 0)
}

function setPfn(range: HmmRange, page: number, frame: number, flags: number, order: number): void {
  const pfn = entryAt(range, page)
  pfn.flags = flags
  pfn.frame = frame
  pfn.order = order
}

/** The walk goes on with `page`, or has filled the array. */
function next(range: HmmRange, request: HmmRequest, page: number): Walked {
  if (page === request.end) {
    range.result = RangeResult.filled
    range.lifecycle.signal('FAULTED')
  }
  return { kind: 'next', page }
}

/** The walk fails: nothing in the array may be used. */
export function failRange(range: HmmRange, errno: number): Walked {
  range.result = RangeResult.failed
  range.lifecycle.signal('FAILED')
  return { kind: 'error', errno }
}

/**
 * Reads the entry of one page, reports what it grants, or says what must be done first. A huge page, a hole and a VMA that
 * cannot be mirrored are decided as a whole.
 *
 * Several entries are not read atomically: only the sequence number makes a snapshot of them.
 *
 * @param needFault - decides what an entry needs
 * @kernel walk_page_range mm/pagewalk.c
 * @see reference B.3.1
 */
export function readEntry(
  range: HmmRange,
  request: HmmRequest,
  page: number,
  needFault: NeedFault = hmm_pte_need_fault,
): Walked {
  const { mm } = range.notifier
  const end = areaEnd(mm, page, request.end)
  if (mm.vma[page].kind === VmaKind.none) return hmm_vma_walk_hole(range, request, page, end, needFault)
  const refused = hmm_vma_walk_test(range, request, page, end, needFault)
  if (refused !== undefined) return refused
  const huge = hugePmdAt(mm, page)
  if (huge !== undefined) return hmm_vma_handle_pmd(range, request, page, Math.min(end, huge.end), needFault)
  return hmm_vma_handle_pte(range, request, page, Math.min(end, pmdAt(mm, page)?.end ?? end), needFault)
}

/**
 * A VMA that cannot be mirrored (VM_PFNMAP, no VM_READ): -EFAULT if any page of it was requested, else HMM_PFN_ERROR.
 *
 * @returns `undefined` for a VMA that can
 * @kernel hmm_vma_walk_test mm/hmm.c
 */
function hmm_vma_walk_test(
  range: HmmRange,
  request: HmmRequest,
  start: number,
  end: number,
  needFault: NeedFault,
): Walked | undefined {
  const vma = range.notifier.mm.vma[start]
  if (vma.kind !== VmaKind.pfnmap && vma.flags & VM_READ) return undefined
  if (hmm_range_need_fault(range, request, start, end, 0, needFault)) return failRange(range, Errno.EFAULT)
  hmm_pfns_fill(range, start, end, HMM_PFN_ERROR)
  return next(range, request, end)
}

/**
 * Pages without a VMA: -EFAULT if any of them was requested, else HMM_PFN_ERROR. A hole inside of a VMA is one of empty
 * entries here.
 *
 * @kernel hmm_vma_walk_hole mm/hmm.c
 */
function hmm_vma_walk_hole(
  range: HmmRange,
  request: HmmRequest,
  start: number,
  end: number,
  needFault: NeedFault,
): Walked {
  if (hmm_range_need_fault(range, request, start, end, 0, needFault)) return failRange(range, Errno.EFAULT)
  hmm_pfns_fill(range, start, end, HMM_PFN_ERROR)
  return next(range, request, end)
}

/**
 * A huge page: one entry answers for all of its pages up to `end`. If any of them needs a fault, all are faulted in.
 *
 * @kernel hmm_vma_handle_pmd mm/hmm.c
 */
function hmm_vma_handle_pmd(
  range: HmmRange,
  request: HmmRequest,
  start: number,
  end: number,
  needFault: NeedFault,
): Walked {
  const { mm } = range.notifier
  const first = READ_ONCE(mm.pte[start])
  if (first.kind === PteKind.migration) {
    if (hmm_range_need_fault(range, request, start, end, 0, needFault)) return { kind: 'migration' }
    hmm_pfns_fill(range, start, end, 0)
    return next(range, request, end)
  }
  if (first.kind === PteKind.devicePrivate)
    return hmm_vma_handle_absent_pmd(range, request, start, end, needFault)
  const cpuFlags = pte_to_hmm_pfn_flags(first)
  const need = hmm_range_need_fault(range, request, start, end, cpuFlags, needFault)
  if (need) return { kind: 'fault', end, need }
  for (let page = start; page < end; page++)
    setPfn(range, page, READ_ONCE(mm.pte[page]).frame, cpuFlags, cpuFlags ? range.hugeOrder : 0)
  return next(range, request, end)
}

/**
 * A huge page in device memory. That of the caller is reported as it is, with its order; another owner's is faulted in if any of
 * its pages is requested, else HMM_PFN_ERROR, though a fault would migrate it back.
 *
 * @kernel hmm_vma_handle_absent_pmd mm/hmm.c
 */
function hmm_vma_handle_absent_pmd(
  range: HmmRange,
  request: HmmRequest,
  start: number,
  end: number,
  needFault: NeedFault,
): Walked {
  const { mm } = range.notifier
  const { frame, write } = READ_ONCE(mm.pte[start])
  if (range.ownerOf(frame) === request.owner) {
    const cpuFlags = write ? HMM_PFN_VALID | HMM_PFN_WRITE : HMM_PFN_VALID
    for (let page = start; page < end; page++)
      setPfn(range, page, READ_ONCE(mm.pte[page]).frame, cpuFlags, range.hugeOrder)
    return next(range, request, end)
  }
  const need = hmm_range_need_fault(range, request, start, end, 0, needFault)
  if (need) return { kind: 'fault', end, need }
  hmm_pfns_fill(range, start, end, HMM_PFN_ERROR)
  return next(range, request, end)
}

/**
 * One entry of the page table.
 *
 * @param end - up to where a fault goes on: the end of the table, the VMA or the request
 * @kernel hmm_vma_handle_pte mm/hmm.c
 */
function hmm_vma_handle_pte(
  range: HmmRange,
  request: HmmRequest,
  page: number,
  end: number,
  needFault: NeedFault,
): Walked {
  const pte = READ_ONCE(range.notifier.mm.pte[page])
  const asked = range.pfns[page].flags
  const report = (frame: number, flags: number) => {
    setPfn(range, page, frame, flags, 0)
    return next(range, request, page + 1)
  }

  if (pte.kind === PteKind.none) {
    const need = needFault(request, asked, 0)
    return need ? { kind: 'fault', end, need } : report(0, 0)
  }

  if (pte.kind !== PteKind.present && pte.kind !== PteKind.protnone) {
    // A device-private page of the caller is reported as it is, even if write was requested and it is read-only (H4).
    if (pte.kind === PteKind.devicePrivate && range.ownerOf(pte.frame) === request.owner)
      return report(pte.frame, HMM_PFN_VALID | (pte.write ? HMM_PFN_WRITE : 0))
    const need = needFault(request, asked, 0)
    if (!need) return report(0, 0)
    switch (pte.kind) {
      case PteKind.swap:
      case PteKind.devicePrivate:
      case PteKind.deviceExclusive:
        return { kind: 'fault', end, need }
      case PteKind.migration:
        return { kind: 'migration' }
      case PteKind.poison:
        // hwpoison: a fault cannot bring the page back.
        return failRange(range, Errno.EFAULT)
    }
  }

  const cpuFlags = pte_to_hmm_pfn_flags(pte)
  const need = needFault(request, asked, cpuFlags)
  return need ? { kind: 'fault', end, need } : report(pte.frame, cpuFlags)
}

/** What a present entry grants; nothing under PROT_NONE. @kernel pte_to_hmm_pfn_flags mm/hmm.c */
function pte_to_hmm_pfn_flags(pte: Pick<Pte, 'kind' | 'write'>): number {
  if (pte.kind !== PteKind.present) return 0
  return pte.write ? HMM_PFN_VALID | HMM_PFN_WRITE : HMM_PFN_VALID
}
