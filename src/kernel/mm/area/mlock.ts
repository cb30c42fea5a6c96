/**
 * Locking memory: its pages are faulted in, and stay.
 *
 * @module
 */
import {
  Errno,
  isShared,
  type MmStruct,
  type Task,
  VM_LOCKED,
  VM_READ,
  VM_WRITE,
} from '../../../machine/index.js'
import { become, procedure, type Running, step } from '../../../world/index.js'
import { Populated, populateArea } from '../fault/populate.js'
import { vma_adjust_trans_huge } from '../huge/split.js'
import { find_vma, setFlags } from './madvise.js'

/**
 * Locks `pages` pages from `page` on: their areas are marked, under the mmap lock for writing, and then populated under it for
 * reading. Private memory that may be written gets pages of its own at once.
 *
 * @returns 0; -ENOMEM if there is a hole, with the areas before it marked and nothing populated; or if an area permits no access;
 * -EAGAIN if there is no memory
 * @kernel mlock mm/mlock.c
 * @see reference B.2
 */
export const mlock = procedure(function* mlock(current: Task, page: number, pages: number): Running<number> {
  const error = yield* apply_vma_lock_flags(current, page, pages, VM_LOCKED)
  if (error) return error
  const { mm } = current
  yield* mm.mmapLock.lockRead()
  const populated = yield* populateLocked(current, page, page + pages)
  yield* mm.mmapLock.unlockRead()
  if (populated === Populated.all) return 0
  return populated === Populated.noMemory ? -Errno.EAGAIN : -Errno.ENOMEM
})

/**
 * Undoes it.
 *
 * @returns 0; -ENOMEM if there is a hole, with the areas before it unlocked
 * @kernel munlock mm/mlock.c
 * @see reference B.2
 */
export const munlock = procedure(function* munlock(
  current: Task,
  page: number,
  pages: number,
): Running<number> {
  return yield* apply_vma_lock_flags(current, page, pages, 0)
})

/**
 * One area after another, until the end or a hole.
 *
 * @param locked - `VM_LOCKED` or 0
 * @returns 0 or -ENOMEM
 * @kernel apply_vma_lock_flags mm/mlock.c
 * @see reference B.2
 */
const apply_vma_lock_flags = procedure(function* apply_vma_lock_flags(
  current: Task,
  page: number,
  pages: number,
  locked: number,
): Running<number> {
  const { mm } = current
  const limit = page + pages
  yield* mm.mmapLock.lockWrite()
  let error = 0
  for (let at = page; at < limit && !error; ) {
    const { start, end } = yield* find_vma(mm, at, limit)
    if (start === at) yield* mlock_fixup(current, start, end, locked)
    else error = -Errno.ENOMEM
    at = end
  }
  yield* mm.mmapLock.unlockWrite()
  return error
})

/**
 * Marks one area, or what of it is in the range; a huge page that it will begin or end within is split first. One step: who looks at areas holds the mmap lock. The pages that are there are
 * moved to the list of those that cannot be reclaimed, which is not modelled: reclaim looks at the area.
 *
 * @kernel mlock_fixup mm/mlock.c
 * @see reference B.2
 */
const mlock_fixup = procedure(function* mlock_fixup(
  current: Task,
  start: number,
  end: number,
  locked: number,
): Running<void> {
  const { machine, mm } = current
  if (mm.pmd) {
    const changes = yield* step('look at vm_flags', () =>
      (mm.vma[start].flags & VM_LOCKED) === locked ? 0 : 1,
    )
    if (changes) yield* vma_adjust_trans_huge(current, mm, start, end)
  }
  yield* step('change vm_flags', () => {
    const flags = (mm.vma[start].flags & ~VM_LOCKED) | locked
    if (flags !== mm.vma[start].flags) setFlags({ machine, mm }, start, end, flags)
    return 0
  })
})

/**
 * One area after another. Returns one of {@link Populated}.
 *
 * @kernel __mm_populate mm/gup.c
 * @see reference B.2
 */
const populateLocked = procedure(
  '__mm_populate',
  function* (current: Task, page: number, end: number): Running<number> {
    if (page === end) return Populated.all
    const { mm } = current
    const area = yield* find_vma(mm, page, end)
    const write = yield* step('choose the access', () => (isPrivateWritable(mm, page) ? 1 : 0))
    const populated = yield* populateArea(current, page, area.end, write === 1, VM_READ | VM_WRITE)
    return populated ? populated : yield* become(populateLocked, current, area.end, end)
  },
)

/** True if a write would get the area a page of its own. Called under the mmap lock. */
function isPrivateWritable({ vma }: MmStruct, page: number): boolean {
  return (vma[page].flags & VM_WRITE) !== 0 && !isShared(vma[page].kind)
}
