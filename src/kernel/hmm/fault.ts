/**
 * The walk: reads the CPU page table into the range's array and faults in what is asked for and not there.
 *
 * @see reference B.3
 * @module
 */
import {
  become,
  claim,
  procedure,
  READ_ONCE,
  type Running,
  SpecificationError,
  step,
} from '../../world/index.js'
import { Errno } from '../errno.js'
import { hugePmdAt, pmdAt } from '../huge.js'
import { type MmStruct, PteKind, type Task, VM_READ, VM_WRITE, VmaKind } from '../machine.js'
import { areaEnd, handle_mm_fault, keepCpu, migration_entry_wait, schedule } from '../mm/index.js'
import {
  beginRange,
  HMM_PFN_ERROR,
  HMM_PFN_REQ_FAULT,
  HMM_PFN_REQ_WRITE,
  HMM_PFN_VALID,
  HMM_PFN_WRITE,
  type HmmRange,
  type HmmRequest,
  RangeResult,
} from './range.js'

/** What must be done about an entry before it can be told. */
export const Need = { nothing: 0, fault: 1, writeFault: 2 } as const

/** What the walk does next. Codes above carry a page: the one to go on with, or the end of the chunk. */
export const Walk = { goOn: 0, fault: 1, writeFault: 2, error: 3, wait: 4 } as const

/** Bits of a {@link Walk} code; a page or an error number is above them. */
export const WALK_BITS = 3

/**
 * What is to be done about one entry.
 *
 * @param asked - `HMM_PFN_REQ_` bits of the entry of the array
 * @param present - `HMM_PFN_` bits that the CPU's entry grants
 * @kernel hmm_pte_need_fault
 */
export function needFault(request: HmmRequest, asked: number, present: number): number {
  const wanted = (asked & request.pfnFlagsMask) | request.defaultFlags
  if (!(wanted & HMM_PFN_REQ_FAULT)) return Need.nothing
  if (wanted & HMM_PFN_REQ_WRITE && !(present & HMM_PFN_WRITE)) return Need.writeFault
  return present & HMM_PFN_VALID ? Need.nothing : Need.fault
}

/**
 * Fills the array for the pages of the request.
 *
 * The caller holds the mmap lock (reading is enough) and has pinned the address space.
 *
 * @returns 0; -EBUSY if the range was invalidated meanwhile: back to read_begin; -EPERM for a write that the area
 * forbids; -EFAULT for what cannot be reached. After an error nothing in the array may be used.
 * @kernel hmm_range_fault
 */
export const hmm_range_fault = procedure(function* hmm_range_fault(
  current: Task,
  range: HmmRange,
  request: HmmRequest,
) {
  if (request.start >= request.end) return -Errno.EINVAL
  yield* step('begin', () => {
    const mm = range.notifier.mm
    claim('C20', mm.mmapLock.heldBy(current.thread), 'hmm_range_fault without the mmap lock')
    claim('C19', mm.users > 0, 'hmm_range_fault on an address space that nobody has pinned')
    beginRange(range, request)
    return 0
  })
  const error = yield* walk(current, range, request, request.start)
  yield* schedule(current)
  return error
})

/** One pass of the walk from page `last` on; starts again there after each fault. */
export const walk = procedure(
  'hmm_range_fault (walk)',
  function* (current: Task, range: HmmRange, request: HmmRequest, last: number): Running<number> {
    yield* keepCpu(current)
    // Not a promise that nothing has changed, only a way not to go on in vain.
    if (yield* mmu_interval_check_retry(range, last)) return -Errno.EBUSY
    for (let page = last; page < request.end; ) {
      const next = yield* hmm_vma_walk_pmd(range, request, page)
      const target = next >> WALK_BITS
      switch (next & 7) {
        case Walk.error:
          return -target
        case Walk.goOn:
          page = target
          break
        case Walk.wait:
          yield* migration_entry_wait(current, range.notifier.mm, page)
          return yield* become(walk, current, range, request, page)
        default: {
          const error = yield* hmm_vma_fault(current, range, page, target, (next & 7) === Walk.writeFault)
          return error === -Errno.EBUSY ? yield* become(walk, current, range, request, page) : error
        }
      }
    }
    return 0
  },
)

