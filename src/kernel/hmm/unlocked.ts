/**
 * hmm_range_fault_unlocked_timeout (Linux 7.3). The walk itself never faults: it records the pages
 * to fault in and returns. The fault is then made with no page-table lock held, and may drop the
 * mmap lock. The caller holds no lock and passes no sequence number.
 *
 * @see reference A.5
 * @module
 */
import { Errno, type Task, VM_WRITE, VmaKind } from '../../machine/index.js'
import { become, choose, claim, procedure, type Running, step } from '../../world/index.js'
import { VM_FAULT_OOM } from '../mm/fault/answers.js'
import { handle_mm_fault } from '../mm/fault/fault.js'
import { migration_entry_wait } from '../mm/fault/swap.js'
import { keepCpu, schedule } from '../mm/lru.js'
import { mmu_interval_read_begin } from '../mmu_notifier/index.js'
import { hmm_vma_walk_pmd, mmu_interval_check_retry } from './fault.js'
import { beginRange, type HmmRange, type HmmRequest, RangeResult } from './range.js'
import { HMM_NEED_WRITE_FAULT, type Walked } from './walk.js'

/**
 * hmm_do_fault dropped the mmap lock: `-ENOLCK`, which the caller never sees.
 *
 * @kernel HMM_FAULT_UNLOCKED
 */
const HMM_FAULT_UNLOCKED = -37

/** How often a fault finds its page locked and drops the mmap lock: a bound of the exploration. */
const LOCKED_PAGES = 1

/**
 * Fills the array for the pages of the request, and restarts as often as that takes. Afterwards the
 * caller passes `notifier_seq` of the range to mmu_interval_read_retry. The caller holds no lock,
 * and a reference to the address space.
 *
 * @returns 0; -EINVAL for an empty range; -EBUSY on timeout, which here may follow any collision;
 * -EFAULT if a requested page cannot be made valid, or the OOM reaper has freed pages of the
 * address space; -EPERM for a write fault in a VMA without VM_WRITE; -ENOMEM. A fatal signal to the
 * caller (-EINTR) is not modelled.
 * @kernel hmm_range_fault_unlocked_timeout mm/hmm.c
 * @see reference A.5
 */
export const hmm_range_fault_unlocked_timeout = procedure(function* hmm_range_fault_unlocked_timeout(
  current: Task,
  range: HmmRange,
  request: HmmRequest,
): Running<number> {
  if (request.start >= request.end) return -Errno.EINVAL
  yield* mmu_interval_read_begin(range.notifier, range.notifierSeq)
  return yield* become(fillUnlocked, current, range, request, LOCKED_PAGES)
})

/**
 * One try, under the sequence number taken before it.
 *
 * @kernel hmm_range_fault_unlocked_timeout mm/hmm.c
 * @see reference A.5
 */
const fillUnlocked = procedure(
  'hmm_range_fault_unlocked_timeout (try)',
  function* (current: Task, range: HmmRange, request: HmmRequest, lockedPages: number): Running<number> {
    const { mmapLock } = range.notifier.mm
    yield* mmapLock.lockRead()
    const error = yield* beginUnlocked(current, range, request)
    const filled = error ? error : yield* fillPending(current, range, request, request.start, lockedPages)
    if (filled !== HMM_FAULT_UNLOCKED) yield* mmapLock.unlockRead()
    if (filled === -Errno.EBUSY) {
      if (yield* timeIsOver()) return filled
    } else if (filled !== HMM_FAULT_UNLOCKED) return filled
    yield* refreshSequence(range)
    const left = filled === HMM_FAULT_UNLOCKED ? lockedPages - 1 : lockedPages
    return yield* become(fillUnlocked, current, range, request, left)
  },
)

/**
 * 1 if the timeout of the caller has expired: a choice of the explorer. A timeout of 0 never
 * expires.
 *
 * @kernel hmm_range_fault_unlocked_timeout mm/hmm.c
 * @see reference A.5
 */
export const timeIsOver = procedure('hmm_range_fault_unlocked_timeout (time)', function* (): Running<number> {
  return yield* choose('the time is over', ['it is not', 'it is'])
})

/**
 * Takes a new sequence number before the next try, which reads the page table again.
 *
 * @kernel hmm_range_fault_unlocked_timeout mm/hmm.c
 * @see reference A.5
 */
export const refreshSequence = procedure(
  'hmm_range_fault_unlocked_timeout (notifier_seq)',
  function* (range: HmmRange): Running<void> {
    yield* mmu_interval_read_begin(range.notifier, range.notifierSeq)
  },
)

/**
 * Sets up the array.
 *
 * @returns 0, or -EFAULT if the OOM reaper has been at the address space (MMF_UNSTABLE): pages may be missing
 * @kernel hmm_range_fault_unlocked_timeout mm/hmm.c
 * @see reference A.5
 */
