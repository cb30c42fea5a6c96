/**
 * Temporary references that other threads see during a fault on a device page. The reference has
 * none, since it takes lock and reference, and drops both, in one step.
 *
 * @module
 */

import { evict, evictUntilGone } from '../../../src/driver/index.js'
import type { Frame, MigrateVma, MmStruct, Task } from '../../../src/kernel/index.js'
import {
  collectFrame,
  devicePageAt,
  do_swap_page,
  FaultHolds,
  folio_put,
  folio_unlock,
  free_zone_device_folio,
  getPage,
  holdForFault,
  migrate_device_range,
  migrateToRam,
  pageOf,
  partsOf,
  putAfterFault,
  softleaf_entry_wait_on_locked,
  tryLockPage,
  unlockPage,
  unmapFrame,
  wasHeld,
} from '../../../src/kernel/index.js'
import { become, override, type Running, step } from '../../../src/world/index.js'
import type { Defect } from '../../defect.js'

/** The end of a fault: unlocks and puts the page. */
type EndOfFault = (current: Task, mm: MmStruct, page: number, frame: Frame) => Running<void>

/** The fault on a device page of the reference, with `end` as its end. */
const faultThatEnds = (end: EndOfFault) =>
  override(
    do_swap_page,
    () =>
      function* (current, mm, page): Running<number> {
        const { frames } = current.machine
        const pfn = yield* mm.ptl.critical('look again, and lock the page', () => {
          const found = devicePageAt(mm, page)
          if (found < 0) return 0
          if (!tryLockPage(frames[found])) return -found
          holdForFault(frames[found])
          // What follows may sleep.
          current.cpu.busy = false
          return found
        })
        if (pfn === 0) return 0
        if (pfn < 0) return yield* become(softleaf_entry_wait_on_locked, mm, page, -pfn, current)
        const error = yield* migrateToRam(current, mm, page, { pfn, holds: FaultHolds.lock })
        yield* end(current, mm, page, frames[pfn])
        return error
      },
  )

/** In two steps: a waiter may take the lock before the page is put. */
function* unlockThenPut(current: Task, _mm: MmStruct, page: number, frame: Frame): Running<void> {
  yield* step('unlock the page', () => {
    // The result of the migration does not matter here.
    wasHeld(current, page)
    unlockPage(frame)
    return 0
  })
  const freed = yield* step('put the page', () => putAfterFault(frame))
  if (freed) yield* free_zone_device_folio(freed)
}

/**
 * The fix of H27 for faults of one address space: both steps under the page-table lock, under which
 * a fault tries the folio lock.
 */
export const unlockUnderPageTableLock = faultThatEnds(function* (current, mm, page, frame) {
  yield* mm.ptl.lock()
  yield* unlockThenPut(current, mm, page, frame)
  yield* mm.ptl.unlock()
})

/** Not a fix: the reference may be the last one. */
export const putBeforeUnlocking = faultThatEnds(function* (current, _mm, page, frame) {
  const freed = yield* step('put the page', () => {
    wasHeld(current, page)
    return putAfterFault(frame)
  })
  yield* folio_unlock(frame)
  if (freed) yield* free_zone_device_folio(freed)
})

/**
 * Takes a reference before it tries the folio lock, and puts it if another thread holds the lock.
 *
 * @kernel migrate_device_pfn_lock
 */
const holdBeforeTrying = override(
  migrate_device_range,
  () =>
    function* (current, frame): Running<MigrateVma | undefined> {
      const { machine } = current
      const parts = yield* step('hold the page, unless it is free', () => {
        const parts = partsOf(machine, frame)
        if (parts[0] !== frame || frame.refcount === 0) return []
        for (const part of parts) getPage(part)
        return parts
      })
      if (parts.length === 0) return undefined
      const page = yield* step('try the folio lock', () => {
        const at = parts.map((part) => pageOf(machine, part)).find((found) => found >= 0) ?? -1
        if (at < 0 || !tryLockPage(frame)) return -1
        collectFrame(current, frame, at)
        return at
      })
      if (page >= 0) return yield* unmapFrame(current, frame, page)
      yield* folio_put(...parts)
      return undefined
    },
)

/** Not a fix of H28: the pages left after one round stay, unless a process accesses them. */
export const evictOnce = [
  holdBeforeTrying,
  override(
    evictUntilGone,
    () =>
      function* (current, chunk): Running<void> {
        yield* evict(current, chunk.memory)
      },
  ),
]

/** Defects of faults on device pages. */
export const deviceFaultDefects: readonly Defect[] = [
  {
    name: 'H27',
    kind: 'hazard',
    title: 'two faults on a device page prevent each other from migrating it',
    text:
      'A fault unlocks the page, and puts it afterwards. Another fault takes the lock in between, and ' +
      'its migration finds one reference too many: it restores the page, and unlocks and puts it in ' +
      'turn, with the first fault in between. Each turn takes the same interleaving. The loop starts ' +
      'after a fault that does not migrate the page; here its copy fails. The reference unlocks and ' +
      'puts in one step, which is an assumption.',
    source: ['our own', 'reference C48, B.6, D6', 'mm/memory.c: do_swap_page'],
    requirement: 'C48',
    scenario: 'copy-fails',
    overrides: [faultThatEnds(unlockThenPut)],
    steps: 110,
  },
  {
    name: 'H28',
    kind: 'hazard',
    title: 'an eviction that tries the folio lock prevents a fault from migrating the page',
    text:
      'migrate_device_range takes a reference before it tries the folio lock, and puts it if another ' +
      'thread holds the lock. The fault that holds the lock finds one reference too many, and does not ' +
      'migrate the page. A driver that evicts until its memory is empty retries, and so does the ' +
      'fault. Neither makes progress. The reference takes lock and reference in one step, which is an ' +
      'assumption.',
    source: ['our own', 'reference C48, B.8', 'mm/migrate_device.c: migrate_device_pfn_lock'],
    requirement: 'C48',
    scenario: 'hotplug',
    overrides: [holdBeforeTrying],
    steps: 64,
  },
]
