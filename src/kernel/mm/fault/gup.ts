/**
 * Getting at the pages of an address space from outside: each is faulted in as far as needed, and held.
 *
 * @module
 */

import {
  Errno,
  isDeviceCoherent,
  type MmStruct,
  PteKind,
  type Task,
  VM_WRITE,
  VmaKind,
} from '../../../machine/index.js'
import { become, claim, procedure, READ_ONCE, type Running, step } from '../../../world/index.js'
import { migrate_device_coherent_folio } from '../../migrate/coherent.js'
import { __split_huge_pmd } from '../huge/split.js'
import { getPage, release_pages } from '../page.js'
import { VM_FAULT_OOM } from './answers.js'
import { handle_mm_fault } from './fault.js'

/** What a look at an entry finds, where it is not a frame to hold. */
const Followed = { refused: -1, missing: 0 } as const

/**
 * Holds the pages from `start` to `end`, each by a reference, as pages that may be written: what is shared is copied
 * first. The caller holds the mmap lock.
 *
 * @returns their frames, up to the first that cannot be had: one of no area, one that may not be written, one for which
 * there is no memory
 * @kernel get_user_pages_remote mm/gup.c with FOLL_GET, FOLL_WRITE and FOLL_SPLIT_PMD
 * @see reference B.2
 */
export const get_user_pages_remote = procedure(function* get_user_pages_remote(
  current: Task,
  mm: MmStruct,
  start: number,
  end: number,
): Running<number[]> {
  const pages: number[] = []
  for (let page = start; page < end; page++) {
    const pfn = yield* getUserPageSplit(current, mm, page)
    if (pfn < 0) break
    pages.push(pfn)
  }
  return pages
})

/**
 * Somebody outside gets hold of a page, does with it what he has to do, and lets go. What he holds stays where it is,
 * whatever becomes of the entry.
 *
 * @kernel get_user_pages_remote mm/gup.c, put_page
 * @see reference B.2
 */
export const holdUserPage = procedure(
  'get_user_pages_remote (one page, for a while)',
  function* (current: Task, page: number): Running<void> {
    const { mm, machine } = current
    yield* mm.mmapLock.lockRead()
    const pfn = yield* getUserPage(current, mm, page)
    yield* mm.mmapLock.unlockRead()
    if (pfn > 0) yield* release_pages(machine, [pfn])
  },
)

/**
 * Somebody gets hold of a page for as long as he likes: a device that is told where it is, and not when it moves. Such a page
 * must not keep the memory of another device from its owner.
 *
 * @returns 0; -EFAULT if there is no page to be had; -EBUSY for one that is in device memory and cannot leave it now
 * @kernel pin_user_pages mm/gup.c with FOLL_LONGTERM and FOLL_WRITE, unpin_user_pages
 * @see reference B.2
 */
export const pinUserPageLongterm = procedure(
  'pin_user_pages (longterm)',
  function* (current: Task, page: number): Running<number> {
    const { mm, machine } = current
    yield* mm.mmapLock.lockRead()
    const pfn = yield* __gup_longterm_locked(current, mm, page)
    yield* mm.mmapLock.unlockRead()
    if (pfn < 0) return pfn === Followed.refused ? -Errno.EFAULT : -Errno.EBUSY
    yield* step('use the page', () => {
      claim(
        'coherent',
        machine.frames[pfn].owner < 0,
        `frame ${pfn} is held for long, and is memory of owner ${machine.frames[pfn].owner}`,
      )
      return 0
    })
    yield* release_pages(machine, [pfn])
    return 0
  },
)

/**
 * One page that may be held for long: one that may not is moved, and got again.
 *
 * @kernel __gup_longterm_locked mm/gup.c
 * @see reference B.2
 */
const __gup_longterm_locked = procedure(function* __gup_longterm_locked(
  current: Task,
  mm: MmStruct,
  page: number,
): Running<number> {
  const pfn = yield* getUserPage(current, mm, page)
  if (pfn < 0) return pfn
  const moved = yield* migrate_longterm_unpinnable_folios(current, pfn)
  return moved === Unpinnable.moved ? yield* become(__gup_longterm_locked, current, mm, page) : moved || pfn
})

