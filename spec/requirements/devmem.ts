/**
 * What `hmm_devmem` promised its drivers, and asked of them, beyond what device memory owes anyway.
 *
 * @module
 */
import type { Requirement } from '../requirement.js'

/** What must hold of device memory by way of `hmm_devmem`, Linux 4.14 to 5.2. */
export const devmem: readonly Requirement[] = [
  {
    id: 'plugging',
    title: 'an addition that fails leaves nothing',
    text:
      'When hmm_devmem_add says that it has failed, for want of memory or of addresses, there is no record, no counter, no range of addresses ' +
      'and no page: all that it had made is given back. When it says that it has not, all of it is there; and after hmm_devmem_remove nothing.',
    source: ['reference A.1', 'seed 001: hmm_devmem_add', 'mm/hmm.c before Linux 5.3: hmm_devmem_add'],
    checks: ['assert:freeDevmem', 'all of the region is there, or nothing'],
  },
  {
    id: 'poisoned',
    title: 'what is answered with SIGBUS is poisoned',
    text:
      'Where a driver of hmm_devmem can not bring a page back it answers VM_FAULT_SIGBUS, and the entry at the faulting address no longer leads ' +
      'to the device: it is poisoned, so that nobody asks the driver again. No kernel sees to that: it is for the driver to do.',
    source: ['reference A.1', 'seed 001: struct hmm_devmem'],
    checks: ['assert:hmmDevmemMigrateToRam', 'an entry is poisoned before its driver has answered'],
  },
]
