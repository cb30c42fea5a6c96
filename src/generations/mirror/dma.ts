/**
 * Ranges of Linux 5.1 to 5.4 whose pages are mapped for DMA after the walk.
 *
 * @see reference A.2
 * @module
 */
import { Errno, HMM_PFN_VALID, HMM_PFN_WRITE, type HmmRange, type Task } from '../../kernel/index.js'
import { procedure, READ_ONCE, type Running, step } from '../../world/index.js'
import { trackedOf } from './hmm.js'
import { collide, hmmRangeFaultWithFlags, type Pages } from './range.js'

/** The result of one page: mapped, or why not. */
const Mapped = { nothing: 0, yes: 1, invalid: 2, failed: 3 } as const

/**
 * Walks the page table as {@link hmmRangeFaultWithFlags}, and maps every valid page for DMA. Each
 * page is one step, since an invalidation can come between two; each step checks for it first.
 *
 * @returns the number of mapped pages; an error of the walk; -EBUSY if there was no page, or if the
 * range was invalidated; -EFAULT if a page could not be mapped. After an error no page is mapped
 * @kernel hmm_range_dma_map
 */
export const hmm_range_dma_map = procedure(function* hmm_range_dma_map(
  current: Task,
  range: HmmRange,
  pages: Pages,
  flags: number,
): Running<number> {
  const told = yield* hmmRangeFaultWithFlags(current, range, pages, flags)
  if (told <= 0) return told === 0 ? -Errno.EBUSY : told
  const trackedRange = trackedOf(range)
  let mapped = 0
  for (let page = pages.start; page < pages.end; page++) {
    // The walk may have skipped the page, the range may be invalid by now, and the mapping may
    // fail.
    const answer = yield* step(
      'map a page',
      (fails) => {
        if (!(range.pfns[page].flags & HMM_PFN_VALID)) return Mapped.nothing
        if (!READ_ONCE(trackedRange).valid) {
          collide(range)
          return Mapped.invalid
        }
        if (fails) return Mapped.failed
        trackedRange.daddrs[page].frame = range.pfns[page].frame + 1
        return Mapped.yes
      },
      2,
    )
    if (answer === Mapped.yes) mapped++
    if (answer !== Mapped.invalid && answer !== Mapped.failed) continue
    yield* step('unmap what was mapped', () => {
      for (let at = pages.start; at < pages.end; at++) trackedRange.daddrs[at].frame = 0
    })
    return answer === Mapped.invalid ? -Errno.EBUSY : -Errno.EFAULT
  }
  return mapped
})

/**
 * Unmaps what {@link hmm_range_dma_map} has mapped, and sets the entries of the array to NONE.
 *
 * @param dirty - whether to mark pages dirty that were mapped for writing
 * @returns the number of pages that were mapped
 * @kernel hmm_range_dma_unmap
 */
export const hmm_range_dma_unmap = procedure(function* hmm_range_dma_unmap(
  current: Task,
  range: HmmRange,
  start: number,
  end: number,
  dirty: boolean,
): Running<number> {
  if (start >= end) return -Errno.EINVAL
  const { daddrs } = trackedOf(range)
  return yield* step('unmap the pages', () => {
    let unmapped = 0
    for (let page = start; page < end; page++) {
      const mapped = daddrs[page].frame
      if (mapped === 0) continue
      if (dirty && range.pfns[page].flags & HMM_PFN_WRITE) current.machine.frames[mapped - 1].dirty = true
      daddrs[page].frame = 0
      range.pfns[page].flags = 0
      range.pfns[page].frame = 0
      unmapped++
    }
    return unmapped
  })
})
