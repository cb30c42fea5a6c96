/**
 * A GPU fault with retry faults (XNACK): finds or creates the range, migrates it to VRAM, and maps
 * it.
 *
 * @see drivers/gpu/drm/amd/amdkfd/kfd_svm.c
 * @module
 */
import { Errno, mmget_not_zero, mmput, type Task, VM_READ, VM_WRITE, VmaKind } from '../../../kernel/index.js'
import { procedure, type Running, step } from '../../../world/index.js'
import type { FaultAnswer } from '../../driver.js'
import { endOfRange } from '../../fault.js'
import { svm_migrate_ram_to_vram, svm_migrate_vram_to_ram } from './kfd-migrate.js'
import { LACKS_WRITE, svm_range_validate_and_map, type Wanted } from './svm-map.js'
import {
  boundariesOf,
  covers,
  granuleOf,
  hasVram,
  insertNotifier,
  mustHaveReference,
  newRange,
  type PageSpan,
  rangeFromAddr,
  SvmOp,
  type SvmRange,
  type Svms,
} from './svm-range.js'

/** A fault at one address. The GPU faults again for other pages, and if the result is `again`. */
export const svm_range_restore_pages = procedure(function* svm_range_restore_pages(
  current: Task,
  svms: Svms,
  addr: number,
  _end: number,
  write: boolean,
): Running<FaultAnswer> {
  const { mm, state } = svms
  const found = yield* step('kfd_lookup_process_by_pasid, drain_pagefaults', () => {
    if (state.isGone) return 'gone'
    if (state.drainPagefaults) return 'draining'
    state.processRefs += 1
    state.retryFaults += 1
    return 'found'
  })
  // The queue is destroyed.
  if (found === 'gone') return -Errno.EFAULT
  if (found === 'draining') return 'again'
  let answer: FaultAnswer = 'again'
  if (yield* mmget_not_zero(mm)) {
    answer = yield* svm_range_restore_locked(current, svms, addr, write)
    yield* mmput(current, mm)
  }
  yield* step('kfd_unref_process', () => {
    mustHaveReference(svms)
    state.processRefs -= 1
    state.retryFaults -= 1
    return 0
  })
  return answer
})

/** The part under the mmap lock and svms->lock. */
export const svm_range_restore_locked = procedure(
  'svm_range_restore_pages (locked)',
  function* (current: Task, svms: Svms, addr: number, write: boolean): Running<FaultAnswer> {
    const { mm, state } = svms
    yield* mm.mmapLock.lockRead()
    yield* state.lock.lock()
    let prange: SvmRange | 'none' = yield* step(
      'svm_range_from_addr',
      () => rangeFromAddr(svms, addr) ?? 'none',
    )
    if (prange === 'none') {
      yield* state.lock.unlock()
      yield* mm.mmapLock.unlockRead()
      prange = yield* svm_range_create_unregistered_range(svms, addr)
    }
    let answer: FaultAnswer = -Errno.EFAULT
    if (prange !== 'none') answer = yield* restoreRange(current, svms, prange, addr, write)
    yield* state.lock.unlock()
    yield* mm.mmapLock.unlockRead()
    return answer
  },
)

/**
 * Finds or creates the range under the mmap lock for writing, since a notifier may be inserted.
 * Returns with the mmap lock held for reading, and svms->lock.
 */
export const svm_range_create_unregistered_range = procedure(function* svm_range_create_unregistered_range(
  svms: Svms,
  addr: number,
): Running<SvmRange | 'none'> {
  const { mm, state } = svms
  yield* mm.mmapLock.lockWrite()
  yield* state.lock.lock()
  const prange = yield* step('svm_range_from_addr, svm_range_new', () => {
    const found = rangeFromAddr(svms, addr)
    if (found) return found
    const span = boundariesOf(svms, addr)
    return (span && newRange(svms, span)) ?? 'none'
  })
  if (prange !== 'none') yield* svm_range_add_notifier_locked(svms, prange)
  yield* mm.mmapLock.downgrade()
  return prange
})

/** Inserts the notifier of a new range. */
export const svm_range_add_notifier_locked = procedure(function* svm_range_add_notifier_locked(
  { state }: Svms,
  prange: SvmRange,
): Running<void> {
  yield* state.prangeLock.critical('mmu_interval_notifier_insert_locked', () => {
    if (!prange.itNode.inserted) insertNotifier(prange)
    return 0
  })
})

