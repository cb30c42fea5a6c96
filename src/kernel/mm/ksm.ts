/**
 * KSM: ksmd searches the VMAs with VM_MERGEABLE for anonymous pages with equal contents, and maps one of them read-only in place of
 * all. A write to a merged page always copies it.
 *
 * The kernel keeps two trees, ordered by contents: the stable tree holds the merged pages, the unstable tree the pages that the current
 * scan has visited and not merged. The model has no trees: it compares with each merged page, and then with each page visited before.
 *
 * @see reference B.13
 * @module
 */

import {
  type Frame,
  hugePmdAt,
  isPageCache,
  type Machine,
  type MmStruct,
  NotifyEvent,
  type Task,
  VM_MERGEABLE,
  ZERO_PAGE,
} from '../../machine/index.js'
import { become, claim, procedure, type Running, step } from '../../world/index.js'
import { invalidateRangeEnd, invalidateRangeStart } from '../mmu_notifier/index.js'
import { handle_mm_fault } from './fault/fault.js'
import {
  clearPte,
  folio_unlock,
  getPage,
  isPageLocked,
  mapsPage,
  putPage,
  release_pages,
  setPte,
  tryLockPage,
} from './page.js'
import type { Place } from './rmap.js'
import { folioFreeSwap, swapCacheReferences } from './swap/slots.js'
import { flushTlb } from './tlb.js'

/**
 * One scan of all VMAs with VM_MERGEABLE. Merges each page with a merged page of equal contents, or else with an equal page that the
 * scan has visited before.
 *
 * @param at - the page to continue with, counted over all address spaces
 * @kernel ksm_do_scan mm/ksm.c, scan_get_next_rmap_item
 * @see reference B.13
 */
export const ksm_do_scan = procedure(function* ksm_do_scan(current: Task, at: number): Running<void> {
  const place = placeAt(current.machine, at)
  if (place === undefined) return
  const pfn = yield* get_mergeable_page(place.mm, place.page, current.machine)
  if (pfn) yield* cmp_and_merge_page(current, at, pfn)
  yield* become(ksm_do_scan, current, at + 1)
})

/** A page of an address space, by its number in the order of a scan. */
function placeAt({ mms, pages }: Machine, at: number): Place | undefined {
  const mm = mms[Math.floor(at / pages)]
  return mm && { mm, page: at % pages }
}

/**
 * Takes a reference to the mapped page, if it is anonymous system memory in a VMA with VM_MERGEABLE.
 *
 * @returns its frame, or 0
 * @kernel get_mergeable_page mm/ksm.c, follow_page
 * @see reference B.13
 */
export const get_mergeable_page = procedure(function* get_mergeable_page(
  mm: MmStruct,
  page: number,
  machine: Machine,
): Running<number> {
  yield* mm.mmapLock.lockRead()
  const pfn = yield* mm.ptl.critical('follow the entry', () => {
    const frame = isMergeable(mm, page) && mappedBy(machine, mm, page)
    if (!frame || frame.owner >= 0 || isPageCache(frame)) return 0
    getPage(frame)
    return frame.pfn
  })
  yield* mm.mmapLock.unlockRead()
  return pfn
})

/** Under the mmap lock. @kernel find_mergeable_vma */
function isMergeable(mm: MmStruct, page: number): boolean {
  return (mm.vma[page].flags & VM_MERGEABLE) !== 0
}

/** The page that the entry maps, other than the zero page. Under the page-table lock. */
function mappedBy({ frames }: Machine, mm: MmStruct, page: number): Frame | undefined {
  const pte = mm.pte[page]
  if (hugePmdAt(mm, page) || !mapsPage(pte) || pte.frame === ZERO_PAGE) return undefined
  return frames[pte.frame]
}

/**
 * Merges a page if there is an equal one. Drops the caller's reference.
 *
 * @kernel cmp_and_merge_page mm/ksm.c
 * @see reference B.13
 */
export const cmp_and_merge_page = procedure(function* cmp_and_merge_page(
  current: Task,
  at: number,
  pfn: number,
): Running<void> {
  const { machine } = current
  const isMerged = yield* step('PageKsm', () => machine.frames[pfn].ksm)
  if (!isMerged) {
    const kpage = yield* stable_tree_search(machine, pfn, 1)
    if (kpage > 0) {
      yield* try_to_merge_one_page(current, at, pfn, kpage)
      yield* release_pages(machine, [kpage])
    } else if (kpage === Found.none) yield* unstable_tree_search_insert(current, at, pfn, 0)
  }
  yield* release_pages(machine, [pfn])
})

