/**
 * On-demand paging of memory regions in the RDMA core: `struct ib_umem_odp`, with one notifier for
 * each region, and one mutex for its page list.
 *
 * @see drivers/infiniband/core/umem_odp.c
 * @module
 */
import {
  Errno,
  HMM_PFN_REQ_FAULT,
  HMM_PFN_REQ_WRITE,
  hmm_range_fault,
  isMappable,
  LockRank,
  mmget_not_zero,
  mmput,
  mmu_interval_notifier_remove,
  mmu_interval_read_begin,
  mmu_interval_read_retry,
  type NotifierRange,
  type Task,
} from '../../kernel/index.js'
import {
  become,
  choose,
  type Layout,
  Mutex,
  procedure,
  type RecordOf,
  type Running,
  step,
} from '../../world/index.js'
import { type Mirror, rangeOf } from '../mirror.js'
import { dirtyPages, mapPage, unmapPages } from '../page-table.js'

/** The core's state of a region. Its page list, `map.pfn_list`, is the mirror's page table. */
export const declareUmemOdp = (l: Layout) => ({
  umemMutex: new Mutex(l, 'umem_mutex', { rank: LockRank.update }),
})

/** A memory region with on-demand paging. @kernel struct ib_umem_odp */
export type UmemOdp = Mirror<RecordOf<ReturnType<typeof declareUmemOdp>>>

/** The pages to map. */
export interface OdpRequest {
  /** First page. */
  readonly start: number
  /** Page after the last. */
  readonly end: number
  /** True if `access_mask` has `HMM_PFN_WRITE`. */
  readonly write: boolean
  /** True to take what is mapped already, and to fault nothing (`fault` is false). */
  readonly snapshot?: boolean
}

/**
 * Maps the pages, and returns with `umem_mutex` and a reference to the address space held: the
 * caller unlocks, and calls {@link mmput_async}. After an error neither is held.
 *
 * @kernel ib_umem_odp_map_dma_and_lock
 */
export const ib_umem_odp_map_dma_and_lock = procedure(function* ib_umem_odp_map_dma_and_lock(
  current: Task,
  umem: UmemOdp,
  request: OdpRequest,
): Running<number> {
  if (!(yield* mmget_not_zero(umem.mm))) return -Errno.EINVAL
  const error = yield* mapDmaTry(current, umem, request)
  if (error) yield* mmput_async(current, umem)
  return error
})

/**
 * One try: walks, then compares the sequence number and fills the list under the mutex. A collision
 * does not count towards the timeout.
 */
export const mapDmaTry = procedure(
  'ib_umem_odp_map_dma_and_lock (retry)',
  function* (current: Task, umem: UmemOdp, request: OdpRequest): Running<number> {
    const { notifier, state } = umem
    const { notifierSeq } = rangeOf(umem, current)
    yield* mmu_interval_read_begin(notifier, notifierSeq)
    const error = yield* ib_umem_odp_walk(current, umem, request)
    if (error === -Errno.EBUSY) {
      const isTimeOver = yield* choose('HMM_RANGE_DEFAULT_TIMEOUT', ['time is left', 'the time is over'])
      return isTimeOver ? error : yield* become(mapDmaTry, current, umem, request)
    }
    if (error) return error
    yield* state.umemMutex.lock()
    if (yield* mmu_interval_read_retry(notifier, notifierSeq)) {
      yield* state.umemMutex.unlock()
      return yield* become(mapDmaTry, current, umem, request)
    }
    for (let page = request.start; page < request.end; page++)
      yield* step('store the page in pfn_list', () => {
        const range = rangeOf(umem, current)
        if (!request.snapshot || isMappable(range, page)) mapPage(umem, range, page)
        return 0
      })
    return 0
  },
)

/** The walk, under the mmap lock. */
export const ib_umem_odp_walk = procedure(
  'ib_umem_odp_map_dma_and_lock (walk)',
  function* (current: Task, umem: UmemOdp, { start, end, write, snapshot }: OdpRequest): Running<number> {
    const { mmapLock } = umem.mm
    yield* mmapLock.lockRead()
    const error = yield* hmm_range_fault(current, rangeOf(umem, current), {
      start,
      end,
      defaultFlags: snapshot ? 0 : HMM_PFN_REQ_FAULT | (write ? HMM_PFN_REQ_WRITE : 0),
      pfnFlagsMask: 0,
      owner: -1,
    })
    yield* mmapLock.unlockRead()
    return error
  },
)

/**
 * Drops the reference to the address space from a work item: the last user invalidates all of it,
 * and the callback takes `umem_mutex`. Here the thread does it itself after it has unlocked.
 *
 * @kernel mmput_async
 */
export const mmput_async = procedure(function* mmput_async(current: Task, umem: UmemOdp): Running<void> {
  yield* mmput(current, umem.mm)
})

/**
 * Clears entries of the list, and marks the pages of writable entries dirty. Called under
 * `umem_mutex`.
 */
export const ib_umem_odp_unmap_dma_pages = procedure(function* ib_umem_odp_unmap_dma_pages(
  umem: UmemOdp,
  range: Pick<NotifierRange, 'start' | 'end'>,
): Running<void> {
  yield* step('set_page_dirty and clear pfn_list', () => {
    dirtyPages(umem, range)
    unmapPages(umem, range)
    return 0
  })
})

/** The region goes away. @kernel ib_umem_odp_free */
export const ib_umem_odp_free = procedure(function* ib_umem_odp_free(
  _current: Task,
  umem: UmemOdp,
): Running<void> {
  const { umemMutex } = umem.state
  yield* umemMutex.lock()
  yield* ib_umem_odp_unmap_dma_pages(umem, { start: umem.notifier.start, end: umem.notifier.last + 1 })
  yield* umemMutex.unlock()
  yield* mmu_interval_notifier_remove(umem.notifier)
})
