/**
 * madvise: MADV_DONTNEED, MADV_WILLNEED, MADV_POPULATE_*, and advice that sets VMA flags.
 *
 * @module
 */

import {
  Errno,
  isFileBacked,
  isShared,
  type MmStruct,
  NotifyEvent,
  type Task,
  VM_DONTCOPY,
  VM_LOCKED,
  VM_MERGEABLE,
  VM_WIPEONFORK,
} from '../../../machine/index.js'
import { become, procedure, type Running, step } from '../../../world/index.js'
import { Populated, populateArea } from '../fault/populate.js'
import { vma_adjust_trans_huge } from '../huge/split.js'
import { unmerge_ksm_pages } from '../ksm.js'
import { findVma } from './mmap.js'
import { areaEnd, Merge, mergeVma, splitVma } from './vma.js'
import { zap_page_range } from './zap.js'

/**
 * Discards the contents of `pages` pages from `page` on: private anonymous memory reads as zeroes
 * afterwards. It holds the mmap lock for reading only, so CPU and device faults may map pages at
 * the same time.
 *
 * @returns 0; -ENOMEM if the range has a hole, after all its VMAs are zapped; -EINVAL at the first
 * mlocked VMA
 * @kernel madvise mm/madvise.c with MADV_DONTNEED
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
 * Zaps one VMA after another. A hole sets `error` and is skipped.
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
  if (mm.tracksAdvice && (yield* isLocked(mm, area.start))) return -Errno.EINVAL
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

/**
 * 1 if the VMA is mlocked: its contents must not be discarded. One step: the caller holds the mmap
 * lock.
 *
 * @kernel madvise_dontneed_free_valid_vma mm/madvise.c
 * @see reference B.2
 */
const isLocked = procedure('madvise_dontneed_free_valid_vma', function* (mm: MmStruct, page: number) {
  return yield* step('check VM_LOCKED', () => (mm.vma[page].flags & VM_LOCKED ? 1 : 0))
})

/** Advice that sets a `VM_` flag on a VMA. */
export const Advice = { DONTFORK: VM_DONTCOPY, WIPEONFORK: VM_WIPEONFORK, MERGEABLE: VM_MERGEABLE } as const

/**
 * Discards the contents of the range, including mlocked VMAs.
 *
 * @returns 0; -ENOMEM if the range has a hole, after all its VMAs are zapped
 * @kernel madvise mm/madvise.c with MADV_DONTNEED_LOCKED
 * @see reference B.2
 */
export const madvise_dontneed_locked = procedure(function* madvise_dontneed_locked(
  current: Task,
  page: number,
  pages: number,
): Running<number> {
  const { mm } = current
  yield* mm.mmapLock.lockRead()
  const error = yield* walkAreas(mm, page, page + pages, function* ({ start, end }) {
    yield* zap_page_range(current, mm, NotifyEvent.CLEAR, start, end)
    return 0
  })
  yield* mm.mmapLock.unlockRead()
  return error
})

/** A VMA, or the part of it that lies in a range. */
export interface Area {
  readonly start: number
  readonly end: number
}

/**
 * Visits one VMA after another and skips holes. Its steps belong to its caller.
 *
 * @returns the first result of `visit` other than 0; otherwise -ENOMEM if the range has a hole, and
 * 0 if not
 * @kernel madvise_walk_vmas mm/madvise.c
 */
export function* walkAreas(
  mm: MmStruct,
  start: number,
  end: number,
  visit: (area: Area) => Running<number>,
): Running<number> {
  let hole = 0
  for (let at = start; at < end; ) {
    const area = yield* find_vma(mm, at, end)
    if (area.start !== at) hole = -Errno.ENOMEM
    if (area.start === end) break
    const error = yield* visit(area)
    if (error) return error
    at = area.end
  }
  return hole
}

/**
 * Sets or clears a flag on the VMAs of the range, under the mmap lock for writing. A VMA that
 * reaches beyond the range is split; a VMA that becomes compatible with a neighbour is merged with
 * it.
 *
 * @param advice - one of {@link Advice}
 * @param set - the same to set the flag, 0 to clear it
 * @returns 0; -ENOMEM if the range has a hole; -EINVAL at the first VMA to which the advice does
 * not apply
 * @kernel madvise mm/madvise.c with MADV_DONTFORK, MADV_WIPEONFORK, MADV_MERGEABLE
 * @see reference B.2
 */
