/**
 * Locks, and what every protocol owes: that it gets on, and keeps to its statecharts.
 *
 * @module
 */
import type { Requirement } from '../requirement.js'

/** Discipline, order and progress. */
export const locks: readonly Requirement[] = [
  {
    id: 'C18',
    title: 'nothing is allocated under an update lock',
    text:
      'An allocation may wait for reclaim, reclaim for a callback, and the callback for the update lock. So who holds the ' +
      'update lock allocates nothing that may wait, and takes no lock that comes before it.',
    source: ['reference C18, B.0, D32'],
    checks: ['nothing is allocated under an update lock'],
  },
  {
    id: 'lock-discipline',
    title: 'who touches a field holds the lock that guards it',
    text:
      'A field that is declared with a lock is read and written only by its holder, except by readers that are marked as ' +
      'lockless. A lock is released by who holds it, in the mode in which it is held.',
    source: ['our own', 'reference B.0, B.1 (which state is under which lock)'],
    checks: [
      'assert:GuardedCell',
      'assert:OwnedLock',
      'assert:RwSemaphore',
      'assert:unlockPage',
      'assert:hmm_mirror_register',
    ],
  },
  {
    id: 'lock-order',
    title: 'locks are taken in their order',
    text:
      'mmap lock, update lock, folio lock, reverse-map lock, page-table lock, lock of the subscriptions: a lock is taken ' +
      'only while none is held that comes after it, or stands at the same place.',
    source: ['our own', 'reference B.0'],
    checks: ['assert:mayAcquire'],
  },
  {
    id: 'atomic-sleep',
    title: 'nobody sleeps under a spinlock',
    text: 'What may sleep (a mutex, a semaphore, a wait, an allocation, hence a fault) is not done while a spinlock is held.',
    source: ['our own', 'reference B.0, D26'],
    checks: ['assert:mightSleep'],
  },
  {
    id: 'deadlock',
    title: 'as long as a thread has something left to do, something can go on',
    text:
      'There is no state in which a thread has not ended and nobody can take a step, other than threads that may wait ' +
      'for ever. No lock is taken again by its holder.',
    source: ['our own', 'reference B.0, G.4'],
    checks: ['checker:deadlock', 'assert:mayAcquire'],
  },
  {
    id: 'refinement',
    title: 'ranges, interval notifiers and device pages keep to their statecharts',
    text:
      'Every event that a step signals is one that the statechart allows where it stands, and in every state the world ' +
      'is in the state that its statechart says.',
    source: ['our own: models/range.ts, models/interval-notifier.ts, models/device-private-page.ts'],
    checks: ['assert:Lifecycle', 'checker:abstraction'],
  },
  {
    id: 'C49',
    title: 'reading ends when invalidations do',
    text:
      'read_begin returns, and a device access or a prefault is served or fails, if invalidations come to an end and every ' +
      'thread that can go on does. A stream of invalidations that never stops may keep a reader waiting for ever (H7).',
    source: ['reference C49, G.4, B.11 H7', 'mm/hmm.c, mm/mmu_notifier.c: mmu_interval_read_begin'],
    checks: ['read_begin returns', 'a device access ends'],
  },
  {
    id: 'progress',
    title: 'every thread ends',
    text: 'Every thread that is not meant to go on for ever does all that it was to do, if whoever can go on does.',
    source: ['our own', 'reference G.4'],
    checks: ['every thread ends'],
  },
]