/**
 * Searches for a merged page with equal contents, and takes a reference to it. A merged page that has migrated to a device is still in
 * the stable tree, but no CPU can read it. The model skips such a page; no kernel does (H29).
 *
 * @param from - the frame to continue with
 * @returns its frame; 0 if there is none, or -1 if somebody has it locked
 * @kernel stable_tree_search mm/ksm.c
 * @see reference B.13
 */
export const stable_tree_search = procedure(function* stable_tree_search(
  machine: Machine,
  pfn: number,
  from: number,
): Running<number> {
  if (from === machine.frames.length) return Found.none
  const kpage = machine.frames[from]
  if (yield* get_ksm_page(kpage)) {
    const isSame = yield* memcmp_pages(machine.frames[pfn], kpage)
    if (isSame && (yield* lockAndUnlock(kpage))) return from
    yield* release_pages(machine, [from])
    if (isSame) return Found.busy
  }
  return yield* become(stable_tree_search, machine, pfn, from + 1)
})

/** Results of the search other than a frame. */
const Found = { none: 0, busy: -1 } as const

/**
 * Locks and unlocks the merged page once, with a reference held. A migration holds the page lock from before it counts the references,
 * so a migration that starts later counts this one and gives up.
 *
 * @returns 1, or 0 if another thread holds the page lock
 * @kernel stable_tree_search mm/ksm.c (GET_KSM_PAGE_TRYLOCK)
 * @see reference B.13
 */
export const lockAndUnlock = procedure(
  'stable_tree_search (lock)',
  function* (kpage: Frame): Running<number> {
    return yield* step('trylock, and unlock', () => (isPageLocked(kpage) ? 0 : 1))
  },
)

/**
 * Takes a reference to a page of the stable tree. One step: the kernel checks the mapping again after it has the reference.
 *
 * @returns 1, or 0 if the frame is not a merged page of system memory
 * @kernel get_ksm_page mm/ksm.c
 * @see reference B.13
 */
export const get_ksm_page = procedure(function* get_ksm_page(kpage: Frame): Running<number> {
  return yield* step('take a reference, if it is merged', () => {
    if (!kpage.ksm || kpage.owner >= 0) return 0
    getPage(kpage)
    return 1
  })
})

/**
 * Compares two pages through the kernel's mapping of them. Either may change during the search, so the merge compares them again when
 * both are write-protected.
 *
 * @returns 1 if they are equal
 * @kernel memcmp_pages mm/util.c
 * @see reference B.13
 */
export const memcmp_pages = procedure(function* memcmp_pages(one: Frame, other: Frame): Running<number> {
  return yield* step('compare', () => {
    for (const { owner, pfn, pgmap } of [one, other])
      claim(
        'backed-access',
        owner < 0 || pgmap?.coherent === true,
        `ksmd reads frame ${pfn}, which is device-private memory: no CPU has an address for it`,
      )
    return one.contents === other.contents ? 1 : 0
  })
})

/**
 * Searches the pages that this scan has visited before `at` for an equal one, and merges both. A page that fork has shared is not merged
 * with itself.
 *
 * @param from - the page to compare with next
 * @kernel unstable_tree_search_insert mm/ksm.c, try_to_merge_two_pages
 * @see reference B.13
 */
export const unstable_tree_search_insert = procedure(function* unstable_tree_search_insert(
  current: Task,
  at: number,
  pfn: number,
  from: number,
): Running<void> {
  const { machine } = current
  const place = placeAt(machine, from)
  if (from === at || place === undefined) return
  const tree = yield* get_mergeable_page(place.mm, place.page, machine)
  if (tree) {
    const isSame = yield* memcmp_pages(machine.frames[pfn], machine.frames[tree])
    if (isSame && tree !== pfn && (yield* try_to_merge_one_page(current, at, pfn, 0))) {
      const merged = yield* try_to_merge_one_page(current, from, tree, pfn)
      if (!merged) yield* break_cow(current, at)
    }
    yield* release_pages(machine, [tree])
    if (isSame) return
  }
  yield* become(unstable_tree_search_insert, current, at, pfn, from + 1)
})

/**
 * Makes the page a merged page, or replaces it by the merged page `kpfn`.
 *
 * @param kpfn - frame of the merged page; 0 to make this page the merged one
 * @returns 1, or 0 if the page is locked, pinned, or has changed
 * @kernel try_to_merge_one_page mm/ksm.c, try_to_merge_with_ksm_page
 * @see reference B.13
 */
