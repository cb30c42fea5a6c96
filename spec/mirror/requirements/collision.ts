/**
 * Collision and retry: how a driver detects that its walk of the page table is stale.
 *
 * @module
 */
import { type Requirement, WITH_SEQUENCE } from '../../requirement.js'

/** The rules of the sequence number. */
export const collision: readonly Requirement[] = [
  {
    id: 'C8',
    title: 'a walk is used only under the update lock, once it is validated',
    text:
      'The entries of the array may be read and mapped only under the lock that the driver takes to ' +
      "program its device, in a step in which the driver's rule proves that the page was not " +
      'invalidated since the walk. The rule of most drivers: mmu_interval_read_retry has returned ' +
      'false under the update lock, for the number under which the walk was made. A driver may have ' +
      'another rule (mayBind), such as a flag that its callback clears, or a stored number. It must be ' +
      "sound: a page that it allows is mapped by the CPU page table, and the driver's callback has not " +
      'returned for an invalidation of it that is still open. The lock is held until the device page ' +
      'table is written. A number is compared only with the notifier from which it was read. This ' +
      'includes dereferencing struct pages: before that they may have been freed. A thread may map the ' +
      'pages of its own migration instead (C36), once they have migrated; C1 must still hold.',
    source: ['reference C8, B.4 D6 and D7', 'include/linux/hmm.h', 'Documentation/mm/hmm.rst'],
    checks: [
      'the device is programmed only from a validated walk',
      'a snapshot tells only of a validated walk',
      'the device has the pages that its range keeps',
      'a range is validated only under the update lock',
      'the rule by which a driver programs its device is sound',
      'assert:mapPage',
      'assert:pageAddress',
      'assert:mmu_interval_read_retry',
    ],
  },
  {
    id: 'C9',
    title: 'reader and callback take the same lock',
    text:
      'The lock under which a reader compares the sequence is the lock under which the callback sets ' +
      'it. Otherwise the result of the comparison could be stale at once.',
    source: ['reference C9', 'include/linux/mmu_notifier.h: mmu_interval_read_retry, mmu_interval_set_seq'],
    checks: ['assert:mmu_interval_set_seq'],
    generations: WITH_SEQUENCE,
  },
  {
    id: 'C10',
    title: 'every callback sets the sequence',
    text:
      'A callback that accepts a range sets the sequence that it was given, even if nothing is ' +
      'mapped: a reader may have walked already and be about to map. A callback may skip this for an ' +
      'invalidation that the driver causes by its own migration (C41), if the driver protects its ' +
      'readers by other means: see H1.',
    source: ['reference C10', 'include/linux/mmu_notifier.h: mmu_interval_set_seq'],
    checks: ['every callback sets the sequence'],
    generations: WITH_SEQUENCE,
  },
  {
    id: 'C13',
    title: 'a reported collision was one',
    text:
      'mmu_interval_check_retry takes no lock and may miss a collision. If it reports one, the ' +
      'sequence of the interval has changed.',
    source: ['reference C13', 'include/linux/mmu_notifier.h: mmu_interval_check_retry'],
    checks: ['a reported collision was one'],
    generations: WITH_SEQUENCE,
  },
  {
    id: 'C14',
    title: 'read_begin waits only for invalidations of its interval, and its result may be stale',
    text:
      'The sequence of an address space becomes odd only for an invalidation that overlaps an ' +
      'interval in the tree, or for an insertion while an invalidation runs. The number that ' +
      'mmu_interval_read_begin returns may be stale at once. It does not loop: the caller retries and ' +
      'limits the total time.',
    source: [
      'reference C14, B.1 S3, N2, R1 to R3, B.4 D1 and D2',
      'mm/mmu_notifier.c: mn_itree_inv_start_range, mmu_interval_read_begin',
    ],
    checks: [
      'the sequence turns odd only for an interval that is touched',
      'step:populate (again): HMM_RANGE_DEFAULT_TIMEOUT',
    ],
    generations: WITH_SEQUENCE,
  },
]
