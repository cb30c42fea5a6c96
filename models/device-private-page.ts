/**
 * The lifecycle of a page of device-private memory.
 *
 * @module
 */
import { type EventFrom, type StateValueFrom, setup } from 'xstate'
import type { StatechartMeta } from '../src/world/index.js'

/**
 * A page of device-private memory: free, allocated by its driver, mapped by device-private entries, migrating away, or only held by
 * references that nothing maps; and free again.
 *
 * @remarks
 * The state is read off the page's two counts and the src and dst arrays of the migrations under way: `free` without a reference;
 * `allocated` if it is in dst; `migratingToRam` if it is in src; `mapped` if an entry maps it; else `held`.
 *
 * ![The states and transitions of a device-private page](../docs/statecharts/devicePrivatePage.svg)
 *
 * @see reference B.7
 * @requirement C30 a fault brings the data of a `mapped` page back
 * @requirement C31 `free` is entered once, and is then unreachable
 * @requirement C46 a page that is `free` has no reference
 */
export const devicePrivatePageStatechart = setup({
  types: {
    events: {} as {
      type: 'ALLOCATED' | 'MAPPED' | 'COLLECTED' | 'UNMAPPED' | 'RESTORED' | 'ABANDONED' | 'FREED'
    },
    meta: {} as StatechartMeta,
  },
}).createMachine({
  id: 'devicePrivatePage',
  description:
    'A page of memory that the CPU cannot map. Any CPU fault must bring its data back, and it is freed exactly once.',
  initial: 'free',
  states: {
    free: {
      description: "On its driver's free list, without a reference (C46). It is unreachable (C31).",
      meta: { clauses: ['C31', 'C46'] },
      on: {
        ALLOCATED: {
          target: 'allocated',
          description:
            'The driver has allocated it as the destination of a migration: one reference, locked (zone_device_page_init).',
        },
      },
    },
    allocated: {
      description:
        'In dst of a migration, which has it locked and referenced (C35). Only the entry of what was a hole may map it so far.',
      meta: { clauses: ['C35'] },
      on: {
        MAPPED: {
          target: 'mapped',
          description:
            'The migration ends, and page-table entries refer to it (migrate_vma_finalize, or migrate_vma_insert_page for a hole).',
        },
        UNMAPPED: {
          target: 'allocated',
          description: 'The entry that was inserted into a hole is zapped before the migration has ended.',
        },
        FREED: {
          target: 'free',
          description:
            'The migration ends, and nothing maps the page: it was not migrated to, or the migration entries are gone (C31).',
          meta: { clauses: ['C31'] },
        },
        ABANDONED: {
          target: 'held',
          description:
            'The same, and a page-frame walker still holds a reference (folio_try_get); or the driver clears dst, and has yet to ' +
            'put the page.',
        },
      },
    },
    mapped: {
      description:
        'Device-private entries map it, and it holds their data. A CPU access to one of them faults (C30).',
      meta: { clauses: ['C30'] },
      on: {
        COLLECTED: {
          target: 'migratingToRam',
          description:
            'It is locked, and a migration entry has replaced its entry (migrate_vma_collect); or it is to be evicted.',
        },
        UNMAPPED: {
          target: 'held',
          description:
            'The last entry was zapped or poisoned while a fault that would bring the page back, or a page-frame walker, holds a reference.',
        },
        FREED: {
          target: 'free',
          description: 'The last entry was zapped: the process has unmapped it, or exited (C45).',
          meta: { clauses: ['C45'] },
        },
      },
    },
    migratingToRam: {
      description:
        'In src of a migration, which has it locked and referenced (C51). Its data is being copied, or was copied, or the entries ' +
        'that named it are zapped; other processes may still map it.',
      meta: { clauses: ['C51'] },
      on: {
        UNMAPPED: {
          target: 'migratingToRam',
          description:
            'Another process that shared it has zapped its entry before it became a migration entry.',
        },
        RESTORED: {
          target: 'mapped',
          description: 'It could not be migrated: it stays, with the same permissions (C39).',
          meta: { clauses: ['C39'] },
        },
        FREED: {
          target: 'free',
          description:
            'Its data is in system memory, or was zapped, and the last reference is dropped (C31).',
          meta: { clauses: ['C31'] },
        },
        ABANDONED: {
          target: 'held',
          description:
            'The same, and the fault that it was brought back for, or a page-frame walker, still holds a reference.',
        },
      },
    },
    held: {
      description:
        'Nothing maps it and no migration has it: a reference alone keeps it, of a fault, a page-frame walker, or its driver. What it ' +
        'holds is no data of a process any more.',
      on: {
        COLLECTED: {
          target: 'migratingToRam',
          description:
            'Its driver evicts it: it is locked and referenced by its number (migrate_device_range).',
        },
        FREED: {
          target: 'free',
          description: 'The last reference is dropped (C31).',
          meta: { clauses: ['C31'] },
        },
      },
    },
  },
})

/** The states of {@link devicePrivatePageStatechart}. */
export type DevicePrivatePageState = StateValueFrom<typeof devicePrivatePageStatechart>

/** The events of {@link devicePrivatePageStatechart}. */
export type DevicePrivatePageEvent = EventFrom<typeof devicePrivatePageStatechart>['type']
