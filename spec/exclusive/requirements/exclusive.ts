/**
 * Device-exclusive access.
 *
 * @module
 */
import type { Requirement } from '../../requirement.js'

/** The requirements while a device has exclusive access to a page. */
export const exclusive: readonly Requirement[] = [
  {
    id: 'C43',
    title: 'no CPU accesses a page to which a device has exclusive access',
    text:
      'While a page has a device-exclusive entry no CPU accesses it, nor does a second device. A CPU ' +
      'regains access only under the folio lock and inside an invalidation: MMU_NOTIFY_EXCLUSIVE for a ' +
      'fault (MMU_NOTIFY_CLEAR from Linux 6.15 on), MMU_NOTIFY_PROTECTION_PAGE for fork. So a driver ' +
      'keeps exclusive access at least until it drops the folio lock. The atomic entry of the device ' +
      'is removed before the device-exclusive entry. A page that is zapped meanwhile belongs to no ' +
      'process.',
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
      'a page that a device has had alone goes to swap',
      'assert:store',
    ],
  },
  {
    id: 'exclusive-kept',
    title: 'a device keeps exclusive access through its own accesses',
    text:
      'A device may read and write a page to which it has exclusive access like any other page. If ' +
      'that access has to fault, the device itself ends its exclusive access. No kernel promises this: ' +
      'it is up to the driver (H13).',
    source: ['reference B.11 H13', 'our own'],
    checks: ['a device keeps an exclusive page through its own accesses'],
  },
]