/**
 * Reads one entry of the page table. One step: the entry is read once, and nobody else sees the array.
 *
 * @returns a code and a page (or an error number), packed
 * @kernel hmm_vma_walk_pmd
 */
export const hmm_vma_walk_pmd = procedure(function* hmm_vma_walk_pmd(
  range: HmmRange,
  request: HmmRequest,
  page: number,
) {
  return yield* step('read an entry', () => readEntry(range, request, page, needFault))
})

/**
 * True (1) if it is certain that the walk is in vain. A false (0) promises nothing.
 *
 * @param last - where the walk begins (again)
 * @kernel mmu_interval_check_retry
 */
export const mmu_interval_check_retry = procedure(function* mmu_interval_check_retry(
  range: HmmRange,
  last: number,
) {
  return yield* step('look at the sequence', () => {
    range.last = last
    if (READ_ONCE(range.notifier).seq === range.seq) return 0
    fail(range, RangeResult.collided)
    return 1
  })
})

function fail(range: HmmRange, result: RangeResult): void {
  range.result = result
  range.lifecycle.signal(result === RangeResult.collided ? 'COLLIDED' : 'FAILED')
}

/**
 * Faults in the pages from `page` to the end of the chunk: also those after it that nobody asked for.
 *
 * @returns -EBUSY when all is done: the walk starts again; otherwise the error
 * @kernel hmm_vma_fault
 * @see reference B.3 V0 to V3
 */
export const hmm_vma_fault = procedure(function* hmm_vma_fault(
  current: Task,
  range: HmmRange,
  page: number,
  end: number,
  write: boolean,
) {
  const mm = range.notifier.mm
  if (write && !(yield* mayWrite(range, page))) return -Errno.EPERM
  for (let at = page; at < end; at++) {
    const error = yield* handle_mm_fault(current, mm, at, write)
    if (error) {
      yield* step('give up', () => {
        fail(range, RangeResult.failed)
        return 0
      })
      return -Errno.EFAULT
    }
  }
  return -Errno.EBUSY
})

/** True if the area of `page` can be written at all: without this the walk would fault for ever (D19). */
export const mayWrite = procedure('hmm_vma_fault (VM_WRITE)', function* (range: HmmRange, page: number) {
  return yield* step('check VM_WRITE', () => {
    if (range.notifier.mm.vma[page].flags & VM_WRITE) return 1
    fail(range, RangeResult.failed)
    return 0
  })
})

/**
 * Reads one entry of the page table and stores what it grants, or says what must be done first. The entry is read
 * once, without the page-table lock: what the array holds in the end is no snapshot, only the sequence makes it one.
 * Of a stretch without an area, or one that may not be read, all is decided at once.
 *
 * @param need - decides what must be done about an entry
 * @returns a code and a page (or an error number), packed
 * @kernel hmm_vma_walk_test, hmm_vma_walk_hole, hmm_vma_handle_pte
 * @see reference B.3.1
 */
export function readEntry(
  range: HmmRange,
  request: HmmRequest,
  page: number,
  need: typeof needFault,
): number {
  const mm = range.notifier.mm
  const end = areaEnd(mm, page, request.end)
  if (!canBeRead(mm, page)) return skipArea(range, request, page, end, need)
  const pmd = hugePmdAt(mm, page)
  if (pmd !== undefined) return readHugePmd(range, request, page, Math.min(end, pmd.end), need)
  const entry = range.pfns[page]
  const { frame, present, settled } = cpuEntry(range, request, page)
  const needed = settled ? Need.nothing : need(request, entry.flags, present)
  if (needed !== Need.nothing && READ_ONCE(mm.pte[page]).kind === PteKind.migration)
    return (page << WALK_BITS) | Walk.wait
  // What is lost no fault can bring.
  if (needed !== Need.nothing && READ_ONCE(mm.pte[page]).kind === PteKind.poison) {
    fail(range, RangeResult.failed)
    return (Errno.EFAULT << WALK_BITS) | Walk.error
  }
  if (needed !== Need.nothing) return (Math.min(end, pmdAt(mm, page)?.end ?? end) << WALK_BITS) | needed
  entry.flags = present
  entry.frame = frame
  entry.order = 0
  return goOn(range, request, page + 1)
}

