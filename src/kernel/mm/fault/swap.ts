/**
 * Faults on entries that are not present: pages that are in device memory, and pages that are being migrated.
 *
 * @see reference B.6
 * @module
 */
import { BLOCKED, become, claim, procedure, READ_ONCE, type Running, step } from '../../../world/index.js'
import { type Frame, type Machine, type MmStruct, PteKind, type Task } from '../../machine.js'
import { type DeviceFault, FaultHolds, wasHeld } from '../../migrate/request.js'
import { schedule } from '../lru.js'
import { getPage, putPage, tryLockPage, unlockPage } from '../page.js'
import { VM_FAULT_SIGBUS } from './fault.js'

/** The entry is not what it was: the access is tried again. */
const CHANGED = -1

/**
 * A fault on a device-private page: its owner brings it back. Looks again under the page-table lock, and takes the
 * folio lock and a reference there: whoever gets the lock is the only one to hold a reference for a fault, so that
 * several who fault at once do not look like pins to each other (D6); the others wait until it is released (D7).
 *
 * @returns 0: try the access again; or what the owner answered
 * @kernel do_swap_page, of Linux 7.0
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
    if (pfn === CHANGED) return CHANGED
    if (!tryLockPage(machine.frames[pfn])) return pfn << 1
    getPage(machine.frames[pfn])
    // What follows may sleep.
    current.cpu.busy = false
    return (pfn << 1) | 1
  })
  if (found === CHANGED) return 0
  const frame = machine.frames[found >> 1]
  if (!(found & 1)) return yield* become(softleaf_entry_wait_on_locked, mm, page, frame.pfn, current)
  const error = yield* migrateToRam(current, mm, page, { pfn: frame.pfn, holds: FaultHolds.lock })
  yield* step('unlock and put the page', () => {
    const pte = mm.pte[page]
    const isStill = READ_ONCE(pte).kind === PteKind.devicePrivate && READ_ONCE(pte).frame === frame.pfn
    claim(
      'C30',
      wasHeld(current, page) || error !== 0 || !isStill,
      `the owner of frame ${frame.pfn} says that it has brought it back, and page ${page} is still there`,
    )
    if (error === VM_FAULT_SIGBUS) mustHaveFailed(machine, mm, page, frame)
    unlockPage(frame)
    putPage(frame)
    return 0
  })
  return error
})

/** SIGBUS is for data that nobody has any more. A process that gets it for a page that is there is lost for nothing. */
function mustHaveFailed(machine: Machine, mm: MmStruct, page: number, { pfn, owner }: Frame): void {
  claim(
    'C30',
    machine.deviceMemory[owner].ops.failed?.() ?? false,
    `the owner of frame ${pfn} refuses a fault on page ${page} of ${mm.name} with SIGBUS, and its device works`,
  )
}

/** The device page that the entry names, or -1 if it names none. Under the page-table lock. */
export function devicePageAt(mm: MmStruct, page: number): number {
  const pte = mm.pte[page]
  return pte.kind === PteKind.devicePrivate ? pte.frame : CHANGED
}

/** Asks the owner of the page to bring it back. @kernel dev_pagemap_ops.migrate_to_ram */
export const migrateToRam = procedure(
  'dev_pagemap_ops.migrate_to_ram',
  function* (current: Task, mm: MmStruct, page: number, fault: DeviceFault): Running<number> {
    const { frames, deviceMemory } = current.machine
    return yield* deviceMemory[frames[fault.pfn].owner].ops.migrateToRam(current, mm, page, fault)
  },
)

/** Waits until the folio lock is released, or the entry is another. @kernel softleaf_entry_wait_on_locked */
const softleaf_entry_wait_on_locked = procedure(function* softleaf_entry_wait_on_locked(
  mm: MmStruct,
  page: number,
  pfn: number,
  current: Task,
): Running<number> {
  yield* schedule(current)
  yield* step('wait for the folio lock', () => {
    const same =
      READ_ONCE(mm.pte[page]).kind === PteKind.devicePrivate && READ_ONCE(mm.pte[page]).frame === pfn
    return same && current.machine.frames[pfn].locked ? BLOCKED : 0
  })
  return 0
})

/**
 * Waits until the page has been migrated, or its migration given up. Whoever migrates holds its folio lock for as
 * long as there is a migration entry.
 *
 * @returns 0: try again
 * @kernel migration_entry_wait
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
