/**
 * Work items: a function that a kernel thread runs some time after it was queued. An item that is
 * already queued is not queued again, and two workers never run it at the same time. A timer that
 * queues one (`queue_delayed_work`) needs no model of its own: the worker may start at any later
 * time.
 *
 * @see Documentation/core-api/workqueue.rst, kernel/workqueue.c
 * @module
 */

import type { Task } from '../machine/index.js'
import {
  acting,
  BLOCKED,
  become,
  claim,
  type Layout,
  mightSleep,
  type Procedure,
  procedure,
  type Running,
  step,
} from '../world/index.js'

/** A work item: part of an object of a driver. @kernel struct work_struct */
export interface WorkStruct {
  readonly name: string
  /** `WORK_STRUCT_PENDING`: it is queued, and no worker has started it. */
  pending: boolean
  /** 0, or the thread that runs it plus 1. @kernel worker->current_work */
  worker: number
  /** The disable depth: the item can be queued only at 0. @kernel WORK_OFFQ_DISABLE_MASK */
  disabled: number
  /**
   * Threads that wait for the queued instance, one bit for each thread: each has queued a barrier
   * behind it.
   */
  barriers: number
  /** Threads that wait for the running instance. */
  runningBarriers: number
  /** The object that contains it. */
  readonly owner: { readonly allocated: boolean }
  readonly layout: Layout
  /** The function that a worker runs. */
  readonly func: Procedure<[current: Task], void>
}

/** Declares a work item that is part of `owner`. @kernel INIT_WORK */
export function declareWork(
  layout: Layout,
  name: string,
  owner: WorkStruct['owner'],
  func: WorkStruct['func'],
): WorkStruct {
  const everybody = 2 ** layout.threads - 1
  return layout.scope(name, (l) => ({
    name: layout.qualify(name),
    pending: l.flag('pending'),
    worker: l.counter('worker', l.threads),
    disabled: l.counter('disabled', l.threads + 1),
    barriers: l.counter('barriers', everybody),
    runningBarriers: l.counter('running_barriers', everybody),
    owner,
    layout,
    func,
  }))
}

/**
 * Queues the item unless it is queued already or disabled. An item that is running is queued again,
 * and runs once more afterwards. It does not sleep, and may be called under a spinlock.
 *
 * @returns 1 if it was queued by this call
 * @kernel queue_work kernel/workqueue.c
 * @see reference B.12
 */
export const queue_work = procedure(function* queue_work(work: WorkStruct): Running<number> {
  return yield* step('queue the work item', () => {
    claim(
      'work-items',
      () => work.owner.allocated,
      `${work.name} is queued, and the object that it is part of is not allocated`,
    )
    if (work.pending || work.disabled > 0) return 0
    work.pending = true
    return 1
  })
})

/**
 * Waits for the queued instance, or for the running one if none is queued. It does not wait for an
 * instance queued afterwards.
 *
 * @returns 1 if there was an instance to wait for
 * @kernel flush_work kernel/workqueue.c
 * @see reference B.12
 */
export const flush_work = procedure(function* flush_work(work: WorkStruct): Running<number> {
  const waits = yield* step('insert a barrier', () => {
    mayWait(work, 'flush_work')
    if (!work.pending && work.worker === 0) return 0
    if (work.pending) work.barriers |= 1 << acting.thread
    else work.runningBarriers |= 1 << acting.thread
    return 1
  })
  if (waits) yield* step('wait for the work item', () => (isAwaited(work) ? BLOCKED : 0))
  return waits
})

/**
 * Takes the item off the queue and waits for the running instance, which cannot queue the item
 * again meanwhile. Afterwards the item can be queued again.
 *
 * @returns 1 if it was queued
 * @kernel cancel_work_sync kernel/workqueue.c
 * @see reference B.12
 */
export const cancel_work_sync = procedure(function* cancel_work_sync(work: WorkStruct): Running<number> {
  const wasPending = yield* step('take it off the queue', () => takeOffQueue(work, 'cancel_work_sync'))
  yield* step('wait for the work item', () => {
    if (isAwaited(work)) return BLOCKED
    work.disabled -= 1
    return 0
  })
  return wasPending
})

/**
 * The same, and the item cannot be queued afterwards.
 *
 * @returns 1 if it was queued
 * @kernel disable_work_sync kernel/workqueue.c
 * @see reference B.12
 */
export const disable_work_sync = procedure(function* disable_work_sync(work: WorkStruct): Running<number> {
  const wasPending = yield* step('take it off the queue', () => takeOffQueue(work, 'disable_work_sync'))
  yield* step('wait for the work item', () => (isAwaited(work) ? BLOCKED : 0))
  return wasPending
})

/**
 * Disables the item and takes it off the queue. Returns 1 if it was queued. Threads that wait for
 * the queued instance are woken.
 */
function takeOffQueue(work: WorkStruct, who: string): number {
  mayWait(work, who)
  const wasPending = work.pending
  work.disabled += 1
  work.pending = false
  work.barriers = 0
  if (work.worker !== 0) work.runningBarriers |= 1 << acting.thread
  return wasPending ? 1 : 0
}

function mayWait(work: WorkStruct, who: string): void {
  mightSleep(work.layout, `${who} of ${work.name}`)
  claim('deadlock', () => work.worker !== acting.thread + 1, `${work.name} waits for itself in ${who}`)
}

function isAwaited({ barriers, runningBarriers }: WorkStruct): boolean {
  return (((barriers | runningBarriers) >> acting.thread) & 1) === 1
}

/**
 * The worker: runs the item for ever. Taking the item off the queue and recording the worker is one
 * step: the kernel does both under the pool's lock.
 *
 * @kernel process_one_work kernel/workqueue.c
 * @see reference B.12
 */
export const worker_thread = procedure(function* worker_thread(
  current: Task,
  work: WorkStruct,
): Running<void> {
  yield* step('take the work item', () => {
    if (!work.pending) return BLOCKED
    work.pending = false
    work.worker = acting.thread + 1
    work.runningBarriers = work.barriers
    work.barriers = 0
    return 0
  })
  yield* work.func(current)
  yield* step('end the work item', () => {
    for (const lock of work.layout.locks)
      claim(
        'lock-discipline',
        () => !lock.heldBy(acting.thread),
        `${work.name} returns, and holds ${lock.name}`,
      )
    work.worker = 0
    work.runningBarriers = 0
    return 0
  })
  return yield* become(worker_thread, current, work)
})

/**
 * The object that contains the item is freed. Called inside the step that frees it.
 *
 * @kernel debug_work_free
 */
export function destroyWork(work: WorkStruct): void {
  claim('work-items', () => !work.pending, `${work.name} is freed while it is queued`)
  claim('work-items', () => work.worker === 0, `${work.name} is freed while it runs`)
  work.disabled = 0
}
