/**
 * The lifecycle of a range: one attempt of a driver to mirror some addresses, from `mmu_interval_read_begin` to the
 * device page table. No result of `hmm_range_fault` may be used before the collision check under the update lock, or after
 * that lock is dropped; this statechart specifies that order.
 *
 * @module
 */
import { type EventFrom, type StateValueFrom, setup } from 'xstate'
import type { StatechartMeta } from '../src/world/index.js'

const begun =
  'mmu_interval_read_begin returned a sequence number, after waiting for a running invalidation (C14).'
const released = 'The fault is complete: mmput, and the range may be used for another one.'

/**
 * The lifecycle of a range (`struct hmm_range` with the fault that fills it).
 *
 * @remarks
 * One instance is one walk with its retries: it leaves `idle` when hmm_range_fault begins and returns when the fault is
 * complete, whatever its result, or another walk begins. A page that is mapped already needs none. Every retry goes through
 * `retried`, the only state in which the timeout is tested. Each state and event is documented in the machine itself.
 *
 * A range is a local variable of a driver, and so are the answers that it gets: `begin` is read off the place where its thread
 * stands, `validated` off the owner of the update lock and the two sequence numbers; `faulted`, `retried`, `failed` and
 * `committed` off what the last call has answered (`docs/decisions/0006-statecharts.md`).
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
  types: {
    events: {} as {
      type: 'BEGIN' | 'FAULTED' | 'COLLIDED' | 'VALIDATED' | 'COMMITTED' | 'FAILED' | 'TIMED_OUT' | 'RELEASED'
    },
    meta: {} as StatechartMeta,
  },
}).createMachine({
  id: 'range',
  description:
    'One populate of a range: sample the sequence, let hmm_range_fault fill the array, check for a collision ' +
    "under the driver's update lock, program the device page table, drop the lock.",
  initial: 'idle',
  states: {
    idle: {
      description:
        'No walk is in progress, and none has left an entry that may be used. The range may have a number already.',
      on: {
        BEGIN: { target: 'begin', description: begun, meta: { clauses: ['C14'] } },
        FAILED: {
          target: 'idle',
          description:
            'The fault ends with an error before a walk: mmget_not_zero failed, and the mm is exiting and cannot be pinned (C19).',
          meta: { clauses: ['C19'] },
        },
      },
    },
    begin: {
      description:
        'The thread is inside hmm_range_fault, which walks under the mmap lock, with the number of the range. That may be ' +
        'stale already (C14). The address space is pinned (C19).',
      meta: { clauses: ['C14', 'C19'] },
      on: {
        FAULTED: {
          target: 'faulted',
          description: 'hmm_range_fault returned 0: every requested entry is filled (C21).',
          meta: { clauses: ['C21'] },
        },
        COLLIDED: {
          target: 'retried',
          description:
            'hmm_range_fault returned -EBUSY: its own check found that the sequence has changed (C13).',
          meta: { clauses: ['C13'] },
        },
        FAILED: {
          target: 'failed',
          description: 'hmm_range_fault returned another error: -EFAULT, -EPERM, -ENOMEM, -EINVAL.',
        },
      },
    },
    faulted: {
      description:
        'The array is filled, and may be stale: the number has not been compared under the update lock, so no entry may ' +
        'be used (C8).',
      meta: { clauses: ['C8'] },
      on: {
        VALIDATED: {
          target: 'validated',
          description:
            'mmu_interval_read_retry was false under the update lock: no invalidation came in between (C8).',
          meta: { clauses: ['C8'] },
        },
        COLLIDED: {
          target: 'retried',
          description: 'mmu_interval_read_retry was true: an invalidation came in between (C8).',
          meta: { clauses: ['C8'] },
        },
        FAILED: {
          target: 'idle',
          description:
            'The fault ends with an error: a page cannot be mapped for DMA (hmm_range_dma_map, 5.1 to 5.4), and none is.',
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
        'The thread holds the update lock, the number of the range is that of its notifier, and the entries match the CPU page ' +
        'table: any invalidation now waits for the lock. The only state in which the device page table may be programmed (C8).',
      meta: { clauses: ['C8'] },
      on: {
        COMMITTED: {
          target: 'committed',
          description:
            'The update lock is dropped. The device page table holds the valid entries, with no more permissions than they ' +
            'have (C4); or the driver has kept them by a rule of its own.',
          meta: { clauses: ['C4'] },
        },
        COLLIDED: {
          target: 'retried',
          description:
            'The driver cannot use an entry, has changed that (migrated its own read-only page back), and retries.',
        },
      },
    },
    retried: {
      description:
        'There was a collision, or the driver had to change something first: the array and the sequence number are invalid.',
      on: {
        BEGIN: { target: 'begin', description: begun, meta: { clauses: ['C14'] } },
        TIMED_OUT: {
          target: 'idle',
          description:
            'HMM_RANGE_DEFAULT_TIMEOUT has expired: the driver gives up instead of retrying, and the fault ends with -EBUSY (C14). ' +
            'Nothing of this attempt is mapped.',
          meta: { clauses: ['C14'] },
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
        'The update lock is dropped, and no entry of the array may be used without another comparison (C8). From here on invalidations keep what ' +
        'the device maps correct, not the range.',
      meta: { clauses: ['C8'] },
      on: {
        VALIDATED: {
          target: 'validated',
          description:
            'The driver has kept the range with its number, has taken the update lock again, and mmu_interval_read_retry was ' +
            'false once more (C8).',
          meta: { clauses: ['C8'] },
        },
        COLLIDED: {
          target: 'retried',
          description:
            'The same, and mmu_interval_read_retry was true: the pages were invalidated since (C8).',
          meta: { clauses: ['C8'] },
        },
        FAILED: {
          target: 'idle',
          description:
            'The fault ends with an error: under the lock the driver has found an entry that it cannot map (an error entry, or ' +
            'mixed kinds of pages: C25), or has had no memory for it. What it had programmed by then is valid.',
          meta: { clauses: ['C25'] },
        },
        RELEASED: { target: 'idle', description: `${released} Or another walk begins.` },
      },
    },
    failed: {
      description: 'hmm_range_fault has returned an error, and the driver has yet to end the fault.',
      on: { RELEASED: { target: 'idle', description: released } },
    },
  },
})

/** The states of {@link rangeStatechart}. */
export type RangeState = StateValueFrom<typeof rangeStatechart>

/** The events of {@link rangeStatechart}. */
export type RangeEvent = EventFrom<typeof rangeStatechart>['type']
