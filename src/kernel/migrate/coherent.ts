/**
 * Migrates one page out of coherent device memory before a long-term pin (FOLL_LONGTERM).
 *
 * @see reference B.5
 * @module
 */

import { Errno, type Frame, type Task, ZERO_PAGE } from '../../machine/index.js'
import { procedure, type Running, step } from '../../world/index.js'
import { folio_lock, tryLockPage } from '../mm/page.js'
import { collectFrame, pageOf, unmapFrame } from './device-range.js'
import { migrate_vma_finalize } from './finish.js'
import { migrate_vma_pages } from './pages.js'
import { isMigrating, pagesOf, setDestination } from './request.js'

/**
 * Migrates the page to system memory in every address space that maps it. The migration takes over
 * the caller's reference and drops it.
 *
 * @returns 0; -EBUSY if the page has other references, or there is no memory: the page is not
 * migrated
 * @kernel migrate_device_coherent_folio mm/migrate_device.c
 * @see reference B.5
 */
export const migrate_device_coherent_folio = procedure(function* migrate_device_coherent_folio(
  current: Task,
  frame: Frame,
): Running<number> {
  const { frames } = current.machine
  yield* folio_lock(frame)
  const page = yield* step('collect the page', () => {
    // The page is migrated even if no page table maps it any more.
    const at = Math.max(pageOf(current.machine, frame), 0)
    collectFrame(current, frame, at)
    return at
  })
  const args = yield* unmapFrame(current, frame, page)
  const entry = pagesOf(current)[page]
  yield* step('allocate a destination', () => {
    if (!isMigrating(entry)) return
    const free = frames.find(({ pfn, owner, refcount }) => pfn !== ZERO_PAGE && owner < 0 && refcount === 0)
    if (free === undefined) return
    free.refcount = 1
    tryLockPage(free)
    setDestination(entry, free)
  })
  yield* migrate_vma_pages(current, args)
  const moved = yield* step('copy the page', () => {
    if (!isMigrating(entry) || entry.dst === undefined) return 0
    entry.dst.contents = frames[entry.source].contents
    return 1
  })
  yield* migrate_vma_finalize(current, args)
  return moved ? 0 : -Errno.EBUSY
})
