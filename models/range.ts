/**
 * The lifecycle of a range: one attempt of a driver to mirror some addresses, from `mmu_interval_read_begin` to the
 * device page table. No result of `hmm_range_fault` may be used before the collision check under the update lock; this
 * statechart specifies that order.
 *
 * @module
 */
import { setup } from 'xstate'

/** The states of {@link rangeStatechart}. */
export type RangeState =
  | 'idle'
  | 'begin'
  | 'faulted'
  | 'validated'
  | 'retried'
  | 'committed'
  | 'failed'
  | 'timedOut'

/** The events of {@link rangeStatechart}. */
export type RangeEvent =
  | 'BEGIN'
  | 'FAULTED'
  | 'COLLIDED'
  | 'VALIDATED'
  | 'COMMITTED'
  | 'FAILED'
  | 'TIMED_OUT'
  | 'RELEASED'

const begun =
  'mmu_interval_read_begin returned a sequence number, after waiting for a running invalidation (C14).'
const released = 'The fault is complete: mmput, and the range may be used for another one.'

/**
 * The lifecycle of a range (`struct hmm_range` with the fault that fills it).
 *
 * @remarks
 * One instance is one walk with its retries: it leaves `idle` when hmm_range_fault begins and returns when the fault is
 * complete, whatever its result, or another walk begins. A page that is mapped already needs none. Every retry goes through `retried`, the only state in which the timeout is
 * tested. Each state and event is documented in the machine itself.
 *
 * ![The states and transitions of a range](../docs/statecharts/range.svg)
 *
 * @requirement C8 the entries of the array are used only inside `validated`
 * @requirement C14 a sequence number may be stale at once, and the total time is bounded by the caller
 * @requirement C19 the address space is pinned from `begin` to the end
 * @kernel mmu_interval_read_begin, hmm_range_fault, mmu_interval_read_retry, HMM_RANGE_DEFAULT_TIMEOUT
 * @see reference, sections A.3 and B.4 (D0 to D8)
 */
export const rangeStatechart = setup({
  types: { events: {} as { [E in RangeEvent]: { type: E } }[RangeEvent] },
}).createMachine({
  id: 'range',
  description:
    'One populate of a range: sample the sequence, let hmm_range_fault fill the array, check for a collision ' +
    "under the driver's update lock, program the device page table.",
  initial: 'idle',
  states: {
    idle: {
      description:
        'No walk is in progress, and none has left an entry that may be used. The range may have a number already.',
      on: {
        BEGIN: { target: 'begin', description: begun },
        FAILED: {
          target: 'failed',
          description: 'mmget_not_zero failed: the mm is exiting and cannot be pinned (C19).',
        },
      },
    },
    begin: {
      description:
        'The range holds a sequence number, and hmm_range_fault may walk under the mmap lock. The number may be ' +
        'stale already.',
      on: {
        FAULTED: {
          target: 'faulted',
          description: 'hmm_range_fault returned 0: every requested entry is filled.',
        },
        COLLIDED: {
          target: 'retried',
          description:
            'hmm_range_fault returned -EBUSY: its own check found that the sequence has changed (C13).',
        },
        FAILED: {
          target: 'failed',
          description: 'hmm_range_fault returned another error: -EFAULT, -EPERM, -ENOMEM, -EINVAL.',
        },
      },
    },
    faulted: {
      description:
        'The array is filled, and may be stale: the mmap lock is dropped and the update lock not yet taken, ' +
        'so no entry may be used.',
      on: {
        VALIDATED: {
          target: 'validated',
          description:
            'mmu_interval_read_retry was false under the update lock: no invalidation came in between (C8).',
        },
        COLLIDED: {
          target: 'retried',
          description:
            'mmu_interval_read_retry was true under the update lock: an invalidation came in between (C8).',
        },
        FAILED: {
          target: 'failed',
          description: 'A page cannot be mapped for DMA (hmm_range_dma_map, 5.1 to 5.4): none is.',
        },
        RELEASED: {
          target: 'idle',
          description:
            'Another walk begins under the same number, or the fault ends and the driver keeps what was found, with its number.',
        },
      },
    },
    validated: {
      description:
        'The update lock is held and the entries match the CPU page table: any invalidation now waits for the lock. ' +
        'The only state in which the device page table may be programmed.',
      on: {
        COMMITTED: {
          target: 'committed',
          description:
            'The device page table holds the valid entries, with no more permissions than they have (C4).',
        },
        COLLIDED: {
          target: 'retried',
          description:
            'The driver cannot use an entry, has changed that (migrated its own read-only page back), and retries.',
        },
        FAILED: {
          target: 'failed',
          description:
            'The driver found an entry that it cannot map: an error entry, or mixed kinds of pages (C25).',
        },
        RELEASED: {
          target: 'idle',
          description:
            'Another walk begins, or the fault ends, and the driver keeps by a rule of its own what was found.',
        },
      },
    },
    retried: {
      description:
        'There was a collision, or the driver had to change something first: the array and the sequence number are invalid.',
      on: {
        BEGIN: { target: 'begin', description: begun },
        TIMED_OUT: {
          target: 'timedOut',
          description:
            'HMM_RANGE_DEFAULT_TIMEOUT has expired: the driver gives up instead of retrying (C14).',
        },
        RELEASED: {
          target: 'idle',
          description:
            'The fault ends: another one has mapped the pages meanwhile, or the device is to fault again.',
        },
      },
    },
    committed: {
      description:
        'The device maps the range. From here on invalidations keep the mapping correct, not the range.',
      on: { RELEASED: { target: 'idle', description: released } },
    },
    failed: {
      description: 'The fault ends with an error, and nothing of this attempt is mapped.',
      on: { RELEASED: { target: 'idle', description: released } },
    },
    timedOut: {
      description:
        'The fault ends with -EBUSY after too many collisions, and nothing of this attempt is mapped.',
      on: { RELEASED: { target: 'idle', description: released } },
    },
  },
})
