/**
 * What orders accesses that no lock keeps apart.
 *
 * @module
 */

/** What orders accesses that no lock keeps apart. */
export const orders = {
  atomic: {
    title: 'An atomic operation',
    text:
      'A read and a change in one operation, which is a full barrier where it returns a value (atomic_inc_not_zero, cmpxchg, ' +
      'test_and_set_bit); one that returns none (atomic_inc) orders nothing, and nobody depends on it.',
  },
  recheck: {
    title: 'Read once, and again under the lock',
    text:
      'The value is read as one word (READ_ONCE, ptep_get). What was read is a hint: whoever acts on it compares it again ' +
      'with the lock held, or is told by a sequence that it has changed. No barrier is needed for that, but the address ' +
      'dependency to what a pointer leads to.',
  },
  unlock: {
    title: 'A lock that is taken elsewhere',
    text:
      'The other access has been, or will be, on the far side of a lock that both take for another reason: its release and ' +
      'the next acquisition order the two.',
  },
  waiting: {
    title: 'Waiting and waking',
    text:
      'set_current_state is a full barrier between putting oneself on the queue and looking at the condition; wake_up takes the ' +
      'lock of the queue, and has a full barrier before it looks at whom to wake.',
  },
  unmodelled: {
    title: 'A lock of the kernel that is not modelled',
    text: 'The kernel has a lock, which the step stands for. It orders like any other.',
  },
  hardware: {
    title: 'A CPU or a device',
    text:
      'One of the two is hardware, which reads page tables and memory as it likes. Entries are changed before TLBs are flushed; ' +
      'a flush ends when whoever had the old translation has used it for the last time.',
  },
  none: {
    title: 'Nothing',
    text:
      'There is no barrier. Either reader can see an old value; what it does then is as if it had come earlier, or is not ' +
      'worth more than a guess.',
  },
  model: {
    title: 'Of the model alone',
    text: 'No kernel has this field: it is of a scenario that is about an idea, or of a device that stands for any.',
  },
} as const

/** One of {@link orders}. */
export type Order = keyof typeof orders

/** What orders the accesses to a field, or to several that are alike. */
export interface UnlockedField {
  /** As places are named in footprints, without which one of several it is; `*` stands for the name of a device or driver. */
  readonly field: string
  readonly by: Order
  /** The kernel's function or operation that has the barrier, or that shows that there is none. */
  readonly where: string
  /** What that is enough for. */
  readonly why: string
}

/** Tells of a field. */
export function row(field: string, by: Order, where: string, why: string): UnlockedField {
  return { field, by, where, why }
}
