/**
 * The life of a mirror of Linux 4.14 to 5.4: how a device's interest in an address space comes on the list of its
 * `struct hmm`, and off it.
 *
 * @module
 */
import { setup } from 'xstate'

/** Where a mirror stands: the states of {@link mirrorStatechart}. */
export type MirrorState = 'unregistered' | 'registered' | 'released'

/** What can happen to a mirror: the events of {@link mirrorStatechart}. */
export type MirrorEvent = 'REGISTERED' | 'TOLD' | 'RELEASED' | 'UNREGISTERED'

/**
 * The lifecycle of a mirror (`struct hmm_mirror`). Interval notifiers took its place in Linux 5.5.
 *
 * @remarks
 * The list changes only under `mirrors_sem` for writing, and callbacks run under it for reading: that is what makes
 * `hmm_mirror_unregister` wait for them. A driver frees what holds the mirror only in `unregistered`.
 *
 * ![The states and transitions of a mirror](../docs/statecharts/mirror.svg)
 *
 * @requirement C3 `TOLD` returns when the device has let go
 * @requirement C7 in `released` the device reaches nothing of the address space
 * @requirement C17 in `unregistered` no callback runs or will run
 * @kernel hmm_mirror_register, hmm_mirror_unregister, hmm_mirror_ops
 * @see reference, sections A.1 and A.2
 */
export const mirrorStatechart = setup({
  types: { events: {} as { [E in MirrorEvent]: { type: E } }[MirrorEvent] },
}).createMachine({
  id: 'mirror',
  description:
    'A mirror on the list of its address space, before Linux 5.5: registered, told of invalidations, released with the ' +
    'address space, unregistered.',
  initial: 'unregistered',
  states: {
    unregistered: {
      description: 'On no list: no callback runs or will run, and the driver may free what holds it (C17).',
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
          description: 'sync_cpu_device_pagetables is called, and returns when the device has let go (C3).',
        },
        RELEASED: {
          target: 'released',
          description: 'The last user of the mm is gone: release() is called, and halts the device (C7).',
        },
        UNREGISTERED: {
          target: 'unregistered',
          description: 'hmm_mirror_unregister: off the list, after the callbacks that were running.',
        },
      },
    },
    released: {
      description:
        'The mm is being taken down and the device halted. Still on the list, until the driver unregisters.',
      on: {
        TOLD: {
          target: 'released',
          description:
            'The pages of the mm go: sync_cpu_device_pagetables is called, and finds nothing left.',
        },
        UNREGISTERED: {
          target: 'unregistered',
          description: 'hmm_mirror_unregister, after the end of the mm.',
        },
      },
    },
  },
})
