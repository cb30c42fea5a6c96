/**
 * Seed 001: the removal of `hmm_devmem`, the helpers that hot-plugged device memory until Linux 5.3.
 *
 * @module
 */
import { DEVMEM, MIRRORS, migrateToRam, pageFree } from './evidence.js'
import { NOTHING, rows, type Seed } from './seed.js'

/** The helpers for device memory, and what they asked of their callbacks. */
export const devmemRemoval: Seed = {
  number: '001',
  title: 'the removal of hmm_devmem, Linux 5.3',
  items: [
    ...rows(
      { ...NOTHING, because: DEVMEM },
      [
        'function',
        'hmm_devmem_add',
        'finds a range of physical addresses, makes pages for it, and hands them to the driver',
      ],
      ['function', 'hmm_devmem_remove', 'takes the memory back when nobody uses a page of it any more'],
      ['type', 'struct hmm_devmem_ops', 'the two callbacks of a driver with device memory'],
      ['type', 'struct hmm_devmem', 'a chunk of device memory'],
      ['field', 'hmm_devmem.completion', 'completed when the last reference on the chunk is gone'],
      ['field', 'hmm_devmem.pfn_first', 'the first frame; -1UL until there is one'],
      ['field', 'hmm_devmem.pfn_last', 'the frame after the last; -1UL until there is one'],
      ['field', 'hmm_devmem.resource', 'the physical addresses that are reserved'],
      ['field', 'hmm_devmem.device', 'the device whose life the chunk shares'],
      ['field', 'hmm_devmem.pagemap', 'what the pages of the chunk refer to'],
      ['field', 'hmm_devmem.ops', 'the driver’s callbacks'],
      ['field', 'hmm_devmem.ref', 'counts who uses the chunk'],
      ['function', 'hmm_devmem_ref_release', 'the last reference is gone: completes the completion'],
      ['function', 'hmm_devmem_ref_exit', 'waits for the completion and gives the counter up'],
      ['function', 'hmm_devmem_ref_kill', 'from now on nobody gets a new reference'],
      ['type', 'hmm_pagemap_ops', 'how the callbacks of a pagemap are led to those of the driver'],
      [
        'promise',
        'errors of adding',
        'an error is returned as a pointer: no memory, no counter, no free range, no pages',
      ],
      [
        'promise',
        'memory is the driver’s to manage',
        'after adding, all that happens to it comes through the callbacks',
      ],
    ),
    ...rows(
      pageFree,
      ['callback', 'hmm_devmem_ops.free', 'a page is free: the driver may give it out again'],
      ['function', 'hmm_devmem_free', 'leads page_free of the pagemap to the driver'],
      ['promise', 'free owns the page', 'nobody else has a reference on it, and nobody can get one'],
    ),
    ...rows(
      { ...NOTHING, because: 'the count of a free page before 6.1 is being built with device memory' },
      ['promise', 'the count of a free page is 1', 'so that the page allocator never gets it'],
    ),
    ...rows(
      migrateToRam,
      ['callback', 'hmm_devmem_ops.fault', 'a CPU touches a device page: the driver migrates it back'],
      ['function', 'hmm_devmem_migrate_to_ram', 'leads migrate_to_ram of the pagemap to the driver'],
      [
        'promise',
        'the page comes back',
        'the callback must migrate the page to memory that the CPU can reach',
      ],
      [
        'promise',
        'the faulting address first',
        'more pages may be brought back, but never in place of the one that faulted',
      ],
      ['promise', 'VM_FAULT_OOM', 'no page can be had to migrate to: the callback says so'],
    ),
    ...rows(
      {
        specified: ['C30', 'C31'],
        implemented: ['kernel:migrateVmaCollectPmd', 'kernel:devicePageAt', 'driver:bringBack'],
        checked: ['migrate', 'device-page-faults'],
        defects: ['D1'],
      },
      [
        'promise',
        'the page is only a hint',
        'it may have been freed meanwhile: decided is what is collected under locks',
      ],
    ),
    ...rows({ ...NOTHING, because: 'a device that fails or goes away is being built with device memory' }, [
      'promise',
      'VM_FAULT_SIGBUS and poison',
      'the page cannot be brought back: the entry is poisoned, the process told',
    ]),
    ...rows(
      {
        specified: ['C30', 'lock-discipline'],
        implemented: ['kernel:doUserAddrFault', 'kernel:migrateToRam'],
        checked: ['migrate', 'device-page-faults'],
        defects: ['X30'],
      },
      ['promise', 'the mmap lock is held in the callback', 'so the area stays as it is'],
    ),
    ...rows({ ...NOTHING, because: 'memory cgroups are being built with device memory' }, [
      'promise',
      'the charge travels with the page',
      'a migration back never fails for a limit of a cgroup',
    ]),
    ...rows(
      {
        specified: ['C28'],
        implemented: ['kernel:PteKind', 'kernel:setPte', 'kernel:DeviceMemory'],
        checked: ['migrate', 'evict'],
        defects: ['X31'],
      },
      ['promise', 'no CPU maps a device page', 'all else about such pages is like any page'],
    ),
    ...rows(
      { ...NOTHING, because: 'a field of struct page: the driver’s free list of the model needs none' },
      ['function', 'hmm_devmem_page_set_drvdata', 'a word of the driver’s own, kept with each page'],
    ),
    ...rows({ ...NOTHING, because: MIRRORS }, [
      'function',
      'hmm_range_dma_unmap',
      'undoes hmm_range_dma_map; here only beside what is removed',
    ]),
    ...rows(
      { ...NOTHING, because: DEVMEM },
      [
        'promise',
        'callbacks only by way of hmm_devmem',
        'a driver does not register page_free and page_fault itself',
      ],
      ['promise', 'or without hmm_devmem', 'a driver may use ZONE_DEVICE memory directly, as all have since'],
      [
        'promise',
        'no real resource',
        'the addresses are taken from where nothing is, large enough for the memory',
      ],
    ),
    ...rows(migrateToRam, [
      'promise',
      'minor, major or error',
      'the callback answers that the fault is served, or with an error of VM_FAULT_ERROR',
    ]),
    ...rows(
      {
        specified: ['C28'],
        implemented: ['kernel:DeviceMemory', 'kernel:PteKind'],
        checked: ['migrate', 'evict'],
        defects: ['X31'],
      },
      ['constant', 'MEMORY_DEVICE_PRIVATE', 'memory with pages of its own that CPUs cannot address'],
    ),
  ],
}
