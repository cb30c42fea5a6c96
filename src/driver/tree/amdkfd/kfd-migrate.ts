/**
 * Migration between system memory and VRAM: for a GPU fault, for a CPU fault, and on request of
 * user space.
 *
 * @see drivers/gpu/drm/amd/amdkfd/kfd_migrate.c
 * @module
 */
import {
  areaEnd,
  areaStart,
  type DeviceFault,
  Errno,
  isMigrating,
  type MigrateVma,
  type MmStruct,
  migrate_vma_finalize,
  migrate_vma_pages,
  migrate_vma_setup,
  pagesOf,
  SELECT_SYSTEM,
  selectMemory,
  type Task,
  VM_FAULT_OOM,
  VmaKind,
} from '../../../kernel/index.js'
import { become, procedure, type Running, step } from '../../../world/index.js'
import { allocateInTurn } from '../../memory/bringing-back.js'
import { allocateAndCopy, faultArgs, systemFrames } from '../../memory/device-memory.js'
import {
  GRANULE,
  granuleOf,
  mustHaveReference,
  overlapOf,
  type PageSpan,
  rangeFromAddr,
  type SvmRange,
  type Svms,
} from './svm-range.js'

/**
 * Migrates the pages from system memory to VRAM, as far as possible, one VMA after another. The
 * caller holds the mmap lock for reading and the range's migrate_mutex.
 *
 * @returns 0 or a negative error number
 */
export const svm_migrate_ram_to_vram = procedure(function* svm_migrate_ram_to_vram(
  current: Task,
  svms: Svms,
  prange: SvmRange,
  span: PageSpan,
): Running<number> {
  const { mm, owner } = svms
  const end = yield* svm_migrate_vma_end(mm, span)
  if (end === 0) return 0
  const args = { mm, start: span.start, end, owner, select: SELECT_SYSTEM }
  const error = yield* migrate_vma_setup(current, args)
  if (error) return error
  yield* allocateAndCopy(current, args, current.machine.deviceMemory[owner].frames)
  yield* migrate_vma_pages(current, args)
  yield* countArrivals(current, prange, args)
  yield* migrate_vma_finalize(current, args)
  if (end > span.last) return 0
  return yield* become(svm_migrate_ram_to_vram, current, svms, prange, { ...span, start: end })
})

/**
 * The page after the last that lies in the same VMA as the first; 0 if no VMA contains the first.
 *
 * @kernel vma_lookup
 */
const svm_migrate_vma_end = procedure(
  'svm_migrate_vma (vma_lookup)',
  function* (mm: MmStruct, { start, last }: PageSpan): Running<number> {
    return yield* step('vma_lookup', () =>
      mm.vma[start].kind === VmaKind.none ? 0 : areaEnd(mm, start, last + 1),
    )
  },
)

/** Counts the pages that have migrated to VRAM. @kernel svm_migrate_successful_pages */
export const countArrivals = procedure(
  'svm_migrate_successful_pages',
  function* (current: Task, prange: SvmRange, { start, end }: MigrateVma): Running<void> {
    yield* step('vram_pages +=', () => {
      prange.vramPages = Math.min(prange.vramPages + successfulPages(current, start, end), 2 * GRANULE)
      return 0
    })
  },
)

function successfulPages(current: Task, start: number, end: number): number {
  return pagesOf(current)
    .slice(start, end)
    .filter((entry) => entry.dst !== undefined && isMigrating(entry)).length
}

/**
 * Migrates the pages that are in VRAM back, one VMA after another. The caller holds the mmap lock
 * for reading and the range's migrate_mutex.
 *
 * @returns 0 or a negative error number
 */
export const svm_migrate_vram_to_ram = procedure(function* svm_migrate_vram_to_ram(
  current: Task,
  svms: Svms,
  prange: SvmRange,
  span: PageSpan,
): Running<number> {
  const { mm, owner } = svms
  const end = yield* svm_migrate_vma_end(mm, span)
  if (end === 0) return -Errno.EFAULT
  const select = selectMemory(current.machine.deviceMemory[owner].frames[0])
  const args = { mm, start: span.start, end, owner, select }
  const error = yield* migrate_vma_setup(current, args)
  if (error) return error
  const short = yield* allocateAndCopy(current, args, systemFrames(current))
  yield* migrate_vma_pages(current, args)
  yield* countDepartures(current, prange, args)
  yield* migrate_vma_finalize(current, args)
  if (short) return -Errno.ENOMEM
  if (end > span.last) return 0
  return yield* become(svm_migrate_vram_to_ram, current, svms, prange, { ...span, start: end })
})

