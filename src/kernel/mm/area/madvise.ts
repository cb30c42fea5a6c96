/**
 * Advice on the use of memory: that what is there is not needed any more.
 *
 * @module
 */

import { Errno, type MmStruct, NotifyEvent, type Task } from '../../../machine/index.js'
import { become, procedure, type Running, step } from '../../../world/index.js'
import { findVma } from './mmap.js'
import { areaEnd } from './vma.js'
import { zap_page_range } from './zap.js'

/**
 * Throws away the contents of `pages` pages from `page` on: private anonymous memory reads as zeroes afterwards. The
 * mmap lock is held for reading only, so that faults, device faults among them, may bring pages in at the same time.
 *
 * @returns 0; -ENOMEM if there is a hole in the range: everything around it is done
 * @kernel madvise with MADV_DONTNEED
 * @see reference B.2
 */
export const madvise_dontneed = procedure(function* madvise_dontneed(
  current: Task,
  page: number,
  pages: number,
): Running<number> {
  if (pages === 0) return 0
  const { mm } = current
  yield* mm.mmapLock.lockRead()
  const error = yield* madvise_walk_vmas(current, mm, page, page + pages, 0)
  yield* mm.mmapLock.unlockRead()
  return error
})

/**
 * One area after another; a hole is remembered in `error` and passed over.
 *
 * @kernel madvise_walk_vmas mm/madvise.c
 * @see reference B.2
 */
const madvise_walk_vmas = procedure(function* madvise_walk_vmas(
  current: Task,
  mm: MmStruct,
  page: number,
  limit: number,
  error: number,
): Running<number> {
  if (page === limit) return error
  const area = yield* find_vma(mm, page, limit)
  const missed = area.start === page ? error : -Errno.ENOMEM
  if (area.start === limit) return missed
  yield* zap_page_range(current, mm, NotifyEvent.CLEAR, area.start, area.end)
  return yield* become(madvise_walk_vmas, current, mm, area.end, limit, missed)
})

/**
 * The first VMA from `page` on: where it starts and ends, up to `limit`; both are `limit` if there is none. One step: the
 * caller holds the mmap lock.
 *
 * @kernel find_vma mm/mmap.c
 * @see reference B.2
 */
export const find_vma = procedure(function* find_vma(mm: MmStruct, page: number, limit: number) {
  return yield* step('find an area', () => {
    const start = findVma(mm, page, limit)
    return { start, end: start === limit ? limit : areaEnd(mm, start, limit) }
  })
})
