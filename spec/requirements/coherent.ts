/**
 * Device memory that CPUs can map.
 *
 * @module
 */
import type { Requirement } from '../requirement.js'

/** What must hold of coherent device memory, beside what holds of all memory. */
export const coherent: readonly Requirement[] = [
  {
    id: 'coherent',
    title: 'coherent device memory is used where it is, and lent to nobody for long',
    text:
      'A CPU maps a page of coherent device memory like one of its own. A fault on it is never answered by bringing the page ' +
      'back: it leaves when its owner migrates it, or when somebody wants to hold it for long. Who does that gets a page of system ' +
      'memory, or -EBUSY. Any device is told of the page as of one in system memory, the owner of the memory and others alike.',
    source: [
      'reference A.4 (6.0), B.5, E.2 (hmm.hmm_gup_test)',
      'include/linux/memremap.h: MEMORY_DEVICE_COHERENT',
      'mm/migrate_device.c: migrate_device_coherent_folio',
      'mm/gup.c: migrate_longterm_unpinnable_folios',
    ],
    checks: [
      'a fault leaves coherent memory where it is',
      'only its owner collects coherent memory',
      'assert:pin_user_pages (longterm)',
      'a CPU writes to coherent memory',
      "a device maps another's coherent memory",
      'somebody who holds a page for long has moved it first',
      'a page that others hold cannot leave coherent memory',
    ],
  },
]
