/**
 * Seed 003: the documentation as it was changed for interval notifiers, Linux 5.5.
 *
 * @module
 */
import {
  callbackCompletes,
  flagEncoding,
  mirrorCallbacks,
  mirrors,
  nonBlockable,
  oldCallback,
  oldRelease,
  pinned,
  readBegin,
  readRetry,
  shiftEncoding,
  snapshots,
  theArray,
  theRange,
  theWalk,
  trackedRanges,
  validRanges,
  valueEncoding,
  waiting,
} from './evidence.js'
import { rows, type Seed } from './seed.js'

/** The pattern of a driver, before and after. */
export const hmmRstChange: Seed = {
  number: '003',
  title: 'Documentation/vm/hmm.rst, changed for Linux 5.5',
  items: [
    ...rows(
      {
        specified: ['C14', 'C15', 'C16', 'C17'],
        implemented: [
          'kernel:IntervalNotifier',
          'kernel:mmu_interval_notifier_insert',
          'kernel:mmu_interval_notifier_remove',
        ],
        checked: ['insert-and-remove', 'close-at-once', 'partial-mirror'],
        defects: ['M7', 'X7', 'D2'],
      },
      ['type', 'struct mmu_interval_notifier', 'notifies a driver about an interval of an address space'],
      ['function', 'mmu_interval_notifier_insert', 'inserts it'],
      ['field', 'hmm_range.notifier', 'the notifier that the walk checks'],
    ),
    ...rows(
      callbackCompletes,
      ['callback', 'invalidate', 'the interval is about to change: the driver updates its device'],
      ['promise', 'the callback performs the update', 'it makes the range read-only or unmaps it'],
      ['promise', 'complete before it returns', 'the device must be done with the update'],
    ),
    ...rows(oldCallback, [
      'callback',
      'sync_cpu_device_pagetables',
      'removed: the same for a mirror, synchronous',
    ]),
    ...rows(nonBlockable, [
      'promise',
      '-EAGAIN if it may not wait',
      'removed: the callback refuses a range that is not blockable if it would have to sleep, and otherwise returns 0',
    ]),
    ...rows(
      oldRelease,
      ['callback', 'release', 'removed: the address space is torn down'],
      [
        'promise',
        'no access after release',
        'removed: all accesses have ended before the callback returns, later ones fault',
      ],
    ),
    ...rows(readBegin, [
      'function',
      'mmu_interval_read_begin',
      'samples the sequence number for the walk, once no invalidation runs',
    ]),
    ...rows(
      readRetry,
      ['function', 'mmu_interval_read_retry', 'whether the walk has collided: back to the beginning'],
      [
        'promise',
        'the update lock is the callback’s',
        'it is held from before read_retry until the device is updated',
      ],
      ['promise', 'the device is updated under the lock', 'the results of the walk are used only there'],
    ),
    ...rows(
      theWalk,
      ['function', 'hmm_range_fault', 'fills the array, under the mmap lock'],
      ['promise', '-EBUSY means retry', 'back to read_begin, without the mmap lock'],
    ),
    ...rows(snapshots, [
      'constant',
      'HMM_RANGE_SNAPSHOT',
      'the flag for a snapshot; the header calls it HMM_FAULT_SNAPSHOT',
    ]),
    ...rows(
      pinned,
      ['function', 'mmget_not_zero', 'pins the address space, or reports that it has exited'],
      [
        'promise',
        '-EFAULT for one that has exited',
        'if the address space cannot be pinned there is nothing to walk',
      ],
    ),
    ...rows(
      theRange,
      ['type', 'struct hmm_range', 'the driver’s request to the walk, and the array for its results'],
      ['field', 'hmm_range.start', 'the first address (inclusive)'],
      ['field', 'hmm_range.end', 'the end address (exclusive)'],
    ),
    ...rows(theArray, ['field', 'hmm_range.pfns', 'requests in, results out']),
    ...rows(flagEncoding, ['field', 'hmm_range.flags', 'the bits of each flag']),
    ...rows(valueEncoding, ['field', 'hmm_range.values', 'the word of each special value']),
    ...rows(shiftEncoding, [
      'field',
      'hmm_range.pfn_shift',
      'the number of bits by which an entry shifts the pfn',
    ]),
    ...rows(readBegin, ['field', 'hmm_range.notifier_seq', 'the result of mmu_interval_read_begin']),
    ...rows(waiting, [
      'constant',
      'TIMEOUT_IN_MSEC',
      'removed: the time that the pattern waited for a range',
    ]),
    ...rows(
      {
        specified: ['C3', 'deadlock'],
        implemented: ['kernel:mn_itree_invalidate', 'driver:flushDevice'],
        checked: ['two-devices'],
        defects: ['M4', 'X20'],
      },
      [
        'promise',
        'devices are waited for one after another',
        'removed: commands may be prepared for many at a time',
      ],
    ),
    ...rows(
      mirrors,
      ['function', 'hmm_mirror_register', 'removed: registers a mirror of an address space'],
      ['type', 'struct hmm_mirror_ops', 'removed: the callbacks of a mirror'],
      ['type', 'struct hmm_mirror', 'removed: a device’s mirror of an address space'],
    ),
    ...rows(mirrorCallbacks, [
      'type',
      'struct hmm_update',
      'removed: the description of an update; mmu_notifier_range by then',
    ]),
    ...rows(
      trackedRanges,
      ['function', 'hmm_range_register', 'removed: starts tracking a range'],
      ['function', 'hmm_range_unregister', 'removed: stops tracking it'],
    ),
    ...rows(
      validRanges,
      ['function', 'hmm_range_wait_until_valid', 'removed: waits until no invalidation runs'],
      ['function', 'hmm_range_valid', 'removed: whether the array may be used; under the update lock'],
    ),
  ],
}
