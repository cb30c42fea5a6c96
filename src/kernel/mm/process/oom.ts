/**
 * The OOM reaper: frees the pages of a process that is being killed, without sleeping.
 *
 * @module
 */

import { Errno, type MmStruct, NotifyEvent, type Task } from '../../../machine/index.js'
import { become, procedure, type Running, step } from '../../../world/index.js'
import {
  hasNotifiers,
  mmu_notifier_invalidate_range_end,
  mmu_notifier_invalidate_range_start,
} from '../../mmu_notifier/index.js'
import { find_vma } from '../area/madvise.js'
import { tlb_finish_mmu, zap_pte_range } from '../area/zap.js'

/**
 * Zaps the private VMAs of `mm`. It must not sleep: it tries the mmap lock, and callbacks of
 * drivers try their locks.
 *
 * @returns 0 if all VMAs are reaped; -EAGAIN if not: the reaper tries again later
 * @kernel oom_reap_task_mm mm/oom_kill.c
 * @see reference B.1, B.2
 */
export const oom_reap_task_mm = procedure(function* oom_reap_task_mm(
  current: Task,
  mm: MmStruct,
): Running<number> {
  if (!(yield* mm.mmapLock.trylockRead())) return -Errno.EAGAIN
  yield* step('set MMF_UNSTABLE', () => {
    // From here on a fault must not map a zeroed page in place of a reaped one.
    mm.unstable = true
    return 0
  })
  const error = yield* __oom_reap_task_mm(current, mm, 0, 0)
  yield* mm.mmapLock.unlockRead()
  return error
})

/**
 * Reaps one VMA after another. A VMA for which a callback returned -EAGAIN is skipped.
 *
 * @kernel __oom_reap_task_mm mm/oom_kill.c
 * @see reference B.2
 */
const __oom_reap_task_mm = procedure(function* __oom_reap_task_mm(
  current: Task,
  mm: MmStruct,
  page: number,
  error: number,
): Running<number> {
  const { pages } = current.machine
  const area = yield* find_vma(mm, page, pages)
  if (area.start === pages) return error
  const failed = yield* reapArea(current, mm, area.start, area.end)
  const result = failed ? failed : error
  return area.end === pages ? result : yield* become(__oom_reap_task_mm, current, mm, area.end, result)
})

/**
 * Zaps one VMA. If a callback would have to sleep, no invalidation is open, and the end is not
 * called.
 *
 * @returns 0, or -EAGAIN
 * @kernel __oom_reap_task_mm mm/oom_kill.c
 * @see reference B.2
 */
export const reapArea = procedure(
  '__oom_reap_task_mm (area)',
  function* (current: Task, mm: MmStruct, start: number, end: number): Running<number> {
    const range = { start, end, event: NotifyEvent.UNMAP, blockable: false, owner: -1 }
    const watched = hasNotifiers(mm)
    if (watched && (yield* mmu_notifier_invalidate_range_start(current, mm, range))) return -Errno.EAGAIN
    const gathered = yield* zap_pte_range(current, mm, start, end)
    if (watched) yield* mmu_notifier_invalidate_range_end(current, mm, range)
    yield* tlb_finish_mmu(current, mm, start, end, gathered)
    return 0
  },
)
