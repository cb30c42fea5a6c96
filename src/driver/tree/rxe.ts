/**
 * rxe, a software RDMA device with on-demand paging. It has no page table and no TLB: its responder
 * reads the page list of the region, faults in missing pages, and copies with the CPU, all under
 * `umem_mutex`. The callback takes the same mutex, so it need not wait for accesses.
 *
 * Follows Linux 7.1; the bugs listed in `docs/drivers/rxe.md` are fixed here.
 *
 * @see drivers/infiniband/sw/rxe/rxe_odp.c
 * @module
 */

import { accessThrough, touch } from '../../device/index.js'
import { Errno, mmu_interval_set_seq, type NotifierRange, type Task } from '../../kernel/index.js'
import { procedure, type Running, step } from '../../world/index.js'
import { defineDriver, type FaultAnswer } from '../driver.js'
import { endOfRange } from '../fault.js'
import { accessOf } from '../mirror.js'
import {
  declareUmemOdp,
  ib_umem_odp_free,
  ib_umem_odp_map_dma_and_lock,
  ib_umem_odp_unmap_dma_pages,
  mmput_async,
  type OdpRequest,
  type UmemOdp,
} from './umem-odp.js'

/** The list had all requested pages. */
const WAS_MAPPED = 0
/** A walk was needed, and a reference to the address space is held. */
const FAULTED = 1

/** The callback. @kernel rxe_ib_invalidate_range */
export const rxe_ib_invalidate_range = procedure(function* rxe_ib_invalidate_range(
  _current: Task,
  umem: UmemOdp,
  range: NotifierRange,
  curSeq: number,
): Running<number> {
  const { umemMutex } = umem.state
  if (!range.blockable) return 0
  yield* umemMutex.lock()
  yield* step('set_seq', () => {
    mmu_interval_set_seq(umem.notifier, curSeq)
    return 0
  })
  yield* ib_umem_odp_unmap_dma_pages(umem, range)
  yield* umemMutex.unlock()
  return 1
})

/**
 * 1 if a page must be faulted in: the list does not have it, or has it read-only for a write.
 * Called under `umem_mutex`.
 */
export const rxe_check_pagefault = procedure(function* rxe_check_pagefault(
  umem: UmemOdp,
  { start, end, write }: OdpRequest,
): Running<number> {
  return yield* step('look at pfn_list', () =>
    umem.pageTable.slice(start, end).every((entry) => (write ? entry.write : entry.frame !== undefined))
      ? 0
      : 1,
  )
})

/**
 * Returns with `umem_mutex` held and the pages in the list: {@link WAS_MAPPED} or {@link FAULTED};
 * or a negative error number, without the mutex.
 */
export const rxe_odp_map_range_and_lock = procedure(function* rxe_odp_map_range_and_lock(
  current: Task,
  umem: UmemOdp,
  request: OdpRequest,
): Running<number> {
  const { umemMutex } = umem.state
  yield* umemMutex.lock()
  if (!(yield* rxe_check_pagefault(umem, request))) return WAS_MAPPED
  yield* umemMutex.unlock()
  const error = yield* ib_umem_odp_map_dma_and_lock(current, umem, request)
  if (error) return error
  if (!(yield* rxe_check_pagefault(umem, request))) return FAULTED
  yield* umemMutex.unlock()
  yield* mmput_async(current, umem)
  return -Errno.EFAULT
})

/** Copies page by page. Called under `umem_mutex`. */
export const rxe_odp_copy = procedure(
  '__rxe_odp_mr_copy',
  function* (
    current: Task,
    umem: UmemOdp,
    start: number,
    end: number,
    value: number | undefined,
  ): Running<void> {
    const access = accessOf(umem, current)
    for (let page = start; page < end; page++) {
      yield* step('kmap_local_page', () => {
        accessThrough(access, page, umem.pageTable[page])
        return 0
      })
      yield* step('memcpy', () => {
        touch(current, umem, access, value)
        return 0
      })
    }
  },
)

/** Writes the data of a packet to the region, or reads it. */
export const rxe_odp_mr_copy = procedure(function* rxe_odp_mr_copy(
  current: Task,
  umem: UmemOdp,
  start: number,
  end: number,
  value: number | undefined,
): Running<number> {
  const mapped = yield* rxe_odp_map_range_and_lock(current, umem, { start, end, write: value !== undefined })
  if (mapped >= 0) {
    yield* rxe_odp_copy(current, umem, start, end, value)
    yield* umem.state.umemMutex.unlock()
  }
  if (mapped === FAULTED) yield* mmput_async(current, umem)
  if (mapped !== WAS_MAPPED) yield* endOfRange(current, umem, mapped < 0 ? mapped : 0)
  return mapped < 0 ? mapped : 0
})

/** A prefetch: faults without copying. @kernel rxe_ib_prefetch_sg_list */
export const rxe_ib_prefetch_sg_list = procedure(function* rxe_ib_prefetch_sg_list(
  current: Task,
  umem: UmemOdp,
  start: number,
  end: number,
  write: boolean,
): Running<FaultAnswer> {
  const error = yield* ib_umem_odp_map_dma_and_lock(current, umem, { start, end, write })
  if (error) return error
  yield* umem.state.umemMutex.unlock()
  yield* mmput_async(current, umem)
  return 0
})

/**
 * Registration: takes the pages that the CPU has mapped into the list, each with the rights that its
 * entry has, and faults nothing.
 */
export const rxe_odp_init_pages = procedure(function* rxe_odp_init_pages(
  current: Task,
  umem: UmemOdp,
): Running<number> {
  const { start, last } = umem.notifier
  const request = { start, end: last + 1, write: true, snapshot: true }
  const error = yield* ib_umem_odp_map_dma_and_lock(current, umem, request)
  if (!error) {
    yield* umem.state.umemMutex.unlock()
    yield* mmput_async(current, umem)
  }
  yield* endOfRange(current, umem, error)
  return error
})

/** The driver. */
export const rxeDriver = defineDriver({
  name: 'rxe',
  state: declareUmemOdp,
  pageTable: ({ umemMutex }) => ({ program: umemMutex, remove: umemMutex }),
  invalidate: rxe_ib_invalidate_range,
  fault: rxe_ib_prefetch_sg_list,
  access: rxe_odp_mr_copy,
  close: ib_umem_odp_free,
  closedBy: 'last user',
})
