/**
 * The migration of one page.
 *
 * @module
 */
import { type EventFrom, type StateValueFrom, setup } from 'xstate'
import type { StatechartMeta } from '../src/world/index.js'

/**
 * One page of a migration, of one thread: collected, unmapped, copied, installed, and mapped again; or abandoned at any of
 * these stages, and restored.
 *
 * @remarks
 * The state is read off src and dst, and the mappings of the page. How far the loops of migrate_device_unmap and migrate_vma_pages
 * have come is a local variable of each; a bit of src says so here, which tells `collected` from `unmapped`, and `copied` from
 * `installed`. Whatever it says, a page that is still mapped is no more than `collected`.
 *
 * ![The states and transitions of a migration](../docs/statecharts/migration.svg)
 *
 * @see reference B.5
 * @requirement C35, C36, C37, C38, C39, C52
 */
export const migrationStatechart = setup({
  types: {
    events: {} as {
      type:
        | 'COLLECTED'
        | 'UNMAPPED'
        | 'COPIED'
        | 'WITHDRAWN'
        | 'INSTALLED'
        | 'FINALIZED'
        | 'GIVEN_UP'
        | 'RESTORED'
    },
    meta: {} as StatechartMeta,
  },
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
      description:
        'It is locked (C51), and unmapped from one page table. Other mappings, or other references, may be left.',
      meta: { clauses: ['C51'] },
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
      description: 'No page table maps it, and the driver may copy it.',
      on: {
        COPIED: {
          target: 'copied',
          description:
            'The driver has allocated and locked a destination and stored it in dst (C35); the data is copied there.',
          meta: { clauses: ['C35'] },
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
            'The metadata has moved to the destination; or the destination is mapped into the hole (migrate_vma_pages, C52).',
          meta: { clauses: ['C52'] },
        },
        GIVEN_UP: {
          target: 'aborted',
          description: 'Another thread has taken a reference since, or has mapped a page into the hole.',
        },
      },
    },
    installed: {
      description:
        'The destination is the page from now on, and the device may map it (C36). Both are locked; entries may be zapped, and no ' +
        'new one refers to either (C37).',
      meta: { clauses: ['C36', 'C37'] },
      on: {
        FINALIZED: {
          target: 'idle',
          description:
            'The copy is complete (C38): the remaining entries refer to the destination, and both pages are unlocked and put ' +
            '(migrate_vma_finalize).',
          meta: { clauses: ['C38'] },
        },
      },
    },
    aborted: {
      description: 'It stays where it is, and so does its data (C39).',
      meta: { clauses: ['C39'] },
      on: {
        RESTORED: {
          target: 'idle',
          description:
            'Its entries are restored (C39), and it is unlocked and put, as is the destination if there is one.',
          meta: { clauses: ['C39'] },
        },
      },
    },
  },
})

/** The states of {@link migrationStatechart}. */
export type MigrationState = StateValueFrom<typeof migrationStatechart>

/** The events of {@link migrationStatechart}. */
export type MigrationEvent = EventFrom<typeof migrationStatechart>['type']
