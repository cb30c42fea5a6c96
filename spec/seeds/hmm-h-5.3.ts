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
        implemented: ['driver:deviceAccess', 'driver:populateOnce', 'kernel:hmmRangeFault'],
        checked: ['munmap', 'madvise', 'four-threads'],
        defects: ['M1', 'H1', 'H10', 'M26'],
      },
      [
        'promise',
        'the same page, or one side empty',
        'CPU and device never lead to different pages for an address',
      ],
    ),
    ...rows(
      {
        specified: ['C2'],
        implemented: ['kernel:mmuNotifierInvalidateRangeStart', 'kernel:mmuNotifierInvalidateRangeEnd'],
        checked: ['munmap', 'mprotect', 'fork', 'mmap-over'],
        defects: ['X2', 'X3'],
      },
      [
        'promise',
        'the device first',
        'the CPU leads to no new page before the device has let go of the old one',
      ],
    ),
    ...rows(
      {
        specified: ['C4', 'C5'],
        implemented: ['driver:deviceAccess', 'driver:mapPage'],
        checked: ['mprotect', 'zero-page', 'two-faults'],
        defects: ['X10', 'X37'],
      },
      ['promise', 'the device obeys protection', 'it can access what the process can, and no more'],
      ['promise', 'the device write-protects pages', 'one by one'],
      ['promise', 'the device recovers from faults', 'an access that faults is done again'],
    ),
    ...rows(
      {
        specified: ['C48'],
        implemented: ['kernel:DeviceMemory', 'driver:attachDeviceMemory'],
        checked: ['device-page-faults'],
        defects: ['D6'],
      },
      ['promise', 'mirroring and migration apart', 'either can be used without the other'],
    ),
    ...rows(
      {
        specified: ['C8', 'C23', 'C25'],
        implemented: ['driver:SNAPSHOT', 'driver:prefault'],
        checked: ['snapshot'],
        defects: ['D27', 'X17'],
      },
      ['promise', 'snapshots can be had', 'and brought into line with updates that come meanwhile'],
    ),
    ...rows(
      {
        specified: ['C28'],
        implemented: ['kernel:DeviceMemory', 'kernel:PteKind'],
        checked: ['migrate', 'evict'],
        defects: ['X31'],
      },
      ['constant', 'MEMORY_DEVICE_PRIVATE', 'memory with pages of its own that CPUs cannot address'],
    ),
    ...rows(migrateToRam, [
      'promise',
      'device memory is never pinned',
      'any fault of a CPU can bring a page back',
    ]),
    ...rows(
      {
        specified: ['C31', 'C39', 'C51'],
        implemented: ['kernel:migrateVmaSetup', 'kernel:migrateVmaPages', 'kernel:migrateVmaFinalize'],
        checked: ['migrate', 'migrate-holes', 'test/kernel/migrate/migrate.test.ts'],
        defects: ['X33', 'X35', 'H15'],
      },
      ['function', 'migrate_vma', 'moves pages to device memory and back, with the device’s own copying'],
    ),
    ...rows(
      flagEncoding,
      ['type', 'enum hmm_pfn_flag_e', 'names the flags: an index into the bits that the driver has chosen'],
      ['constant', 'HMM_PFN_VALID', 'there is a page, and it may be read at least'],
      ['constant', 'HMM_PFN_WRITE', 'the CPU may write the page'],
      ['constant', 'HMM_PFN_DEVICE_PRIVATE', 'the page is in device memory that CPUs cannot address'],
      ['constant', 'HMM_PFN_FLAG_MAX', 'how many flags the driver must give: three'],
      ['field', 'hmm_range.flags', 'the bits of each flag'],
    ),
    ...rows(
      valueEncoding,
      [
        'type',
        'enum hmm_pfn_value_e',
        'names the special values: an index into the words that the driver has chosen',
      ],
      ['constant', 'HMM_PFN_ERROR', 'what is there is poisoned and can never be mapped'],
      ['constant', 'HMM_PFN_NONE', 'nothing is there'],
      ['constant', 'HMM_PFN_SPECIAL', 'what is there is no ordinary page and must not be mirrored'],
      ['constant', 'HMM_PFN_VALUE_MAX', 'how many special values the driver must give: three'],
      ['field', 'hmm_range.values', 'the word of each special value'],
      [
        'promise',
        'NONE is like no other',
        'errors and special entries may be one word, nothing there must be another',
      ],
      ['promise', 'special entries are never valid', 'their pfn means nothing and no device maps them'],
    ),
    ...rows(
      shiftEncoding,
      ['field', 'hmm_range.pfn_shift', 'by how many bits an entry shifts the pfn'],
      ['promise', 'the shift is PAGE_SHIFT at most', 'shifted by more, the highest frames would be lost'],
    ),
    ...rows(helper('driver.hmmDeviceEntryToPage'), [
      'function',
      'hmm_device_entry_to_page',
      'the page of an entry; NULL for the special values and what is not valid',
    ]),
    ...rows(helper('driver.hmmDeviceEntryToPfn'), [
      'function',
      'hmm_device_entry_to_pfn',
      'the frame of an entry; -1UL for the special values and what is not valid',
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
      ['function', 'hmm_vma_get_pfns', 'named in a comment, gone by then: a walk that only looks'],
      ['function', 'hmm_vma_fault', 'named in a comment, gone by then: a walk that faults'],
    ),
    ...rows(
      requests,
      ['field', 'hmm_range.default_flags', 'what is asked of every page'],
      ['field', 'hmm_range.pfn_flags_mask', 'which bits of an entry count as requests'],
    ),
    ...rows(theArray, ['field', 'hmm_range.pfns', 'requests in, answers out']),
    ...rows(
      oldCallback,
      [
        'callback',
        'hmm_mirror_ops.sync_cpu_device_pagetables',
        'the CPU’s page table changes: the driver updates its own',
      ],
      ['promise', 'synchronous', 'the callback returns when page table and TLB of the device are up to date'],
    ),
    ...rows(nonBlockable, ['promise', '-EAGAIN only if it may not wait', 'and 0 otherwise']),
    ...rows(
      oldRelease,
      ['callback', 'hmm_mirror_ops.release', 'the address space goes away'],
      [
        'promise',
        'no access after release',
        'all access is ended before the callback returns, later ones fault',
      ],
    ),
    ...rows(
      {
        specified: ['C17', 'use-after-free'],
        implemented: [
          'generations:hmmMirrorUnregister',
          'kernel:mmuIntervalNotifierRemove',
          'kernel:waitUntilReleased',
        ],
        checked: ['hmm-mirror', 'insert-and-remove', 'close-at-once'],
        defects: ['X268', 'D20', 'M25'],
      },
      [
        'promise',
        'not freed before it is unregistered',
        'what holds a mirror lives as long as callbacks may come',
      ],
    ),
    ...rows(
      waiting,
      ['constant', 'HMM_RANGE_DEFAULT_TIMEOUT', '1000 ms: how long a driver waits for a range at most'],
      ['promise', 'some time-out is needed', 'notifiers could keep a range busy for ever'],
    ),
    ...rows(
      structHmm,
      ['type', 'struct hmm', 'what HMM keeps for an address space'],
      ['field', 'hmm.mmu_notifier', 'how it hears of updates'],
      ['field', 'hmm.ranges_lock', 'guards the list of ranges'],
      ['field', 'hmm.ranges', 'the ranges that are watched'],
      ['field', 'hmm.mirrors', 'the mirrors of the address space'],
      ['field', 'hmm.mirrors_sem', 'guards the list of mirrors'],
      ['field', 'hmm.wq', 'who waits for a range to be valid'],
      ['field', 'hmm.notifiers', 'how many invalidations run'],
      ['field', 'hmm_range.hmm', 'the struct hmm that watches it'],
    ),
    ...rows(
      mirrors,
      ['type', 'struct hmm_mirror', 'an address space as a device mirrors it'],
      ['field', 'hmm_mirror.hmm', 'the struct hmm of its address space'],
      ['field', 'hmm_mirror.ops', 'its callbacks'],
      ['field', 'hmm_mirror.list', 'all mirrors of an address space are on a list'],
      ['type', 'struct hmm_mirror_ops', 'the callbacks of a mirror'],
      ['function', 'hmm_mirror_register', 'a driver begins to mirror an address space'],
      ['function', 'hmm_mirror_unregister', 'it ends'],
      ['promise', 'one mirror for an address space', 'whoever mirrors one registers an instance of its own'],
      [
        'promise',
        'the mirror is bound and unbound',
        'the pattern of registering and unregistering with the driver’s own',
      ],
    ),
    ...rows(mirrorCallbacks, [
      'promise',
      'every mirror hears of every update',
      'one for each device, or one for many',
    ]),
    ...rows(
      trackedRanges,
      ['type', 'struct hmm_range', 'what is asked of the walk, and whether it is still valid'],
      ['field', 'hmm_range.list', 'all ranges of an address space are on a list'],
      ['field', 'hmm_range.start', 'the first address, in the range'],
      ['field', 'hmm_range.end', 'the address after the last, not in the range'],
      ['function', 'hmm_range_register', 'begins to watch a range'],
      ['function', 'hmm_range_unregister', 'ends it'],
    ),
    ...rows(
      validRanges,
      ['field', 'hmm_range.valid', 'no invalidation of it runs'],
      [
        'function',
        'hmm_range_wait_until_valid',
        'waits until no invalidation of the range runs, or the time is over',
      ],
      ['function', 'hmm_range_valid', 'whether the array may be used; under the update lock'],
    ),
    ...rows(
      walkWithFlags,
      ['function', 'hmm_range_fault', 'fills the array; says how many pages, or an error'],
      ['constant', 'HMM_FAULT_ALLOW_RETRY', 'the walk may drop the mmap lock, and then says -EAGAIN'],
      ['constant', 'HMM_FAULT_SNAPSHOT', 'the walk only looks'],
    ),
    ...rows(
      rangesForDma,
      ['function', 'hmm_range_dma_map', 'walks, and maps what it finds for DMA'],
      ['function', 'hmm_range_dma_unmap', 'undoes it; the pages are dirty, if the caller says so'],
    ),
  ],
}
