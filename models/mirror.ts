/**
 * The lifecycle of a mirror of Linux 4.14 to 5.4: its registration on the list of `struct hmm`, and its removal.
 *
 * @module
 */
import { type EventFrom, type StateValueFrom, setup } from 'xstate'
import type { StatechartMeta } from '../src/world/index.js'

/**
 * The lifecycle of a mirror (`struct hmm_mirror`). Interval notifiers replaced it in Linux 5.5.
 *
 * @remarks
 * The list changes only under `mirrors_sem` held for writing, and callbacks run under it held for reading: so
 * `hmm_mirror_unregister` waits for them. A driver frees the object that contains the mirror only in `unregistered`.
 *
 * The state is read off the list, the note of hmm_release that it has called the mirror's release(), which it does once, and the
 * number of users of the mm, which is 0 in `released`.
 *
 * ![The states and transitions of a mirror](../docs/statecharts/mirror.svg)
 *
 * @requirement C3 after `TOLD` the device no longer uses the range
 * @requirement C7 in `released` the device cannot access the address space
 * @requirement C17 in `unregistered` no callback runs or will run
 * @kernel hmm_mirror_register, hmm_mirror_unregister, hmm_mirror_ops
 * @see reference, sections A.1 and A.2
 */
export const mirrorStatechart = setup({
  types: {
    events: {} as {
      type: 'REGISTERED' | 'TOLD' | 'RELEASED' | 'UNREGISTERED'
    },
    meta: {} as StatechartMeta,
  },
}).createMachine({
  id: 'mirror',
  description:
    'A mirror on the list of its address space, before Linux 5.5: registered, called for invalidations, released with ' +
    'the address space, unregistered.',
  initial: 'unregistered',
  states: {
    unregistered: {
      description:
        'On no list: no callback runs or will run, and the driver may free the object that contains it (C17).',
      meta: { clauses: ['C17'] },
      on: {
        REGISTERED: {
          target: 'registered',
          description: 'hmm_mirror_register, with the mmap lock held for writing.',
        },
      },
    },
    registered: {
      description: 'On the list: sync_cpu_device_pagetables is called for every invalidation of the mm.',
      on: {
        TOLD: {
          target: 'registered',
          description:
            'sync_cpu_device_pagetables is called, and returns when the device no longer uses the range (C3).',
          meta: { clauses: ['C3'] },
        },
        RELEASED: {
          target: 'released',
          description: 'The last user of the mm has gone: release() is called, and stops the device (C7).',
          meta: { clauses: ['C7'] },
        },
        UNREGISTERED: {
          target: 'unregistered',
          description: 'hmm_mirror_unregister: off the list, after the callbacks that were running.',
        },
      },
    },
    released: {
      description:
        'The mm has no user left, and the device has stopped (C7). Still on the list, until the driver unregisters.',
      meta: { clauses: ['C7'] },
      on: {
        TOLD: {
          target: 'released',
          description:
            'The pages of the mm are zapped: sync_cpu_device_pagetables is called, and finds nothing mapped.',
        },
        UNREGISTERED: {
          target: 'unregistered',
          description: 'hmm_mirror_unregister, after the end of the mm.',
        },
      },
    },
  },
})

/** The states of {@link mirrorStatechart}. */
export type MirrorState = StateValueFrom<typeof mirrorStatechart>

/** The events of {@link mirrorStatechart}. */
export type MirrorEvent = EventFrom<typeof mirrorStatechart>['type']
