/**
 * A driver that maps as much as the CPU does: it requests one page of a huge page, and maps the
 * whole huge page.
 *
 * @see reference A.4
 * @module
 */
import { type HmmRange, isMappable, ZERO_PAGE } from '../../kernel/index.js'
import { override, step } from '../../world/index.js'
import { type Mirror, rangeOf } from '../mirror.js'
import { mapPage } from '../page-table.js'
import { program } from './reference.js'

/**
 * Programs the device by the order of each entry. One CPU entry covers all of the pages, and the
 * sequence number validates all of them if the notifier covers them.
 *
 * @kernel hmm_pfn_to_map_order
 */
export const mapByOrder = override(
  program,
  () =>
    function* (current, mirror, start, end) {
      const range = rangeOf(mirror, current)
      for (let page = start; page < end; page++)
        yield* step('program what is mapped as one', () => {
          if (isMappable(range, page)) mapAsOne(mirror, range, page, range.pfns[page].order)
          return 0
        })
      return 0
    },
)

/**
 * Programs `page` and all pages of its CPU mapping of 2^`order` pages. Called inside an atomic step
 * of the driver, under its update lock, after mmu_interval_read_retry has returned false.
 *
 * @param order - the order of the mapping, whose first page is a multiple of its size
 */
export function mapAsOne(mirror: Mirror, range: HmmRange, page: number, order: number): void {
  mapPage(mirror, range, page)
  const pfn = range.pfns[page].frame
  const size = 2 ** order
  const first = page - (page % size)
  for (let other = first; other < first + size; other++) {
    mirror.pageTable[other].frame = mirror.frames[pfn === ZERO_PAGE ? pfn : pfn + other - page]
    mirror.pageTable[other].write = mirror.pageTable[page].write
  }
}
