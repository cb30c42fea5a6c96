/**
 * Locks, deadlock, progress, and agreement with the statecharts.
 *
 * @module
 */
import type { Requirement } from '../../requirement.js'

/** Discipline, order and progress. */
export const locks: readonly Requirement[] = [
  {
    id: 'C18',
    title: 'nothing is allocated, and no earlier lock is taken, under an update lock',
    text:
      'An allocation may wait for reclaim, reclaim for a callback, and the callback for the update ' +
      'lock. So the holder of the update lock makes no allocation that may wait, and waits for no lock ' +
      'that comes earlier in the order: not for the mmap lock, and not for a folio lock, under which ' +
      'reclaim, migration and make_device_exclusive call the callback. This holds for every driver.',
    source: ['reference C18, B.0, D32, D34'],
    checks: [
      'nothing is allocated under an update lock',
      'no lock that comes before the update lock is taken under it',
    ],
  },
  {
    id: 'lock-discipline',
    title: 'a field is accessed only under the lock that protects it',
    text:
      'A field that is declared with a lock is read and written only by the holder of that lock, ' +
      'except by readers that are marked as lockless. A lock is released by its holder, in the mode ' +
      'in which it is held, and before that thread ends: then it holds no lock, no folio lock, and has no ' +
      'invalidation open. A driver says what protects its device page table, to add entries and to ' +
      'remove them.',
    source: ['our own', 'reference B.0, B.1 (which state is under which lock)'],
    checks: [
      'a thread that has ended holds no lock',
      'assert:GuardedCell',
      'assert:OwnedLock',
      'assert:RwSemaphore',
      'assert:unlockPage',
      'assert:split_folio',
      'assert:hmm_mirror_register',
      'assert:worker_thread',
    ],
  },
  {
    id: 'lock-order',
    title: 'locks are taken in their order',
    text:
      'The order is: mmap lock, folio lock, update lock, reverse-map lock, page-table lock, lock of ' +
      'the subscriptions. A lock is taken only while no lock of the same or a later rank is held. ' +
      'migrate_to_ram is called under the mmap lock and a folio lock, so a driver must not take a lock ' +
      'there that it holds across a walk or a migration.',
    source: ['our own', 'reference B.0, D42'],
    checks: ['assert:mayAcquire', 'assert:mmu_interval_notifier_insert'],
  },
  {
    id: 'atomic-sleep',
    title: 'no sleeping under a spinlock',
    text:
      'Nothing that may sleep (a mutex, a semaphore, a wait, an allocation, hence a fault) is done ' +
      'while a spinlock is held.',
    source: ['our own', 'reference B.0, D26'],
    checks: ['assert:mightSleep'],
  },
  {
    id: 'deadlock',
    title: 'no deadlock',
    text:
      'There is no state in which a thread has not ended and no thread can take a step, except for ' +
      'threads that are allowed to wait for ever. No lock is taken again by its holder.',
    source: ['our own', 'reference B.0, G.4'],
    checks: ['checker:deadlock', 'assert:mayAcquire', 'assert:mayWait'],
  },
  {
    id: 'refinement',
    title: 'ranges, interval notifiers and device pages follow their statecharts',
    text:
      'Every event that a step signals is allowed by the statechart in its current state, and in ' +
      'every explored state the world matches the state of the statechart. When hmm_range_fault ' +
      'returns, the range is not in `begin` any more. A range that becomes idle is empty.',
    source: ['our own: models/range.ts, models/interval-notifier.ts, models/device-private-page.ts'],
    checks: [
      'assert:Lifecycle',
      'checker:abstraction',
      'a range says how its walk has ended',
      'a range that is idle is empty',
    ],
  },
  {
    id: 'C49',
    title: 'reading ends when invalidations end',
    text:
      'If every invalidation ends and every thread that can take a step does, mmu_interval_read_begin ' +
      'returns, and a device access or a prefault completes or fails. An endless stream of ' +
      'invalidations may starve a reader (H7). A driver that migrates its own read-only pages back for ' +
      'a write gives up after some tries.',
    source: ['reference C49, G.4, B.11 H7', 'mm/hmm.c, mm/mmu_notifier.c: mmu_interval_read_begin'],
    checks: ['read_begin returns', 'a device access ends', 'assert:populate (look for WRITE)'],
  },
  {
    id: 'work-items',
    title: 'a work item ends before the object that contains it',
    text:
      'A work item of a driver is neither queued nor running when the object that contains it is ' +
      'freed, and it is not queued afterwards. A running item ends if every thread that can take a ' +
      'step does.',
    source: ['our own', 'kernel/workqueue.c: debug_work_free', 'Documentation/core-api/workqueue.rst'],
    checks: ['assert:queue_work', 'assert:destroyWork', 'a work item ends'],
  },
  {
    id: 'progress',
    title: 'every thread ends',
    text:
      'Every thread that is not meant to run for ever completes its calls if every thread that can go ' +
      'on does.',
    source: ['our own', 'reference G.4'],
    checks: ['every thread ends'],
  },
]
