/**
 * Kernels that handle a fault on a device-private page differently from the newest. Each is a set
 * of overrides of the reference.
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

/** A kernel, described by its differences from the reference. */
export interface KernelProfile {
  /** The first release with this behaviour. */
  readonly name: string
  /**
   * What a fault on a device-private page holds while it calls `migrate_to_ram`, and the last
   * release that did so.
   */
  readonly summary: string
  /** The overrides of the reference. */
  readonly overrides: readonly Override[]
}

/**
 * The page is taken from the entry that the fault read first. The fault takes no lock and no
 * reference, and does not read the entry again.
 *
 * @kernel do_swap_page, of Linux 4.14 to 6.0
 */
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

/**
 * The fault takes a reference but not the folio lock.
 *
 * @kernel do_swap_page, of Linux 6.1 to 6.14
 */
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

/**
 * A fault that does not get the folio lock returns, and the CPU faults again at once. There is no
 * limit.
 *
 * @kernel do_swap_page, of Linux 6.15 to 6.19
 */
export const faultWithoutWaiting = override(
  do_swap_page,
  () =>
    function* (current, mm, page): Running<number> {
      const pfn = yield* mm.ptl.critical('look again, and try the lock', () => {
        const found = devicePageAt(mm, page)
        if (found <= 0 || !tryLockPage(current.machine.frames[found])) return 0
        getPage(current.machine.frames[found])
        // migrate_to_ram may sleep.
        current.cpu.busy = false
        return found
      })
      if (pfn === 0) return 0
      const error = yield* migrateToRam(current, mm, page, { pfn, holds: FaultHolds.lock })
      const freed = yield* step('unlock and put the page', () => {
        // The kernel does not check here whether the page has come back.
        wasHeld(current, page)
        unlockPage(current.machine.frames[pfn])
        return putPages([current.machine.frames[pfn]])
      })
      if (freed) yield* free_zone_device_folio(freed)
      return error
    },
)

/**
 * The kernels that differ in the fault on a device-private page, oldest first. The last is the
 * reference.
 */
export const kernelProfiles: readonly KernelProfile[] = [
  {
    name: '4.14',
    summary: 'to 6.0: migrate_to_ram is called without a reference, and the entry is not read again (D1)',
    overrides: [faultWithoutReference],
  },
  {
    name: '6.1',
    summary: 'to 6.14: the fault holds a reference but not the folio lock (D6)',
    overrides: [faultWithoutLock],
  },
  {
    name: '6.15',
    summary: 'to 6.19: the fault tries the folio lock; if that fails the CPU faults again at once (D7)',
    overrides: [faultWithoutWaiting],
  },
  {
    name: '7.0',
    summary: 'a fault that does not get the folio lock waits for it: the reference',
    overrides: [],
  },
]

/** `scenario` on another kernel: the same threads and claims, with the overrides of `profile`. */
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
