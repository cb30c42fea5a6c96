/**
 * Page frames and page-table entries: taking and giving back the one, writing the other.
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

/** Takes one more reference. The zero page's are not counted. Part of a step. @kernel get_page */
export function getPage(frame: Frame): void {
  if (frame.pfn !== ZERO_PAGE) frame.refcount += 1
}

/**
 * Gives one reference back; with the last one the frame is free, and holds nothing. Part of a step.
 *
 * @returns true if the frame was the last reference's, and is of a region that comes and goes: the caller goes on with
 * {@link free_zone_device_folio}
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
  frame.lifecycle?.signal('FREED')
  return frame.pgmap?.pagemap !== undefined
}

/**
 * Gives back one reference to each of `frames`. Part of a step.
 *
 * @returns those that are free and whose owner is still to be told, by {@link free_zone_device_folio}; 0 if there are none
 */
export function putPages(frames: readonly Frame[]): readonly Frame[] | 0 {
  const freed = frames.filter((frame) => putPage(frame))
  return freed.length > 0 ? freed : 0
}

/**
 * Gives back one reference to each of `parts`, which are a page by itself or parts of one folio. One step: a folio has one
 * count, and it is changed atomically.
 *
 * @kernel folio_put include/linux/mm.h
 * @see reference B.7
 */
export const folio_put = procedure(function* folio_put(...parts: Frame[]) {
  const freed = yield* step('put the page', () => putPages(parts))
  if (freed) yield* free_zone_device_folio(freed)
})

/**
 * Charges a page to the memory cgroup, if that is not at its limit. Part of a step.
 *
 * @kernel mem_cgroup_charge
 */
export function chargePage(machine: Machine, frame: Frame): boolean {
  if (machine.memoryLimit === undefined) return true
  // The kernel has one counter, which it changes atomically.
  const charged = unobserved(() => machine.frames.filter((other) => other.charged).length)
  if (charged >= machine.memoryLimit) return false
  frame.charged = true
  return true
}

/** Takes the lock of the frame's folio if nobody holds it. Part of a step. @kernel folio_trylock */
export function tryLockPage(frame: Frame): boolean {
  const folio = folioOf(frame)
  if (folio.locked !== 0) return false
  folio.locked = acting.thread + 1
  return true
}

/** True if somebody holds the lock of the frame's folio. Part of a step. @kernel folio_test_locked */
export function isPageLocked(frame: Frame): boolean {
  return folioOf(frame).locked !== 0
}

/**
 * Waits for the folio lock and takes it. The caller holds the page by a reference: of a free page there is nothing to lock.
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
 * Releases the folio lock, in a step of its own: whoever waits for it may have it before the page is put.
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

/** Releases the folio lock. Part of a step. @kernel folio_unlock */
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
 * Allocates a zeroed page with one reference. One step: until it is mapped nobody else can reach it, so when it is
 * zeroed makes no difference. The lowest free frame is taken, so that states do not differ by where pages lie.
 *
 * @returns its frame, or 0 if there is none, or if the process may not have one more
 * @kernel alloc_zeroed_user_highpage_movable include/linux/highmem.h
 * @see reference B.2
 */
export const alloc_page = procedure(function* alloc_page(machine: Machine) {
  return yield* step('take a free frame', () => {
    mightSleep(machine.layout, 'an allocation')
    // What is free the allocator's own lists say, under the lock of the zone.
    const frame = unobserved(() => machine.frames.find(isFreeFrame))
    if (frame === undefined || !chargePage(machine, frame)) return 0
    frame.contents = 0
    frame.refcount = 1
    return frame.pfn
  })
})

/**
 * Gives back a batch of references, one for each time that a frame is named. One step: the frames are out of every
 * page table and TLB by then, and each count is changed atomically. What nobody maps any more leaves the swap cache.
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

/** The entry of a page of the address space: beyond its end there is no page table. Part of a step, under the page-table lock. @kernel pte_offset_map_lock */
export function pteAt({ name, pte }: MmStruct, page: number): Pte {
  claim('use-after-free', page < pte.length, () => `page ${page} is beyond the end of ${name}`)
  return pte[page]
}

