/**
 * mlock: the pages are faulted in and not reclaimed.
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
 * Locks `pages` pages from `page` on: sets VM_LOCKED on their VMAs under the mmap lock for writing,
 * then populates them under the mmap lock for reading. Writable private memory gets its own pages
 * at once.
 *
 * @returns 0; -ENOMEM if the range has a hole, with VM_LOCKED set before it and no page populated;
 * -ENOMEM if a VMA permits no access; -EAGAIN if there is no memory
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
 * Clears VM_LOCKED.
 *
 * @returns 0; -ENOMEM if the range has a hole, with the VMAs before it unlocked
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
 * Changes one VMA after another, up to the end of the range or a hole.
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
 * Sets or clears VM_LOCKED on the part of one VMA that lies in the range; a huge page across its
 * new start or end is split first. One step: every reader of a VMA holds the mmap lock. The
 * unevictable list is not modelled: reclaim reads the flags of the VMA.
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
 * Populates one VMA after another. Returns one of {@link Populated}.
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

/** True if a write to the VMA would copy a private page. Called under the mmap lock. */
function isPrivateWritable({ vma }: MmStruct, page: number): boolean {
  return (vma[page].flags & VM_WRITE) !== 0 && !isShared(vma[page].kind)
}