/**
 * A huge page: one entry answers for all of its pages up to `end`, and what any of them needs is done from the first on.
 *
 * @kernel hmm_vma_handle_pmd
 * @see reference B.3.1
 */
function readHugePmd(
  range: HmmRange,
  request: HmmRequest,
  page: number,
  end: number,
  need: typeof needFault,
): number {
  const { present } = cpuEntry(range, request, page)
  let needed: number = Need.nothing
  for (let at = page; at < end; at++) needed = Math.max(needed, need(request, range.pfns[at].flags, present))
  if (needed !== Need.nothing) return (end << WALK_BITS) | needed
  for (let at = page; at < end; at++) {
    range.pfns[at].flags = present
    range.pfns[at].frame = READ_ONCE(range.notifier.mm.pte[at]).frame
    range.pfns[at].order = present ? range.hugeOrder : 0
  }
  return goOn(range, request, end)
}

/** An area that devices cannot use: an error for whoever asks for any page of it, ERROR entries for who does not. */
function skipArea(
  range: HmmRange,
  request: HmmRequest,
  page: number,
  end: number,
  need: typeof needFault,
): number {
  for (let at = page; at < end; at++) {
    if (need(request, range.pfns[at].flags, 0) === Need.nothing) continue
    fail(range, RangeResult.failed)
    return (Errno.EFAULT << WALK_BITS) | Walk.error
  }
  for (let at = page; at < end; at++) {
    range.pfns[at].flags = HMM_PFN_ERROR
    range.pfns[at].frame = 0
    range.pfns[at].order = 0
  }
  return goOn(range, request, end)
}

function goOn(range: HmmRange, request: HmmRequest, page: number): number {
  if (page === request.end) {
    range.result = RangeResult.filled
    range.lifecycle.signal('FAULTED')
  }
  return (page << WALK_BITS) | Walk.goOn
}

function canBeRead(mm: MmStruct, page: number): boolean {
  const backing = mm.vma[page].kind
  return backing !== VmaKind.none && backing !== VmaKind.pfnmap && (mm.vma[page].flags & VM_READ) !== 0
}

/** What an entry is worth to a device. */
interface CpuEntry {
  readonly frame: number
  /** `HMM_PFN_` bits that it grants. */
  readonly present: number
  /** True if it is told as it is, whatever was asked for. */
  readonly settled?: boolean
}

/** What the CPU's entry holds, and what it grants. */
function cpuEntry(range: HmmRange, request: HmmRequest, page: number): CpuEntry {
  const pte = range.notifier.mm.pte[page]
  const writable = READ_ONCE(pte).write ? HMM_PFN_WRITE : 0
  const frame = READ_ONCE(pte).frame
  switch (READ_ONCE(pte).kind) {
    case PteKind.none:
    case PteKind.swap:
    case PteKind.migration:
    case PteKind.deviceExclusive:
    case PteKind.poison:
      return { frame: 0, present: 0 }
    case PteKind.present:
      return { frame, present: HMM_PFN_VALID | writable }
    case PteKind.protnone:
      // There is a page, and the CPU may not use it now: neither may the device.
      return { frame, present: 0 }
    case PteKind.devicePrivate:
      // One's own page is told as it is, even if it may not be written and was asked for to be; another's is as good
      // as none, and a fault brings it back.
      return range.ownerOf(frame) === request.owner
        ? { frame, present: HMM_PFN_VALID | writable, settled: true }
        : { frame: 0, present: 0 }
    default:
      throw new SpecificationError(
        'scenario',
        `an entry is ${String(READ_ONCE(pte).kind)}, which the walk does not know yet`,
      )
  }
}
