/**
 * get_user_pages: faults in pages of an address space and takes references to them.
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

/** The result for an entry from which no reference can be taken. */
const Followed = { refused: -1, missing: 0 } as const

/**
 * Takes a reference to each page from `start` to `end`, for writing: a shared page is copied first.
 * The caller holds the mmap lock.
 *
 * @returns their frames, up to the first page that fails: it lies in no VMA, is not writable, or
 * there is no memory for it
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
 * Takes a reference to a user page, as O_DIRECT does, and puts it again. The referenced page stays
 * in place, whatever happens to the entry.
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
 * Pins a page for long, as RDMA without ODP does: the device is told the address of the page once.
 * Such a pin must not block device memory of another device.
 *
 * @returns 0; -EFAULT if the page cannot be faulted in; -EBUSY if it is in device memory and cannot
 * be migrated now
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
 * Gets one page that may be pinned for long. A page that may not is migrated first, and looked up
 * again.
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

/** The result for a page that may not be pinned for long in its place. */
const Unpinnable = { none: 0, moved: 1, busy: -2 } as const

/**
 * Migrates the page out of coherent device memory if it is there. The reference to it is dropped.
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
 * Gets one page: reads the entry, faults, and reads it again. Returns its frame, or -1.
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
 * The same with FOLL_SPLIT_PMD: the PMD is split before the entry is checked for write access. So
 * the last part of a read-only huge page is copied, and the huge page is not reused.
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

/**
 * True if the entry is present. A PMD that is not present is faulted in as a whole. Reads without a
 * lock.
 */
function isPresent(mm: MmStruct, page: number): boolean {
  const { kind } = READ_ONCE(mm.pte[page])
  return kind === PteKind.present || kind === PteKind.protnone
}

/**
 * Takes a reference to the page if the entry is writable. Called under the page-table lock and the
 * mmap lock.
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
 * Faults in one page for writing, without taking a reference: it may be unmapped again at once. The
 * caller holds the mmap lock.
 *
 * @returns 0; -EFAULT if the page is not writable; -ENOMEM
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

/** True if a writable VMA contains the page. Called under the mmap lock. */
function mayBeWritten(mm: MmStruct, page: number): boolean {
  return mm.vma[page].kind !== VmaKind.none && (mm.vma[page].flags & VM_WRITE) !== 0
}
