/**
 * Walkers of page frames: they find a page by its frame number, and take a reference before they
 * look what it is.
 *
 * @see reference B.7, D51
 * @module
 */

import type { Frame, Task } from '../../machine/index.js'
import { procedure, type Running, step } from '../../world/index.js'
import { getPage, release_pages } from './page.js'

/**
 * Takes a reference to a page unless its count is 0. One step: the count is compared and raised
 * atomically.
 *
 * @returns 1, or 0 if the page is free
 * @kernel folio_try_get include/linux/page_ref.h, get_page_unless_zero
 * @see reference B.7, D51
 */
export const folio_try_get = procedure(function* folio_try_get(frame: Frame): Running<number> {
  return yield* step('raise the count, unless it is zero', () => {
    if (frame.refcount === 0) return 0
    getPage(frame)
    return 1
  })
})

/**
 * Takes a reference to the page with frame number `pfn`, whatever it is, and puts it again, as
 * memory_failure and compaction do.
 *
 * @kernel get_any_page mm/memory-failure.c
 * @see reference B.7, D51
 */
export const get_any_page = procedure(function* get_any_page(current: Task, pfn: number): Running<void> {
  const { machine } = current
  if (yield* folio_try_get(machine.frames[pfn])) yield* release_pages(machine, [pfn])
})
