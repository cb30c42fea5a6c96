/**
 * hmm_range_fault: walks the CPU page table, fills the array of the range, and faults in the pages
 * that were requested and are missing.
 *
 * @see reference B.3
 * @module
 */

import { Errno, type Task, VM_WRITE } from '../../machine/index.js'
import { become, claim, procedure, READ_ONCE, type Running, step } from '../../world/index.js'
import { VM_FAULT_OOM } from '../mm/fault/answers.js'
import { handle_mm_fault } from '../mm/fault/fault.js'
import { migration_entry_wait } from '../mm/fault/swap.js'
import { keepCpu, schedule } from '../mm/lru.js'
import { beginRange, type HmmRange, type HmmRequest, RangeResult } from './range.js'
import { failRange, HMM_NEED_WRITE_FAULT, readEntry } from './walk.js'

/**
 * Fills the array for the pages of the request. The caller holds the mmap lock for reading or
 * writing, and a reference to the address space.
 *
 * @returns 0; -EINVAL for an empty range; -EBUSY if the range was invalidated meanwhile: the caller
 * restarts at mmu_interval_read_begin; -EPERM for a write fault in a VMA without VM_WRITE; -EFAULT
 * if a requested page cannot be made valid; -ENOMEM if there is no memory for it (since Linux 7.3;
 * -EFAULT before). After an error the caller may use no entry of the array.
 * @kernel hmm_range_fault mm/hmm.c
 * @see reference B.3
 */
export const hmm_range_fault = procedure(function* hmm_range_fault(
  current: Task,
  range: HmmRange,
  request: HmmRequest,
) {
  if (request.start >= request.end) return -Errno.EINVAL
  yield* step('begin', () => {
    const mm = range.notifier.mm
    claim('C20', mm.mmapLock.heldBy(current.thread), 'hmm_range_fault without the mmap lock')
    claim('C19', mm.users > 0, 'hmm_range_fault on an address space that nobody has pinned')
    beginRange(range, request)
    return 0
  })
  const error = yield* walk(current, range, request, request.start)
  yield* schedule(current)
  return error
})

/**
 * The loop of hmm_range_fault: walks from page `last`, and restarts there after each fault. It is a
 * procedure of its own so that a restart returns to the same control state.
 *
 * @kernel hmm_range_fault mm/hmm.c
 * @see reference B.3
 */
export const walk = procedure(
  'hmm_range_fault (walk)',
  function* (current: Task, range: HmmRange, request: HmmRequest, last: number): Running<number> {
    yield* keepCpu(current)
    // Lockless early-out. A match proves nothing; a mismatch means that the walk is already stale.
    if (yield* mmu_interval_check_retry(range, last)) return -Errno.EBUSY
    for (let page = last; page < request.end; ) {
      const walked = yield* hmm_vma_walk_pmd(range, request, page)
      switch (walked.kind) {
        case 'next':
          page = walked.page
          break
        case 'error':
          return -walked.errno
        case 'migration':
          yield* migration_entry_wait(current, range.notifier.mm, page)
          return yield* become(walk, current, range, request, page)
        case 'fault': {
          const error = yield* hmm_vma_fault(current, range, page, walked.end, walked.need)
          return error === -Errno.EBUSY ? yield* become(walk, current, range, request, page) : error
        }
      }
    }
    return 0
  },
)

/**
 * Reads one entry of the page table and stores its report in the array. One step: the kernel reads
 * each entry once, and no other thread sees the array. {@link readEntry} has the cases.
 *
 * @kernel hmm_vma_walk_pmd mm/hmm.c
 * @see reference B.3.1
 */
export const hmm_vma_walk_pmd = procedure(function* hmm_vma_walk_pmd(
  range: HmmRange,
  request: HmmRequest,
  page: number,
) {
  return yield* step('read an entry', () => readEntry(range, request, page))
})

/**
 * Lockless check of the sequence number. 1: the range was invalidated since
 * mmu_interval_read_begin. 0 proves nothing.
 *
 * @param last - the page from which the walk starts or restarts
 * @kernel mmu_interval_check_retry include/linux/mmu_notifier.h
 * @see reference B.3
 */
export const mmu_interval_check_retry = procedure(function* mmu_interval_check_retry(
  range: HmmRange,
  last: number,
) {
  return yield* step('look at the sequence', () => {
    range.last = last
    if (READ_ONCE(range.notifier).seq === range.notifierSeq.number) return 0
    range.result = RangeResult.collided
    range.lifecycle.signal('COLLIDED')
    return 1
  })
})

/**
 * Faults in all pages from `page` to `end`, including those that were not requested.
 *
 * @param need - `HMM_NEED_` bits
 * @returns -EBUSY when all pages are faulted in: the walk restarts at `page`; otherwise the error
 * @kernel hmm_vma_fault mm/hmm.c
 * @see reference B.3 V0 to V3
 */
export const hmm_vma_fault = procedure(function* hmm_vma_fault(
  current: Task,
  range: HmmRange,
  page: number,
  end: number,
  need: number,
) {
  const { mm } = range.notifier
  const write = (need & HMM_NEED_WRITE_FAULT) !== 0
  if (write) {
    // Without this check a write fault in a read-only VMA would fail, and the walk restart, for
    // ever (D19).
    const writable = yield* step('check VM_WRITE', () => {
      if (mm.vma[page].flags & VM_WRITE) return true
      failRange(range, Errno.EPERM)
      return false
    })
    if (!writable) return -Errno.EPERM
  }
  for (let at = page; at < end; at++) {
    const error = yield* handle_mm_fault(current, mm, at, write)
    if (error) {
      const isOom = error === VM_FAULT_OOM && current.machine.rules.tellsOfMemory
      const errno = isOom ? Errno.ENOMEM : Errno.EFAULT
      yield* step('give up', () => {
        failRange(range, errno)
      })
      return -errno
    }
  }
  return -Errno.EBUSY
})
