/**
 * Page frames and page-table entries: reference counts, page locks, and changes of an entry.
 *
 * @module
 */

import {
  type Frame,
  folioOf,
  isDevicePrivate,
  type Machine,
  type MmStruct,
  type Pte,
  PteKind,
  VM_UFFD_MISSING,
  VM_UFFD_WP,
  ZERO_PAGE,
} from '../../machine/index.js'
import {
  acting,
  BLOCKED,
  claim,
  mightSleep,
  procedure,
  SpecificationError,
  step,
  unobserved,
} from '../../world/index.js'
import { free_zone_device_folio } from '../memremap/device-page.js'
import { setAnonRmap } from './area/vma.js'
import { type EntryState, entryState } from './encoding.js'
import { freeSwapCache } from './swap/slots.js'

/**
 * Takes a reference to the page. References to the zero page are not counted. Called inside an
 * atomic step.
 *
 * @kernel get_page
 */
export function getPage(frame: Frame): void {
  if (frame.pfn !== ZERO_PAGE) frame.refcount += 1
}

/**
 * Puts one reference. After the last one the frame is free. Called inside an atomic step.
 *
 * @returns true if this was the last reference to a page of a removable region of device memory:
 * the caller then calls {@link free_zone_device_folio}
 * @kernel put_page
 */
export function putPage(frame: Frame): boolean {
  if (frame.pfn === ZERO_PAGE) return false
  claim('use-after-free', frame.refcount > 0, `frame ${frame.pfn} is given back and is free already`)
  if (--frame.refcount > 0) return false
  claim(
    'use-after-free',
    () => frame.mapcount === 0,
    `frame ${frame.pfn} is freed and a page table still maps it`,
  )
  claim('C51', () => frame.locked === 0, `frame ${frame.pfn} is freed and its folio lock is held`)
  frame.contents = 0
  frame.dirty = false
  frame.anonExclusive = false
  frame.lazyFree = false
  frame.lru = 0
  frame.formerly = frame.compound
  frame.compound = 0
  frame.anonVma = 0
  frame.index = 0
  frame.charged = false
  frame.ksm = false
  frame.lifecycle?.signal('FREED')
  return frame.pgmap?.pagemap !== undefined
}

/**
 * Puts one reference to each of `frames`. Called inside an atomic step.
 *
 * @returns the frames that are now free and for which the caller must call {@link
 * free_zone_device_folio}; 0 if there are none
 */
export function putPages(frames: readonly Frame[]): readonly Frame[] | 0 {
  const freed = frames.filter((frame) => putPage(frame))
  return freed.length > 0 ? freed : 0
}

/**
 * Puts one reference to each of `parts`: a single page, or the parts of one folio. One step: a
 * folio has one reference count, which is changed atomically.
 *
 * @kernel folio_put include/linux/mm.h
 * @see reference B.7
 */
export const folio_put = procedure(function* folio_put(...parts: Frame[]) {
  const freed = yield* step('put the page', () => putPages(parts))
  if (freed) yield* free_zone_device_folio(freed)
})

/**
 * Charges a page to the memory cgroup. Returns false if the cgroup is at its limit. Called inside
 * an atomic step.
 *
 * @kernel mem_cgroup_charge
 */
export function chargePage(machine: Machine, frame: Frame): boolean {
  if (machine.memoryLimit === undefined) return true
  // The kernel changes one counter atomically.
  const charged = unobserved(() => machine.frames.filter((other) => other.charged).length)
  if (charged >= machine.memoryLimit) return false
  frame.charged = true
  return true
}

/**
 * Takes the folio lock of the frame if it is free. Called inside an atomic step.
 *
 * @kernel folio_trylock
 */
export function tryLockPage(frame: Frame): boolean {
  const folio = folioOf(frame)
  if (folio.locked !== 0) return false
  folio.locked = acting.thread + 1
  return true
}

/**
 * True if the folio of the frame is locked. Called inside an atomic step.
 *
 * @kernel folio_test_locked
 */
export function isPageLocked(frame: Frame): boolean {
  return folioOf(frame).locked !== 0
}

/**
 * Waits for the folio lock and takes it. The caller holds a reference to the page.
 *
 * @kernel folio_lock include/linux/pagemap.h
 * @see reference B.0
 */
export const folio_lock = procedure(function* folio_lock(frame: Frame) {
  yield* step('lock the page', () => {
    if (!tryLockPage(frame)) return BLOCKED
    claim('use-after-free', () => frame.refcount > 0, `frame ${frame.pfn} is locked, and is free`)
    return 0
  })
})

