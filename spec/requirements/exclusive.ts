/**
 * Device-exclusive access.
 *
 * @module
 */
import type { Requirement } from '../requirement.js'

/** What must hold while a device has a page to itself. */
export const exclusive: readonly Requirement[] = [
  {
    id: 'C43',
    title: 'a page that a device has alone is out of the reach of CPUs',
    text:
      'As long as a page has a device-exclusive entry no CPU reaches it, nor a second device. CPUs get it back only under its ' +
      'folio lock, after devices were told: by an EXCLUSIVE event for a fault, by the PROTECTION_PAGE event of fork. So a ' +
      'driver that has taken a page keeps it at least until it drops that lock. What lets a device use the page atomically ' +
      'is gone before the entry is. A page that is thrown away meanwhile is nobody’s.',
    source: [
      'reference C43, B.10, B.9',
      'mm/rmap.c: make_device_exclusive_range',
      'mm/memory.c: remove_device_exclusive_entry',
      'Documentation/mm/hmm.rst',
    ],
    checks: [
      'no CPU reaches a page that a device has alone',
      'a device has a page alone only behind an exclusive entry',
      'one device at a time has an exclusive page',
      'exclusive access ends under the folio lock, and devices were told',
      'a device is in the middle of an atomic access',
      'assert:store',
    ],
  },
  {
    id: 'exclusive-kept',
    title: 'a device keeps an exclusive page through its own accesses',
    text:
      'What a device has alone it may also read and write as any other page. If its own access has to fault for that, it is the ' +
      'device itself that gives the page back to the CPUs. No kernel promises this: it is for the driver to see to (H13).',
    source: ['reference B.11 H13', 'our own'],
    checks: ['a device keeps an exclusive page through its own accesses'],
  },
]
