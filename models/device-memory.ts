/**
 * The lifecycle of a region of device memory.
 *
 * @module
 */
import { type EventFrom, type StateValueFrom, setup } from 'xstate'
import type { StatechartMeta } from '../src/world/index.js'

/**
 * A region of device memory: added, used, drained and removed; and added again.
 *
 * @remarks
 * The state is read off the pagemap, which exists, is live or is dying, its reference count, and the driver's own flag that it
 * removes the region.
 *
 * ![The states and transitions of a region of device memory](../docs/statecharts/deviceMemory.svg)
 *
 * @see reference B.7, B.8
 * @requirement C44
 */
export const deviceMemoryStatechart = setup({
  types: {
    events: {} as {
      type: 'PLUGGED' | 'FILLED' | 'EMPTIED' | 'STOPPED' | 'LOST' | 'KILLED' | 'REMOVED'
    },
    meta: {} as StatechartMeta,
  },
}).createMachine({
  id: 'deviceMemory',
  description:
    'A region of memory that the CPU cannot map. All of its pages must be free before it is removed, and none may be allocated after the kill.',
  initial: 'absent',
  states: {
    absent: {
      description:
        'The region does not exist: not yet, not any more, or memremap_pages has refused it (-EINVAL).',
      on: {
        PLUGGED: {
          target: 'plugged',
          description: 'Its pages exist, and are free (memremap_pages). The region has one reference.',
        },
      },
    },
    plugged: {
      description: 'Live, and every page is free.',
      on: {
        FILLED: {
          target: 'inUse',
          description: 'The first page is allocated, with a reference to the region (zone_device_page_init).',
        },
        STOPPED: { target: 'drained', description: 'Its driver removes it, and no page has to be evicted.' },
        LOST: { target: 'drained', description: 'The device is lost, and no page was in use.' },
      },
    },
    inUse: {
      description: 'Pages of it are in use, each with a reference to the region (C44).',
      meta: { clauses: ['C44'] },
      on: {
        EMPTIED: {
          target: 'plugged',
          description: 'The last page in use is free again (free_zone_device_folio).',
        },
        STOPPED: {
          target: 'evicting',
          description: 'Its driver removes it: the free list is emptied, and pages in use are migrated back.',
        },
        LOST: {
          target: 'evicting',
          description:
            'The device is lost with the data in its memory: faults on it get SIGBUS, and processes that map it must unmap it.',
        },
      },
    },
    evicting: {
      description: 'Allocation has stopped, and there still are pages in use.',
      on: {
        EMPTIED: {
          target: 'drained',
          description: 'The last page is free: it was migrated back, zapped, or poisoned.',
        },
        KILLED: {
          target: 'dying',
          description: 'The device is lost, so the driver cannot evict the pages in use (percpu_ref_kill).',
        },
      },
    },
    drained: {
      description: 'Allocation has stopped, and every page is free (C46).',
      meta: { clauses: ['C46'] },
      on: {
        KILLED: {
          target: 'dead',
          description: 'No new reference to it can be taken (percpu_ref_kill, C44).',
          meta: { clauses: ['C44'] },
        },
      },
    },
    dying: {
      description:
        'memunmap_pages waits until the processes that map the pages in use unmap them or exit (C44, C45); for ever, if they do not.',
      meta: { clauses: ['C44', 'C45'] },
      on: {
        EMPTIED: { target: 'dead', description: 'The last page has dropped its reference to the region.' },
      },
    },
    dead: {
      description: 'Killed, and without references: it can be removed (C44).',
      meta: { clauses: ['C44'] },
      on: {
        REMOVED: {
          target: 'absent',
          description: 'memunmap_pages returns: the struct pages no longer exist.',
        },
      },
    },
  },
})

/** The states of {@link deviceMemoryStatechart}. */
export type DeviceMemoryState = StateValueFrom<typeof deviceMemoryStatechart>

/** The events of {@link deviceMemoryStatechart}. */
export type DeviceMemoryEvent = EventFrom<typeof deviceMemoryStatechart>['type']
