/**
 * Getting at the pages of an address space from outside: each is faulted in as far as needed, and held.
 *
 * @module
 */
import { become, procedure, type Running, step, type World } from '../../../world/index.js'
import { Errno } from '../../errno.js'
import { type MmStruct, PteKind, type Task, VM_WRITE, VmaKind } from '../../machine.js'
import { splitHugePmd } from '../huge/split.js'
import { getPage, releasePages } from '../page.js'
import { handleMmFault, VM_FAULT_OOM } from './fault.js'

/** What a look at an entry finds, where it is not a frame to hold. */
const Followed = { refused: -1, missing: 0 } as const

/**
 * Holds the pages from `start` to `end`, each by a reference, as pages that may be written: what is shared is copied
 * first. The caller holds the mmap lock.
 *
 * @returns their frames, up to the first that cannot be had: one of no area, one that may not be written, one for which
 * there is no memory
 * @kernel get_user_pages_remote with FOLL_GET, FOLL_WRITE and FOLL_SPLIT_PMD
 */
export const getUserPagesRemote = procedure(
  'get_user_pages_remote',
  function* (current: Task, mm: MmStruct, start: number, end: number): Running<number[]> {
    const pages: number[] = []
    for (let page = start; page < end; page++) {
      const pfn = yield* getUserPage(current, mm, page)
      if (pfn < 0) break
      // Each is to be dealt with by itself, so there must be an entry for each.
      if (mm.pmd) yield* splitHugePmd(current, mm, page)
      pages.push(pfn)
    }
    return pages
  },
)

/**
 * Somebody outside gets hold of a page, does with it what he has to do, and lets go. What he holds stays where it is,
 * whatever becomes of the entry.
 *
 * @kernel get_user_pages_remote, put_page
 */
export const holdUserPage = procedure(
  'get_user_pages_remote (one page, for a while)',
  function* (current: Task, page: number): Running<void> {
    const { mm, machine } = current
    yield* mm.mmapLock.lockRead()
    const pfn = yield* getUserPage(current, mm, page)
    yield* mm.mmapLock.unlockRead()
    if (pfn > 0) yield* releasePages(machine, [pfn])
  },
)

/** One page: looks, faults and looks again. Returns its frame, or -1. */
const getUserPage = procedure(
  'get_user_pages_remote (page)',
  function* (current: Task, mm: MmStruct, page: number): Running<number> {
    const pfn = yield* mm.ptl.critical('hold the page', (w) => followPage(w, current, mm, page))
    if (pfn !== Followed.missing) return pfn
    const error = yield* handleMmFault(current, mm, page, true)
    return error ? Followed.refused : yield* become(getUserPage, current, mm, page)
  },
)

/** Holds the page if the entry lets it be written. Under the page-table lock and the mmap lock. @kernel follow_page_pte */
function followPage(w: World, { machine }: Task, mm: MmStruct, page: number): number {
  if (!mayBeWritten(w, mm, page)) return Followed.refused
  const pte = mm.pte[page]
  if (pte.kind.get(w) !== PteKind.present || !pte.write.get(w)) return Followed.missing
  const pfn = pte.frame.get(w)
  getPage(w, machine.frames[pfn])
  return pfn
}

/**
 * Faults one page in to be written, and holds nothing: it may be gone again at once. The caller holds the mmap lock.
 *
 * @returns 0; -EFAULT if it may not be written; -ENOMEM
 * @kernel fixup_user_fault with FAULT_FLAG_WRITE
 */
export const fixupUserFault = procedure(
  'fixup_user_fault',
  function* (current: Task, mm: MmStruct, page: number): Running<number> {
    const allowed = yield* step('check the area', (w) => (mayBeWritten(w, mm, page) ? 1 : 0))
    if (!allowed) return -Errno.EFAULT
    const fault = yield* handleMmFault(current, mm, page, true)
    if (fault === 0) return 0
    return fault === VM_FAULT_OOM ? -Errno.ENOMEM : -Errno.EFAULT
  },
)

/** True if there is an area that may be written. Under the mmap lock. */
function mayBeWritten(w: World, mm: MmStruct, page: number): boolean {
  const { kind, flags } = mm.vma[page]
  return kind.get(w) !== VmaKind.none && (flags.get(w) & VM_WRITE) !== 0
}
