/**
 * Seed 000: `include/linux/hmm.h` as Linux 5.7 has it.
 *
 * @module
 */
import {
  flagEncoding,
  helper,
  owners,
  readBegin,
  requests,
  shiftEncoding,
  snapshots,
  theArray,
  theRange,
  theWalk,
  valueEncoding,
  waiting,
} from './evidence.js'
import { rows, type Seed } from './seed.js'

/** The types and the one call of 5.7. */
export const hmmHeader57: Seed = {
  number: '000',
  title: 'include/linux/hmm.h, Linux 5.7',
  items: [
    ...rows(
      flagEncoding,
      ['type', 'enum hmm_pfn_flag_e', 'names the flags: an index into the bits chosen by the driver'],
      ['constant', 'HMM_PFN_VALID', 'there is a page, at least readable'],
      ['constant', 'HMM_PFN_WRITE', 'the CPU may write the page'],
      ['constant', 'HMM_PFN_FLAG_MAX', 'the number of flags that the driver must define: two'],
      ['field', 'hmm_range.flags', 'the bits of each flag'],
      [
        'promise',
        'flags are the driver’s bits',
        'an entry has exactly the bits that the driver defined for a flag',
      ],
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
      [
        'promise',
        'entries without a page',
        'poison, none and special are reported by the driver’s three words',
      ],
    ),
    ...rows(
      shiftEncoding,
      ['field', 'hmm_range.pfn_shift', 'the number of bits by which an entry shifts the pfn'],
      ['promise', 'the shift is PAGE_SHIFT at most', 'a larger shift would lose the highest frames'],
    ),
    ...rows(
      helper('driver.hmmDeviceEntryToPage'),
      [
        'function',
        'hmm_device_entry_to_page',
        'the page of an entry; NULL for the special values and invalid entries',
      ],
      [
        'promise',
        'NULL unless valid',
        'an entry has a page only if it is none of the three words and has VALID',
      ],
    ),
    ...rows(
      theRange,
      ['type', 'struct hmm_range', 'the driver’s request to the walk, and the array for its results'],
      ['field', 'hmm_range.start', 'the first address (inclusive)'],
      ['field', 'hmm_range.end', 'the end address (exclusive)'],
    ),
    ...rows(theArray, [
      'field',
      'hmm_range.pfns',
      'requests in, results out; one entry for each page of the range',
    ]),
    ...rows(readBegin, [
      'field',
      'hmm_range.notifier_seq',
      'the result of mmu_interval_read_begin before the walk, which validates it',
    ]),
    ...rows(
      {
        specified: ['C14', 'C15', 'C16'],
        implemented: ['kernel:IntervalNotifier', 'kernel:mmu_interval_notifier_insert'],
        checked: ['partial-mirror', 'insert-and-remove'],
        defects: ['M7', 'X7'],
      },
      ['field', 'hmm_range.notifier', 'the interval notifier that covers the range'],
    ),
    ...rows(
      requests,
      ['field', 'hmm_range.default_flags', 'the request for every page'],
      ['field', 'hmm_range.pfn_flags_mask', 'the bits of an entry that count as requests'],
    ),
    ...rows(owners, [
      'field',
      'hmm_range.dev_private_owner',
      'the owner whose device memory is reported as valid',
    ]),
    ...rows(
      theWalk,
      ['function', 'hmm_range_fault', 'fills the array; faults in requested pages that are missing'],
      ['function', 'hmm_vma_get_pfns', 'named in a comment, removed long before: a snapshot'],
      ['function', 'hmm_vma_fault', 'named in a comment, removed long before: a walk that faults'],
    ),
    ...rows(snapshots, [
      'promise',
      'no request, no fault',
      'without defaults and mask the walk is a snapshot; the flag for it was removed',
    ]),
    ...rows(
      waiting,
      ['constant', 'HMM_RANGE_DEFAULT_TIMEOUT', '1000 ms: the longest time that a driver waits for a range'],
      ['promise', 'a timeout is needed', 'notifiers could keep a range invalid for ever'],
    ),
  ],
}
