/**
 * Ranges of Linux 4.14 to 5.0. A range lies in one VMA, is valid from the moment it is read, and is
 * tracked until `hmm_vma_range_done`.
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
 * Walks the page table and faults in what is requested. The caller holds the mmap lock for reading.
 *
 * @returns 0: the range is tracked until {@link hmm_vma_range_done}. After an error it is not, and
 * every page that was not reported is NONE: -EINVAL if the pages are not in one VMA; -ENOMEM if the
 * address space has no mirror and its `struct hmm` cannot be allocated; -EPERM if the VMA cannot be
 * read; -EFAULT if a fault failed; -EBUSY if the mmap lock was dropped, which then is not held
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
 * Walks the page table and faults nothing in.
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

/**
 * Checks the VMA and starts to track the range. The range is valid from now on, even if an
 * invalidation is running.
 */
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
        // hmm_vma_fault always passes FAULT_FLAG_ALLOW_RETRY, whatever `block` says.
        trackedRange.mayDrop = true
        return 0
      },
      2,
    )
  },
)

/** The error number if the VMA cannot be mirrored, else 0. */
function refusal(range: HmmRange, { start, end }: Pages): number {
  const { mm } = range.notifier
  if (mm.vma[start].kind === VmaKind.none || mm.vma[start].kind === VmaKind.pfnmap) return Errno.EINVAL
  if (areaEnd(mm, start, end) < end) return Errno.EINVAL
  return mm.vma[start].flags & VM_READ ? 0 : Errno.EPERM
}

/** Sets every entry from `start` to `end` to NONE. @kernel hmm_pfns_clear */
function clearPfns(range: HmmRange, start: number, end: number): void {
  for (let page = start; page < end; page++) {
    range.pfns[page].flags = 0
    range.pfns[page].frame = 0
  }
}

/** After an error: clears the pages that were not reported, and stops tracking the range. */
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
 * Stops tracking the range. Called under the driver's update lock, once for each walk.
 *
 * @returns 1 if no invalidation has marked the range since it was read; 0 if what was read is stale
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

/** The walk does not check for invalidations; only hmm_vma_range_done does. */
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

/** VM_WRITE is not checked. A write fault on a read-only VMA succeeds and changes nothing (D19). */
const writableOrNot = onStep(hmm_vma_fault, 'check VM_WRITE', () => () => true)

/** The overrides of the walk for Linux 4.14 to 5.0. */
export const walkOf417: readonly Override[] = [neverCollides, writableOrNot, dropLock]
