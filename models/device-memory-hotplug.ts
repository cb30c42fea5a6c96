/**
 * How `hmm_devmem` plugs device memory in, and takes it away.
 *
 * @module
 */
import { setup } from 'xstate'

/** Where a region of `hmm_devmem` stands: the states of {@link deviceMemoryHotplugStatechart}. */
export type DeviceMemoryHotplugState =
  | 'none'
  | 'allocated'
  | 'counted'
  | 'reserved'
  | 'ready'
  | 'killed'
  | 'drained'
  | 'exited'

/** What can happen to it: the events of {@link deviceMemoryHotplugStatechart}. */
export type DeviceMemoryHotplugEvent =
  | 'ALLOCATED'
  | 'COUNTED'
  | 'RESERVED'
  | 'READY'
  | 'KILLED'
  | 'DRAINED'
  | 'EXITED'
  | 'UNRESERVED'
  | 'FREED'

/**
 * The record of a region of device memory, with its counter and its addresses, from `hmm_devmem_add` to `hmm_devmem_remove` (Linux 4.14 to
 * 5.2): made in this order, given back in the other, wherever adding fails.
 *
 * @requirement C44 the counter is given up when nobody has a reference
 * @requirement plugging in `none` nothing of it is there
 * @kernel hmm_devmem_add, hmm_devmem_ref_kill, hmm_devmem_ref_release, hmm_devmem_ref_exit
 * @see reference, section A.1
 */
export const deviceMemoryHotplugStatechart = setup({
  types: { events: {} as { [E in DeviceMemoryHotplugEvent]: { type: E } }[DeviceMemoryHotplugEvent] },
}).createMachine({
  id: 'deviceMemoryHotplug',
  description:
    'What hmm_devmem keeps of a region of device memory, before Linux 5.3: a record, a counter, addresses, pages; and how it waits for who uses them.',
  initial: 'none',
  states: {
    none: {
      description: 'Nothing of it is there: not yet, not any more, or adding has failed.',
      on: {
        ALLOCATED: { target: 'allocated', description: 'There is memory for the record (devm_kzalloc).' },
      },
    },
    allocated: {
      description: 'There is a record, and no counter: not yet, or not any more.',
      on: {
        COUNTED: {
          target: 'counted',
          description: 'The counter is there, with one reference (percpu_ref_init).',
        },
        FREED: {
          target: 'none',
          description: 'The counter could not be had, or all else is given back: the record is freed.',
        },
      },
    },
    counted: {
      description: 'References can be had, and there is nothing yet to have one of.',
      on: {
        RESERVED: {
          target: 'reserved',
          description:
            'There is a range of physical addresses where nothing is (devm_request_free_mem_region).',
        },
        EXITED: {
          target: 'allocated',
          description: 'There is no such range: the counter is given up, unused (percpu_ref_exit).',
        },
      },
    },
    reserved: {
      description: 'There are addresses, and no pages yet.',
      on: {
        READY: { target: 'ready', description: 'The pages are there (devm_memremap_pages).' },
        KILLED: {
          target: 'killed',
          description: 'They cannot be had: devm_memremap_pages kills the counter itself.',
        },
      },
    },
    ready: {
      description: 'The pages are there, and their driver manages them.',
      on: {
        KILLED: {
          target: 'killed',
          description: 'Nobody gets a new reference from now on (hmm_devmem_ref_kill).',
        },
      },
    },
    killed: {
      description:
        'It waits for the references that are left: one of the region, and one of each page in use.',
      on: {
        DRAINED: {
          target: 'drained',
          description: 'The last is given back: complete (hmm_devmem_ref_release).',
        },
      },
    },
    drained: {
      description: 'Nobody uses a page, and nobody can.',
      on: {
        EXITED: {
          target: 'exited',
          description: 'The wait is over, and the counter is given up (hmm_devmem_ref_exit).',
        },
      },
    },
    exited: {
      description: 'Without a counter; the pages, if there were any, and their addresses are still there.',
      on: { UNRESERVED: { target: 'allocated', description: 'Pages and addresses are given back.' } },
    },
  },
})
