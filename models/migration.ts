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

/** Where the migration of a page stands. */
export type MigrationState = 'idle' | 'collected' | 'unmapped' | 'copied' | 'installed' | 'aborted'

/**
 * One page of a migration, of one thread: collected, out of every page table, copied, made known, and in the page table
 * again; or given up at any of these stages, and put back.
 *
 * @see reference B.5
 * @requirement C35, C36, C37, C38, C39, C52
 */
export const migrationStatechart = setup({
  types: { events: {} as MigrationEvent },
}).createMachine({
  id: 'migration',
  description:
    'A page that a driver moves to other memory, or a place where there is none yet. At the end it is at one of two places, whole.',
  initial: 'idle',
  states: {
    idle: {
      description: 'The thread does not migrate this page, or could not have it.',
      on: {
        COLLECTED: {
          target: 'collected',
          description:
            'The page is locked and held, and a migration entry has taken the place of its own; or there was nothing, or the zero page, and nothing is changed yet (migrate_vma_collect).',
        },
      },
    },
    collected: {
      description:
        'One page table has let go of it. Others, or who holds it without mapping it, may be left.',
      on: {
        UNMAPPED: {
          target: 'unmapped',
          description: 'No page table maps it, and nobody else holds it (migrate_device_unmap).',
        },
        GIVEN_UP: {
          target: 'aborted',
          description: 'It cannot be taken off its list, or somebody else holds it.',
        },
      },
    },
    unmapped: {
      description: 'The driver may copy it.',
      on: {
        COPIED: {
          target: 'copied',
          description:
            'The driver has a page for it, locked, and names it in dst; the copy is made into that.',
        },
        GIVEN_UP: {
          target: 'aborted',
          description: 'The driver has named no page for it (migrate_vma_pages).',
        },
        RESTORED: {
          target: 'idle',
          description: 'The driver has named no page for it and goes straight to migrate_vma_finalize.',
        },
      },
    },
    copied: {
      description: 'There is a page that is to hold its data.',
      on: {
        WITHDRAWN: {
          target: 'unmapped',
          description: 'The copy has failed: the driver takes the page out of dst, and frees it.',
        },
        INSTALLED: {
          target: 'installed',
          description:
            'What is known of the page has moved to the other; or that is mapped where there was nothing (migrate_vma_pages).',
        },
        GIVEN_UP: {
          target: 'aborted',
          description: 'Somebody has got hold of the page since, or has put one where there was none.',
        },
      },
    },
    installed: {
      description:
        'The destination is the page from now on. Both are locked; entries may be taken out, and none comes to name either.',
      on: {
        FINALIZED: {
          target: 'idle',
          description:
            'The entries that are still there name the destination, and both pages are let go (migrate_vma_finalize).',
        },
      },
    },
    aborted: {
      description: 'It stays where it is.',
      on: {
        RESTORED: {
          target: 'idle',
          description:
            'Its entries are what they were, and it is let go, as is the destination if it had one.',
        },
      },
    },
  },
})