const beginUnlocked = procedure(
  'hmm_range_fault_unlocked_timeout (begin)',
  function* (current: Task, range: HmmRange, request: HmmRequest): Running<number> {
    const { mm } = range.notifier
    return yield* step('begin', () => {
      claim('C20', mm.mmapLock.heldBy(current.thread), 'hmm_range_fault without the mmap lock')
      claim('C19', mm.users > 0, 'hmm_range_fault on an address space that nobody has pinned')
      beginRange(range, request)
      if (!mm.unstable) return 0
      range.result = RangeResult.failed
      range.lifecycle.signal('FAILED')
      return -Errno.EFAULT
    })
  },
)

/**
 * Walks and faults in turn until a walk finds no page left to fault in.
 *
 * @kernel hmm_range_fault_unlocked_timeout mm/hmm.c
 * @see reference A.5
 */
export const fillPending = procedure(
  'hmm_range_fault (unlocked)',
  function* (
    current: Task,
    range: HmmRange,
    request: HmmRequest,
    from: number,
    lockedPages: number,
  ): Running<number> {
    yield* keepCpu(current)
    const { page, walked } = yield* walkPending(range, request, from)
    yield* schedule(current)
    switch (walked.kind) {
      case 'next':
        return 0
      case 'error':
        return -walked.errno
      case 'migration':
        yield* migration_entry_wait(current, range.notifier.mm, page)
        break
      case 'fault': {
        const error = yield* hmm_do_fault(current, range, page, walked.end, walked.need, lockedPages)
        if (error) return error
      }
    }
    return yield* become(fillPending, current, range, request, page, lockedPages)
  },
)

/**
 * @returns the page at which the walk stopped, and why: a fault or a wait is HMM_FAULT_PENDING
 * @kernel hmm_range_fault_unlocked_timeout mm/hmm.c
 * @see reference A.5
 */
const walkPending = procedure(
  'hmm_range_fault (walk, pending)',
  function* (
    range: HmmRange,
    request: HmmRequest,
    from: number,
  ): Running<{ readonly page: number; readonly walked: Walked }> {
    if (yield* mmu_interval_check_retry(range, from))
      return { page: from, walked: { kind: 'error', errno: Errno.EBUSY } }
    for (let page = from; page < request.end; ) {
      const walked = yield* hmm_vma_walk_pmd(range, request, page)
      if (walked.kind !== 'next') return { page, walked }
      page = walked.page
    }
    return { page: request.end, walked: { kind: 'next', page: request.end } }
  },
)

/**
 * Faults in the pages that the walk recorded. It looks up the VMA again, since it holds nothing of
 * the walk.
 *
 * @param end - the page after the last to fault in
 * @param need - `HMM_NEED_` bits
 * @returns 0 when all pages are faulted in: the walk restarts at `page`; `HMM_FAULT_UNLOCKED` if
 * the fault dropped the mmap lock; or the error
 * @kernel hmm_do_fault mm/hmm.c
 * @see reference A.5
 */
export const hmm_do_fault = procedure(function* hmm_do_fault(
  current: Task,
  range: HmmRange,
  page: number,
  end: number,
  need: number,
  lockedPages: number,
): Running<number> {
  const { mm } = range.notifier
  const write = (need & HMM_NEED_WRITE_FAULT) !== 0
  const refused = yield* step('look up the area', () => {
    if (mm.vma[page].kind === VmaKind.none) return Errno.EFAULT
    return write && !(mm.vma[page].flags & VM_WRITE) ? Errno.EPERM : 0
  })
  if (refused) return yield* become(giveUp, range, refused)
  if (lockedPages > 0 && (yield* choose('VM_FAULT_RETRY', ['the lock is kept', 'the lock is dropped']))) {
    yield* step('drop what was read', () => {
      range.result = RangeResult.collided
      range.lifecycle.signal('COLLIDED')
      return 0
    })
    yield* mm.mmapLock.unlockRead()
    return HMM_FAULT_UNLOCKED
  }
  for (let at = page; at < end; at++) {
    const error = yield* handle_mm_fault(current, mm, at, write)
    if (error) return yield* become(giveUp, range, error === VM_FAULT_OOM ? Errno.ENOMEM : Errno.EFAULT)
  }
  return 0
})

/**
 * The page could not be faulted in: the range fails.
 *
 * @kernel hmm_range_fault_unlocked_timeout mm/hmm.c
 * @see reference A.5
 */
const giveUp = procedure('hmm_do_fault (error)', function* (range: HmmRange, error: number): Running<number> {
  return yield* step('give up', () => {
    range.result = RangeResult.failed
    range.lifecycle.signal('FAILED')
    return -error
  })
})
