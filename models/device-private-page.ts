/**
 * The life of a page of device-private memory.
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

/** Where a page of device-private memory stands. */
export type DevicePrivatePageState = 'free' | 'allocated' | 'mapped' | 'migratingToRam'

/**
 * A page of device-private memory: free, allocated by its driver, mapped by device-private entries, on its way back to
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
    'A page of memory that the CPU cannot map. What it holds must come back on any fault of the CPU, and it is freed exactly once.',
  initial: 'free',
  states: {
    free: {
      description: "On its driver's free list, without a reference (C46). Nobody can reach it.",
      on: {
        ALLOCATED: {
          target: 'allocated',
          description:
            'The driver has taken it as the destination of a migration: one reference, locked (zone_device_page_init).',
        },
      },
    },
    allocated: {
      description: 'Locked, referenced by the migration that fills it, and not mapped yet.',
      on: {
        MAPPED: {
          target: 'mapped',
          description:
            'Entries of page tables name it (migrate_vma_finalize, or migrate_vma_insert_page where nothing was).',
        },
        UNMAPPED: {
          target: 'allocated',
          description: 'What was mapped where nothing had been is zapped before the migration is over.',
        },
        FREED: {
          target: 'free',
          description:
            'The migration was given up, or what was to be mapped is gone: nobody has ever mapped it.',
        },
        ABANDONED: {
          target: 'migratingToRam',
          description:
            'The same, and a walker of page frames still holds it (folio_try_get): it is free when that lets go.',
        },
      },
    },
    mapped: {
      description: 'It holds the data of the pages that name it. A CPU that touches one of them faults.',
      on: {
        COLLECTED: {
          target: 'migratingToRam',
          description:
            'It is locked, and a migration entry has taken the place of its own (migrate_vma_collect).',
        },
        UNMAPPED: {
          target: 'migratingToRam',
          description: 'The last entry was zapped while a fault that would bring the page back holds it.',
        },
        FREED: {
          target: 'free',
          description: 'The last entry was zapped: the process has unmapped it, or ended (C45).',
        },
      },
    },
    migratingToRam: {
      description:
        'Its data is being copied, was copied, is lost, or is not wanted any more: only who brings it back, or a walker of ' +
        'page frames, still holds it.',
      on: {
        UNMAPPED: {
          target: 'migratingToRam',
          description:
            'Another process that shared it has zapped its entry before that became a migration entry.',
        },
        RESTORED: {
          target: 'mapped',
          description: 'It could not be migrated: it stays, with the same permissions (C39).',
        },
        FREED: {
          target: 'free',
          description:
            'Its data is in system memory, or nobody wanted it any more, and the last reference is gone (C31).',
        },
      },
    },
  },
})