/** What comes of a page that may not be held for long where it is. */
const Unpinnable = { none: 0, moved: 1, busy: -2 } as const

/**
 * Moves the page out of coherent device memory, if it is there; the reference on it is given up.
 *
 * @kernel migrate_longterm_unpinnable_folios mm/gup.c
 * @see reference B.2
 */
export const migrate_longterm_unpinnable_folios = procedure(function* migrate_longterm_unpinnable_folios(
  current: Task,
  pfn: number,
): Running<number> {
  const frame = current.machine.frames[pfn]
  if (!isDeviceCoherent(frame)) return Unpinnable.none
  return (yield* migrate_device_coherent_folio(current, frame)) ? Unpinnable.busy : Unpinnable.moved
})

/**
 * One page: looks, faults and looks again. Returns its frame, or -1.
 *
 * @kernel get_user_pages_remote mm/gup.c
 * @see reference B.2
 */
const getUserPage = procedure(
  'get_user_pages_remote (page)',
  function* (current: Task, mm: MmStruct, page: number): Running<number> {
    const pfn = yield* mm.ptl.critical('hold the page', () => followPage(current, mm, page))
    if (pfn !== Followed.missing) return pfn
    const error = yield* handle_mm_fault(current, mm, page, true)
    return error ? Followed.refused : yield* become(getUserPage, current, mm, page)
  },
)

/**
 * The same with FOLL_SPLIT_PMD: each page is to be dealt with by itself, so there must be an entry for each before anybody looks
 * whether it may be written. What is the last part of a huge page that may not is then copied, and not the huge page reused.
 *
 * @kernel get_user_pages_remote mm/gup.c with FOLL_SPLIT_PMD
 * @see reference B.2
 */
const getUserPageSplit = procedure(
  'get_user_pages_remote (page, split)',
  function* (current: Task, mm: MmStruct, page: number): Running<number> {
    if (
      mm.pmd &&
      (yield* step('check the area', () => (mayBeWritten(mm, page) && isPresent(mm, page) ? 1 : 0)))
    )
      yield* __split_huge_pmd(current, mm, page)
    const pfn = yield* mm.ptl.critical('hold the page', () => followPage(current, mm, page))
    if (pfn !== Followed.missing) return pfn
    const error = yield* handle_mm_fault(current, mm, page, true)
    return error ? Followed.refused : yield* become(getUserPageSplit, current, mm, page)
  },
)

/** True if there is a page that CPUs can use: what is not present is faulted in as a whole. A look without a lock. */
function isPresent(mm: MmStruct, page: number): boolean {
  const { kind } = READ_ONCE(mm.pte[page])
  return kind === PteKind.present || kind === PteKind.protnone
}

/**
 * Holds the page if the entry lets it be written. Called under the page-table lock and the mmap
 * lock.
 *
 * @kernel follow_page_pte
 */
function followPage({ machine }: Task, mm: MmStruct, page: number): number {
  if (!mayBeWritten(mm, page)) return Followed.refused
  const pte = mm.pte[page]
  if (pte.kind !== PteKind.present || !pte.write) return Followed.missing
  const pfn = pte.frame
  getPage(machine.frames[pfn])
  return pfn
}

/**
 * Faults one page in to be written, and holds nothing: it may be gone again at once. The caller holds the mmap lock.
 *
 * @returns 0; -EFAULT if it may not be written; -ENOMEM
 * @kernel fixup_user_fault mm/gup.c with FAULT_FLAG_WRITE
 * @see reference B.2
 */
export const fixup_user_fault = procedure(function* fixup_user_fault(
  current: Task,
  mm: MmStruct,
  page: number,
): Running<number> {
  const allowed = yield* step('check the area', () => (mayBeWritten(mm, page) ? 1 : 0))
  if (!allowed) return -Errno.EFAULT
  const fault = yield* handle_mm_fault(current, mm, page, true)
  if (fault === 0) return 0
  return fault === VM_FAULT_OOM ? -Errno.ENOMEM : -Errno.EFAULT
})

/** True if there is an area that may be written. Called under the mmap lock. */
function mayBeWritten(mm: MmStruct, page: number): boolean {
  return mm.vma[page].kind !== VmaKind.none && (mm.vma[page].flags & VM_WRITE) !== 0
}
