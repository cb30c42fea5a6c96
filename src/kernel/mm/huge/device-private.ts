/**
 * A CPU fault on a device-private PMD.
 *
 * @see reference B.6
 * @module
 */

import { FaultHolds, hugePmdAt, type MmStruct, PteKind, pmdAt, type Task } from '../../../machine/index.js'
import { claim, procedure, READ_ONCE, type Running, step } from '../../../world/index.js'
import { free_zone_device_folio } from '../../memremap/device-page.js'
import { wasHeld } from '../../migrate/request.js'
import { migrateToRam } from '../fault/swap.js'
import { getPage, putPages, tryLockPage, unlockPage } from '../page.js'

/** The PMD has changed, or another thread holds the folio lock: the access is retried. */
const AGAIN = -1

/**
 * The owner migrates the whole huge page back. Checks the PMD again under the page-table lock,
 * where it tries the folio lock and takes a reference. A thread that does not get the lock does not
 * wait, but faults again.
 *
 * @returns 0: retry the access; or the result of migrate_to_ram
 * @kernel do_huge_pmd_device_private mm/huge_memory.c
 * @see reference B.6
 */
export const do_huge_pmd_device_private = procedure(function* do_huge_pmd_device_private(
  current: Task,
  mm: MmStruct,
  page: number,
): Running<number> {
  const { machine } = current
  const start = pmdAt(mm, page)?.start ?? page
  const isThere = () =>
    hugePmdAt(mm, page) !== undefined && READ_ONCE(mm.pte[start]).kind === PteKind.devicePrivate
  const pfn = yield* mm.ptl.critical('look again, and lock the huge page', () => {
    if (!isThere()) return AGAIN
    const head = machine.frames[mm.pte[start].frame]
    if (!tryLockPage(head)) return AGAIN
    getPage(head)
    // From here on the thread may sleep.
    current.cpu.busy = false
    return head.pfn
  })
  if (pfn === AGAIN) return 0
  const head = machine.frames[pfn]
  const error = yield* migrateToRam(current, mm, page, { pfn, holds: FaultHolds.lock, isHuge: true })
  const freed = yield* step('unlock and put the huge page', () => {
    claim(
      'C30',
      () => wasHeld(current, start) || error !== 0 || !isThere() || READ_ONCE(mm.pte[start]).frame !== pfn,
      `the owner of frame ${pfn} says that it has brought the huge page back, and page ${page} is still there`,
    )
    unlockPage(head)
    return putPages([head])
  })
  if (freed) yield* free_zone_device_folio(freed)
  return error
})
