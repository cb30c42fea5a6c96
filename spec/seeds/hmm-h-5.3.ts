/**
 * Seed 004: `include/linux/hmm.h` as Linux 5.3 and 5.4 have it.
 *
 * @module
 */
import {
  flagEncoding,
  helper,
  migrateToRam,
  mirrorCallbacks,
  mirrors,
  nonBlockable,
  oldCallback,
  oldRelease,
  rangesForDma,
  requests,
  shiftEncoding,
  structHmm,
  theArray,
  theWalk,
  trackedRanges,
  validRanges,
  valueEncoding,
  waiting,
  walkWithFlags,
} from './evidence.js'
import { rows, type Seed } from './seed.js'

/** Mirrors, ranges, and what the header promises of them. */
export const hmmHeader53: Seed = {
  number: '004',
  title: 'include/linux/hmm.h, Linux 5.3 and 5.4',
  items: [
    ...rows(
      {
        specified: ['C1', 'C8'],
        implemented: ['driver:deviceAccess', 'driver:populateOnce', 'kernel:hmm_range_fault'],
        checked: ['munmap', 'madvise', 'four-threads'],
        defects: ['M1', 'H1', 'H10', 'M26'],
      },
      [
        'promise',
        'the same page, or one side maps nothing',
        'CPU and device never map different pages at an address',
      ],
    ),
    ...rows(
      {
        specified: ['C2'],
        implemented: [
          'kernel:mmu_notifier_invalidate_range_start',
          'kernel:mmu_notifier_invalidate_range_end',
        ],
        checked: ['munmap', 'mprotect', 'fork', 'mmap-over'],
        defects: ['X2', 'X3'],
      },
      ['promise', 'the device first', 'the CPU maps no new page before the device has unmapped the old one'],
    ),
    ...rows(
      {
        specified: ['C4', 'C5'],
        implemented: ['driver:deviceAccess', 'driver:mapPage'],
        checked: ['mprotect', 'zero-page', 'two-faults'],
        defects: ['X10', 'X37'],
      },
      ['promise', 'the device obeys protection', 'it can access what the process can access, and no more'],
      ['promise', 'the device write-protects pages', 'one by one'],
      ['promise', 'the device recovers from faults', 'an access that faults is replayed'],
    ),
    ...rows(
      {
        specified: ['C48'],
        implemented: ['kernel:DeviceMemory', 'driver:attachDeviceMemory'],
        checked: ['device-page-faults'],
        defects: ['D6'],
      },
      ['promise', 'mirroring and migration are independent', 'either can be used without the other'],
    ),
    ...rows(
      {
        specified: ['C8', 'C23', 'C25'],
        implemented: ['driver:SNAPSHOT', 'driver:prefault'],
        checked: ['snapshot'],
        defects: ['D27', 'X17'],
      },
      ['promise', 'snapshots are possible', 'and synchronised with concurrent updates'],
    ),
    ...rows(
      {
        specified: ['C28'],
        implemented: ['kernel:DeviceMemory', 'kernel:PteKind'],
        checked: ['migrate', 'evict'],
        defects: ['X31'],
      },
      ['constant', 'MEMORY_DEVICE_PRIVATE', 'device memory with struct pages that CPUs cannot access'],
    ),
    ...rows(migrateToRam, [
      'promise',
      'device memory is never pinned',
      'any CPU fault can bring a page back',
    ]),
    ...rows(
      {
        specified: ['C31', 'C39', 'C51'],
        implemented: ['kernel:migrate_vma_setup', 'kernel:migrate_vma_pages', 'kernel:migrate_vma_finalize'],
        checked: ['migrate', 'migrate-holes', 'test/kernel/migrate/migrate.test.ts'],
        defects: ['X33', 'X35', 'H15'],
      },
      ['function', 'migrate_vma', 'migrates pages to device memory and back, copied by the device'],
    ),
    ...rows(
      flagEncoding,
      ['type', 'enum hmm_pfn_flag_e', 'names the flags: an index into the bits chosen by the driver'],
      ['constant', 'HMM_PFN_VALID', 'there is a page, at least readable'],
      ['constant', 'HMM_PFN_WRITE', 'the CPU may write the page'],
      ['constant', 'HMM_PFN_DEVICE_PRIVATE', 'the page is in device memory that CPUs cannot address'],
      ['constant', 'HMM_PFN_FLAG_MAX', 'the number of flags that the driver must define: three'],
      ['field', 'hmm_range.flags', 'the bits of each flag'],
    ),
    ...rows(
      valueEncoding,
      [
        'type',
        'enum hmm_pfn_value_e',
        'names the special values: an index into the words chosen by the driver',
      ],
      ['constant', 'HMM_PFN_ERROR', 'the entry is poisoned and can never be mapped'],
      ['constant', 'HMM_PFN_NONE', 'no page'],
      ['constant', 'HMM_PFN_SPECIAL', 'not a normal page: it must not be mirrored'],
      ['constant', 'HMM_PFN_VALUE_MAX', 'the number of special values that the driver must define: three'],
      ['field', 'hmm_range.values', 'the word of each special value'],
      ['promise', 'NONE is distinct', 'ERROR and SPECIAL may be the same word, NONE must differ'],
      ['promise', 'special entries are never valid', 'their pfn is meaningless and no device maps them'],
    ),
    ...rows(
      shiftEncoding,
      ['field', 'hmm_range.pfn_shift', 'the number of bits by which an entry shifts the pfn'],
      ['promise', 'the shift is PAGE_SHIFT at most', 'a larger shift would lose the highest frames'],
    ),
    ...rows(helper('driver.hmmDeviceEntryToPage'), [
      'function',
      'hmm_device_entry_to_page',
      'the page of an entry; NULL for the special values and invalid entries',
    ]),
    ...rows(helper('driver.hmmDeviceEntryToPfn'), [
      'function',
      'hmm_device_entry_to_pfn',
      'the frame of an entry; -1UL for the special values and invalid entries',
    ]),
    ...rows(helper('driver.hmmDeviceEntryFromPage'), [
      'function',
      'hmm_device_entry_from_page',
      'a valid entry for a page',
    ]),
    ...rows(helper('driver.hmmDeviceEntryFromPfn'), [
      'function',
      'hmm_device_entry_from_pfn',
      'a valid entry for a frame',
    ]),
    ...rows(
      theWalk,
      ['function', 'hmm_vma_get_pfns', 'named in a comment, removed by then: a snapshot'],
      ['function', 'hmm_vma_fault', 'named in a comment, removed by then: a walk that faults'],
    ),
    ...rows(
      requests,
      ['field', 'hmm_range.default_flags', 'the request for every page'],
      ['field', 'hmm_range.pfn_flags_mask', 'the bits of an entry that count as requests'],
    ),
    ...rows(theArray, ['field', 'hmm_range.pfns', 'requests in, results out']),
    ...rows(
      oldCallback,
      [
        'callback',
        'hmm_mirror_ops.sync_cpu_device_pagetables',
        'the CPU’s page table changes: the driver updates its own',
      ],
      ['promise', 'synchronous', 'the callback returns when page table and TLB of the device are up to date'],
    ),
    ...rows(nonBlockable, ['promise', '-EAGAIN only if not blockable', 'and 0 otherwise']),
    ...rows(
      oldRelease,
      ['callback', 'hmm_mirror_ops.release', 'the address space is torn down'],
      [
        'promise',
        'no access after release',
        'all accesses have ended before the callback returns, later ones fault',
      ],
    ),
    ...rows(
      {
        specified: ['C17', 'use-after-free'],
        implemented: [
          'generations:hmm_mirror_unregister',
          'kernel:mmu_interval_notifier_remove',
          'kernel:mmu_interval_seq_released',
        ],
        checked: ['hmm-mirror', 'insert-and-remove', 'close-at-once'],
        defects: ['X268', 'D20', 'M25'],
      },
      [
        'promise',
        'not freed before it is unregistered',
        'the object that contains a mirror lives as long as callbacks may run',
      ],
    ),
    ...rows(
      waiting,
      ['constant', 'HMM_RANGE_DEFAULT_TIMEOUT', '1000 ms: the longest time that a driver waits for a range'],
      ['promise', 'a timeout is needed', 'notifiers could keep a range invalid for ever'],
    ),
    ...rows(
      structHmm,
      ['type', 'struct hmm', 'HMM’s record of an address space'],
      ['field', 'hmm.mmu_notifier', 'its classic notifier'],
      ['field', 'hmm.ranges_lock', 'protects the list of ranges'],
      ['field', 'hmm.ranges', 'the registered ranges'],
      ['field', 'hmm.mirrors', 'the mirrors of the address space'],
      ['field', 'hmm.mirrors_sem', 'protects the list of mirrors'],
      ['field', 'hmm.wq', 'waiters for a range to become valid'],
      ['field', 'hmm.notifiers', 'the number of running invalidations'],
      ['field', 'hmm_range.hmm', 'the struct hmm that tracks it'],
    ),
    ...rows(
      mirrors,
      ['type', 'struct hmm_mirror', 'a device’s mirror of an address space'],
      ['field', 'hmm_mirror.hmm', 'the struct hmm of its address space'],
      ['field', 'hmm_mirror.ops', 'its callbacks'],
      ['field', 'hmm_mirror.list', 'links the mirrors of an address space'],
      ['type', 'struct hmm_mirror_ops', 'the callbacks of a mirror'],
      ['function', 'hmm_mirror_register', 'registers a mirror of an address space'],
      ['function', 'hmm_mirror_unregister', 'unregisters it'],
      ['promise', 'one mirror for an address space', 'each user registers an instance of its own'],
      [
        'promise',
        'the mirror is bound and unbound',
        'the pattern of registering and unregistering the driver’s record',
      ],
    ),
    ...rows(mirrorCallbacks, [
      'promise',
      'every mirror is called for every update',
      'one for each device, or one for many',
    ]),
    ...rows(
      trackedRanges,
      ['type', 'struct hmm_range', 'the request to the walk, and whether it is still valid'],
      ['field', 'hmm_range.list', 'links the ranges of an address space'],
      ['field', 'hmm_range.start', 'the first address (inclusive)'],
      ['field', 'hmm_range.end', 'the end address (exclusive)'],
      ['function', 'hmm_range_register', 'starts tracking a range'],
      ['function', 'hmm_range_unregister', 'stops tracking it'],
    ),
    ...rows(
      validRanges,
      ['field', 'hmm_range.valid', 'true while no invalidation of it runs'],
      [
        'function',
        'hmm_range_wait_until_valid',
        'waits until no invalidation of the range runs, or the timeout expires',
      ],
      ['function', 'hmm_range_valid', 'whether the array may be used; under the update lock'],
    ),
    ...rows(
      walkWithFlags,
      ['function', 'hmm_range_fault', 'fills the array; returns the number of pages, or an error'],
      ['constant', 'HMM_FAULT_ALLOW_RETRY', 'the walk may drop the mmap lock, and then returns -EAGAIN'],
      ['constant', 'HMM_FAULT_SNAPSHOT', 'the walk is a snapshot'],
    ),
    ...rows(
      rangesForDma,
      ['function', 'hmm_range_dma_map', 'walks, and maps the pages for DMA'],
      ['function', 'hmm_range_dma_unmap', 'unmaps them; marks the pages dirty if requested'],
    ),
  ],
}
