/**
 * Seed 001: the removal of `hmm_devmem`, the helpers that hot-plugged device memory until Linux 5.3.
 *
 * @module
 */
import { migrateToRam, pageFree, rangesForDma } from './evidence.js'
import { type Evidence, rows, type Seed } from './seed.js'

const TEST = 'test/generations/devmem.test.ts'

/** Memory is added. */
const plugging: Evidence = {
  specified: ['plugging', 'C44'],
  implemented: [
    'generations:hmm_devmem_add',
    'generations:HmmDevmem',
    'models:deviceMemoryHotplugStatechart',
  ],
  checked: ['devmem-hotplug', TEST],
  defects: ['X232'],
}

/** Memory is removed, when none of its pages is in use. */
const unplugging: Evidence = {
  specified: ['C44', 'plugging'],
  implemented: ['generations:hmm_devmem_remove', 'generations:byWayOfHmmDevmem'],
  checked: ['devmem-hotplug', 'devmem-held', TEST],
  defects: ['X230', 'X71'],
}

/** The reference counter of a region, and the wait for its last reference. */
const counting: Evidence = {
  specified: ['C44', 'deadlock'],
  implemented: [
    'generations:CounterState',
    'generations:hmm_devmem_ref_kill',
    'generations:hmmDevmemRefRelease',
    'generations:hmm_devmem_ref_exit',
  ],
  checked: ['devmem-held', 'devmem-hotplug', TEST],
  defects: ['X230', 'X71', 'X73'],
}

/** The pagemap of a region. */
const pagemap: Evidence = {
  specified: ['C31', 'C44', 'use-after-free'],
  implemented: ['generations:hmmPagemapOps', 'kernel:DevPagemap', 'kernel:DeviceMemoryOps'],
  checked: ['devmem-hotplug', 'devmem-held', TEST],
  defects: ['X231', 'D16'],
}

/** The driver's callbacks through `hmm_devmem`. */
const callbacks: Evidence = {
  specified: ['C30', 'C31', 'poisoned'],
  implemented: ['generations:HmmDevmemOps', 'generations:attachHmmDevmem'],
  checked: ['devmem-unplug', 'devmem-held', TEST],
  defects: ['X231', 'X233'],
}

/** The same driver without `hmm_devmem`. */
const direct: Evidence = {
  specified: ['C44', 'C46'],
  implemented: [
    'kernel:memremap_pages',
    'kernel:DeviceMemoryOps',
    'driver:addDeviceMemory',
    'driver:attachDeviceChunk',
  ],
  checked: ['hotplug', 'unplug', TEST],
  defects: ['X71', 'D51'],
}

/** A page is free. */
const freed: Evidence = {
  specified: pageFree.specified,
  implemented: ['generations:hmmDevmemFree', ...pageFree.implemented],
  checked: ['devmem-held', 'devmem-hotplug', ...pageFree.checked],
  defects: ['X231', ...pageFree.defects],
}

/** A CPU faults on a device page. */
const faulted: Evidence = {
  specified: migrateToRam.specified,
  implemented: ['generations:hmm_devmem_migrate_to_ram', ...migrateToRam.implemented],
  checked: ['devmem-unplug', 'devmem-hotplug', ...migrateToRam.checked],
  defects: migrateToRam.defects,
}

