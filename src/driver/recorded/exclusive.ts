/**
 * The recorded driver's device-exclusive access. It passes no owner, so its own invalidations reach
 * its callback; and it maps the pages without checking the sequence number.
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
 * Takes exclusive access to the pages from `start` to `end`, and reads all of them back.
 *
 * @returns the values read; -EINVAL for an empty range or an address space without users; -EBUSY if
 * a page did not become exclusive: then no page of its chunk is mapped, although the others are
 * exclusive; from Linux 6.15 on the error of make_device_exclusive, with the pages before it
 * mapped; -ENOENT if the device page table lacks a page
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

/** The owner that the driver passes. */
const NOBODY = -1

/**
 * One chunk: its pages are mapped if all of them were looked up. Returns 0, or -EBUSY if one is not
 * exclusive.
 */
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

/** Unlocks and puts the exclusive pages: from here on a CPU fault can restore them. */
export const letGoOfPages = procedure(
  'dmirror_exclusive (let go)',
  function* ({ machine }: Task, pages: readonly number[]): Running<void> {
    for (const pfn of pages.filter((got) => got !== 0)) {
      yield* folio_unlock(machine.frames[pfn])
      yield* folio_put(machine.frames[pfn])
    }
  },
)

/** Maps the exclusive pages for atomic access, under the update lock. Returns their number. */
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

/** The same with the update lock held: one entry in each step. */
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
 * Checks without a lock whether the device still has atomic entries from `start` to `end`.
 *
 * @returns -EPERM if it has any, 0 if none; -EINVAL for an empty range
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