/** Under the range's migrate_mutex: migrates the range to VRAM if the GPU has VRAM, and maps it. */
const restoreRange = procedure(
  'svm_range_restore_pages (range)',
  function* (
    current: Task,
    svms: Svms,
    prange: SvmRange,
    addr: number,
    write: boolean,
  ): Running<FaultAnswer> {
    yield* prange.migrateMutex.lock()
    const wanted = yield* svm_range_may_recover(svms, prange, addr, write)
    const answer =
      typeof wanted === 'object' ? yield* migrateAndMap(current, svms, prange, addr, wanted) : wanted
    yield* prange.migrateMutex.unlock()
    return answer
  },
)

/**
 * The pages to map for the fault; or the result for a stale fault, after which the GPU faults
 * again; or an error.
 *
 * @kernel svm_range_skip_recover, svm_fault_allowed
 */
export const svm_range_may_recover = procedure(
  'svm_range_skip_recover',
  function* (svms: Svms, prange: SvmRange, addr: number, write: boolean): Running<Wanted | FaultAnswer> {
    const { deferredListLock } = svms.state
    const skips = yield* deferredListLock.critical('svm_range_skip_recover', () => {
      const { isListed, op } = prange.workItem
      return (isListed && op === SvmOp.UNMAP_RANGE) || !covers(prange, addr)
    })
    if (skips) return 'again'
    return yield* step('vma_lookup, svm_fault_allowed', () => {
      const { kind, flags } = svms.mm.vma[addr]
      if (kind === VmaKind.none) return 'again'
      if (!(flags & VM_READ)) return -Errno.EFAULT
      if (write && !(flags & VM_WRITE)) return -Errno.EPERM
      const granule = granuleOf(addr)
      return {
        start: Math.max(granule.start, prange.start),
        last: Math.min(granule.last, prange.last),
        writes: write ? addr : -1,
      }
    })
  },
)

/**
 * True if the pages should migrate to VRAM for the fault. Only the first time: pages that a CPU
 * fault or the core has migrated back since are mapped in place, until user space requests the
 * range in VRAM again.
 */
export const svm_range_best_restore_location = procedure(function* svm_range_best_restore_location(
  current: Task,
  svms: Svms,
  prange: SvmRange,
): Running<boolean> {
  if (!hasVram(current, svms)) return false
  return yield* step('best_restore_loc', () => {
    const isFirst = !prange.wasNear
    prange.wasNear = true
    return isFirst
  })
})

/**
 * Migrates as far as possible, and maps. A read-only page of VRAM is migrated back for a write, and
 * not migrated to VRAM again.
 */
const migrateAndMap = procedure(
  'svm_range_restore_pages (map)',
  function* (
    current: Task,
    svms: Svms,
    prange: SvmRange,
    addr: number,
    wanted: Wanted,
  ): Running<FaultAnswer> {
    const isNear = yield* svm_range_best_restore_location(current, svms, prange)
    // The result is ignored: a page that is not in VRAM is mapped in place.
    if (isNear) yield* svm_migrate_ram_to_vram(current, svms, prange, wanted)
    const mapped = yield* svm_range_validate_and_map(current, svms, prange, wanted)
    if (mapped !== LACKS_WRITE)
      return yield* svm_range_restore_alone(current, svms, prange, addr, wanted, mapped)
    const page: PageSpan = { start: wanted.writes, last: wanted.writes }
    const error = yield* svm_migrate_vram_to_ram(current, svms, prange, page)
    if (error) return error
    const again = yield* svm_range_validate_and_map(current, svms, prange, wanted)
    return again === LACKS_WRITE ? -Errno.EBUSY : answerOf(again)
  },
)

/**
 * If a page around the faulting one fails, maps the faulting page alone. Otherwise passes the
 * result on.
 */
export const svm_range_restore_alone = procedure(
  'svm_range_restore_pages (alone)',
  function* (
    current: Task,
    svms: Svms,
    prange: SvmRange,
    addr: number,
    { start, last, writes }: Wanted,
    error: number,
  ): Running<FaultAnswer> {
    const wasAlone = start === last && writes >= 0
    if (error === 0 || error === -Errno.EAGAIN || wasAlone) return answerOf(error)
    yield* endOfRange(current, svms, error)
    const alone = { start: addr, last: addr, writes, isAlone: true } as const
    const mapped = yield* svm_range_validate_and_map(current, svms, prange, alone)
    return mapped === LACKS_WRITE ? -Errno.EBUSY : answerOf(mapped)
  },
)

/** After a collision the GPU faults again. */
function answerOf(error: number): FaultAnswer {
  if (error === 0) return 'mapped'
  return error === -Errno.EAGAIN ? 'again' : error
}
