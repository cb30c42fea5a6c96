/**
 * The migration of one page.
 *
 * @module
 */
import { setup } from 'xstate'

/** Events of {@link migrationStatechart}. */
export type MigrationEvent =
  | { type: 'COLLECTED' }
  | { type: 'UNMAPPED' }
  | { type: 'COPIED' }
  | { type: 'WITHDRAWN' }
  | { type: 'INSTALLED' }
  | { type: 'FINALIZED' }
  | { type: 'GIVEN_UP' }
  | { type: 'RESTORED' }

/** The states of {@link migrationStatechart}. */
export type MigrationState = 'idle' | 'collected' | 'unmapped' | 'copied' | 'installed' | 'aborted'

/**
 * One page of a migration, of one thread: collected, unmapped, copied, installed, and mapped again; or abandoned at any of
 * these stages, and restored.
 *
 * @see reference B.5
 * @requirement C35, C36, C37, C38, C39, C52
 */
export const migrationStatechart = setup({
  types: { events: {} as MigrationEvent },
}).createMachine({
  id: 'migration',
  description:
    'A page that a driver migrates to other memory, or a hole. At the end all of it is in exactly one of two places.',
  initial: 'idle',
  states: {
    idle: {
      description: 'The thread does not migrate this page, or could not collect it.',
      on: {
        COLLECTED: {
          target: 'collected',
          description:
            'The page is locked and referenced, and a migration entry has replaced its entry; or it is a hole or the zero page, and nothing has changed yet (migrate_vma_collect).',
        },
      },
    },
    collected: {
      description: 'It is unmapped from one page table. Other mappings, or other references, may be left.',
      on: {
        UNMAPPED: {
          target: 'unmapped',
          description: 'No page table maps it, and it has no other references (migrate_device_unmap).',
        },
        GIVEN_UP: {
          target: 'aborted',
          description: 'It cannot be isolated, or it has other references.',
        },
      },
    },
    unmapped: {
      description: 'The driver may copy it.',
      on: {
        COPIED: {
          target: 'copied',
          description:
            'The driver has allocated and locked a destination and stored it in dst; the data is copied there.',
        },
        GIVEN_UP: {
          target: 'aborted',
          description: 'The driver has stored no destination (migrate_vma_pages).',
        },
        RESTORED: {
          target: 'idle',
          description: 'The driver has stored no destination and calls migrate_vma_finalize directly.',
        },
      },
    },
    copied: {
      description: 'It has a destination for its data.',
      on: {
        WITHDRAWN: {
          target: 'unmapped',
          description: 'The copy has failed: the driver clears dst, and frees the destination.',
        },
        INSTALLED: {
          target: 'installed',
          description:
            'The metadata has moved to the destination; or the destination is mapped into the hole (migrate_vma_pages).',
        },
        GIVEN_UP: {
          target: 'aborted',
          description: 'Another thread has taken a reference since, or has mapped a page into the hole.',
        },
      },
    },
    installed: {
      description:
        'The destination is the page from now on. Both are locked; entries may be zapped, and no new one refers to either.',
      on: {
        FINALIZED: {
          target: 'idle',
          description:
            'The remaining entries refer to the destination, and both pages are unlocked and put (migrate_vma_finalize).',
        },
      },
    },
    aborted: {
      description: 'It stays where it is.',
      on: {
        RESTORED: {
          target: 'idle',
          description:
            'Its entries are restored, and it is unlocked and put, as is the destination if there is one.',
        },
      },
    },
  },
})
