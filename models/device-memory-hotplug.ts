/**
 * The lifecycle of a region of `hmm_devmem`, from adding device memory to removing it.
 *
 * @module
 */
import { type EventFrom, type StateValueFrom, setup } from 'xstate'
import type { StatechartMeta } from '../src/world/index.js'

/**
 * The record of a region of device memory, with its reference counter and its addresses, from `hmm_devmem_add` to
 * `hmm_devmem_remove` (Linux 4.14 to 5.2): allocated in this order, and freed in reverse, wherever adding fails. The state is read
 * off what there is: the record, its counter and whether that is live, its completion, its addresses, its pages.
 *
 * @requirement C44 the counter is exited when no reference is left
 * @requirement plugging in `none` nothing is allocated
 * @kernel hmm_devmem_add, hmm_devmem_ref_kill, hmm_devmem_ref_release, hmm_devmem_ref_exit
 * @see reference, section A.1
 */
export const deviceMemoryHotplugStatechart = setup({
  types: {
    events: {} as {
      type:
        | 'ALLOCATED'
        | 'COUNTED'
        | 'RESERVED'
        | 'READY'
        | 'KILLED'
        | 'DRAINED'
        | 'EXITED'
        | 'UNRESERVED'
        | 'FREED'
    },
    meta: {} as StatechartMeta,
  },
}).createMachine({
  id: 'deviceMemoryHotplug',
  description:
    'What hmm_devmem allocates for a region of device memory, before Linux 5.3: a record, a reference counter, addresses, ' +
    'pages; and how it waits for the references.',
  initial: 'none',
  states: {
    none: {
      description: 'Nothing is allocated: not yet, not any more, or adding has failed (plugging).',
      meta: { clauses: ['plugging'] },
      on: {
        ALLOCATED: { target: 'allocated', description: 'The record is allocated (devm_kzalloc).' },
      },
    },
    allocated: {
      description: 'The record exists without a counter: not yet, or not any more.',
      on: {
        COUNTED: {
          target: 'counted',
          description: 'The counter exists, with one reference (percpu_ref_init).',
        },
        FREED: {
          target: 'none',
          description: 'The counter could not be allocated, or all else is freed: the record is freed.',
        },
      },
    },
    counted: {
      description: 'References can be taken, but there are no pages yet.',
      on: {
        RESERVED: {
          target: 'reserved',
          description: 'A free range of physical addresses is reserved (devm_request_free_mem_region).',
        },
        EXITED: {
          target: 'allocated',
          description: 'There is no free range: the unused counter is exited (percpu_ref_exit).',
        },
      },
    },
    reserved: {
      description: 'Addresses are reserved, and there are no pages yet.',
      on: {
        READY: { target: 'ready', description: 'The pages exist (devm_memremap_pages).' },
        KILLED: {
          target: 'killed',
          description: 'devm_memremap_pages fails, and kills the counter itself.',
        },
      },
    },
    ready: {
      description: 'The pages exist, and their driver manages them.',
      on: {
        KILLED: {
          target: 'killed',
          description: 'No new reference can be taken from now on (hmm_devmem_ref_kill).',
        },
      },
    },
    killed: {
      description: 'It waits for the remaining references of pages in use (C44).',
      meta: { clauses: ['C44'] },
      on: {
        DRAINED: {
          target: 'drained',
          description: 'The last reference is dropped: complete (hmm_devmem_ref_release).',
        },
      },
    },
    drained: {
      description: 'No page is in use, and none can be allocated.',
      on: {
        EXITED: {
          target: 'exited',
          description:
            'The wait has ended, and the counter is exited: no reference is left (hmm_devmem_ref_exit, C44).',
          meta: { clauses: ['C44'] },
        },
      },
    },
    exited: {
      description: 'Without a counter; the pages, if there were any, and their addresses still exist.',
      on: { UNRESERVED: { target: 'allocated', description: 'Pages and addresses are freed.' } },
    },
  },
})

/** The states of {@link deviceMemoryHotplugStatechart}. */
export type DeviceMemoryHotplugState = StateValueFrom<typeof deviceMemoryHotplugStatechart>

/** The events of {@link deviceMemoryHotplugStatechart}. */
export type DeviceMemoryHotplugEvent = EventFrom<typeof deviceMemoryHotplugStatechart>['type']
