/**
 * Defects of drivers that keep pages, valid flags and sequence numbers.
 *
 * @module
 */
import {
  bindPage,
  dirtyPages,
  mapPage,
  type PagesValidMirror,
  populateOnce,
  removePages,
  unmapPages,
} from '../../../src/driver/index.js'
import { Errno, mmu_interval_read_retry, mmu_interval_set_seq } from '../../../src/kernel/index.js'
import { override, step } from '../../../src/world/index.js'
import type { Defect } from '../../defect.js'

/** The callback clears only the flags of pages that the device maps. */
const keepFlagsOfUnmapped = override(
  removePages,
  () =>
    function* (mirror, range, curSeq) {
      yield* step('set_seq, clear some flags and unmap', () => {
        mmu_interval_set_seq(mirror.notifier, curSeq)
        for (let page = range.start; page < range.end; page++)
          if (mirror.pageTable[page].frame) mirror.state.pfns[page].valid = false
        dirtyPages(mirror, range)
        unmapPages(mirror, range)
        return 0
      })
    },
)

/**
 * An entry is cleared before it is written, as some hardware requires, under the lock for adding
 * entries.
 */
const emptyBeforeBinding = override(
  bindPage,
  () =>
    function* (mirror: PagesValidMirror, page) {
      yield* step('empty an entry', () => {
        unmapPages(mirror, { start: page, end: page + 1 })
        return 0
      })
      yield* step('program an entry', () => {
        mapPage(mirror, mirror.state, page)
        return 0
      })
    },
)

/** The sequence number of another device's notifier is compared, for the same pages. */
const compareWithAnother = override(
  populateOnce,
  () =>
    function* (_current, { notifier }) {
      const other = notifier.mm.subscriptions.intervals.find((candidate) => candidate !== notifier)
      for (const { place } of other?.readers.values() ?? [])
        if (yield* mmu_interval_read_retry(notifier, place)) return -Errno.EBUSY
      return 0
    },
)

/** Defects of such drivers. */
export const pagesValidDefects: readonly Defect[] = [
  {
    name: 'X350',
    kind: 'mutation',
    title: 'pages that are kept and not mapped stay valid',
    text:
      'The callback reads the device page table to decide which pages to invalidate. A page that was ' +
      'reported and is not bound yet keeps its flag, and is bound after it was replaced.',
    source: ['reference C8', 'drivers/gpu/drm/drm_gpusvm.c: drm_gpusvm_range_pages_valid'],
    requirement: 'C8',
    scenario: 'pages-valid',
    overrides: [keepFlagsOfUnmapped],
    steps: 27,
  },
  {
    name: 'X351',
    kind: 'mutation',
    title: 'an entry is removed under the lock for adding entries',
    text:
      'The callback removes entries under the exclusive lock. A fault that clears an entry runs ' +
      'concurrently with others that bind.',
    source: ['reference B.4'],
    requirement: 'lock-discipline',
    scenario: 'pages-valid',
    overrides: [emptyBeforeBinding],
    steps: 37,
  },
  {
    name: 'X352',
    kind: 'mutation',
    title: "another notifier's number is compared",
    text:
      'Two devices mirror the same pages. Each notifier has its own sequence number, which proves ' +
      'nothing about the other.',
    source: ['reference C8'],
    requirement: 'C8',
    scenario: 'two-devices',
    overrides: [compareWithAnother],
    steps: 3,
  },
]