/** Counts the pages that have left VRAM. */
export const countDepartures = procedure(
  'svm_migrate_vram_to_ram (count)',
  function* (current: Task, prange: SvmRange, { start, end }: MigrateVma): Running<void> {
    yield* step('vram_pages -=', () => {
      prange.vramPages = Math.max(prange.vramPages - successfulPages(current, start, end), 0)
      return 0
    })
  },
)

/**
 * A CPU fault on a page in VRAM, in the process of the GPU or in a fork of it: migrates the page
 * back, with the pages around it in the same granule, range and VMA. The page itself comes first.
 *
 * @returns 0, or VM_FAULT_OOM if no memory was free for the page itself
 */
export const svm_migrate_to_ram = procedure(function* svm_migrate_to_ram(
  current: Task,
  svms: Svms,
  page: number,
  fault: DeviceFault,
): Running<number> {
  const { mm } = current
  // The process that used the GPU may be gone: the page is migrated back all the same.
  const isFound = yield* step('kfd_lookup_process_by_mm', () => {
    if (svms.state.isGone) return false
    svms.state.processRefs += 1
    return true
  })
  if (!isFound)
    return yield* svm_migrate_vma_to_ram(current, faultArgs(current, mm, page, fault), page, 'none')
  const answer = yield* svm_migrate_range_to_ram(current, svms, page, fault)
  yield* step('kfd_unref_process', () => {
    mustHaveReference(svms)
    svms.state.processRefs -= 1
    return 0
  })
  return answer
})

/**
 * Called under the locks of the process and of the range. The range may be gone: a forked process
 * may still map the page.
 */
export const svm_migrate_range_to_ram = procedure(
  'svm_migrate_to_ram (range)',
  function* (current: Task, svms: Svms, page: number, fault: DeviceFault): Running<number> {
    const { lock } = svms.state
    const args = faultArgs(current, current.mm, page, fault)
    yield* lock.lock()
    const prange = yield* step('svm_range_from_addr', () => rangeFromAddr(svms, page) ?? 'none')
    let answer: number
    if (prange === 'none') answer = yield* svm_migrate_vma_to_ram(current, args, page, prange)
    else {
      yield* prange.migrateMutex.lock()
      const window = yield* step('granularity', () => windowOf(current, prange, page, args))
      answer = yield* svm_migrate_vma_to_ram(current, { ...args, ...window }, page, prange)
      yield* prange.migrateMutex.unlock()
    }
    yield* lock.unlock()
    return answer
  },
)

/** The pages that are migrated back with the page. Called inside an atomic step. */
function windowOf(
  { mm }: Task,
  prange: SvmRange,
  page: number,
  { start, end }: MigrateVma,
): Pick<MigrateVma, 'start' | 'end'> {
  const own = overlapOf(prange, granuleOf(page))
  if (own === undefined || own.start > page || own.last < page) return { start, end }
  return {
    start: Math.min(start, Math.max(own.start, areaStart(mm, page))),
    end: Math.max(end, areaEnd(mm, page, own.last + 1)),
  }
}

/** Migrates the pages of one VMA that are in VRAM back. Returns 0 or VM_FAULT_OOM. */
export const svm_migrate_vma_to_ram = procedure(function* svm_migrate_vma_to_ram(
  current: Task,
  args: MigrateVma,
  page: number,
  prange: SvmRange | 'none',
): Running<number> {
  yield* migrate_vma_setup(current, args)
  const short = yield* allocateInTurn(current, args, page)
  yield* migrate_vma_pages(current, args)
  if (prange !== 'none') yield* countDepartures(current, prange, args)
  yield* migrate_vma_finalize(current, args)
  return short ? VM_FAULT_OOM : 0
})