/** The helpers for device memory, and their requirements on callbacks. */
export const devmemRemoval: Seed = {
  number: '001',
  title: 'the removal of hmm_devmem, Linux 5.3',
  items: [
    ...rows(
      plugging,
      [
        'function',
        'hmm_devmem_add',
        'finds a range of physical addresses, creates pages for it, and passes them to the driver',
      ],
      ['type', 'struct hmm_devmem', 'one region of device memory'],
      ['field', 'hmm_devmem.pfn_first', 'the first frame; -1UL until there is one'],
      ['field', 'hmm_devmem.pfn_last', 'the frame after the last; -1UL until there is one'],
      ['field', 'hmm_devmem.resource', 'the physical addresses that are reserved'],
      ['field', 'hmm_devmem.device', 'the device whose lifetime the region shares'],
      [
        'promise',
        'errors of adding',
        'an error is returned as a pointer: no memory, no counter, no free range, no pages',
      ],
      ['promise', 'no real resource', 'the addresses are a free range, large enough for the memory'],
    ),
    ...rows(pagemap, [
      'promise',
      'callbacks only through hmm_devmem',
      'a driver does not register page_free and page_fault itself',
    ]),
    ...rows(
      direct,
      ['promise', 'or without hmm_devmem', 'a driver may use ZONE_DEVICE memory directly, as all have since'],
      [
        'promise',
        'memory is the driver’s to manage',
        'after adding, every event concerning it comes through the callbacks',
      ],
    ),
    ...rows(unplugging, [
      'function',
      'hmm_devmem_remove',
      'removes the memory when none of its pages is in use any more',
    ]),
    ...rows(
      counting,
      ['field', 'hmm_devmem.completion', 'completed when the last reference to the region is dropped'],
      ['field', 'hmm_devmem.ref', 'counts the references to the region'],
      ['function', 'hmm_devmem_ref_release', 'the last reference is dropped: completes the completion'],
      ['function', 'hmm_devmem_ref_exit', 'waits for the completion and exits the counter'],
      ['function', 'hmm_devmem_ref_kill', 'no new reference can be taken from now on'],
    ),
    ...rows(
      pagemap,
      ['field', 'hmm_devmem.pagemap', 'the record that the pages of the region refer to'],
      ['type', 'hmm_pagemap_ops', 'forwards the callbacks of a pagemap to those of the driver'],
    ),
    ...rows(
      callbacks,
      ['type', 'struct hmm_devmem_ops', 'the two callbacks of a driver with device memory'],
      ['field', 'hmm_devmem.ops', 'the driver’s callbacks'],
    ),
    ...rows(
      freed,
      ['callback', 'hmm_devmem_ops.free', 'a page is free: the driver may allocate it again'],
      ['function', 'hmm_devmem_free', 'forwards page_free of the pagemap to the driver'],
      ['promise', 'free owns the page', 'no other reference to it exists, and none can be taken'],
    ),
    ...rows(
      {
        specified: ['C46'],
        implemented: ['kernel:free_zone_device_folio', 'kernel:isFreePage'],
        checked: ['speculative-reference', 'hotplug'],
        defects: ['D51', 'X231'],
      },
      ['promise', 'the count of a free page is 1', 'so that the page allocator never gets it; 0 since 6.1'],
    ),
    ...rows(
      faulted,
      ['callback', 'hmm_devmem_ops.fault', 'a CPU touches a device page: the driver migrates it back'],
      ['function', 'hmm_devmem_migrate_to_ram', 'forwards migrate_to_ram of the pagemap to the driver'],
      [
        'promise',
        'the page comes back',
        'the callback must migrate the page to memory that the CPU can access',
      ],
      [
        'promise',
        'the faulting address has priority',
        'more may be migrated back, but never in place of the faulting page',
      ],
      [
        'promise',
        'minor, major or error',
        'the callback reports that the fault is served, or returns VM_FAULT_ERROR',
      ],
      ['promise', 'VM_FAULT_OOM', 'no page is available to migrate to'],
    ),
    ...rows(
      {
        specified: ['C30', 'C31', 'C46'],
        implemented: ['kernel:migrate_vma_collect_pmd', 'kernel:devicePageAt', 'driver:bringBack'],
        checked: ['devmem-unplug', 'migrate', 'device-page-faults', TEST],
        defects: ['D1', 'X234'],
      },
      [
        'promise',
        'the page is only a hint',
        'it may have been freed meanwhile: decisions are made on what is collected under locks',
      ],
    ),
    ...rows(
      {
        specified: ['poisoned', 'C30', 'C39'],
        implemented: [
          'generations:hmm_devmem_migrate_to_ram',
          'kernel:poisonDevicePage',
          'driver:bringBackFrom',
        ],
        checked: ['devmem-unplug', 'unplug-and-poison', TEST],
        defects: ['X233', 'X74'],
      },
      [
        'promise',
        'VM_FAULT_SIGBUS and poison',
        'the page cannot be brought back: the entry is poisoned, the process gets a signal',
      ],
    ),
    ...rows(
      {
        specified: ['C30', 'lock-discipline'],
        implemented: ['kernel:do_user_addr_fault', 'kernel:migrateToRam'],
        checked: ['migrate', 'device-page-faults'],
        defects: ['X30'],
      },
      ['promise', 'the mmap lock is held in the callback', 'so the VMA does not change'],
    ),
    ...rows(
      {
        specified: ['C33'],
        implemented: ['kernel:MachineSize', 'kernel:migrate_vma_pages'],
        checked: ['memory-limit'],
        defects: ['X76', 'X77'],
      },
      [
        'promise',
        'the charge travels with the page',
        'a migration back never fails because of the limit of a cgroup',
      ],
    ),
    ...rows(
      {
        specified: ['C28'],
        implemented: ['kernel:PteKind', 'kernel:setPte', 'kernel:DeviceMemory'],
        checked: ['migrate', 'evict'],
        defects: ['X31'],
      },
      ['constant', 'MEMORY_DEVICE_PRIVATE', 'device memory with struct pages that CPUs cannot access'],
      ['promise', 'no CPU maps a device page', 'otherwise such pages are like any other'],
    ),
    ...rows(
      {
        specified: ['C46', 'C31'],
        implemented: ['kernel:isFreePage', 'driver:DeviceChunk', 'kernel:zoneDevicePageInit'],
        checked: ['hotplug', 'speculative-reference', 'test/kernel/memremap.test.ts'],
        defects: ['D51'],
      },
      [
        'function',
        'hmm_devmem_page_set_drvdata',
        'a word for the driver in each page: it links the free list, here a bit of each page',
      ],
    ),
    ...rows(rangesForDma, [
      'function',
      'hmm_range_dma_unmap',
      'undoes hmm_range_dma_map; here only beside what is removed',
    ]),
  ],
}
