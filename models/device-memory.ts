/**
 * The life of a region of device memory.
 *
 * @module
 */
import { setup } from 'xstate'

/** Events of {@link deviceMemoryStatechart}. */
export type DeviceMemoryEvent =
  | { type: 'PLUGGED' }
  | { type: 'FILLED' }
  | { type: 'EMPTIED' }
  | { type: 'STOPPED' }
  | { type: 'LOST' }
  | { type: 'KILLED' }
  | { type: 'REMOVED' }

/** Where a region of device memory stands. */
export type DeviceMemoryState = 'absent' | 'plugged' | 'inUse' | 'evicting' | 'drained' | 'dying' | 'dead'

/**
 * A region of device memory: plugged in, used, emptied and removed; and plugged in again.
 *
 * @see reference B.7, B.8
 * @requirement C44
 */
export const deviceMemoryStatechart = setup({
  types: { events: {} as DeviceMemoryEvent },
}).createMachine({
  id: 'deviceMemory',
  description:
    'A region of memory that the CPU cannot map. Its pages must all be free before it goes away, and none may be taken into use from the kill on.',
  initial: 'absent',
  states: {
    absent: {
      description:
        'There is no such region: not yet, not any more, or memremap_pages has refused it (-EINVAL).',
      on: {
        PLUGGED: {
          target: 'plugged',
          description: 'Its pages are known, and free (memremap_pages). The region has one reference.',
        },
      },
    },
    plugged: {
      description: 'Live, and every page is free.',
      on: {
        FILLED: {
          target: 'inUse',
          description:
            'The first page is taken into use, with a reference of the region (zone_device_page_init).',
        },
        STOPPED: { target: 'drained', description: 'Its driver removes it, and there is nothing to evict.' },
        LOST: { target: 'drained', description: 'The device is unplugged, and nothing was in its memory.' },
      },
    },
    inUse: {
      description: 'Pages of it are in use.',
      on: {
        EMPTIED: {
          target: 'plugged',
          description: 'The last page in use is free again (free_zone_device_folio).',
        },
        STOPPED: {
          target: 'evicting',
          description: 'Its driver removes it: the free list is emptied, and what is in use is brought back.',
        },
        LOST: {
          target: 'evicting',
          description:
            'The device is unplugged. What is in its memory is lost: faults on it get SIGBUS, and whoever maps it must let go.',
        },
      },
    },
    evicting: {
      description: 'Nothing is allocated from it any more, and there still are pages in use.',
      on: {
        EMPTIED: {
          target: 'drained',
          description: 'The last page is free: it was brought back, zapped, or poisoned.',
        },
        KILLED: {
          target: 'dying',
          description:
            'The driver can do no more for the pages in use, since the device is lost (percpu_ref_kill).',
        },
      },
    },
    drained: {
      description: 'Nothing is allocated from it any more, and every page is free.',
      on: {
        KILLED: { target: 'dead', description: 'No reference of it can be had any more (percpu_ref_kill).' },
      },
    },
    dying: {
      description:
        'memunmap_pages waits for the pages in use, until the processes that map them unmap them or end; for ever, if none does.',
      on: {
        EMPTIED: { target: 'dead', description: 'The last page has given its reference of the region back.' },
      },
    },
    dead: {
      description: 'Killed, and without a reference: it can go.',
      on: {
        REMOVED: {
          target: 'absent',
          description: 'memunmap_pages is done: there are no struct pages any more.',
        },
      },
    },
  },
})
