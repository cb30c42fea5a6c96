/**
 * Isolates pages from the LRU before they migrate, and puts the page that holds the data back
 * afterwards.
 *
 * @see reference B.5 steps 3 and 7, D7, D13
 * @module
 */

import type { Task } from '../../machine/index.js'
import { claim, procedure, type Running, step } from '../../world/index.js'
import { folioAddLru, folioIsolateLru, lru_add_drain_all } from '../mm/lru.js'
import { hasSource, isMigrating, pagesOf, stopMigrating } from './request.js'

const Isolated = { not: 0, yes: 1, givenUp: 2 } as const

/**
 * Isolates the page from the LRU, so that it is not reclaimed meanwhile. A page on no list may be
 * in the per-CPU batch of new folios: once in a migration all CPUs drain their batches. A page that
 * cannot be isolated after that is not migrated.
 *
 * @returns true if the batches of all CPUs were drained
 * @kernel migrate_device_unmap mm/migrate_device.c, folio_isolate_lru
 * @see reference B.5 step 3, D7
 */
export const isolateLru = procedure(
  'migrate_device_unmap (isolate)',
  function* (current: Task, page: number, mayDrain: boolean): Running<boolean> {
    if (!current.machine.hasLru) return false
    if ((yield* folio_isolate_lru(current, page, mayDrain)) !== Isolated.not) return false
    yield* lru_add_drain_all(current)
    yield* folio_isolate_lru(current, page, false)
    return true
  },
)

/**
 * Isolates the page. If that fails and `willTryAgain` is false, the page is not migrated.
 *
 * @kernel folio_isolate_lru mm/vmscan.c
 * @see reference B.5 step 3
 */
const folio_isolate_lru = procedure(function* folio_isolate_lru(
  current: Task,
  page: number,
  willTryAgain: boolean,
): Running<number> {
  const entry = pagesOf(current)[page]
  return yield* step('take the page off its list', () => {
    if (!hasSource(entry)) return Isolated.yes
    const frame = current.machine.frames[entry.source]
    if (frame.owner >= 0 || folioIsolateLru(frame)) return Isolated.yes
    if (willTryAgain) return Isolated.not
    stopMigrating(entry)
    return Isolated.givenUp
  })
})

/**
 * Puts the page that holds the data back on the LRU before a page table maps it. The other page
 * will be freed, and must not be on the LRU (D13).
 *
 * @kernel migrate_vma_finalize mm/migrate_device.c, folio_add_lru
 * @see reference B.5 step 7
 */
export const returnToLru = procedure(
  'migrate_vma_finalize (lru)',
  function* (current: Task, page: number, pfn: number) {
    const frame = current.machine.frames[pfn]
    if (!current.machine.hasLru || frame.owner >= 0) return
    yield* folio_add_lru(current, page, pfn)
  },
)

/**
 * Adds the source or the destination of a migration to the batch of the CPU.
 *
 * @kernel folio_add_lru mm/swap.c
 * @see reference B.5 step 7
 */
export const folio_add_lru = procedure(function* folio_add_lru(
  current: Task,
  page: number,
  pfn: number,
): Running<void> {
  const entry = pagesOf(current)[page]
  yield* step('into the batch', () => {
    const hasMoved = isMigrating(entry) && entry.dst !== undefined
    claim(
      'lru',
      hasMoved === (entry.dst === current.machine.frames[pfn]),
      `frame ${pfn} goes to the LRU lists, and is about to be freed`,
    )
    folioAddLru(current, current.machine.frames[pfn])
    return 0
  })
})
