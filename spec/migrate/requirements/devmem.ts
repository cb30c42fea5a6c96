/**
 * The contract of `hmm_devmem` with its drivers, beyond that of all device memory.
 *
 * @module
 */
import type { Requirement } from '../../requirement.js'

/** The requirements of device memory managed by `hmm_devmem`, Linux 4.14 to 5.2. */
export const devmem: readonly Requirement[] = [
  {
    id: 'plugging',
    title: 'a failed addition leaves nothing behind',
    text:
      'When hmm_devmem_add fails, for want of memory or of addresses, no record, no counter, no range ' +
      'of addresses and no page remains: everything is undone. When it succeeds all of them exist; ' +
      'and after hmm_devmem_remove none does.',
    source: ['reference A.1', 'seed 001: hmm_devmem_add', 'mm/hmm.c before Linux 5.3: hmm_devmem_add'],
    checks: ['assert:devm_kfree', 'all of the region is there, or nothing'],
  },
  {
    id: 'poisoned',
    title: 'an access that gets SIGBUS leaves a poisoned entry',
    text:
      'When a driver of hmm_devmem cannot bring a page back it returns VM_FAULT_SIGBUS, and the entry ' +
      'at the faulting address no longer refers to the device: it is poisoned, so that the driver is ' +
      'not called again. No kernel does this: it is up to the driver.',
    source: ['reference A.1', 'seed 001: struct hmm_devmem'],
    checks: ['assert:hmm_devmem_migrate_to_ram', 'an entry is poisoned before its driver has answered'],
  },
]
