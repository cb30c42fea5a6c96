/**
 * Kernels that answer a fault on a device page in another way than the newest: each a set of texts in place of the
 * reference's.
 *
 * @see reference B.6
 * @module
 */
import {
  devicePageAt,
  do_swap_page,
  FaultHolds,
  folio_put,
  free_zone_device_folio,
  getPage,
  migrateToRam,
  PteKind,
  putPages,
  tryLockPage,
  unlockPage,
  wasHeld,
} from '../kernel/index.js'
import { type Override, override, READ_ONCE, type Running, type Scenario, step } from '../world/index.js'

/** A kernel, as far as it differs from the reference. */
export interface KernelProfile {
  /** The release that brought what it does. */
  readonly name: string
  /** What a fault on a device page holds while its owner is called, and until when that was so. */
  readonly summary: string
  /** The texts that it has in place of the reference's. */
  readonly overrides: readonly Override[]
}

/** The page is taken from the entry as it was, without lock, reference or second look. @kernel do_swap_page, of Linux 4.14 to 6.0 */
export const faultWithoutReference = override(
  do_swap_page,
  () =>
    function* (current, mm, page): Running<number> {
      const pfn = yield* step('decode the entry', () => {
        const pte = mm.pte[page]
        return READ_ONCE(pte).kind === PteKind.devicePrivate ? READ_ONCE(pte).frame : 0
      })
      return pfn === 0 ? 0 : yield* migrateToRam(current, mm, page, { pfn, holds: FaultHolds.nothing })
    },
)

/** A reference is taken, and not the folio lock. @kernel do_swap_page, of Linux 6.1 to 6.14 */
export const faultWithoutLock = override(
  do_swap_page,
  () =>
    function* (current, mm, page): Running<number> {
      const pfn = yield* mm.ptl.critical('look again, and hold the page', () => {
        const found = devicePageAt(mm, page)
        if (found <= 0) return found
        getPage(current.machine.frames[found])
        current.cpu.busy = false
        return found
      })
      if (pfn <= 0) return 0
      const error = yield* migrateToRam(current, mm, page, { pfn, holds: FaultHolds.reference })
      yield* folio_put(current.machine.frames[pfn])
      return error
    },
)

/** Whoever does not get the folio lock faults again at once, as often as it takes. @kernel do_swap_page, of Linux 6.15 to 6.19 */
export const faultWithoutWaiting = override(
  do_swap_page,
  () =>
    function* (current, mm, page): Running<number> {
      const pfn = yield* mm.ptl.critical('look again, and try the lock', () => {
        const found = devicePageAt(mm, page)
        if (found <= 0 || !tryLockPage(current.machine.frames[found])) return 0
        getPage(current.machine.frames[found])
        // What follows may sleep.
        current.cpu.busy = false
        return found
      })
      if (pfn === 0) return 0
      const error = yield* migrateToRam(current, mm, page, { pfn, holds: FaultHolds.lock })
      const freed = yield* step('unlock and put the page', () => {
        // Nobody asks here whether the page has come back, or why not.
        wasHeld(current, page)
        unlockPage(current.machine.frames[pfn])
        return putPages([current.machine.frames[pfn]])
      })
      if (freed) yield* free_zone_device_folio(freed)
      return error
    },
)

/** The kernels that differ in what a fault on a device page does, oldest first. The last one is the reference. */
export const kernelProfiles: readonly KernelProfile[] = [
  {
    name: '4.14',
    summary: 'to 6.0: the owner is called with a page that nobody holds or has looked at again (D1)',
    overrides: [faultWithoutReference],
  },
  {
    name: '6.1',
    summary: 'to 6.14: the fault holds a reference, and not the folio lock (D6)',
    overrides: [faultWithoutLock],
  },
  {
    name: '6.15',
    summary: 'to 6.19: the folio lock is tried; who does not get it faults again at once (D7)',
    overrides: [faultWithoutWaiting],
  },
  { name: '7.0', summary: 'who does not get the folio lock waits for it: the reference', overrides: [] },
]

/** `scenario` on another kernel: the same threads and claims, and the texts of `profile`. */
export function onKernel(scenario: Scenario, profile: KernelProfile): Scenario {
  return {
    ...scenario,
    name: `${scenario.name} on Linux ${profile.name}`,
    build(parameters) {
      const model = scenario.build(parameters)
      return { ...model, overrides: [...(model.overrides ?? []), ...profile.overrides] }
    },
  }
}
