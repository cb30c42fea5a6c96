/**
 * Ranges of Linux 4.14 to 5.0: they lie in one area, are valid from the moment they are read, and are followed until
 * `hmm_vma_range_done`.
 *
 * @see reference A.1, and seed 002
 * @module
 */
import {
  areaEnd,
  beginRange,
  Errno,
  type HmmRange,
  type HmmRequest,
  hmm_vma_fault,
  mmu_interval_check_retry,
  type Task,
  VM_READ,
  VmaKind,
  walk,
} from '../../kernel/index.js'
import {
  acting,
  claim,
  type Override,
  onStep,
  override,
  procedure,
  type Running,
  step,
} from '../../world/index.js'
import { hmmMirrorOf, hmmOf, MirrorStanding, trackedOf, useRange } from './hmm.js'
import { collide, dropLock, type Pages } from './range.js'

/**
 * Reads the page table and faults in what is asked for. The caller holds the mmap lock for reading.
 *
 * @returns 0: the range is followed, until {@link hmm_vma_range_done}. After an error it is not, and every page that was not
 * told is NONE: -EINVAL for pages that are not in one area; -ENOMEM if nobody mirrors the address space and there is no
 * memory for its `struct hmm`; -EPERM if the area may not be read; -EFAULT for a fault that failed; -EBUSY if the mmap
 * lock had to be dropped, which then is not held any more
 * @kernel hmm_vma_fault
 */
export const hmmVmaFaultBlocking = procedure(
  'hmm_vma_fault (range, block)',
  function* (current: Task, range: HmmRange, pages: Pages): Running<number> {
    const refused = yield* beginVma(current, range, pages)
    if (refused) return refused
    const request = { ...pages, owner: -1 }
    const error = yield* walk(current, range, request, pages.start)
    if (error) yield* abandon(range, request)
    return error === -Errno.EAGAIN ? -Errno.EBUSY : error
  },
)

/**
 * Reads the page table, and faults in nothing.
 *
 * @returns as {@link hmmVmaFaultBlocking}; of its errors -EINVAL, -ENOMEM and -EPERM
 * @kernel hmm_vma_get_pfns
 */
export const hmm_vma_get_pfns = procedure(function* hmm_vma_get_pfns(
  current: Task,
  range: HmmRange,
  pages: Pages,
): Running<number> {
  return yield* hmmVmaFaultBlocking(current, range, { ...pages, defaultFlags: 0, pfnFlagsMask: 0 })
})

/** Looks at the area, and begins to follow the range. Valid from here on, whatever is being invalidated. */
export const beginVma = procedure(
  'hmm_vma_fault (begin)',
  function* (current: Task, range: HmmRange, pages: Pages): Running<number> {
    const { mm } = range.notifier
    const { rangesLock } = hmmOf(mm)
    const trackedRange = trackedOf(range)
    const request: HmmRequest = { ...pages, owner: -1 }
    return yield* rangesLock.critical(
      'look at the area, and follow the range',
      (noMemory) => {
        claim('C20', mm.mmapLock.heldBy(current.thread), 'hmm_vma_fault without the mmap lock')
        claim('C19', mm.users > 0, 'hmm_vma_fault on an address space that nobody has pinned')
        useRange(range)
        beginRange(range, request)
        const unmirrored = hmmMirrorOf(range.notifier).standing === MirrorStanding.unregistered
        const error = unmirrored && noMemory ? Errno.ENOMEM : refusal(range, pages)
        if (error) {
          clearPfns(range, pages.start, pages.end)
          range.lifecycle.signal('FAILED')
          return -error
        }
        trackedRange.listed = true
        trackedRange.valid = true
        // Whatever `block` says: the flag that lets a fault drop the lock is always given.
        trackedRange.mayDrop = true
        return 0
      },
      2,
    )
  },
)

/** Why the area does not do: an error number, or 0. */
function refusal(range: HmmRange, { start, end }: Pages): number {
  const { mm } = range.notifier
  if (mm.vma[start].kind === VmaKind.none || mm.vma[start].kind === VmaKind.pfnmap) return Errno.EINVAL
  if (areaEnd(mm, start, end) < end) return Errno.EINVAL
  return mm.vma[start].flags & VM_READ ? 0 : Errno.EPERM
}

/** NONE for every page from `start` to `end`. @kernel hmm_pfns_clear */
function clearPfns(range: HmmRange, start: number, end: number): void {
  for (let page = start; page < end; page++) {
    range.pfns[page].flags = 0
    range.pfns[page].frame = 0
  }
}

/** An error: what was not told is cleared, and the range is not followed any more. */
const abandon = procedure(
  'hmm_vma_fault (error)',
  function* (range: HmmRange, { end }: HmmRequest): Running<void> {
    const trackedRange = trackedOf(range)
    yield* hmmOf(range.notifier.mm).rangesLock.critical('clear, and follow it no more', () => {
      clearPfns(range, range.last, end)
      trackedRange.listed = false
      trackedRange.valid = false
      return 0
    })
  },
)

/**
 * Ends to follow the range. Under the driver's update lock, once for every time that it was read.
 *
 * @returns 1 if no invalidation of it was marked since it was read, 0 if what was read may not be used
 * @kernel hmm_vma_range_done
 */
export const hmm_vma_range_done = procedure(function* hmm_vma_range_done(range: HmmRange): Running<number> {
  const trackedRange = trackedOf(range)
  return yield* hmmOf(range.notifier.mm).rangesLock.critical('follow it no more', () => {
    const wasValid = trackedRange.valid
    trackedRange.listed = false
    trackedRange.valid = false
    if (!wasValid) collide(range)
    else range.notifier.readers.get(acting.thread)?.compared(0)
    return wasValid ? 1 : 0
  })
})

/** The walk looks at no mark: only hmm_vma_range_done tells. */
const neverCollides = override(
  mmu_interval_check_retry,
  () =>
    function* (range, last) {
      return yield* step('start', () => {
        range.last = last
        return 0
      })
    },
)

/** Nobody looks whether the area may be written: a fault for writing succeeds there, and changes nothing (D19). */
const writableOrNot = onStep(hmm_vma_fault, 'check VM_WRITE', () => () => true)

/** What the walk of Linux 4.14 to 5.0 has in place of today's. */
export const walkOf417: readonly Override[] = [neverCollides, writableOrNot, dropLock]
