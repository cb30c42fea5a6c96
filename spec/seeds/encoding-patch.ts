/**
 * Seed 002: the patch that let drivers choose how entries look, for Linux 4.17.
 *
 * @module
 */
import {
  flagEncoding,
  helper,
  mirrors,
  needFault,
  shiftEncoding,
  structHmm,
  theArray,
  trackedRanges,
  validRanges,
  valueEncoding,
  walkOfAreas,
} from './evidence.js'
import { type Evidence, rows, type Seed } from './seed.js'

const TESTS = 'test/generations/encoding/driver.test.ts'

const fixedBits: Evidence = {
  specified: ['encoding'],
  implemented: ['generations:fixed', 'generations:FIXED_AS_DRIVER'],
  checked: [TESTS],
  defects: ['X210'],
}

const stored: Evidence = {
  specified: ['C25', 'encoding'],
  implemented: ['generations:driver.encode', 'kernel:readEntry'],
  checked: ['driver-encoding', TESTS, 'test/kernel/hmm/truth-table.test.ts'],
  defects: ['X211', 'X212', 'X17'],
}

/** Entries in the encoding of the driver. */
export const encodingPatch: Seed = {
  number: '002',
  title: 'mm/hmm: use device driver encoding for HMM pfn, for Linux 4.17',
  items: [
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
    ...rows(
      fixedBits,
      ['constant', 'HMM_PFN_SHIFT', 'removed: the pfn began at bit 5'],
      ['constant', 'HMM_PFN_VALID (1 << 0)', 'removed: the fixed bit of a valid entry'],
      ['constant', 'HMM_PFN_WRITE (1 << 1)', 'removed: the fixed bit of a writable page'],
      ['constant', 'HMM_PFN_ERROR (1 << 2)', 'removed: the fixed bit of poison'],
      ['constant', 'HMM_PFN_SPECIAL (1 << 3)', 'removed: the fixed bit of a special entry'],
      ['constant', 'HMM_PFN_DEVICE_PRIVATE (1 << 4)', 'removed: the fixed bit of device memory'],
    ),
    ...rows(helper('driver.hmmPfnToPage', 'fixed.hmmPfnToPage'), [
      'function',
      'hmm_pfn_to_page',
      'the page of an entry; NULL for the special values and invalid entries',
    ]),
    ...rows(helper('driver.hmmPfnToPfn', 'fixed.hmmPfnToPfn'), [
      'function',
      'hmm_pfn_to_pfn',
      'the frame of an entry; -1UL for the special values and invalid entries',
    ]),
    ...rows(helper('driver.hmmPfnFromPage', 'fixed.hmmPfnFromPage'), [
      'function',
      'hmm_pfn_from_page',
      'a valid entry for a page',
    ]),
    ...rows(helper('driver.hmmPfnFromPfn', 'fixed.hmmPfnFromPfn'), [
      'function',
      'hmm_pfn_from_pfn',
      'a valid entry for a frame',
    ]),
    ...rows(
      needFault,
      [
        'function',
        'hmm_pte_need_fault',
        'whether a page must be faulted in, and for writing; wrong in the patch',
      ],
      ['function', 'hmm_range_need_fault', 'the same for all pages behind one entry of a higher level'],
    ),
    ...rows(
      {
        specified: ['C21', 'C24'],
        implemented: ['kernel:readEntry', 'kernel:hmm_vma_fault'],
        checked: ['over-fault', 'requests-by-page', 'test/kernel/hmm/truth-table.test.ts'],
        defects: ['D22a', 'M21'],
      },
      [
        'function',
        'hmm_vma_handle_pte',
        'converts one entry of the page table; the patch overwrites the request first',
      ],
      ['function', 'hmm_vma_walk_hole_', 'pages without an entry: NONE, or faulted in'],
      ['function', 'hmm_vma_walk_hole', 'the same as a callback of the walk'],
      ['function', 'hmm_vma_walk_pmd', 'the walk of one table of entries'],
    ),
    ...rows(
      {
        specified: ['C26'],
        implemented: ['kernel:readEntry', 'kernel:hugePmdAt', 'kernel:Pmd'],
        checked: ['huge-page', 'huge-page-faults', 'test/kernel/hmm/truth-table.test.ts'],
        defects: ['X280'],
      },
      ['function', 'hmm_vma_handle_pmd', 'converts a huge page'],
      ['function', 'pmd_to_hmm_pfn_flags', 'the flags of a huge page'],
    ),
    ...rows(
      stored,
      ['function', 'pte_to_hmm_pfn_flags', 'the flags of a page-table entry'],
      ['function', 'hmm_pfns_bad', 'fills part of the array with ERROR'],
      ['function', 'hmm_pfns_clear', 'fills part of the array with NONE'],
      ['function', 'hmm_pfns_special', 'fills the whole array with SPECIAL'],
      [
        'promise',
        'entries without a page',
        'poison, none and special are reported by the driver’s three words',
      ],
    ),
    ...rows(
      {
        specified: ['C21', 'C49', 'deadlock'],
        implemented: ['kernel:hmm_vma_fault', 'kernel:handle_mm_fault'],
        checked: ['zero-page', 'test/kernel/hmm/truth-table.test.ts'],
        defects: ['D26', 'X28'],
      },
      ['function', 'hmm_vma_do_fault', 'faults one page in; -EBUSY means that the walk must restart'],
    ),
    ...rows(theArray, [
      'field',
      'hmm_range.pfns',
      'requests in, results out; one entry for each page of the range',
    ]),
    ...rows(structHmm, ['function', 'hmm_register', 'the struct hmm of an address space']),
    ...rows(
      mirrors,
      ['function', 'hmm_mirror_register', 'registers a mirror of an address space'],
      ['function', 'hmm_mirror_unregister', 'unregisters it'],
    ),
    ...rows(
      trackedRanges,
      [
        'type',
        'struct hmm_range',
        'the range of 4.17: a VMA, the array, its encoding, and whether it is valid',
      ],
      ['field', 'hmm_range.vma', 'the VMA that contains the range'],
      ['field', 'hmm_range.list', 'links the ranges of an address space'],
      ['field', 'hmm_range.start', 'the first address (inclusive)'],
      ['field', 'hmm_range.end', 'the end address (exclusive)'],
    ),
    ...rows(validRanges, ['field', 'hmm_range.valid', 'no invalidation since the array was filled']),
    ...rows(
      walkOfAreas,
      ['function', 'hmm_vma_get_pfns', 'a snapshot: reports the page table, faults nothing'],
      ['function', 'hmm_vma_fault', 'reports the page table, and faults in requested pages'],
      ['function', 'hmm_vma_range_done', 'stops tracking the range; returns whether it was valid until now'],
      [
        'promise',
        '-EPERM without VM_READ',
        'for a VMA that is not readable the array becomes NONE, and the walk fails',
      ],
      ['promise', '-ENOMEM without struct hmm', 'the array becomes NONE, and the walk fails'],
      [
        'promise',
        'after an error nothing is left',
        'entries that were not walked become NONE; the range is unregistered',
      ],
    ),
    ...rows(
      {
        specified: ['C49', 'asked-only'],
        implemented: ['kernel:hmm_vma_fault', 'kernel:hmm_range_fault'],
        checked: ['over-fault', 'test/kernel/hmm/truth-table.test.ts'],
        defects: ['H5'],
      },
      [
        'promise',
        '-EFAULT where a fault fails',
        'VM_FAULT_ERROR: the entry becomes ERROR, and the walk ends',
      ],
    ),
    ...rows({ ...walkOfAreas, specified: ['C20', 'lock-discipline'], defects: ['X263'] }, [
      'promise',
      '-EBUSY where the lock was dropped',
      'VM_FAULT_RETRY: the walk restarts, or returns -EAGAIN',
    ]),
  ],
}
