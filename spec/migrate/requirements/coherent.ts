/**
 * Coherent device memory: memory of a device that CPUs can map.
 *
 * @module
 */
import type { Requirement } from '../../requirement.js'

/** The requirements of coherent device memory, in addition to those of all memory. */
export const coherent: readonly Requirement[] = [
  {
    id: 'coherent',
    title: 'coherent device memory is used in place, and never pinned for long',
    text:
      'A CPU maps a page of coherent device memory like one of system memory. A fault on it never ' +
      'migrates it back: it is migrated by its owner, or before a long-term pin, which gets a page of ' +
      'system memory, or -EBUSY if the page could not be migrated. A walk reports the page to any ' +
      'device like one in system memory, whether or not the device owns the memory. NUMA hinting skips ' +
      'it.',
    source: [
      'reference A.4 (6.0), B.5, E.2 (hmm.hmm_gup_test)',
      'include/linux/memremap.h: MEMORY_DEVICE_COHERENT',
      'mm/migrate_device.c: migrate_device_coherent_folio',
      'mm/gup.c: migrate_longterm_unpinnable_folios',
      'mm/mprotect.c: change_pte_range (is_zone_device_page)',
    ],
    checks: [
      'a fault leaves coherent memory where it is',
      'only its owner collects coherent memory',
      'NUMA hinting leaves coherent memory alone',
      'a long-term pin is refused only where the page cannot move',
      'assert:pin_user_pages (longterm)',
      'a CPU writes to coherent memory',
      "a device maps another's coherent memory",
      'somebody who holds a page for long has moved it first',
      'a page that others hold cannot leave coherent memory',
    ],
  },
]
