/**
 * The end of a fault on a device page, with the unlocking of the page and its putting in two steps, as the kernel has them.
 *
 * @module
 */
import type { Frame, MmStruct, Task } from '../../../src/kernel/index.js'
import {
  devicePageAt,
  do_swap_page,
  FaultHolds,
  folio_unlock,
  free_zone_device_folio,
  holdForFault,
  migrateToRam,
  putAfterFault,
  softleaf_entry_wait_on_locked,
  tryLockPage,
  unlockPage,
  wasHeld,
} from '../../../src/kernel/index.js'
import { become, override, type Running, step } from '../../../src/world/index.js'
import type { Defect } from '../../defect.js'

/** The end of a fault: unlocks the page, and puts it. */
type EndOfFault = (current: Task, mm: MmStruct, page: number, frame: Frame) => Running<void>

/** A fault on a device page that ends with `end`, and is the reference's otherwise. */
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

/** In two steps: whoever waits may have the lock before the page is put. */
function* unlockThenPut(current: Task, _mm: MmStruct, page: number, frame: Frame): Running<void> {
  yield* step('unlock the page', () => {
    // Whether the page has come back is not asked here, nor why not.
    wasHeld(current, page)
    unlockPage(frame)
    return 0
  })
  const freed = yield* step('put the page', () => putAfterFault(frame))
  if (freed) yield* free_zone_device_folio(freed)
}

/**
 * What mends H27 for faults of one address space: both steps under the page-table lock, under which a fault tries the folio lock.
 */
export const unlockUnderPageTableLock = faultThatEnds(function* (current, mm, page, frame) {
  yield* mm.ptl.lock()
  yield* unlockThenPut(current, mm, page, frame)
  yield* mm.ptl.unlock()
})

/** No mend: the reference may be the last one. */
export const putBeforeUnlocking = faultThatEnds(function* (current, _mm, page, frame) {
  const freed = yield* step('put the page', () => {
    wasHeld(current, page)
    return putAfterFault(frame)
  })
  yield* folio_unlock(frame)
  if (freed) yield* free_zone_device_folio(freed)
})

/** Defects of faults on device pages. */
export const deviceFaultDefects: readonly Defect[] = [
  {
    name: 'H27',
    kind: 'hazard',
    title: 'two faults on a device page keep each other from migrating it',
    text:
      'A fault unlocks the page, and puts it afterwards. Another fault gets the lock in between, and its ' +
      'migration finds a reference too many: it puts the page back, and unlocks and puts it in turn, with ' +
      'the first fault in between. Each turn takes the same interleaving. The loop begins after a fault ' +
      'that leaves the page where it is; here its copy fails. The reference unlocks and puts in one step, ' +
      'which is an assumption.',
    source: ['our own', 'reference C48, B.6, D6', 'mm/memory.c: do_swap_page'],
    requirement: 'C48',
    scenario: 'copy-fails',
    overrides: [faultThatEnds(unlockThenPut)],
    steps: 110,
  },
]
