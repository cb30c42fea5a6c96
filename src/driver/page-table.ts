/**
 * Changes of the device page table. Each is called inside an atomic step, and claims the
 * obligations of the driver.
 *
 * @see reference G.2
 * @module
 */
import { covered, forget } from '../device/index.js'
import {
  HMM_PFN_ERROR,
  HMM_PFN_VALID,
  HMM_PFN_WRITE,
  type NotifierRange,
  RangeResult,
} from '../kernel/index.js'
import { acting, claim } from '../world/index.js'
import type { Mirror, WalkedPages } from './mirror.js'

/**
 * Programs the device page table's entry of `page` with the report of the walk, which must be
 * valid. Called inside an atomic step of the driver, under its update lock, after
 * mmu_interval_read_retry has returned false, or if the driver's own rule permits it.
 *
 * @param range - the thread's range, or the driver's copy of one
 */
export function mapPage(mirror: Mirror, range: WalkedPages, page: number): void {
  const granted = range.pfns[page].flags
  claim('C25', (granted & HMM_PFN_ERROR) === 0, `${mirror.name} maps page ${page}, which can never be mapped`)
  claim('C25', (granted & HMM_PFN_VALID) !== 0, `${mirror.name} maps page ${page}, of which nothing is known`)
  mustNotBeRevoked(mirror)
  mirror.pageTable[page].frame = mirror.frames[pageAddress(mirror, range, page)]
  mirror.pageTable[page].write = (granted & HMM_PFN_WRITE) !== 0
  mirror.pageTable[page].atomic = false
  const { program } = mirror.protection
  claim(
    'C8',
    () => program.heldForWritingBy(acting.thread),
    () => `${mirror.name} programs page ${page} without ${program.name}`,
  )
}

/**
 * Programs the device page table's entry of `page` with a frame to which the device has exclusive
 * access. Called inside an atomic step of the driver, under its update lock and the folio lock.
 */
export function mapAtomic(mirror: Mirror, page: number, pfn: number): void {
  mirror.pageTable[page].frame = mirror.frames[pfn]
  mirror.pageTable[page].write = true
  mirror.pageTable[page].atomic = true
  mirror.pageTable[page].unbacked = false
  const access = mirror.accesses.get(acting.thread)
  if (access !== undefined && mirror.exclusiveOwner >= 0) access.granted = true
}

/**
 * The frame of the report for `page`, read through its struct page. The struct page is certain to
 * exist only under the update lock, after mmu_interval_read_retry has returned false. Called inside
 * an atomic step of the driver.
 *
 * @kernel hmm_pfn_to_page
 */
export function pageAddress(mirror: Mirror, range: WalkedPages, page: number): number {
  const { mayBind } = mirror.driver
  if (mayBind === undefined)
    claim(
      'C8',
      range.result === RangeResult.validated || range.result === RangeResult.compared,
      `${mirror.name} looks at the struct page of page ${page} before its walk is validated`,
    )
  else
    claim(
      'C8',
      mayBind(mirror, page, acting.thread),
      `${mirror.name} looks at the struct page of page ${page}, which the driver's own rule does not allow`,
    )
  return range.pfns[page].frame
}

/**
 * Marks dirty the pages of `range` that the device may write: its writes do not set the dirty bits
 * of the CPU's entries. This must come before the entries change. Called inside an atomic step of
 * the driver, under its update lock, before {@link unmapPages}.
 *
 * @kernel set_page_dirty
 * @see reference B.4 X4
 */
export function dirtyPages(mirror: Mirror, range: Pick<NotifierRange, 'start' | 'end'>): void {
  const { start, end } = covered(mirror, range)
  for (let page = start; page < end; page++) {
    const { frame, write } = mirror.pageTable[page]
    if (frame !== undefined && write) frame.dirty = true
  }
}

/**
 * Removes the device page table's entries of `range`. Called inside an atomic step of the driver,
 * under its update lock.
 */
export function unmapPages(mirror: Mirror, range: Pick<NotifierRange, 'start' | 'end'>): void {
  mustNotBeRevoked(mirror)
  const { start, end } = covered(mirror, range)
  for (let page = start; page < end; page++) forget(mirror.pageTable[page])
}

/**
 * Asserts that the page table is not revoked: an update of a destroyed hardware object fails, and
 * breaks the queue to which it was posted.
 */
function mustNotBeRevoked({ name, ending }: Mirror): void {
  claim('revoked', !ending?.revoked, `the page table of ${name} is changed, and has been revoked`)
}