/**
 * Releases the folio lock, in a step of its own: a waiter may take the lock before the caller puts
 * the page.
 *
 * @kernel folio_unlock mm/filemap.c
 * @see reference B.0
 */
export const folio_unlock = procedure(function* folio_unlock(frame: Frame) {
  yield* step('unlock the page', () => {
    unlockPage(frame)
    return 0
  })
})

/** Releases the folio lock. Called inside an atomic step. @kernel folio_unlock */
export function unlockPage(frame: Frame): void {
  const folio = folioOf(frame)
  claim(
    'lock-discipline',
    folio.locked === acting.thread + 1,
    `the folio lock of frame ${frame.pfn} is released by a thread that does not hold it`,
  )
  folio.locked = 0
}

function isFreeFrame({ pfn, owner, refcount }: Frame): boolean {
  return pfn !== ZERO_PAGE && owner < 0 && refcount === 0
}

/**
 * Allocates a zeroed page with one reference. One step: no other thread can reach the page before
 * it is mapped, so the time at which it is zeroed makes no difference. It takes the lowest free
 * frame, so that states do not differ in frame numbers alone.
 *
 * @returns its frame; 0 if no frame is free, or if the memory cgroup is at its limit
 * @kernel alloc_zeroed_user_highpage_movable include/linux/highmem.h
 * @see reference B.2
 */
export const alloc_page = procedure(function* alloc_page(machine: Machine) {
  return yield* step('take a free frame', () => {
    mightSleep(machine.layout, 'an allocation')
    // The kernel reads the allocator's free lists under the zone lock.
    const frame = unobserved(() => machine.frames.find(isFreeFrame))
    if (frame === undefined || !chargePage(machine, frame)) return 0
    frame.contents = 0
    frame.refcount = 1
    return frame.pfn
  })
})

/**
 * Puts a batch of references, one for each frame in the list. One step: by then the frames are in
 * no page table and no TLB, and each count is changed atomically. A page that is no longer mapped
 * leaves the swap cache.
 *
 * @param pfns - frames; the zero page may be among them
 * @kernel free_pages_and_swap_cache mm/swap_state.c
 * @see reference G.2
 */
export const release_pages = procedure(function* release_pages(machine: Machine, pfns: readonly number[]) {
  if (!pfns.some((pfn) => pfn !== ZERO_PAGE)) return
  const freed = yield* step('put the pages', () => {
    for (const pfn of pfns) freeSwapCache(machine, machine.frames[pfn])
    return putPages(pfns.map((pfn) => machine.frames[pfn]))
  })
  if (freed) yield* free_zone_device_folio(freed)
})

/**
 * The entry of a page of the address space, which must lie in it. Called inside an atomic step,
 * under the page-table lock.
 *
 * @kernel pte_offset_map_lock
 */
export function pteAt({ name, pte }: MmStruct, page: number): Pte {
  claim('use-after-free', page < pte.length, () => `page ${page} is beyond the end of ${name}`)
  return pte[page]
}

/**
 * True if the entry maps a page that CPUs can address, including a PROT_NONE entry. Called under
 * the page-table lock.
 */
export function mapsPage(pte: Pte): boolean {
  switch (pte.kind) {
    case PteKind.none:
      return false
    case PteKind.present:
    case PteKind.protnone:
      return true
    case PteKind.swap:
    case PteKind.devicePrivate:
    case PteKind.migration:
    case PteKind.deviceExclusive:
    case PteKind.poison:
      return false
    default:
      throw new SpecificationError('scenario', `an entry is ${String(pte.kind)}, which has no procedure yet`)
  }
}

/**
 * Maps `pfn`: the entry takes over the caller's reference. Called inside an atomic step, under the
 * page-table lock.
 *
 * @kernel set_pte_at
 */
export function setPte(machine: Machine, pte: Pte, pfn: number, write: boolean): void {
  pte.kind = isDevicePrivate(machine.frames[pfn]) ? PteKind.devicePrivate : PteKind.present
  pte.frame = pfn
  pte.write = write
  if (pfn !== ZERO_PAGE) machine.frames[pfn].mapcount += 1
}

/**
 * Marks the entry dirty: it was made by a write, or for one. Called inside an atomic step, under
 * the page-table lock.
 *
 * @kernel pte_mkdirty
 */
export function dirtyPte(pte: Pte): void {
  pte.dirty = true
  pte.softDirty = true
}

/**
 * True if a write through the entry need not fault for soft-dirty tracking or for userfaultfd.
 * Called inside an atomic step, under the page-table lock.
 *
 * @kernel pte_needs_soft_dirty_wp
 */
