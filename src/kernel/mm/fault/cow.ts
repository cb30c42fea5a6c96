/**
 * Copy-on-write: a write to a page that is mapped read-only in a writable VMA.
 *
 * @module
 */

import {
  type Frame,
  hugePmdAt,
  isPageCache,
  isShared,
  type MmStruct,
  NotifyEvent,
  ownExpected,
  PartReuse,
  type Pte,
  PteKind,
  type Task,
  ZERO_PAGE,
} from '../../../machine/index.js'
import { become, procedure, READ_ONCE, type Running, step } from '../../../world/index.js'
import { invalidateRangeEnd, invalidateRangeStart } from '../../mmu_notifier/index.js'
import { anonVmaPrepare, setAnonRmap } from '../area/vma.js'
import { folioAddLru } from '../lru.js'
import {
  addNewAnonRmap,
  alloc_page,
  clearPte,
  dirtyPte,
  getPage,
  isPageLocked,
  release_pages,
  setPte,
  userfaultfdPteWp,
} from '../page.js'
import { maps, partsOf } from '../rmap.js'
import { folioFreeSwap, swapCacheReferences } from '../swap/slots.js'
import { flushTlb } from '../tlb.js'
import { isExclusive, mayWritePage, VM_FAULT_OOM, VM_FAULT_SIGBUS } from './answers.js'

/**
 * The result of the check under the page-table lock: done, or a signal for userfaultfd; any other
 * value is the frame to copy.
 */
const Decided = { done: -1, refused: -2 } as const

/**
 * Checks the entry again under the page-table lock. A page that is exclusive, or has no other
 * references, is made writable in place, without an invalidation, since access is only widened. Any
 * other page is copied, with a reference held until the copy is mapped.
 *
 * @returns 0, or VM_FAULT_OOM; VM_FAULT_SIGBUS if userfaultfd write-protects the page
 * @kernel do_wp_page mm/memory.c, wp_page_reuse
 * @see reference B.2
 */
export const do_wp_page = procedure(function* do_wp_page(
  current: Task,
  mm: MmStruct,
  page: number,
): Running<number> {
  const old = yield* mm.ptl.critical('reuse the page, or hold it', () => {
    const pte = mm.pte[page]
    if (pte.kind !== PteKind.present || pte.write || hugePmdAt(mm, page)) return Decided.done
    if (userfaultfdPteWp(mm, page)) return Decided.refused
    // Shared memory is never copied, however many mappings it has.
    if (isShared(mm.vma[page].kind) || canReuse(current, mm, page)) {
      pte.write = mayWritePage(mm, page)
      dirtyPte(pte)
      return Decided.done
    }
    const pfn = pte.frame
    getPage(current.machine.frames[pfn])
    return pfn
  })
  if (old === Decided.refused) return VM_FAULT_SIGBUS
  return old === Decided.done ? 0 : yield* become(wp_page_copy, current, mm, page, old)
})

/**
 * True if the page is exclusive to this mapping, or becomes so: it has no other references besides
 * the swap cache, which is freed. Called under the page-table lock.
 *
 * @kernel wp_can_reuse_anon_folio
 */
function canReuse(current: Task, mm: MmStruct, page: number): boolean {
  if (isExclusive(current, mm, page)) return true
  const frame = current.machine.frames[mm.pte[page].frame]
  // A merged page has others that are to find it as it is.
  if (frame.ksm) return false
  if (!frame.tracksFlags || frame.pfn === ZERO_PAGE || isPageLocked(frame)) return false
  // A page of the page cache is always copied.
  if (isPageCache(frame)) return false
  const isFree = frame.compound ? mayReusePart(current, mm, frame) : isLastReference(current, frame)
  if (!isFree) return false
  frame.anonExclusive = true
  setAnonRmap(frame, mm, page)
  return true
}

function isLastReference({ machine }: Task, frame: Frame): boolean {
  if (frame.refcount > 1 + swapCacheReferences(frame)) return false
  folioFreeSwap(machine, frame)
  return frame.refcount === 1
}

/** True if the entry is a device-exclusive entry of the page, which counts as its mapping. */
function isTaken(pte: Pte, { pfn }: Frame): boolean {
  return READ_ONCE(pte).kind === PteKind.deviceExclusive && READ_ONCE(pte).frame === pfn
}

/**
 * A part of a huge page: the reference count of the folio covers all parts.
 *
 * @kernel __wp_can_reuse_large_anon_folio
 */
function mayReusePart({ machine }: Task, mm: MmStruct, frame: Frame): boolean {
  const parts = partsOf(machine, frame)
  const references = parts.reduce((sum, frame) => sum + frame.refcount, 0)
  switch (machine.rules.partReuse) {
    case PartReuse.lastReference:
      return references === 1
    case PartReuse.never:
      return false
    case PartReuse.oneProcess: {
      const mappings = parts.reduce((sum, frame) => sum + frame.mapcount, 0)
      const own = mm.pte.filter((pte) => parts.some((part) => maps(pte, part) || isTaken(pte, part))).length
      // The last mapped part of a huge page is copied, so that the whole folio becomes free.
      return mappings > 1 && own === mappings && references === mappings
    }
  }
}

/**
 * Replaces the page by a copy. The copy is made before the invalidation: the page cannot change
 * meanwhile, since all its mappings, including those of devices, are read-only. The invalidation
 * stops devices that read the old page before the entry changes.
 *
 * @param old - the frame to copy, to which the caller holds a reference (the zero page needs none)
 * @returns 0, also if the entry has changed meanwhile and the copy is freed; or VM_FAULT_OOM
 * @kernel wp_page_copy mm/memory.c
 * @see reference B.2
 */
export const wp_page_copy = procedure(function* wp_page_copy(
  current: Task,
  mm: MmStruct,
  page: number,
  old: number,
): Running<number> {
  const { machine } = current
  const copy = yield* alloc_page(machine)
  if (copy === 0) {
    yield* release_pages(machine, [old])
    return VM_FAULT_OOM
  }
  if (old !== ZERO_PAGE)
    yield* step('copy the page', () => {
      machine.frames[copy].contents = machine.frames[old].contents
      return 0
    })
  yield* invalidateRangeStart(current, mm, NotifyEvent.CLEAR, page, page + 1)
  const replaced = yield* mm.ptl.critical('clear, flush and replace', () => {
    anonVmaPrepare(machine, mm, page)
    if (!stillMaps(mm, page, old)) return 0
    clearPte(machine, mm.pte[page])
    // The flush comes before the new entry: no CPU may read the old page while another writes to
    // the new one.
    flushTlb(machine, mm, page, page + 1)
    setPte(machine, mm.pte[page], copy, mayWritePage(mm, page))
    addNewAnonRmap(machine, mm, page)
    folioAddLru(current, machine.frames[copy])
    // From here on the page is private to this address space, with the contents of the file at the
    // time of the copy.
    if (isPageCache(machine.frames[old])) ownExpected(mm, page).value = machine.frames[copy].contents
    return 1
  })
  yield* invalidateRangeEnd(current, mm, NotifyEvent.CLEAR, page, page + 1)
  // The reference held during the copy, and that of the old mapping or of the unused copy.
  yield* release_pages(machine, [replaced ? old : copy, old])
  return 0
})

/** A huge page may have replaced the page table. @kernel pte_offset_map_lock, pte_same */
function stillMaps(mm: MmStruct, page: number, pfn: number): boolean {
  if (hugePmdAt(mm, page)) return false
  const pte = mm.pte[page]
  return pte.kind === PteKind.present && pte.frame === pfn && !pte.write
}
