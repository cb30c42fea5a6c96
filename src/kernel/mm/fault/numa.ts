/**
 * NUMA hinting: entries are made PROT_NONE, so that the next access faults and shows which node
 * uses the page.
 *
 * @module
 */

import {
  hugePmdAt,
  isDeviceCoherent,
  type MmStruct,
  NotifyEvent,
  PteKind,
  type Task,
} from '../../../machine/index.js'
import { procedure, type Running } from '../../../world/index.js'
import { invalidateRangeEnd, invalidateRangeStart } from '../../mmu_notifier/index.js'
import { flush_tlb_range } from '../tlb.js'

/**
 * Makes the entries of `pages` pages from `page` on PROT_NONE. The pages are not moved. Entries of
 * device memory are skipped. The mmap lock is held for reading: VMAs do not change, but faults may
 * run.
 *
 * @kernel change_prot_numa mm/mempolicy.c, change_pte_range mm/mprotect.c (is_zone_device_page)
 * @see reference B.2
 */
export const change_prot_numa = procedure(function* change_prot_numa(
  current: Task,
  page: number,
  pages: number,
): Running<void> {
  const { mm } = current
  const end = page + pages
  yield* mm.mmapLock.lockRead()
  yield* invalidateRangeStart(current, mm, NotifyEvent.PROTECTION_VMA, page, end)
  for (let at = page; at < end; at++)
    yield* mm.ptl.critical('forbid an entry', () => {
      const pte = mm.pte[at]
      if (pte.kind === PteKind.present && !isDeviceCoherent(current.machine.frames[pte.frame])) {
        pte.kind = PteKind.protnone
        pte.write = false
      }
      return 0
    })
  yield* invalidateRangeEnd(current, mm, NotifyEvent.PROTECTION_VMA, page, end)
  yield* flush_tlb_range(current.machine, mm, page, end)
  yield* mm.mmapLock.unlockRead()
})

/**
 * A fault on an entry made PROT_NONE for NUMA hinting: makes it readable again. A write faults once
 * more.
 *
 * @returns 0
 * @kernel do_numa_page mm/memory.c, do_huge_pmd_numa_page
 * @see reference B.2
 */
export const do_numa_page = procedure(function* do_numa_page(_current: Task, mm: MmStruct, page: number) {
  return yield* mm.ptl.critical('give the access back', () => {
    const { start, end } = hugePmdAt(mm, page) ?? { start: page, end: page + 1 }
    for (const pte of mm.pte.slice(start, end)) if (pte.kind === PteKind.protnone) pte.kind = PteKind.present
    return 0
  })
})
