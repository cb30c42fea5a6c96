/**
 * The LRU lists, as far as migration needs them: a page is isolated from its list first, so that it
 * is not reclaimed meanwhile. New pages wait in a per-CPU batch, from which they cannot be
 * isolated.
 *
 * @see reference B.5 step 3, D7, D13
 * @module
 */

import type { Cpu, Frame, Machine, Task } from '../../machine/index.js'
import { BLOCKED, claim, procedure, type Running, step } from '../../world/index.js'
import { folio_put, folio_unlock, getPage, tryLockPage } from './page.js'

/**
 * Where a page is: on no list, or on a list. A number above is a batch: the index of its CPU plus
 * 2.
 */
export const Lru = { off: 0, listed: 1 } as const

/**
 * Adds the page to the batch of the CPU. In the kernel the batch holds a reference to the page;
 * here it holds none, and a page that is freed leaves the batch. Called inside an atomic step.
 *
 * @kernel folio_add_lru
 */
export function folioAddLru({ machine, cpu }: Task, frame: Frame): void {
  claim('lru', frame.owner < 0, () => `frame ${frame.pfn} is of a device, and goes to the LRU lists`)
  frame.lru = Lru.listed + 1 + machine.cpus.indexOf(cpu)
}

/**
 * Takes the page off its list. Returns false if it is on none. Called inside an atomic step: the
 * kernel tests and clears PG_lru atomically.
 *
 * @kernel folio_isolate_lru
 */
export function folioIsolateLru(frame: Frame): boolean {
  if (frame.lru !== Lru.listed) return false
  frame.lru = Lru.off
  return true
}

/**
 * Moves the CPU's own batch to the lists. Does nothing on a machine without LRU lists.
 *
 * @kernel lru_add_drain mm/swap.c
 * @see reference B.5 step 3, D7, D13
 */
export const lru_add_drain = procedure(function* lru_add_drain({ machine, cpu }: Task) {
  if (!machine.hasLru) return
  yield* step('empty the batch', () => {
    drain(machine, cpu)
    return 0
  })
})

/**
 * Makes every CPU drain its batch, and waits for all of them. One step for each CPU: the work item
 * runs there once the current thread releases the CPU, and only that CPU accesses the batch.
 *
 * @kernel lru_add_drain_all mm/swap.c
 * @see reference B.5 step 3, D7, D13
 */
export const lru_add_drain_all = procedure(function* lru_add_drain_all({ machine, cpu }: Task) {
  for (const other of machine.cpus)
    yield* step('wait for the work of a CPU', () => {
      if (other !== cpu && other.busy) return BLOCKED
      drain(machine, other)
      return 0
    })
})

function drain({ frames, cpus }: Machine, cpu: Cpu): void {
  const batch = Lru.listed + 1 + cpus.indexOf(cpu)
  for (const frame of frames) if (frame.lru === batch) frame.lru = Lru.listed
}

/**
 * The thread stays in the kernel and does not release its CPU. Does nothing on a machine without
 * LRU lists.
 */
export const keepCpu = procedure('no cond_resched', function* ({ machine, cpu }: Task) {
  if (!machine.hasLru) return
  yield* step('keep the CPU', () => {
    cpu.busy = true
    return 0
  })
})

/**
 * The thread releases its CPU: it sleeps, or returns to user space.
 *
 * @kernel schedule kernel/sched/core.c
 * @see reference B.5 step 3, D7, D13
 */
export const schedule = procedure(function* schedule({ machine, cpu }: Task) {
  if (!machine.hasLru) return
  yield* step('let go of the CPU', () => {
    cpu.busy = false
    return 0
  })
})

/**
 * A walker of physical memory, such as compaction, takes a reference to the page and puts it again.
 * It cannot take a reference to a free page.
 *
 * @kernel folio_try_get include/linux/page_ref.h, folio_put
 * @see reference B.5 step 3, D7
 */
export const holdInPassing = procedure(function* folio_try_get(_current: Task, frame: Frame): Running<void> {
  const held = yield* step('hold the page, if it is not free', () => {
    if (frame.refcount === 0) return 0
    getPage(frame)
    return 1
  })
  if (!held) return
  yield* folio_put(frame)
})

/**
 * Reclaim isolates the page and locks it, finds it in use, and puts it back on its list.
 *
 * @kernel shrink_folio_list mm/vmscan.c
 * @see reference B.5 step 3
 */
export const lookAtInactive = procedure(
  'shrink_folio_list (keep)',
  function* (current: Task, frame: Frame): Running<void> {
    const isolated = yield* step('take the page off its list', () => {
      if (frame.refcount === 0 || !folioIsolateLru(frame)) return 0
      getPage(frame)
      return 1
    })
    if (!isolated) return
    const locked = yield* step('try the folio lock', () => (tryLockPage(frame) ? 1 : 0))
    if (locked) yield* folio_unlock(frame)
    yield* step('put it back on the list', () => {
      if (frame.refcount > 1) folioAddLru(current, frame)
      return 0
    })
    yield* folio_put(frame)
  },
)
