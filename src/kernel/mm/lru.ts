/**
 * The LRU lists, as far as a migration needs them: a page must be taken off its list first, so that nobody reclaims it
 * meanwhile. New pages are gathered by each CPU in a batch of its own, where they cannot be taken from.
 *
 * @see reference B.5 step 3, D7, D13
 * @module
 */
import { BLOCKED, procedure, type Running, step, type World } from '../../world/index.js'
import type { Cpu, Frame, Machine, Task } from '../machine.js'
import { getPage, putPage, tryLockPage, unlockPage } from './page.js'

/** Where a page is: on no list, or on one. Any number above says in the batch of which CPU: its index plus 2. */
export const Lru = { off: 0, listed: 1 } as const

/**
 * The page goes into the batch of the CPU. A batch holds a reference in the kernel, for as long as the page is in it; here it
 * holds none, and a page that is freed leaves it. Part of a step.
 *
 * @kernel folio_add_lru
 */
export function folioAddLru(w: World, { machine, cpu }: Task, frame: Frame): void {
  frame.lru?.set(w, Lru.listed + 1 + machine.cpus.indexOf(cpu))
}

/** Takes the page off its list: false if it is on none. Part of a step, atomic by the page's flag. @kernel folio_isolate_lru */
export function folioIsolateLru(w: World, frame: Frame): boolean {
  if (frame.lru?.get(w) !== Lru.listed) return false
  frame.lru.set(w, Lru.off)
  return true
}

/** The CPU's own batch goes to the lists. Does nothing on a machine without. @kernel lru_add_drain */
export const lruAddDrain = procedure('lru_add_drain', function* ({ machine, cpu }: Task) {
  if (cpu.busy === undefined) return
  yield* step('empty the batch', (w) => {
    drain(w, machine, cpu)
    return 0
  })
})

/**
 * Has every CPU empty its batch, and waits until all have. One step a CPU: its work runs there as soon as the thread that is on
 * it lets go of it, and the batch is its own.
 *
 * @kernel lru_add_drain_all
 */
export const lruAddDrainAll = procedure('lru_add_drain_all', function* ({ machine, cpu }: Task) {
  for (const other of machine.cpus)
    yield* step('wait for the work of a CPU', (w) => {
      if (other !== cpu && other.busy?.get(w)) return BLOCKED
      drain(w, machine, other)
      return 0
    })
})

function drain(w: World, { frames, cpus }: Machine, cpu: Cpu): void {
  const batch = Lru.listed + 1 + cpus.indexOf(cpu)
  for (const { lru } of frames) if (lru?.get(w) === batch) lru.set(w, Lru.listed)
}

/** The thread is in the kernel, and does not let go of its CPU. Does nothing on a machine where nobody waits for that. */
export const keepCpu = procedure('no cond_resched', function* ({ cpu }: Task) {
  const { busy } = cpu
  if (busy === undefined) return
  yield* step('keep the CPU', (w) => {
    busy.set(w, 1)
    return 0
  })
})

/** The thread sleeps, or is back in user space. @kernel schedule */
export const letGoOfCpu = procedure('schedule', function* ({ cpu }: Task) {
  const { busy } = cpu
  if (busy === undefined) return
  yield* step('let go of the CPU', (w) => {
    busy.set(w, 0)
    return 0
  })
})

/**
 * Somebody looks at the page in passing, and holds it for that: compaction, or whoever goes through physical memory. A
 * page that is free cannot be had.
 *
 * @kernel folio_try_get, folio_put
 */
export const holdInPassing = procedure(
  'folio_try_get',
  function* (_current: Task, frame: Frame): Running<void> {
    const held = yield* step('hold the page, if it is not free', (w) => {
      if (frame.refcount.get(w) === 0) return 0
      getPage(w, frame)
      return 1
    })
    if (!held) return
    yield* step('put the page', (w) => {
      putPage(w, frame)
      return 0
    })
  },
)

/**
 * Reclaim takes the page off its list and locks it, finds it in use, and puts it back.
 *
 * @kernel shrink_folio_list
 */
export const lookAtInactive = procedure(
  'shrink_folio_list (keep)',
  function* (current: Task, frame: Frame): Running<void> {
    const isolated = yield* step('take the page off its list', (w) => {
      if (frame.refcount.get(w) === 0 || !folioIsolateLru(w, frame)) return 0
      getPage(w, frame)
      return 1
    })
    if (!isolated) return
    const locked = yield* step('try the folio lock', (w) => (tryLockPage(w, frame) ? 1 : 0))
    yield* step('put it back', (w) => {
      if (locked) unlockPage(w, frame)
      if (frame.refcount.get(w) > 1) folioAddLru(w, current, frame)
      putPage(w, frame)
      return 0
    })
  },
)