/** True if the entry maps a page that CPUs can use, whether or not the CPU may use it. Under the page-table lock. */
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

/** Maps `pfn`: the entry takes over the caller's reference. Part of a step, under the page-table lock. @kernel set_pte_at */
export function setPte(machine: Machine, pte: Pte, pfn: number, write: boolean): void {
  pte.kind = isDevicePrivate(machine.frames[pfn]) ? PteKind.devicePrivate : PteKind.present
  pte.frame = pfn
  pte.write = write
  if (pfn !== ZERO_PAGE) machine.frames[pfn].mapcount += 1
}

/**
 * The entry was made by a write, or for one. Part of a step, under the page-table lock.
 *
 * @kernel pte_mkdirty
 */
export function dirtyPte(pte: Pte): void {
  pte.dirty = true
  pte.softDirty = true
}

/**
 * True if nobody waits to be told of a write through the entry, by soft-dirty or by userfaultfd. Part of a step, under the
 * page-table lock.
 *
 * @kernel pte_needs_soft_dirty_wp
 */
export function mayWriteUntold({ rules }: Machine, mm: MmStruct, page: number): boolean {
  return (!rules.tracksSoftDirty || mm.pte[page].softDirty) && !userfaultfdPteWp(mm, page)
}

/** True if userfaultfd wants to hear of a write through the entry. Part of a step, under the page-table lock. @kernel userfaultfd_pte_wp */
export function userfaultfdPteWp(mm: MmStruct, page: number): boolean {
  return mm.pte[page].uffdWp && (!mm.tracksUserfaults || (mm.vma[page].flags & VM_UFFD_WP) !== 0)
}

/** True if a page that is not there is user space's to bring. Under the mmap lock. @kernel userfaultfd_missing */
export function userfaultfdMissing(mm: MmStruct, page: number): boolean {
  return (mm.vma[page].flags & VM_UFFD_MISSING) !== 0
}

/**
 * The page that the entry maps is new, and this mapping's alone; where it may be written, it is about to be. Part of a
 * step, under the page-table lock.
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
 * Gives up one mapping of the page. The zero page's are not counted. Part of a step, under the page-table lock.
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
 * Makes the entry empty. Its reference passes to the caller. Part of a step, under the page-table lock.
 *
 * @returns the frame that it mapped
 * @kernel ptep_get_and_clear, page_remove_rmap
 */
export function clearPte(machine: Machine, pte: Pte): number {
  const pfn = pte.frame
  clearEntry(pte)
  removeRmap(machine.frames[pfn])
  return pfn
}

/**
 * Replaces the entry, which maps a page, by a migration entry; its reference passes to the caller. What the entry said
 * is handed on: that the page was written to also to the page, since whoever finds the migration given up, or the
 * page elsewhere, must know that swap holds an older copy (D5). Part of a step, under the page-table lock.
 *
 * @param state - what the entry says
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

/** Marks of an entry outlive what it says about the page. Part of a step, under the page-table lock. */
export function handOnMarks(pte: Pte, state: Pick<EntryState, 'softDirty' | 'uffdWp'>): void {
  pte.softDirty = state.softDirty
  pte.uffdWp = state.uffdWp
}

/** The entry, which is not present any more, keeps what the page knew: that it was this mapping's alone. @kernel folio_try_share_anon_rmap_pte */
export function takeExclusive(pte: Pte, frame: Frame): void {
  pte.exclusive = frame.anonExclusive
  frame.anonExclusive = false
}

/** Makes an entry empty that holds neither a reference nor a mapping. Part of a step, under the page-table lock. @kernel pte_clear */
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

/** Makes an entry empty that is a migration's or poisoned: it held neither a reference nor a mapping. Part of a step, under the page-table lock. */
export function clearMigrationEntry(pte: Pte): void {
  clearEntry(pte)
}
