/**
 * Defects of the LRU lists.
 *
 * @module
 */
import {
  folio_add_lru,
  folio_put,
  folio_unlock,
  folioIsolateLru,
  getPage,
  isolateLru,
  lookAtInactive,
  lru_add_drain_all,
  returnToLru,
  tryLockPage,
} from '../../../src/kernel/index.js'
import { override, step } from '../../../src/world/index.js'
import type { Defect } from '../../defect.js'

/** Reclaim finds the page in use, and does not put it back. */
const keepIsolated = override(
  lookAtInactive,
  () =>
    function* (_current, frame) {
      const isolated = yield* step('take the page off its list', () => {
        if (frame.refcount === 0 || !folioIsolateLru(frame)) return 0
        getPage(frame)
        return 1
      })
      if (!isolated) return
      const locked = yield* step('try the folio lock', () => (tryLockPage(frame) ? 1 : 0))
      if (locked) yield* folio_unlock(frame)
      yield* folio_put(frame)
    },
)

/** The batches are drained before the migration tries to isolate the page. */
const drainAlways = override(
  isolateLru,
  (original) =>
    function* (current, page, mayDrain) {
      if (mayDrain) yield* lru_add_drain_all(current)
      return yield* original(current, page, false)
    },
)

/** The page that holds the data is put on the LRU, even a device page. */
const devicePagesToLru = override(
  returnToLru,
  () =>
    function* (current, page, pfn) {
      if (current.machine.hasLru) yield* folio_add_lru(current, page, pfn)
    },
)

/** Defects of the LRU lists. */
export const lruDefects: readonly Defect[] = [
  {
    name: 'X401',
    kind: 'mutation',
    title: 'reclaim does not put a page back that it has found in use',
    text:
      'Reclaim has isolated a page, finds it in use and drops its reference without putting the page back on ' +
      'its list: reclaim never finds it again, and a migration cannot isolate it.',
    source: ['our own', 'mm/vmscan.c: shrink_folio_list'],
    requirement: 'lru',
    scenario: 'migrate-held',
    overrides: [keepIsolated],
    steps: 4,
  },
  {
    name: 'X402',
    kind: 'mutation',
    title: 'a migration drains the batches of all CPUs for pages that are on their lists',
    text:
      'The migration drains before it tries to isolate a page: each migration waits for every CPU, although ' +
      'no page is missing.',
    source: ['our own', 'reference B.5 step 3', 'mm/migrate_device.c: migrate_device_unmap'],
    requirement: 'lru',
    scenario: 'migrate-held',
    overrides: [drainAlways],
    steps: 14,
  },
  {
    name: 'X403',
    kind: 'mutation',
    title: 'a device page is put on the LRU lists',
    text:
      'At the end of a migration to a device the destination is put on the LRU lists: reclaim would ' +
      'take memory that belongs to the driver.',
    source: ['our own', 'reference B.5 step 7', 'mm/migrate_device.c: migrate_vma_finalize'],
    requirement: 'lru',
    scenario: 'migrate-held',
    overrides: [devicePagesToLru],
    steps: 22,
  },
]
