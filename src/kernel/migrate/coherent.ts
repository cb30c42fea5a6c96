/**
 * One page of coherent device memory leaves it, because somebody wants to hold it for long.
 *
 * @see reference B.5
 * @module
 */
import { procedure, type Running, step } from '../../world/index.js'
import { Errno } from '../errno.js'
import { type Frame, type Task, ZERO_PAGE } from '../machine.js'
import { folio_lock, tryLockPage } from '../mm/page.js'
import { collectFrame, pageOf, unmapFrame } from './device-range.js'
import { migrate_vma_finalize, migrate_vma_pages } from './finish.js'
import { isMigrating, pagesOf, setDestination } from './request.js'

/**
 * Moves the page to system memory, wherever it is mapped. The caller's reference passes to the migration, and is gone
 * afterwards.
 *
 * @returns 0; -EBUSY if somebody else holds the page, or there is no memory: then it stays
 * @kernel migrate_device_coherent_folio
 */
export const migrate_device_coherent_folio = procedure(function* migrate_device_coherent_folio(
  current: Task,
  frame: Frame,
): Running<number> {
  yield* folio_lock(frame)
  const page = yield* step('collect the page', () => {
    // It may be mapped nowhere by now, and is migrated all the same.
    const at = Math.max(pageOf(current.machine, frame), 0)
    collectFrame(current, frame, at)
    return at
  })
  const args = yield* unmapFrame(current, frame, page)
  yield* allocateSystemPage(current, page)
  yield* migrate_vma_pages(current, args)
  const moved = yield* copyCoherentPage(current, page)
  yield* migrate_vma_finalize(current, args)
  return moved ? 0 : -Errno.EBUSY
})

/** Finds a place in system memory for the page, unless it stays. @kernel alloc_page */
const allocateSystemPage = procedure(
  'migrate_device_coherent_folio (alloc)',
  function* (current: Task, page: number) {
    const entry = pagesOf(current)[page]
    yield* step('allocate a destination', () => {
      if (!isMigrating(entry)) return 0
      const free = current.machine.frames.find(
        (frame) => frame.pfn !== ZERO_PAGE && frame.owner < 0 && frame.refcount === 0,
      )
      if (free === undefined) return 0
      free.refcount = 1
      tryLockPage(free)
      setDestination(entry, free)
      return 0
    })
  },
)

/** Copies the page, if it has not been refused by now. Returns 1 if so. @kernel folio_copy */
const copyCoherentPage = procedure(
  'migrate_device_coherent_folio (copy)',
  function* (current: Task, page: number) {
    const { frames } = current.machine
    const entry = pagesOf(current)[page]
    return yield* step('copy the page', () => {
      if (!isMigrating(entry) || entry.dst === undefined) return 0
      entry.dst.contents = frames[entry.source].contents
      return 1
    })
  },
)
