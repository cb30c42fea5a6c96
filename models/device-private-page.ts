/**
 * The lifecycle of a page of device-private memory.
 *
 * @module
 */
import { setup } from 'xstate'

/** Events of {@link devicePrivatePageStatechart}. */
export type DevicePrivatePageEvent =
  | { type: 'ALLOCATED' }
  | { type: 'MAPPED' }
  | { type: 'COLLECTED' }
  | { type: 'UNMAPPED' }
  | { type: 'RESTORED' }
  | { type: 'ABANDONED' }
  | { type: 'FREED' }

/** The states of {@link devicePrivatePageStatechart}. */
export type DevicePrivatePageState = 'free' | 'allocated' | 'mapped' | 'migratingToRam'

/**
 * A page of device-private memory: free, allocated by its driver, mapped by device-private entries, migrating back to
 * system memory, and free again.
 *
 * @see reference B.7
 * @requirement C30, C31
 */
export const devicePrivatePageStatechart = setup({
  types: { events: {} as DevicePrivatePageEvent },
}).createMachine({
  id: 'devicePrivatePage',
  description:
    'A page of memory that the CPU cannot map. Any CPU fault must bring its data back, and it is freed exactly once.',
  initial: 'free',
  states: {
    free: {
      description: "On its driver's free list, without a reference (C46). It is unreachable.",
      on: {
        ALLOCATED: {
          target: 'allocated',
          description:
            'The driver has allocated it as the destination of a migration: one reference, locked (zone_device_page_init).',
        },
      },
    },
    allocated: {
      description: 'Locked, referenced by the migration that fills it, and not mapped yet.',
      on: {
        MAPPED: {
          target: 'mapped',
          description:
            'Page-table entries refer to it (migrate_vma_finalize, or migrate_vma_insert_page for a hole).',
        },
        UNMAPPED: {
          target: 'allocated',
          description: 'The entry that was inserted into a hole is zapped before the migration has ended.',
        },
        FREED: {
          target: 'free',
          description:
            'The migration was abandoned, or the migration entry is gone: the page was never mapped.',
        },
        ABANDONED: {
          target: 'migratingToRam',
          description:
            'The same, and a page-frame walker still holds a reference (folio_try_get): it is free when that is dropped.',
        },
      },
    },
    mapped: {
      description: 'It holds the data of the entries that refer to it. A CPU access to one of them faults.',
      on: {
        COLLECTED: {
          target: 'migratingToRam',
          description: 'It is locked, and a migration entry has replaced its entry (migrate_vma_collect).',
        },
        UNMAPPED: {
          target: 'migratingToRam',
          description:
            'The last entry was zapped while a fault that would bring the page back holds a reference.',
        },
        FREED: {
          target: 'free',
          description: 'The last entry was zapped: the process has unmapped it, or exited (C45).',
        },
      },
    },
    migratingToRam: {
      description:
        'Its data is being copied, was copied, is lost, or has been zapped: only the migrating thread, or a page-frame ' +
        'walker, still holds a reference.',
      on: {
        UNMAPPED: {
          target: 'migratingToRam',
          description:
            'Another process that shared it has zapped its entry before it became a migration entry.',
        },
        RESTORED: {
          target: 'mapped',
          description: 'It could not be migrated: it stays, with the same permissions (C39).',
        },
        FREED: {
          target: 'free',
          description:
            'Its data is in system memory, or was zapped, and the last reference is dropped (C31).',
        },
      },
    },
  },
})
