/**
 * What orders accesses to a field without a common lock.
 *
 * @module
 */

/** What orders accesses to a field without a common lock. */
export const orders = {
  atomic: {
    title: 'An atomic operation',
    text:
      'A read and a change in one operation. An operation that returns a value is a full barrier (atomic_inc_not_zero, cmpxchg, ' +
      'test_and_set_bit). One that returns none (atomic_inc) orders nothing, and no code relies on it.',
  },
  recheck: {
    title: 'Read once, and checked again under the lock',
    text:
      'The value is read as one word (READ_ONCE, ptep_get) and is only a hint: code that acts on it compares it again under ' +
      'the lock, or detects by a sequence number that it has changed. This needs no barrier except the address dependency ' +
      'of a pointer.',
  },
  unlock: {
    title: 'A lock that both sides take elsewhere',
    text:
      'Between the two accesses both threads take a lock for another reason. Its release by one and its acquisition by the ' +
      'other order the accesses.',
  },
  waiting: {
    title: 'Waiting and waking',
    text:
      'set_current_state is a full barrier between queuing the thread and testing the condition. wake_up takes the lock of the ' +
      'queue, and has a full barrier before it reads the state of the waiters.',
  },
  unmodelled: {
    title: 'A lock of the kernel that is not modelled',
    text: 'The step represents a critical section under a lock of the kernel, which orders the accesses like any other.',
  },
  hardware: {
    title: 'A CPU or a device',
    text:
      'One of the two is hardware, which reads page tables and memory at any time. Entries are changed before TLBs are flushed; ' +
      'a flush completes after the last use of an old translation.',
  },
  none: {
    title: 'Nothing',
    text:
      'There is no barrier. A reader may see an old value. It then behaves as if it had come earlier, or the value is only a ' +
      'heuristic.',
  },
  model: {
    title: 'Only in the model',
    text: 'No kernel has this field. It belongs to a scenario without a kernel, or to a generic device.',
  },
} as const

/** One of {@link orders}. */
export type Order = keyof typeof orders

/** What orders the accesses to a field, or to several similar fields. */
export interface UnlockedField {
  /** Name as in footprints, without indices; `*` stands for the name of a device or driver. */
  readonly field: string
  readonly by: Order
  /** The function or operation of the kernel with the barrier, or the place that shows that there is none. */
  readonly where: string
  /** Why this is sufficient. */
  readonly why: string
}

/** Makes a row of the table. */
export function row(field: string, by: Order, where: string, why: string): UnlockedField {
  return { field, by, where, why }
}
