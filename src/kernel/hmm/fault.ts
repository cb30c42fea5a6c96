/**
 * The walk: reads the CPU page table into the range's array, and faults in the pages that are requested and missing.
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
 * Fills the array for the pages of the request. The caller holds the mmap lock (reading is enough) and a reference to the
 * address space.
 *
 * @returns 0; -EBUSY if the range was invalidated meanwhile: start again at mmu_interval_read_begin; -EPERM for a write
 * fault in a VMA without VM_WRITE; -EFAULT for a page that cannot be reached; -ENOMEM where there is no memory
 * for one. After an error nothing in the array may be
 * used.
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
 * The loop of hmm_range_fault: walks from page `last` on, and starts again after each fault. A procedure of its own, so that
 * a retry is the same control state again.
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
 * Reads one entry of the page table. One step: the kernel reads each entry once, and nobody else sees the array.
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
 * True if the range is certain to have been invalidated. False proves nothing.
 *
 * @param last - where the walk begins (again)
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
 * Faults in the pages from `page` to `end`, including those that were not requested.
 *
 * @param need - `HMM_NEED_` bits
 * @returns -EBUSY when all are faulted in, so that the walk starts again; otherwise the error
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
    // Without this check the walk would fault for ever (D19).
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
      const isShort = current.machine.rules.tellsOfMemory && error === VM_FAULT_OOM
      const told = isShort ? Errno.ENOMEM : Errno.EFAULT
      yield* step('give up', () => {
        failRange(range, told)
      })
      return -told
    }
  }
  return -Errno.EBUSY
})
