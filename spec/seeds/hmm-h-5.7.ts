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
      ['type', 'enum hmm_pfn_flag_e', 'names the flags: an index into the bits that the driver has chosen'],
      ['constant', 'HMM_PFN_VALID', 'there is a page, and it may be read at least'],
      ['constant', 'HMM_PFN_WRITE', 'the CPU may write the page'],
      ['constant', 'HMM_PFN_FLAG_MAX', 'how many flags the driver must give: two'],
      ['field', 'hmm_range.flags', 'the bits of each flag'],
      [
        'promise',
        'flags are the driver’s bits',
        'an entry has exactly the bits that the driver gave for a flag',
      ],
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
      [
        'promise',
        'what is told for no page',
        'poison, nothing and special are told by the driver’s three words',
      ],
    ),
    ...rows(
      shiftEncoding,
      ['field', 'hmm_range.pfn_shift', 'by how many bits an entry shifts the pfn'],
      ['promise', 'the shift is PAGE_SHIFT at most', 'shifted by more, the highest frames would be lost'],
    ),
    ...rows(
      helper('driver.hmmDeviceEntryToPage'),
      [
        'function',
        'hmm_device_entry_to_page',
        'the page of an entry; NULL for the special values and what is not valid',
      ],
      [
        'promise',
        'NULL unless valid',
        'an entry leads to a page only if it is none of the three words and has VALID',
      ],
    ),
    ...rows(
      theRange,
      ['type', 'struct hmm_range', 'what a driver asks of the walk, and where the answers go'],
      ['field', 'hmm_range.start', 'the first address, in the range'],
      ['field', 'hmm_range.end', 'the address after the last, not in the range'],
    ),
    ...rows(theArray, [
      'field',
      'hmm_range.pfns',
      'requests in, answers out; one for each page of the range',
    ]),
    ...rows(readBegin, [
      'field',
      'hmm_range.notifier_seq',
      'what mmu_interval_read_begin said before the walk: the walk is worth what that is worth',
    ]),
    ...rows(
      {
        specified: ['C14', 'C15', 'C16'],
        implemented: ['kernel:IntervalNotifier', 'kernel:mmuIntervalNotifierInsert'],
        checked: ['partial-mirror', 'insert-and-remove'],
        defects: ['M7', 'X7'],
      },
      ['field', 'hmm_range.notifier', 'the interval notifier that covers the range'],
    ),
    ...rows(
      requests,
      ['field', 'hmm_range.default_flags', 'what is asked of every page'],
      ['field', 'hmm_range.pfn_flags_mask', 'which bits of an entry count as requests'],
    ),
    ...rows(owners, ['field', 'hmm_range.dev_private_owner', 'whose device memory counts as there']),
    ...rows(
      theWalk,
      ['function', 'hmm_range_fault', 'fills the array; faults in what is asked for and missing'],
      ['function', 'hmm_vma_get_pfns', 'named in a comment, long gone: a walk that only looks'],
      ['function', 'hmm_vma_fault', 'named in a comment, long gone: a walk that faults'],
    ),
    ...rows(snapshots, [
      'promise',
      'nothing asked, nothing faulted',
      'without defaults and mask the walk only looks; there is no flag for it any more',
    ]),
    ...rows(
      waiting,
      ['constant', 'HMM_RANGE_DEFAULT_TIMEOUT', '1000 ms: how long a driver waits for a range at most'],
      ['promise', 'some time-out is needed', 'notifiers could keep a range busy for ever'],
    ),
  ],
}
