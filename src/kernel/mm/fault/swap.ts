/**
 * Faults on entries that are not present: device-private and migration entries.
 *
 * @see reference B.6
 * @module
 */

import {
  type DeviceFault,
  FaultHolds,
  type Frame,
  folioOf,
  hugePmdAt,
  type Machine,
  type MmStruct,
  PteKind,
  type Task,
} from '../../../machine/index.js'
import {
  BLOCKED,
  become,
  claim,
  procedure,
  READ_ONCE,
  type Running,
  step,
  unobserved,
} from '../../../world/index.js'
import { free_zone_device_folio } from '../../memremap/device-page.js'
import { wasHeld } from '../../migrate/request.js'
import { schedule } from '../lru.js'
import { getPage, isPageLocked, putPages, tryLockPage, unlockPage } from '../page.js'
import { VM_FAULT_SIGBUS } from './answers.js'

/**
 * A CPU fault on a device-private page: its owner migrates it back to system memory. Checks the
 * entry again under the page-table lock, and takes the folio lock and a reference there. Only the
 * thread that gets the lock holds a reference for the fault, so that concurrent faults do not look
 * like pins to each other (D6); the others wait until the lock is released (D7).
 *
 * @returns 0: retry the access; or what migrate_to_ram returned
 * @kernel do_swap_page mm/memory.c, Linux 7.0
 * @see reference B.6
 */
export const do_swap_page = procedure(function* do_swap_page(
  current: Task,
  mm: MmStruct,
  page: number,
): Running<number> {
  const { machine } = current
  const found = yield* mm.ptl.critical('look again, and lock the page', () => {
    const pfn = devicePageAt(mm, page)
    if (pfn < 0) return CHANGED
    const frame = machine.frames[pfn]
    if (!tryLockPage(frame)) return { kind: 'contended', frame } as const
    holdForFault(frame)
    // From here on the thread may sleep.
    current.cpu.busy = false
    return { kind: 'locked', frame } as const
  })
  if (found.kind === 'changed') return 0
  const { frame } = found
  if (found.kind === 'contended')
    return yield* become(softleaf_entry_wait_on_locked, mm, page, frame.pfn, current)
  const error = yield* migrateToRam(current, mm, page, { pfn: frame.pfn, holds: FaultHolds.lock })
  const freed = yield* step('unlock and put the page', () => {
    const pte = READ_ONCE(mm.pte[page])
    claim(
      'C30',
      () =>
        wasHeld(current, page) ||
        error !== 0 ||
        pte.kind !== PteKind.devicePrivate ||
        pte.frame !== frame.pfn,
      `the owner of frame ${frame.pfn} says that it has brought it back, and page ${page} is still there`,
    )
    if (error === VM_FAULT_SIGBUS) unobserved(() => mustHaveFailed(machine, mm, page, frame))
    unlockPage(frame)
    return putAfterFault(frame)
  })
  if (freed) yield* free_zone_device_folio(freed)
  return error
})

/** The entry has changed: the access is retried. */
const CHANGED = { kind: 'changed' } as const

/**
 * Takes a reference for the fault, on the page and on the head page of its folio. Called inside an
 * atomic step.
 */
export function holdForFault(frame: Frame): void {
  getPage(frame)
  const folio = folioOf(frame)
  if (folio !== frame) getPage(folio)
}

/**
 * Puts the references that {@link holdForFault} took. If the folio was split for the fault, only
 * the page's is left. Called inside an atomic step.
 *
 * @returns as {@link putPages}
 */
export function putAfterFault(frame: Frame): readonly Frame[] | 0 {
  const folio = folioOf(frame)
  return putPages(folio === frame ? [frame] : [folio, frame])
}

/**
 * Asserts that SIGBUS is returned only if the data is lost. A process must not be killed for a page
 * that still exists.
 */
function mustHaveFailed(machine: Machine, mm: MmStruct, page: number, { pfn, owner }: Frame): void {
  claim(
    'C30',
    machine.deviceMemory[owner].ops.failed?.() ?? false,
    `the owner of frame ${pfn} refuses a fault on page ${page} of ${mm.name} with SIGBUS, and its device works`,
  )
}

/**
 * The device page that the entry refers to, or -1 if it is not a device-private entry. Called under
 * the page-table lock.
 */
export function devicePageAt(mm: MmStruct, page: number): number {
  const pte = mm.pte[page]
  return pte.kind === PteKind.devicePrivate && !hugePmdAt(mm, page) ? pte.frame : -1
}

/**
 * Calls migrate_to_ram of the owner of the page.
 *
 * @kernel dev_pagemap_ops.migrate_to_ram include/linux/memremap.h
 * @see reference B.6
 */
export const migrateToRam = procedure(
  'dev_pagemap_ops.migrate_to_ram',
  function* (current: Task, mm: MmStruct, page: number, fault: DeviceFault): Running<number> {
    const { frames, deviceMemory } = current.machine
    return yield* deviceMemory[frames[fault.pfn].owner].ops.migrateToRam(current, mm, page, fault)
  },
)

/**
 * Waits until the folio lock is released or the entry has changed.
 *
 * @kernel softleaf_entry_wait_on_locked mm/filemap.c
 * @see reference B.6
 */
export const softleaf_entry_wait_on_locked = procedure(function* softleaf_entry_wait_on_locked(
  mm: MmStruct,
  page: number,
  pfn: number,
  current: Task,
): Running<number> {
  yield* schedule(current)
  yield* step('wait for the folio lock', () => {
    const same =
      READ_ONCE(mm.pte[page]).kind === PteKind.devicePrivate && READ_ONCE(mm.pte[page]).frame === pfn
    return same && isPageLocked(current.machine.frames[pfn]) ? BLOCKED : 0
  })
  return 0
})

/**
 * Waits until the migration of the page has ended or failed. The migration holds the folio lock as
 * long as the migration entry exists.
 *
 * @returns 0: retry the access
 * @kernel migration_entry_wait mm/migrate.c
 * @see reference B.6
 */
export const migration_entry_wait = procedure(function* migration_entry_wait(
  current: Task,
  mm: MmStruct,
  page: number,
): Running<number> {
  yield* schedule(current)
  yield* step('wait for the end of the migration', () =>
    READ_ONCE(mm.pte[page]).kind === PteKind.migration ? BLOCKED : 0,
  )
  return 0
})
