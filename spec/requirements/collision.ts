/**
 * Collision and retry: how a driver knows that what it read of the page table is still worth something.
 *
 * @module
 */
import { type Requirement, WITH_SEQUENCE } from '../requirement.js'

/** What the sequence number is for, and who must keep to it. */
export const collision: readonly Requirement[] = [
  {
    id: 'C8',
    title: 'a walk is used only under the update lock, once it is validated',
    text:
      'What hmm_range_fault stored may be looked at and mapped only while the update lock is held, after ' +
      'mmu_interval_read_retry has said no under it, and the lock is kept until the device page table is written. That ' +
      'goes for struct pages too: before, they may be gone. What a thread has itself migrated, it may map from its own ' +
      'migration instead (C36), once it is known to have been migrated; C1 holds all the same.',
    source: ['reference C8, B.4 D6 and D7', 'include/linux/hmm.h', 'Documentation/mm/hmm.rst'],
    checks: ['the device is programmed only from a validated walk', 'assert:pageAddress'],
  },
  {
    id: 'C9',
    title: 'reader and callback take the same lock',
    text:
      'The lock under which a reader compares the sequence is the one under which the callback sets it. Otherwise the ' +
      'answer could be wrong as soon as it is given.',
    source: ['reference C9', 'include/linux/mmu_notifier.h: mmu_interval_read_retry, mmu_interval_set_seq'],
    checks: ['the sequence is set under the update lock'],
    generations: WITH_SEQUENCE,
  },
  {
    id: 'C10',
    title: 'every callback sets the sequence',
    text:
      'A callback that accepts a range sets the sequence it was given, also where nothing is mapped: a reader may have ' +
      'walked already and be about to map. An invalidation that the driver causes itself as it migrates may be left ' +
      'unrecorded (C41), if the driver sees to its readers by other means: see H1.',
    source: ['reference C10', 'include/linux/mmu_notifier.h: mmu_interval_set_seq'],
    checks: ['every callback sets the sequence'],
    generations: WITH_SEQUENCE,
  },
  {
    id: 'C13',
    title: 'a reported collision was one',
    text:
      'mmu_interval_check_retry may miss a collision, since it takes no lock. If it reports one, there was one: the ' +
      "interval's number has moved.",
    source: ['reference C13', 'include/linux/mmu_notifier.h: mmu_interval_check_retry'],
    checks: ['a reported collision was one'],
    generations: WITH_SEQUENCE,
  },
  {
    id: 'C14',
    title: 'read_begin waits only for invalidations of its interval, and promises nothing',
    text:
      'The sequence of an address space turns odd for an invalidation that touches an interval in the tree, or for an ' +
      'insertion while one runs; for nothing else. The number that read_begin returns may be stale at once. It does not ' +
      'loop: the caller tries again, and bounds the time that it takes.',
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