export const madvise_vma_behavior = procedure(function* madvise_vma_behavior(
  current: Task,
  page: number,
  pages: number,
  advice: number,
  set: number,
): Running<number> {
  const { mm } = current
  yield* mm.mmapLock.lockWrite()
  const error = yield* walkAreas(mm, page, page + pages, (area) =>
    madvise_update_vma(current, area, advice, set),
  )
  yield* mm.mmapLock.unlockWrite()
  return error
})

/**
 * MADV_WILLNEED has no effect here: there is no page to read ahead.
 *
 * @returns 0; -ENOMEM if the range has a hole
 * @kernel madvise mm/madvise.c with MADV_WILLNEED
 * @see reference B.2
 */
export const madvise_willneed = procedure(function* madvise_willneed(
  current: Task,
  page: number,
  pages: number,
): Running<number> {
  const { mm } = current
  yield* mm.mmapLock.lockRead()
  const error = yield* walkAreas(mm, page, page + pages, function* () {
    return 0
  })
  yield* mm.mmapLock.unlockRead()
  return error
})

/**
 * Sets or clears the flag on the part of the VMA that lies in the range. One step: every reader of
 * a VMA holds the mmap lock.
 *
 * @kernel madvise_update_vma mm/madvise.c, ksm_madvise
 * @see reference B.2
 */
const madvise_update_vma = procedure(function* madvise_update_vma(
  current: Task,
  { start, end }: Area,
  flag: number,
  set: number,
): Running<number> {
  const { machine, mm } = current
  if (machine.hasKsm && flag === VM_MERGEABLE && set === 0) yield* unmerge_ksm_pages(current, mm, start, end)
  if (mm.pmd) {
    const changes = yield* step('look at vm_flags', () => (changesAdvice(mm, start, flag, set) ? 1 : 0))
    if (changes) yield* vma_adjust_trans_huge(current, mm, start, end)
  }
  return yield* step('change vm_flags', () => {
    const { kind, flags } = mm.vma[start]
    if (flag === VM_WIPEONFORK && isFileBacked(kind)) return -Errno.EINVAL
    if (changesAdvice(mm, start, flag, set)) setFlags({ machine, mm }, start, end, (flags & ~flag) | set)
    return 0
  })
})

/**
 * True if the advice applies to the VMA of `page` and changes its flags. Called under the mmap
 * lock.
 */
function changesAdvice({ vma }: MmStruct, page: number, flag: number, set: number): boolean {
  const { kind, flags } = vma[page]
  if (flag === VM_WIPEONFORK && isFileBacked(kind)) return false
  // MADV_MERGEABLE has no effect on shared memory, and returns no error.
  return !(flag === VM_MERGEABLE && isShared(kind)) && (flags & flag) !== set
}

/**
 * Sets the flags of the pages from `start` to `end`, which lie in one VMA. Called inside an atomic
 * step, under the mmap lock for writing.
 *
 * @kernel vma_modify_flags
 */
export function setFlags(
  { machine, mm }: Pick<Task, 'machine' | 'mm'>,
  start: number,
  end: number,
  flags: number,
): void {
  splitVma(machine, mm, start)
  splitVma(machine, mm, end)
  for (let at = start; at < end; at++) mm.vma[at].flags = flags
  mergeVma(machine, mm, start, end, Merge.either)
}

/**
 * Faults in the pages of the range, for reading or writing, as a CPU access would.
 *
 * @returns 0; -ENOMEM if the range has a hole: pages before it are populated, and with the rule
 * `populatesOverHoles` pages after it too; -EINVAL at a VMA that does not permit the access;
 * -EFAULT at a page beyond the end of its file
 * @kernel madvise mm/madvise.c with MADV_POPULATE_READ, MADV_POPULATE_WRITE
 * @see reference B.2
 */
export const madvise_populate = procedure(function* madvise_populate(
  current: Task,
  page: number,
  pages: number,
  write: boolean,
): Running<number> {
  const { mm } = current
  const end = page + pages
  yield* mm.mmapLock.lockRead()
  const { populatesOverHoles } = current.machine.rules
  let error = 0
  let hole = 0
  for (let at = page; at < end && !error; ) {
    const area = yield* find_vma(mm, at, end)
    if (area.start > at) hole = -Errno.ENOMEM
    if (area.start === end || (hole && !populatesOverHoles)) break
    error = errorOf(yield* populateArea(current, area.start, area.end, write))
    at = area.end
  }
  yield* mm.mmapLock.unlockRead()
  return error || hole
})

function errorOf(populated: number): number {
  switch (populated) {
    case Populated.all:
      return 0
    case Populated.refused:
      return -Errno.EINVAL
    case Populated.noMemory:
      return -Errno.ENOMEM
    default:
      return -Errno.EFAULT
  }
}