export function mayWriteUntold({ rules }: Machine, mm: MmStruct, page: number): boolean {
  return (!rules.tracksSoftDirty || mm.pte[page].softDirty) && !userfaultfdPteWp(mm, page)
}

/**
 * True if userfaultfd write-protects the entry. Called inside an atomic step, under the page-table
 * lock.
 *
 * @kernel userfaultfd_pte_wp
 */
export function userfaultfdPteWp(mm: MmStruct, page: number): boolean {
  return mm.pte[page].uffdWp && (!mm.tracksUserfaults || (mm.vma[page].flags & VM_UFFD_WP) !== 0)
}

/**
 * True if userfaultfd handles missing pages of the VMA. Called under the mmap lock.
 *
 * @kernel userfaultfd_missing
 */
export function userfaultfdMissing(mm: MmStruct, page: number): boolean {
  return (mm.vma[page].flags & VM_UFFD_MISSING) !== 0
}

/**
 * The entry maps a new page, which is exclusive to this mapping. A writable page is about to be
 * written. Called inside an atomic step, under the page-table lock.
 *
 * @kernel folio_add_new_anon_rmap
 */
export function addNewAnonRmap(machine: Machine, mm: MmStruct, page: number): void {
  const pte = mm.pte[page]
  const frame = machine.frames[pte.frame]
  frame.anonExclusive = true
  setAnonRmap(frame, mm, page)
  if (pte.kind === PteKind.present && pte.write) dirtyPte(pte)
}

/**
 * Removes one mapping of the page from its map count. Mappings of the zero page are not counted.
 * Called inside an atomic step, under the page-table lock.
 *
 * @kernel folio_remove_rmap_pte
 */
export function removeRmap(frame: Frame): void {
  if (frame.pfn === ZERO_PAGE) return
  claim(
    'use-after-free',
    frame.mapcount > 0,
    `a mapping of frame ${frame.pfn} is given up, and no page table maps it`,
  )
  frame.mapcount -= 1
}

/**
 * Clears the entry. The reference that it held passes to the caller. Called inside an atomic step,
 * under the page-table lock.
 *
 * @returns the frame that the entry mapped
 * @kernel ptep_get_and_clear, page_remove_rmap
 */
export function clearPte(machine: Machine, pte: Pte): number {
  const pfn = pte.frame
  clearEntry(pte)
  removeRmap(machine.frames[pfn])
  return pfn
}

/**
 * Replaces an entry that maps a page by a migration entry. The reference that it held passes to the
 * caller. The bits of the entry are carried over. The dirty bit is also transferred to the page: if
 * the migration fails, or the page is mapped elsewhere, the kernel must know that the copy in swap
 * is older (D5). Called inside an atomic step, under the page-table lock.
 *
 * @param state - the bits of the entry
 */
export function setMigrationEntry(machine: Machine, pte: Pte, state: EntryState = entryState(pte)): void {
  const pfn = clearPte(machine, pte)
  const frame = machine.frames[pfn]
  pte.kind = PteKind.migration
  pte.frame = pfn
  pte.write = state.write
  if (state.dirty) frame.dirty = true
  pte.dirty = state.dirty
  handOnMarks(pte, state)
  takeExclusive(pte, frame)
}

/**
 * Carries over soft-dirty and userfaultfd write protection, which belong to the entry and not to
 * the page. Called inside an atomic step, under the page-table lock.
 */
export function handOnMarks(pte: Pte, state: Pick<EntryState, 'softDirty' | 'uffdWp'>): void {
  pte.softDirty = state.softDirty
  pte.uffdWp = state.uffdWp
}

/**
 * Moves the exclusive flag from the page to the entry, which is no longer present.
 *
 * @kernel folio_try_share_anon_rmap_pte
 */
export function takeExclusive(pte: Pte, frame: Frame): void {
  pte.exclusive = frame.anonExclusive
  frame.anonExclusive = false
}

/**
 * Clears an entry that holds neither a reference nor a mapping. Called inside an atomic step, under
 * the page-table lock.
 *
 * @kernel pte_clear
 */
export function clearEntry(pte: Pte): void {
  pte.kind = PteKind.none
  pte.frame = 0
  pte.write = false
  pte.dirty = false
  pte.softDirty = false
  pte.uffdWp = false
  pte.exclusive = false
  pte.slot = 0
}

/**
 * Clears a migration entry or a poisoned entry, which holds neither a reference nor a mapping.
 * Called inside an atomic step, under the page-table lock.
 */
export function clearMigrationEntry(pte: Pte): void {
  clearEntry(pte)
}
