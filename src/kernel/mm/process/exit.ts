/**
 * The users of an address space (mm_users), and its teardown.
 *
 * @module
 */

import { type MmStruct, NotifyEvent, type Task } from '../../../machine/index.js'
import { claim, fieldOf, procedure, type Running, step } from '../../../world/index.js'
import {
  __mmu_notifier_release,
  hasNotifiers,
  invalidateRangeEnd,
  invalidateRangeStart,
} from '../../mmu_notifier/index.js'
import { fput } from '../area/file.js'
import { detachVmas } from '../area/mmap.js'
import { tlb_finish_mmu, zap_pte_range } from '../area/zap.js'
import { free_pgtables } from '../huge/page.js'

/**
 * Adds a user of `mm` unless it has none left. One step: the count is changed atomically.
 *
 * @returns 1, or 0 if the address space has no users
 * @kernel mmget_not_zero include/linux/sched/mm.h
 * @see reference B.4
 */
export const mmget_not_zero = procedure(function* mmget_not_zero(mm: MmStruct) {
  return yield* step('count a user', () => {
    if (mm.users === 0) return 0
    claim(
      'C19',
      mm.users < fieldOf(mm, 'users').max,
      `${mm.name} has as many users as its process and all threads: one that is done with it has not called mmput`,
    )
    mm.users += 1
    return 1
  })
})

/**
 * Drops a user of `mm`. The last one tears it down.
 *
 * @kernel mmput kernel/fork.c
 * @see reference B.4
 */
export const mmput = procedure(function* mmput(current: Task, mm: MmStruct): Running<void> {
  const left = yield* step('uncount a user', () => {
    claim('use-after-free', mm.users > 0, `${mm.name} is given up by a user, and has none`)
    return --mm.users
  })
  if (left === 0) yield* exit_mmap(current, mm)
})

/**
 * The process of the current thread ends, with all of its threads: they give up the user that they have counted between them.
 *
 * @kernel exit_mm kernel/exit.c
 * @see reference B.4
 */
export const exit_mm = procedure(function* exit_mm(current: Task): Running<void> {
  yield* mmput(current, current.mm)
})

/**
 * Tears down the address space: first the notifiers are released, then the pages are unmapped, then
 * the VMAs are removed. It has no users any more, but the OOM reaper may still run: hence the
 * locks.
 *
 * @kernel exit_mmap mm/mmap.c
 * @see reference B.1 release, B.2
 */
export const exit_mmap = procedure(function* exit_mmap(current: Task, mm: MmStruct): Running<void> {
  const { pages } = current.machine
  if (hasNotifiers(mm)) yield* __mmu_notifier_release(current, mm)
  yield* mm.mmapLock.lockRead()
  yield* invalidateRangeStart(current, mm, NotifyEvent.UNMAP, 0, pages)
  const gathered = yield* zap_pte_range(current, mm, 0, pages)
  yield* invalidateRangeEnd(current, mm, NotifyEvent.UNMAP, 0, pages)
  yield* mm.mmapLock.unlockRead()
  yield* mm.mmapLock.lockWrite()
  yield* detachVmas(current.machine, mm, 0, pages)
  yield* tlb_finish_mmu(current, mm, 0, pages, gathered)
  if (mm.pmd) yield* free_pgtables(mm, 0, pages)
  yield* fput(current.machine)
  yield* mm.mmapLock.unlockWrite()
})
