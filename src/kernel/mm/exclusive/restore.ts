/**
 * The end of device-exclusive access: a CPU fault, or fork, restores the entry that was replaced.
 *
 * @see reference B.10
 * @module
 */

import {
  type Frame,
  type Machine,
  type MmStruct,
  NotifyEvent,
  PteKind,
  type Task,
  VM_READ,
  VM_WRITE,
} from '../../../machine/index.js'
import { procedure, type Running, step } from '../../../world/index.js'
import { invalidateRangeEnd, invalidateRangeStart } from '../../mmu_notifier/index.js'
import { mayWritePage } from '../fault/answers.js'
import {
  dirtyPte,
  folio_lock,
  folio_put,
  folio_unlock,
  getPage,
  isPageLocked,
  removeRmap,
  setPte,
  userfaultfdPteWp,
} from '../page.js'

/**
 * A CPU fault on a device-exclusive entry. It waits for the folio lock without the page-table lock,
 * so it needs a reference to the page. If the page is free already, the entry is gone. The
 * invalidation, which revokes the device's access, comes before the entry changes.
 *
 * @param pfn - the frame that the entry referred to when it was read
 * @returns 0: retry the access
 * @kernel remove_device_exclusive_entry mm/memory.c
 * @see reference B.10, D9
 */
export const remove_device_exclusive_entry = procedure(function* remove_device_exclusive_entry(
  current: Task,
  mm: MmStruct,
  page: number,
  pfn: number,
): Running<number> {
  const frame = current.machine.frames[pfn]
  const { exclusiveByPage } = current.machine.rules
  const event = exclusiveByPage ? NotifyEvent.CLEAR : NotifyEvent.EXCLUSIVE
  if (!(yield* tryGetPage(frame))) return 0
  yield* folio_lock(frame)
  yield* invalidateRangeStart(current, mm, event, page, page + 1)
  yield* mm.ptl.critical('restore the entry', () => {
    if (isExclusiveEntry(mm, page, pfn)) restoreExclusivePte(current.machine, mm, page)
    return 0
  })
  yield* folio_unlock(frame)
  yield* folio_put(frame)
  yield* invalidateRangeEnd(current, mm, event, page, page + 1)
  return 0
})

/**
 * Takes a reference unless the page is free. Returns 1, or 0 for a free page. One step: the count
 * is changed atomically.
 *
 * @kernel folio_try_get include/linux/page_ref.h
 * @see reference B.10, D9
 */
export const tryGetPage = procedure(function* folio_try_get(frame: Frame): Running<number> {
  return yield* step('take a reference, unless there is none', () => {
    if (frame.refcount === 0) return 0
    getPage(frame)
    return 1
  })
})

/**
 * True if the entry is still the device-exclusive entry of `pfn`. Called under the page-table lock.
 *
 * @kernel pte_same
 */
function isExclusiveEntry(mm: MmStruct, page: number, pfn: number): boolean {
  return mm.pte[page].kind === PteKind.deviceExclusive && mm.pte[page].frame === pfn
}

/**
 * True if the page is exclusive to one mapping. A machine that does not track this has no sharing.
 *
 * @kernel PageAnonExclusive
 */
function isAnonExclusive({ tracksFlags, anonExclusive }: Frame): boolean {
  return !tracksFlags || anonExclusive
}

/**
 * Makes the entry present again, with the current permissions of its VMA. It takes over the
 * reference. Called inside an atomic step, under the page-table lock and the folio lock, inside the
 * invalidation.
 *
 * @kernel restore_exclusive_pte
 */
export function restoreExclusivePte(machine: Machine, mm: MmStruct, page: number): void {
  const pte = mm.pte[page]
  const frame = machine.frames[pte.frame]
  const { exclusiveByPage } = machine.rules
  const had = exclusiveByPage ? isAnonExclusive(frame) : pte.write
  const isTold = exclusiveByPage && userfaultfdPteWp(mm, page)
  const write = had && !isTold && mayWritePage(mm, page)
  // The device-exclusive entry counted as a mapping, and so does the present entry.
  if (exclusiveByPage) removeRmap(frame)
  setPte(machine, pte, frame.pfn, write)
  // The device may have written to the page.
  if (write && (!exclusiveByPage || frame.dirty)) dirtyPte(pte)
  if (!(mm.vma[page].flags & (VM_READ | VM_WRITE))) pte.kind = PteKind.protnone
}

/**
 * The same for fork, which copies a device-exclusive page like any other, and does not wait for its
 * folio lock. The invalidation of fork covers the whole range that is copied. Called inside an
 * atomic step, under the page-table lock.
 *
 * @returns false if the page is locked
 * @kernel try_restore_exclusive_pte
 */
export function tryRestoreExclusivePte(machine: Machine, mm: MmStruct, page: number): boolean {
  if (mm.pte[page].kind !== PteKind.deviceExclusive) return true
  // The kernel takes and releases the folio lock here. No other thread can see that, since the
  // page-table lock is held.
  if (isPageLocked(machine.frames[mm.pte[page].frame])) return false
  restoreExclusivePte(machine, mm, page)
  return true
}
