/**
 * Atomic faults of nouveau: the GPU gets exclusive access to a page of system memory.
 *
 * @see drivers/gpu/drm/nouveau/nouveau_svm.c
 * @module
 */
import {
  Errno,
  type Frame,
  fixup_user_fault,
  folio_put,
  folio_unlock,
  mmget_not_zero,
  mmput,
  mmu_interval_read_begin,
  mmu_interval_read_retry,
  type Task,
} from '../../../kernel/index.js'
import { become, choose, procedure, type Running, step } from '../../../world/index.js'
import { rangeOf } from '../../mirror.js'
import { mapAtomic } from '../../page-table.js'
import { makePageExclusive } from '../../reference/atomic.js'
import {
  nouveau_notifier_insert,
  nouveau_notifier_remove,
  type Svmm,
  type SvmNotifier,
} from './nouveau-svmm.js'

/** A fault with FAULT_ACCESS_ATOMIC: takes the page, and has the GPU replay. */
export const nouveau_svm_fault_atomic = procedure(
  'nouveau_svm_fault (atomic)',
  function* (current: Task, svmm: Svmm, page: number): Running<number> {
    if (!(yield* mmget_not_zero(svmm.mm))) return -Errno.EFAULT
    const error = yield* nouveau_atomic_range_fault(current, svmm, page)
    yield* mmput(current, svmm.mm)
    return error
  },
)

/** Programs one page for atomic access, which a notifier of its own watches meanwhile. */
export const nouveau_atomic_range_fault = procedure(function* nouveau_atomic_range_fault(
  current: Task,
  svmm: Svmm,
  page: number,
): Running<number> {
  const sn = yield* nouveau_notifier_insert(current, svmm, { start: page, end: page + 1 }, false)
  if (sn === 'none') return -Errno.EINVAL
  const error = yield* nouveau_atomic_watched(current, svmm, sn, page)
  yield* nouveau_notifier_remove(current, svmm, sn)
  return error
})

/** One turn of the loop. The folio stays locked until the GPU is programmed, or the turn is given up. */
export const nouveau_atomic_watched = procedure(
  'nouveau_atomic_range_fault (watched)',
  function* (current: Task, svmm: Svmm, sn: SvmNotifier, page: number): Running<number> {
    const { mutex } = svmm.state
    const { notifierSeq } = rangeOf(svmm, current, sn.notifier)
    const error = yield* nouveau_atomic_fault_in(current, svmm, page)
    if (error) return error
    yield* mmu_interval_read_begin(sn.notifier, notifierSeq)
    const pfn = yield* nouveau_make_exclusive(current, svmm, page)
    if (pfn <= 0) return -Errno.EINVAL
    const folio = current.machine.frames[pfn]
    yield* mutex.lock()
    if (yield* mmu_interval_read_retry(sn.notifier, notifierSeq)) {
      yield* mutex.unlock()
      yield* nouveau_atomic_give_up(folio)
      return yield* become(nouveau_atomic_again, current, svmm, sn, page)
    }
    yield* step('NVIF_VMM_V0_PFNMAP (A)', () => {
      mapAtomic(svmm, page, pfn)
      return 0
    })
    yield* mutex.unlock()
    yield* folio_unlock(folio)
    yield* folio_put(folio)
    return 0
  },
)

/**
 * Faults the page in for writing before the sequence number is sampled. A page that is exclusive
 * already is restored here, and its invalidation does not make this fault collide with itself.
 */
export const nouveau_atomic_fault_in = procedure(
  'nouveau_atomic_range_fault (fault in)',
  function* (current: Task, { mm }: Svmm, page: number): Running<number> {
    yield* mm.mmapLock.lockRead()
    const error = yield* fixup_user_fault(current, mm, page)
    yield* mm.mmapLock.unlockRead()
    return error
  },
)

/** Returns the locked frame to which the GPU has exclusive access; 0 or a negative error number if it has not. */
export const nouveau_make_exclusive = procedure(
  'nouveau_atomic_range_fault (exclusive)',
  function* (current: Task, svmm: Svmm, page: number): Running<number> {
    const { mmapLock } = svmm.mm
    yield* mmapLock.lockRead()
    const pfn = yield* makePageExclusive(current, svmm, page)
    yield* mmapLock.unlockRead()
    return pfn
  },
)

/** The folio of a turn that collided: CPU faults wait for its lock. */
export const nouveau_atomic_give_up = procedure(
  'nouveau_atomic_range_fault (collided)',
  function* (folio: Frame): Running<void> {
    yield* folio_unlock(folio)
    yield* folio_put(folio)
  },
)

/** Retries unless the timeout has expired. */
export const nouveau_atomic_again = procedure(
  'nouveau_atomic_range_fault (again)',
  function* (current: Task, svmm: Svmm, sn: SvmNotifier, page: number): Running<number> {
    const expired = yield* choose('HMM_RANGE_DEFAULT_TIMEOUT', ['time is left', 'the time is over'])
    if (expired) return -Errno.EBUSY
    return yield* become(nouveau_atomic_watched, current, svmm, sn, page)
  },
)