export const try_to_merge_one_page = procedure(function* try_to_merge_one_page(
  current: Task,
  at: number,
  pfn: number,
  kpfn: number,
): Running<number> {
  const { machine } = current
  const place = placeAt(machine, at)
  if (place === undefined) return 0
  const { mm, page } = place
  const frame = machine.frames[pfn]
  yield* mm.mmapLock.lockRead()
  const isLocked = yield* step('trylock the page', () => isMergeable(mm, page) && tryLockPage(frame))
  let merged = 0
  if (isLocked) {
    if (yield* write_protect_page(current, mm, page, frame)) {
      if (kpfn === 0) {
        yield* step('make it the merged page', () => {
          frame.ksm = true
          return 0
        })
        // Reclaim must write it out.
        yield* step('set the dirty bit', () => {
          frame.dirty = true
          return 0
        })
        merged = 1
      } else if (yield* memcmp_pages(frame, machine.frames[kpfn]))
        merged = yield* replace_page(current, mm, page, frame, machine.frames[kpfn])
    }
    yield* folio_unlock(frame)
  }
  yield* mm.mmapLock.unlockRead()
  return merged
})

/**
 * Write-protects the entry. Under the page lock. The TLB is flushed before the references are counted, so GUP-fast cannot take another
 * one unnoticed.
 *
 * @returns 1, or 0 if the entry no longer maps the page, or the page has another reference
 * @kernel write_protect_page mm/ksm.c
 * @see reference B.13
 */
export const write_protect_page = procedure(function* write_protect_page(
  current: Task,
  mm: MmStruct,
  page: number,
  frame: Frame,
): Running<number> {
  const { machine } = current
  yield* invalidateRangeStart(current, mm, NotifyEvent.CLEAR, page, page + 1)
  const isProtected = yield* mm.ptl.critical('flush, and write-protect', () => {
    const pte = mm.pte[page]
    if (mappedBy(machine, mm, page) !== frame) return 0
    if (!pte.write && !pte.dirty && !frame.anonExclusive) return 1
    flushTlb(machine, mm, page, page + 1)
    if (frame.mapcount + 1 + swapCacheReferences(frame) !== frame.refcount) return 0
    frame.anonExclusive = false
    if (pte.dirty) frame.dirty = true
    pte.write = false
    pte.dirty = false
    return 1
  })
  yield* invalidateRangeEnd(current, mm, NotifyEvent.CLEAR, page, page + 1)
  return isProtected
})

/**
 * Replaces the page by the merged page, if the entry still maps it and is write-protected. Under the page lock.
 *
 * @returns 1, or 0 if the entry has changed
 * @kernel replace_page mm/ksm.c
 * @see reference B.13
 */
export const replace_page = procedure(function* replace_page(
  current: Task,
  mm: MmStruct,
  page: number,
  frame: Frame,
  kpage: Frame,
): Running<number> {
  const { machine } = current
  yield* invalidateRangeStart(current, mm, NotifyEvent.CLEAR, page, page + 1)
  const isReplaced = yield* mm.ptl.critical('flush, and map the merged page', () => {
    if (mappedBy(machine, mm, page) !== frame || mm.pte[page].write) return 0
    getPage(kpage)
    clearPte(machine, mm.pte[page])
    flushTlb(machine, mm, page, page + 1)
    setPte(machine, mm.pte[page], kpage.pfn, false)
    if (frame.mapcount === 0) folioFreeSwap(machine, frame)
    putPage(frame)
    return 1
  })
  yield* invalidateRangeEnd(current, mm, NotifyEvent.CLEAR, page, page + 1)
  return isReplaced
})

/**
 * Undoes a merge of which only the first half has succeeded.
 *
 * @kernel break_cow mm/ksm.c
 * @see reference B.13
 */
const break_cow = procedure(function* break_cow(current: Task, at: number): Running<void> {
  const place = placeAt(current.machine, at)
  if (place === undefined) return
  yield* place.mm.mmapLock.lockRead()
  yield* break_ksm(current, place.mm, place.page)
  yield* place.mm.mmapLock.unlockRead()
})

/**
 * Replaces a merged page by a copy, as a write fault does. Under the mmap lock.
 *
 * @kernel break_ksm mm/ksm.c
 * @see reference B.13
 */
export const break_ksm = procedure(function* break_ksm(
  current: Task,
  mm: MmStruct,
  page: number,
): Running<void> {
  const isMerged = yield* mm.ptl.critical(
    'follow the entry',
    () => mappedBy(current.machine, mm, page)?.ksm ?? false,
  )
  if (isMerged) yield* handle_mm_fault(current, mm, page, true)
})

/**
 * Replaces each merged page of the range by a copy. Under the mmap lock.
 *
 * @kernel unmerge_ksm_pages mm/ksm.c
 * @see reference B.13
 */
export const unmerge_ksm_pages = procedure(function* unmerge_ksm_pages(
  current: Task,
  mm: MmStruct,
  page: number,
  end: number,
): Running<void> {
  if (page === end) return
  yield* break_ksm(current, mm, page)
  yield* become(unmerge_ksm_pages, current, mm, page + 1, end)
})
