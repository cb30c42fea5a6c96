/**
 * A driver as its author would write it: an RDMA device with on-demand paging. It maps one page at a time, requests only
 * the pages that its device faults on, gives up after a number of collisions, and refuses the OOM reaper's ranges.
 */
import {
  type Driver,
  dirtyPages,
  endOfRange,
  flushDevice,
  type Mirror,
  mapPage,
  rangeOf,
  unmapPages,
} from 'hmm-spec/driver'
import {
  Errno,
  HMM_PFN_REQ_FAULT,
  HMM_PFN_REQ_WRITE,
  hmm_range_fault,
  isMappable,
  mmget_not_zero,
  mmput,
  mmu_interval_read_begin,
  mmu_interval_read_retry,
  mmu_interval_set_seq,
  type NotifierRange,
  type Task,
} from 'hmm-spec/kernel'
import { become, type Procedure, procedure, type Running, step } from 'hmm-spec/world'

/** How often a page is tried again after a collision before the work request fails. */
export const RETRIES = 1

/** A device fault: one page, and whether it is a write. A plain object, compared by its contents. */
export interface PageFault {
  readonly page: number
  readonly write: boolean
}

/** Faults in a page and maps it: 0, or a negative error number. Called and returns without locks. */
export type MapPage = Procedure<[current: Task, umem: Mirror, fault: PageFault, retries: number], number>

/** Reads the page table's entry of one page, faulting it in. The caller has taken the range's number. */
export const walkPage = procedure(function* odp_walk_page(
  current: Task,
  umem: Mirror,
  { page, write }: PageFault,
) {
  const { mmapLock } = umem.mm
  yield* mmapLock.lockRead()
  const error = yield* hmm_range_fault(current, rangeOf(umem, current), {
    start: page,
    end: page + 1,
    defaultFlags: 0,
    // The request is in the array, so the mask selects it.
    pfnFlagsMask: HMM_PFN_REQ_FAULT | HMM_PFN_REQ_WRITE,
    requests: [HMM_PFN_REQ_FAULT | (write ? HMM_PFN_REQ_WRITE : 0)],
    owner: -1,
  })
  yield* mmapLock.unlockRead()
  return error
})

/** Writes one entry of the device page table. Called under the umem mutex, after the sequence was compared. */
export const updateEntry = procedure(function* odp_update_xlt(current: Task, umem: Mirror, page: number) {
  const range = rangeOf(umem, current)
  return yield* step('write the entry', () => {
    if (!isMappable(range, page)) return -Errno.EFAULT
    mapPage(umem, range, page)
    return 0
  })
})

/** Walks, takes the umem mutex, compares the sequence, maps. */
export const mapOnePage: MapPage = procedure(function* odp_map_page(
  current: Task,
  umem: Mirror,
  fault: PageFault,
  retries: number,
): Running<number> {
  const { notifierSeq } = rangeOf(umem, current)
  yield* mmu_interval_read_begin(umem.notifier, notifierSeq)
  const error = yield* walkPage(current, umem, fault)
  if (error === -Errno.EBUSY) return yield* become(tryAgain, mapOnePage, current, umem, fault, retries)
  if (error) return error
  yield* umem.updateLock.lock()
  if (yield* mmu_interval_read_retry(umem.notifier, notifierSeq)) {
    yield* umem.updateLock.unlock()
    return yield* become(tryAgain, mapOnePage, current, umem, fault, retries)
  }
  const failed = yield* updateEntry(current, umem, fault.page)
  yield* umem.updateLock.unlock()
  return failed
})

/** Retries after a collision, if retries are left. */
export const tryAgain = procedure(function* odp_try_again(
  map: MapPage,
  current: Task,
  umem: Mirror,
  fault: PageFault,
  retries: number,
): Running<number> {
  if (retries === 0) return -Errno.EAGAIN
  return yield* become(map, current, umem, fault, retries - 1)
})

/** Maps page by page. The mutex is dropped in between, so that an invalidation need not wait for all of them. */
const mapEach = procedure(function* odp_map_pages(
  map: MapPage,
  current: Task,
  umem: Mirror,
  page: number,
  end: number,
  write: boolean,
): Running<number> {
  const error = yield* map(current, umem, { page, write }, RETRIES)
  if (error || page + 1 === end) return error
  // The array is used again for the next page; after the last one the device does this.
  yield* endOfRange(current, umem, 0)
  return yield* become(mapEach, map, current, umem, page + 1, end, write)
})

/** Serves a device fault. The address space is pinned throughout. */
function pageFaultHandler(map: MapPage): Driver['fault'] {
  return procedure(function* odp_page_fault(
    current: Task,
    umem: Mirror,
    start: number,
    end: number,
    write: boolean,
  ) {
    if (!(yield* mmget_not_zero(umem.mm))) return -Errno.EFAULT
    const error = yield* mapEach(map, current, umem, start, end, write)
    yield* mmput(current, umem.mm)
    return error
  })
}

/** The callback: refuses a range that is not blockable; otherwise sets the sequence, then removes page by page. */
export const invalidateRange: Driver['invalidate'] = procedure(function* odp_invalidate_range(
  _current: Task,
  umem: Mirror,
  range: NotifierRange,
  curSeq: number,
) {
  if (!range.blockable) return 0
  yield* umem.updateLock.lock()
  yield* step('set_seq', () => {
    mmu_interval_set_seq(umem.notifier, curSeq)
    return 0
  })
  for (let page = range.start; page < range.end; page++)
    yield* step('clear an entry', () => {
      // The device's writes are seen by nobody else: once the entry is gone, they would be lost in swap.
      dirtyPages(umem, { start: page, end: page + 1 })
      unmapPages(umem, { start: page, end: page + 1 })
      return 0
    })
  yield* flushDevice(umem, range)
  yield* umem.updateLock.unlock()
  return 1
})

/** The driver, with a procedure that maps a page. */
export function odpDriver(name: string, map: MapPage): Driver {
  return { name, invalidate: invalidateRange, fault: pageFaultHandler(map) }
}

export default odpDriver('odp', mapOnePage)
