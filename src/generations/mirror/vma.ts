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
  checkRetry,
  Errno,
  type HmmRange,
  type HmmRequest,
  mayWrite,
  SAMPLED_SEQ,
  type Task,
  VM_READ,
  VmaKind,
  walk,
} from '../../kernel/index.js'
import {
  claim,
  type Override,
  override,
  procedure,
  type Running,
  step,
  type World,
} from '../../world/index.js'
import { hmmMirrorOf, hmmOf, MirrorStanding, trackedOf, useRange } from './hmm.js'
import { collide, dropLock, type Pages } from './range.js'

/**
 * Reads the page table and faults in what is asked for. The caller holds the mmap lock for reading.
 *
 * @returns 0: the range is followed, until {@link hmmVmaRangeDone}. After an error it is not, and every page that was not
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
    const request = { ...pages, seq: SAMPLED_SEQ, owner: -1 }
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
export const hmmVmaGetPfns = procedure(
  'hmm_vma_get_pfns',
  function* (current: Task, range: HmmRange, pages: Pages): Running<number> {
    return yield* hmmVmaFaultBlocking(current, range, { ...pages, defaultFlags: 0, pfnFlagsMask: 0 })
  },
)

/** Looks at the area, and begins to follow the range. Valid from here on, whatever is being invalidated. */
export const beginVma = procedure(
  'hmm_vma_fault (begin)',
  function* (current: Task, range: HmmRange, pages: Pages): Running<number> {
    const { mm } = range.notifier
    const { rangesLock } = hmmOf(mm)
    const { listed, valid, mayDrop } = trackedOf(range)
    const request: HmmRequest = { ...pages, seq: SAMPLED_SEQ, owner: -1 }
    return yield* rangesLock.critical(
      'look at the area, and follow the range',
      (w, noMemory) => {
        claim('C20', mm.mmapLock.heldBy(w, current.thread), 'hmm_vma_fault without the mmap lock')
        claim('C19', mm.users.get(w) > 0, 'hmm_vma_fault on an address space that nobody has pinned')
        useRange(w, range)
        beginRange(range, request, w)
        const unmirrored = hmmMirrorOf(range.notifier).standing.get(w) === MirrorStanding.unregistered
        const error = unmirrored && noMemory ? Errno.ENOMEM : refusal(range, pages, w)
        if (error) {
          clearPfns(range, pages.start, pages.end, w)
          range.lifecycle.signal(w, 'FAILED')
          return -error
        }
        listed.set(w, 1)
        valid.set(w, 1)
        // Whatever `block` says: the flag that lets a fault drop the lock is always given.
        mayDrop.set(w, 1)
        return 0
      },
      2,
    )
  },
)

/** Why the area does not do: an error number, or 0. */
function refusal(range: HmmRange, { start, end }: Pages, w: World): number {
  const { mm } = range.notifier
  const { kind, flags } = mm.vma[start]
  if (kind.get(w) === VmaKind.none || kind.get(w) === VmaKind.pfnmap) return Errno.EINVAL
  if (areaEnd(w, mm, start, end) < end) return Errno.EINVAL
  return flags.get(w) & VM_READ ? 0 : Errno.EPERM
}

/** NONE for every page from `start` to `end`. @kernel hmm_pfns_clear */
function clearPfns(range: HmmRange, start: number, end: number, w: World): void {
  for (let page = start; page < end; page++) {
    range.pfns[page].flags.set(w, 0)
    range.pfns[page].frame.set(w, 0)
  }
}

/** An error: what was not told is cleared, and the range is not followed any more. */
const abandon = procedure(
  'hmm_vma_fault (error)',
  function* (range: HmmRange, { end }: HmmRequest): Running<void> {
    const { listed, valid } = trackedOf(range)
    yield* hmmOf(range.notifier.mm).rangesLock.critical('clear, and follow it no more', (w) => {
      clearPfns(range, range.last.get(w), end, w)
      listed.set(w, 0)
      valid.set(w, 0)
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
export const hmmVmaRangeDone = procedure(
  'hmm_vma_range_done',
  function* (current: Task, range: HmmRange): Running<number> {
    const { listed, valid } = trackedOf(range)
    return yield* hmmOf(range.notifier.mm).rangesLock.critical('follow it no more', (w) => {
      const wasValid = valid.get(w)
      listed.set(w, 0)
      valid.set(w, 0)
      if (!wasValid) collide(range, w)
      else range.notifier.readers.get(current.thread)?.(w, 0)
      return wasValid
    })
  },
)

/** The walk looks at no mark: only hmm_vma_range_done tells. */
const neverCollides = override(
  checkRetry,
  () =>
    function* (range, last) {
      return yield* step('start', (w) => {
        range.last.set(w, last)
        return 0
      })
    },
)

/** Nobody looks whether the area may be written: a fault for writing succeeds there, and changes nothing (D19). */
const writableOrNot = override(
  mayWrite,
  () =>
    function* () {
      return yield* step('do not look', () => 1)
    },
)

/** What the walk of Linux 4.14 to 5.0 has in place of today's. */
export const walkOf417: readonly Override[] = [neverCollides, writableOrNot, dropLock]
