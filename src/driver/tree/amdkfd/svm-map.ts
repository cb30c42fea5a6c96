/**
 * Validates pages of a range and maps them to the GPU: walks, then compares the sequence number
 * under prange->lock.
 *
 * @see drivers/gpu/drm/amd/amdkfd/kfd_svm.c, drivers/gpu/drm/amd/amdgpu/amdgpu_hmm.c
 * @module
 */
import {
  areaEnd,
  Errno,
  HMM_PFN_REQ_FAULT,
  HMM_PFN_REQ_WRITE,
  HMM_PFN_WRITE,
  hmm_range_fault,
  isMappable,
  mmu_interval_read_begin,
  mmu_interval_read_retry,
  type Task,
  VM_WRITE,
  VmaKind,
} from '../../../kernel/index.js'
import { become, procedure, type Running, step } from '../../../world/index.js'
import { endOfRange } from '../../fault.js'
import { rangeOf } from '../../mirror.js'
import { mapPage } from '../../page-table.js'
import { childrenOf, inVram, type PageSpan, type SvmRange, type Svms } from './svm-range.js'

/** The pages to map, and the page that the GPU faulted on for writing; -1 for a read. */
export interface Wanted extends PageSpan {
  readonly writes: number
  /** True to map the page of the fault alone, without the pages around it. */
  readonly isAlone?: true
}

/**
 * The GPU faulted for writing on a read-only page of its own memory (H4): the page must be migrated
 * back first.
 */
export const LACKS_WRITE = 1

/**
 * Maps the pages of the range, one VMA after another. The caller holds the mmap lock for reading
 * and the range's migrate_mutex.
 *
 * @returns 0, {@link LACKS_WRITE}, or a negative error number: -EAGAIN after a collision
 */
export const svm_range_validate_and_map = procedure(function* svm_range_validate_and_map(
  current: Task,
  svms: Svms,
  prange: SvmRange,
  wanted: Wanted,
): Running<number> {
  const { mm } = svms
  const { start, last } = wanted
  const area = yield* step('vma_lookup', () => {
    if (mm.vma[start].kind === VmaKind.none) return 'none'
    const mayWrite = (mm.vma[start].flags & VM_WRITE) !== 0
    return { end: areaEnd(mm, start, last + 1), write: wanted.isAlone ? wanted.writes >= 0 : mayWrite }
  })
  if (area === 'none') return -Errno.EFAULT
  const error = yield* svm_range_get_pages(current, svms, { start, ...area })
  if (error) return error === -Errno.EBUSY ? -Errno.EAGAIN : error
  const failed = yield* svm_range_map_valid(current, svms, prange, { ...wanted, last: area.end - 1 })
  if (failed || area.end > last) return failed
  yield* endOfRange(current, svms, 'again')
  return yield* become(svm_range_validate_and_map, current, svms, prange, { ...wanted, start: area.end })
})

/** The pages that amdkfd requests from amdgpu. */
export interface SvmPages {
  readonly start: number
  /** Page after the last. */
  readonly end: number
  readonly write: boolean
}

/**
 * Walks the pages under one sequence number. The caller holds the mmap lock.
 *
 * @kernel amdgpu_hmm_range_get_pages
 */
export const svm_range_get_pages = procedure(
  'amdgpu_hmm_range_get_pages (amdkfd)',
  function* (current: Task, svms: Svms, pages: SvmPages): Running<number> {
    yield* mmu_interval_read_begin(svms.notifier, rangeOf(svms, current).notifierSeq)
    return yield* walkOwnAndSystem(current, svms, pages)
  },
)

/**
 * The walk. If the GPU has memory it walks page by page: a fault of the walk covers the rest of the
 * requested range, and could include pages of that memory, whose migrate_to_ram waits for locks
 * that are held here.
 */
export const walkOwnAndSystem = procedure(
  'amdgpu_hmm_range_get_pages (walk)',
  function* (current: Task, svms: Svms, { start, end, write }: SvmPages): Running<number> {
    const last = svms.owner < 0 ? end : start + 1
    const error = yield* walkAtOnce(current, svms, { start, end: last, write })
    if (error || last === end) return error
    return yield* become(walkOwnAndSystem, current, svms, { start: last, end, write })
  },
)

/** One call of hmm_range_fault. Pages of the GPU's own memory are reported as is. */
export function walkAtOnce(current: Task, svms: Svms, { start, end, write }: SvmPages): Running<number> {
  return hmm_range_fault(current, rangeOf(svms, current), {
    start,
    end,
    defaultFlags: HMM_PFN_REQ_FAULT | (write ? HMM_PFN_REQ_WRITE : 0),
    pfnFlagsMask: 0,
    owner: svms.owner,
  })
}

/**
 * Under prange->lock: maps the reported pages if no invalidation came since and the range was not
 * split.
 */
export const svm_range_map_valid = procedure(
  'svm_range_validate_and_map (map)',
  function* (current: Task, svms: Svms, prange: SvmRange, wanted: Wanted): Running<number> {
    const { prangeLock } = svms.state
    const range = rangeOf(svms, current)
    yield* prangeLock.lock()
    let answer: number = (yield* mmu_interval_read_retry(svms.notifier, range.notifierSeq))
      ? -Errno.EAGAIN
      : 0
    if (!answer)
      answer = yield* step('list_empty(&prange->child_list)', () => {
        if (childrenOf(svms, prange).length > 0) return -Errno.EAGAIN
        const { writes } = wanted
        return wanted.start <= writes && writes <= wanted.last && !(range.pfns[writes].flags & HMM_PFN_WRITE)
          ? LACKS_WRITE
          : 0
      })
    if (!answer) yield* svm_range_map_to_gpus(current, svms, prange, wanted)
    yield* prangeLock.unlock()
    return answer
  },
)

/**
 * Writes the entries, and sets `mapped_to_gpu` before the lock is dropped: the callback depends on
 * it.
 */
export const svm_range_map_to_gpus = procedure(function* svm_range_map_to_gpus(
  current: Task,
  svms: Svms,
  prange: SvmRange,
  { start, last }: PageSpan,
): Running<void> {
  const range = rangeOf(svms, current)
  yield* step('amdgpu_vm_update_range', () => {
    for (let page = start; page <= last; page++) if (isMappable(range, page)) mapPage(svms, range, page)
    prange.mappedToGpu = true
    prange.lifecycle.signal('MAPPED')
    if (start <= prange.start && prange.last <= last) prange.vramPages = inVram(svms, prange)
    return 0
  })
})
