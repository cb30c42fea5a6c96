/**
 * The lifecycle of an interval notifier: its insertion into the interval tree, its removal, and when it counts as being
 * invalidated.
 *
 * @module
 */
import { type EventFrom, type StateValueFrom, setup } from 'xstate'
import type { StatechartMeta } from '../src/world/index.js'

const sequenceSet = "The driver's invalidate called mmu_interval_set_seq under its update lock (C10)"

/**
 * The lifecycle of an interval notifier (`struct mmu_interval_notifier`), in terms of the mm's own sequence number: it is
 * odd while a subscribed interval is being invalidated, and the tree is frozen meanwhile.
 *
 * @remarks
 * "Being invalidated" means that the notifier's sequence number equals the mm's, which is then odd:
 * `mmu_interval_read_begin` waits for that to change. Between `mmu_notifier_invalidate_range_start`, which makes the
 * number odd, and the driver's `mmu_interval_set_seq` the notifier is still `idle`. An invalidation that does not overlap
 * this interval sends it no event. `INVALIDATION_ENDED` is sent when the *last* running invalidation of the mm ends: the
 * number becomes even in the critical section that processes the deferred list.
 *
 * The state is read off the two lists, the tree and the deferred list, and the two sequence numbers.
 *
 * ![The states and transitions of an interval notifier](../docs/statecharts/intervalNotifier.svg)
 *
 * @requirement C10 every invalidation of the interval sets its sequence number
 * @requirement C15 the notifier's sequence number is always odd
 * @requirement C16 insert may return before the notifier is in the tree (`deferredInsert`)
 * @requirement C17 remove returns only when no callback runs or will run (`absent`)
 * @kernel mmu_interval_notifier_insert, mmu_interval_notifier_remove, mmu_interval_set_seq, mn_itree_inv_end
 * @see reference, section B.1
 */
export const intervalNotifierStatechart = setup({
  types: {
    events: {} as {
      type:
        | 'INSERTED'
        | 'INSERTED_DURING_INVALIDATION'
        | 'INSERT_DEFERRED'
        | 'SEQUENCE_SET'
        | 'INVALIDATION_ENDED'
        | 'REMOVED'
        | 'REMOVE_DEFERRED'
    },
    meta: {} as StatechartMeta,
  },
}).createMachine({
  id: 'intervalNotifier',
  description:
    "An interval notifier and its mm's sequence number: inserted, invalidated, removed; insertion and removal are " +
    'deferred while the number is odd.',
  initial: 'absent',
  states: {
    absent: {
      description: 'Neither in the tree nor on the deferred list: no callback runs or will run (C17).',
      meta: { clauses: ['C17'] },
      on: {
        INSERTED: {
          target: 'idle',
          description:
            'mmu_interval_notifier_insert while no invalidation runs: directly into the tree, with the odd number ' +
            'before the current one.',
        },
        INSERTED_DURING_INVALIDATION: {
          target: 'invalidating',
          description:
            'mmu_interval_notifier_insert while an invalidation runs that overlaps no interval: the sequence is made ' +
            'odd, as if the running invalidation covered this one.',
        },
        INSERT_DEFERRED: {
          target: 'deferredInsert',
          description:
            'mmu_interval_notifier_insert while the sequence is odd: the tree is frozen, so it is put on the deferred list (C16).',
          meta: { clauses: ['C16'] },
        },
      },
    },
    deferredInsert: {
      description:
        'On the deferred list and not in the tree: it gets no callback, and mmu_interval_read_begin waits, so no walk ' +
        'of its range is used (C16).',
      meta: { clauses: ['C16'] },
      on: {
        INVALIDATION_ENDED: {
          target: 'idle',
          description:
            'The last invalidation ended (mn_itree_inv_end): moved from the deferred list into the tree.',
        },
        REMOVED: {
          target: 'absent',
          description: 'mmu_interval_notifier_remove: removed from the deferred list, without waiting.',
        },
      },
    },
    idle: {
      description:
        "In the tree, and its number differs from the mm's: no invalidation of this interval has set it since the " +
        'sequence last became odd, so mmu_interval_read_begin does not wait.',
      on: {
        SEQUENCE_SET: {
          target: 'invalidating',
          description: `${sequenceSet}: readers collide or wait from here on.`,
          meta: { clauses: ['C10'] },
        },
        REMOVED: {
          target: 'absent',
          description:
            'mmu_interval_notifier_remove while the sequence is even: removed from the tree at once.',
        },
        REMOVE_DEFERRED: {
          target: 'deferredRemove',
          description:
            'mmu_interval_notifier_remove while the sequence is odd: onto the deferred list, and the caller waits.',
        },
      },
    },
    invalidating: {
      description:
        "In the tree, and its number equals the mm's, which is odd (C15): the CPU's page table may be changing, and " +
        'mmu_interval_read_begin waits (C14).',
      meta: { clauses: ['C14', 'C15'] },
      on: {
        SEQUENCE_SET: {
          target: 'invalidating',
          description: `${sequenceSet} again: a second invalidation overlaps the first and has the same number.`,
          meta: { clauses: ['C10'] },
        },
        INVALIDATION_ENDED: {
          target: 'idle',
          description: 'The last invalidation ended: the sequence is even, and waiters are woken.',
        },
        REMOVE_DEFERRED: {
          target: 'deferredRemove',
          description:
            'mmu_interval_notifier_remove while the sequence is odd: onto the deferred list, and the caller waits.',
        },
      },
    },
    deferredRemove: {
      description:
        'In the tree and on the deferred list: callbacks still come, and mmu_interval_notifier_remove waits until ' +
        'the sequence changes.',
      on: {
        SEQUENCE_SET: {
          target: 'deferredRemove',
          description: `${sequenceSet}: it is still in the tree, and is still called.`,
          meta: { clauses: ['C10'] },
        },
        INVALIDATION_ENDED: {
          target: 'absent',
          description: 'The last invalidation ended: removed from the tree, and remove may return (C17).',
          meta: { clauses: ['C17'] },
        },
      },
    },
  },
})

/** The states of {@link intervalNotifierStatechart}. */
export type IntervalNotifierState = StateValueFrom<typeof intervalNotifierStatechart>

/** The events of {@link intervalNotifierStatechart}. */
export type IntervalNotifierEvent = EventFrom<typeof intervalNotifierStatechart>['type']
