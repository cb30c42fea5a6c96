/**
 * The recorded driver's device-exclusive access. It names nobody when it takes a page, so that it hears of its own
 * doing like of anybody's, and it maps what it has taken without a look at the sequence.
 *
 * @see reference B.10, E.1
 * @module
 */
import {
  Errno,
  folio_put,
  folio_unlock,
  make_device_exclusive,
  make_device_exclusive_range,
  mmget_not_zero,
  mmput,
  type Task,
} from '../../kernel/index.js'
import { procedure, READ_ONCE, type Running, step } from '../../world/index.js'
import type { Mirror } from '../mirror.js'
import { mapAtomic } from '../page-table.js'
import { dmirror_do_read } from './access.js'
import { PAGES_AT_A_TIME } from './fault.js'
import type { MigrationAnswer } from './memory.js'

function failed(error: number): MigrationAnswer {
  return { error, pages: 0, values: [] }
}

/**
 * The device takes the pages from `start` to `end` for itself, and reads all of them back.
 *
 * @returns what was read; -EINVAL for no page at all or an address space that is gone; -EBUSY if one page could not be
 * had: those of its piece are not mapped, and exclusive all the same; where the kernel gives access page by page, its error, with
 * the pages before mapped; -ENOENT if the device page table lacks one
 */
export const dmirror_exclusive = procedure(function* dmirror_exclusive(
  current: Task,
  mirror: Mirror,
  start: number,
  end: number,
): Running<MigrationAnswer> {
  const { mm } = mirror
  if (start >= end || !(yield* mmget_not_zero(mm))) return failed(-Errno.EINVAL)
  yield* mm.mmapLock.lockRead()
  const { exclusiveByPage } = current.machine.rules
  const step = exclusiveByPage ? 1 : PAGES_AT_A_TIME
  let error = 0
  for (let at = start; at < end && !error; at += step)
    error = exclusiveByPage
      ? yield* dmirrorExclusivePage(current, mirror, at)
      : yield* dmirrorExclusivePiece(current, mirror, at, Math.min(at + step, end))
  yield* mm.mmapLock.unlockRead()
  yield* mmput(current, mm)
  if (error) return failed(error)
  const values = yield* dmirror_do_read(current, mirror, start, end)
  return values.length < end - start ? failed(-Errno.ENOENT) : { error: 0, pages: values.length, values }
})

/** Whom the driver names as it takes a page. */
const NOBODY = -1

/** One piece: its pages are mapped if all of them were looked up. Returns 0, or -EBUSY if one is not exclusive. */
export const dmirrorExclusivePiece = procedure(
  'dmirror_exclusive (piece)',
  function* (current: Task, mirror: Mirror, start: number, end: number): Running<number> {
    const pages = yield* make_device_exclusive_range(current, mirror.mm, start, end, NOBODY)
    const mapped = pages.length === end - start ? yield* dmirror_atomic_map(mirror, start, pages) : 0
    yield* letGoOfPages(current, pages)
    return mapped === end - start ? 0 : -Errno.EBUSY
  },
)

/** One page, mapped while it is locked. Returns 0, or the kernel's error. */
const dmirrorExclusivePage = procedure(
  'dmirror_exclusive (page)',
  function* (current: Task, mirror: Mirror, page: number): Running<number> {
    const pfn = yield* make_device_exclusive(current, mirror.mm, page, NOBODY)
    if (pfn < 0) return pfn
    yield* dmirror_atomic_map(mirror, page, [pfn])
    yield* letGoOfPages(current, [pfn])
    return 0
  },
)

/** Unlocks and puts those that are exclusive: from here on whoever touches one gets it back. */
export const letGoOfPages = procedure(
  'dmirror_exclusive (let go)',
  function* ({ machine }: Task, pages: readonly number[]): Running<void> {
    for (const pfn of pages.filter((got) => got !== 0)) {
      yield* folio_unlock(machine.frames[pfn])
      yield* folio_put(machine.frames[pfn])
    }
  },
)

/** Maps those that are exclusive, under the update lock, for atomic access. Returns how many. */
export const dmirror_atomic_map = procedure(function* dmirror_atomic_map(
  mirror: Mirror,
  start: number,
  pages: readonly number[],
): Running<number> {
  yield* mirror.updateLock.lock()
  const mapped = yield* dmirrorMapExclusive(mirror, start, pages)
  yield* mirror.updateLock.unlock()
  return mapped
})

/** The same with the update lock held: an entry a step. */
export const dmirrorMapExclusive = procedure(
  'dmirror_atomic_map (locked)',
  function* (mirror: Mirror, start: number, pages: readonly number[]): Running<number> {
    for (const [i, pfn] of pages.entries()) {
      if (pfn === 0) continue
      yield* step('map an exclusive page', () => {
        mapAtomic(mirror, start + i, pfn)
        return 0
      })
    }
    return pages.filter((pfn) => pfn !== 0).length
  },
)

/**
 * Whether the device still has pages from `start` to `end` to itself: looks, without a lock.
 *
 * @returns -EPERM if it has any, 0 if none; -EINVAL for no page at all
 */
export const dmirror_check_atomic = procedure(function* dmirror_check_atomic(
  mirror: Mirror,
  start: number,
  end: number,
): Running<number> {
  if (start >= end) return -Errno.EINVAL
  for (let page = start; page < end; page++) {
    const atomic = yield* step('look at an entry', () => READ_ONCE(mirror.pageTable[page]).atomic)
    if (atomic) return -Errno.EPERM
  }
  return 0
})
