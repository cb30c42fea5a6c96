/**
 * Ranges of Linux 5.1 to 5.4 that are mapped for DMA as they are read.
 *
 * @see reference A.2
 * @module
 */
import { Errno, HMM_PFN_VALID, HMM_PFN_WRITE, type HmmRange, type Task } from '../../kernel/index.js'
import { procedure, READ_ONCE, type Running, step } from '../../world/index.js'
import { trackedOf } from './hmm.js'
import { collide, hmmRangeFaultWithFlags, type Pages } from './range.js'

/** What became of a page: mapped, or why not. */
const Mapped = { nothing: 0, yes: 1, invalid: 2, failed: 3 } as const

/**
 * Reads the page table as {@link hmmRangeFaultWithFlags}, and maps every page that it tells for DMA, a page a step: an
 * invalidation may come between two, and is looked for before each.
 *
 * @returns how many pages are mapped; or an error of the walk; -EBUSY if there was no page, or the range was invalidated
 * meanwhile; -EFAULT if a page could not be mapped. After an error none is mapped
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
    // The page may have been left out by the walk, the range may be invalid by now, and the mapping may fail.
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
 * Unmaps what {@link hmm_range_dma_map} has mapped, and forgets what the array says of it: NONE.
 *
 * @param dirty - whether the device has written: to pages that it might write, that is
 * @returns how many pages were mapped
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
