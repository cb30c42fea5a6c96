/** Work items: what each call does, and what it waits for. */
import { describe, expect, it } from 'vitest'
import {
  cancel_work_sync,
  declareWork,
  destroyWork,
  disable_work_sync,
  flush_work,
  queue_work,
  type Task,
  type WorkStruct,
  worker_thread,
} from '../../src/kernel/index.js'
import {
  type Layout,
  Mutex,
  procedure,
  type Running,
  RwSemaphore,
  Spinlock,
  step,
} from '../../src/world/index.js'
import { checkThreads, thread } from '../world/by-hand.js'

interface Bench {
  readonly work: WorkStruct
  readonly again: { left: number }
  readonly runs: { begun: number; ended: number }
  readonly object: { allocated: boolean }
  readonly lock: Mutex
  readonly spinlock: Spinlock
  readonly rwsem: RwSemaphore
}

/** An item that counts its runs, and queues itself `left` times. */
function bench(l: Layout, under?: 'lock'): Bench {
  const object = l.record({ allocated: l.flag('allocated', { initial: 1 }) })
  const runs = l.record({ begun: l.counter('begun', 7), ended: l.counter('ended', 7) })
  const again = l.record({ left: l.counter('left', 1) })
  const lock = new Mutex(l, 'lock')
  const func = procedure('work', function* (_current: Task): Running<void> {
    if (under) yield* lock.lock()
    const isLeft = yield* step('begin', () => {
      runs.begun += 1
      if (again.left === 0) return false
      again.left = 0
      return true
    })
    if (isLeft) yield* queue_work(work)
    yield* step('end', () => {
      runs.ended += 1
      return 0
    })
    if (under) yield* lock.unlock()
  })
  const work: WorkStruct = declareWork(l, 'item', object, func)
  return {
    work,
    again,
    runs,
    object,
    lock,
    spinlock: new Spinlock(l, 'spinlock'),
    rwsem: new RwSemaphore(l, 'rwsem'),
  }
}

/** `others` side by side, with a worker; what each sees is told at its end by `expectStep`. */
function withWorker(
  programs: (bench: Bench) => readonly (() => Running<unknown>)[],
  under?: 'lock',
  claims: (bench: Bench) => object = () => ({}),
) {
  return checkThreads(
    3,
    (l) => bench(l, under),
    (b) => [
      ...programs(b).map((program, i) =>
        thread(`t${i}`, function* () {
          yield* program()
        }),
      ),
      { name: 'worker', program: worker_thread as never, args: [{ thread: 2 }, b.work], daemon: true },
    ],
    claims,
  )
}

describe('queue_work', () => {
  it('queues an item once, until a worker has begun', async () => {
    const result = await withWorker(({ work, runs }) => [
      function* () {
        const first = yield* queue_work(work)
        const second = yield* queue_work(work)
        yield* flush_work(work)
        yield* step('count', () => {
          expect(first).toBe(1)
          expect(runs.ended).toBe(1 + second)
          return 0
        })
      },
    ])
    expect(result.verdict).toBe('holds')
  })

  it('runs an item once more that queues itself, never twice at a time', async () => {
    const result = await withWorker(
      ({ work, again }) => [
        function* () {
          yield* step('twice', () => {
            again.left = 1
            return 0
          })
          yield* queue_work(work)
        },
      ],
      undefined,
      ({ runs }) => ({
        invariants: [
          { clause: 'one', name: 'one at a time', judge: () => (runs.begun - runs.ended < 2 ? true : 'two') },
        ],
        witnesses: [{ name: 'it runs twice', holds: () => runs.ended === 2 }],
      }),
    )
    expect(result.verdict).toBe('holds')
  })

  it('is reported once the object is freed', async () => {
    const result = await withWorker(({ work, object }) => [
      function* () {
        yield* step('free', () => {
          destroyWork(work)
          object.allocated = false
          return 0
        })
        yield* queue_work(work)
      },
    ])
    expect(result.violation?.clause).toBe('work-items')
  })
})

describe('flush_work', () => {
  it('waits for the instance that is queued, and not for one that it queues again', async () => {
    const result = await withWorker(
      ({ work, again, runs }) => [
        function* () {
          yield* step('twice', () => {
            again.left = 1
            return 0
          })
          yield* queue_work(work)
          yield* flush_work(work)
          yield* step('count', () => {
            expect(runs.ended).toBeGreaterThan(0)
            return runs.ended
          })
          yield* step('done', () => 0)
        },
      ],
      undefined,
      ({ runs }) => ({
        witnesses: [
          {
            name: 'it returns before the second',
            holds: (view: { step(t: number): string }) => view.step(0) === 'done' && runs.ended === 1,
          },
        ],
      }),
    )
    expect(result.verdict).toBe('holds')
  })

  it('deadlocks under a lock that the item takes', async () => {
    const result = await withWorker(
      ({ work, lock }) => [
        function* () {
          yield* queue_work(work)
          yield* lock.lock()
          yield* flush_work(work)
          yield* lock.unlock()
        },
      ],
      'lock',
    )
    expect(result.violation?.kind).toBe('deadlock')
    expect(result.violation?.detail).toContain('wait for the work item')
  })

  it('may not sleep under a spinlock', async () => {
    const result = await withWorker(({ work, spinlock }) => [
      function* () {
        yield* spinlock.lock()
        yield* flush_work(work)
        yield* spinlock.unlock()
      },
    ])
    expect(result.violation?.clause).toBe('atomic-sleep')
  })
})

describe.each([
  ['cancel_work_sync', cancel_work_sync],
  ['disable_work_sync', disable_work_sync],
])('%s', (_, cancel) => {
  it('leaves the item neither queued nor running, though it queues itself', async () => {
    const result = await withWorker(({ work, again }) => [
      function* () {
        yield* step('twice', () => {
          again.left = 1
          return 0
        })
        yield* queue_work(work)
        yield* cancel(work)
        yield* step('free', () => {
          destroyWork(work)
          return 0
        })
      },
    ])
    expect(result.verdict).toBe('holds')
  })

  it('releases those who wait for the instance that it takes off the queue', async () => {
    const result = await withWorker(({ work }) => [
      function* () {
        yield* queue_work(work)
        yield* flush_work(work)
      },
      function* () {
        yield* cancel(work)
      },
    ])
    expect(result.verdict).toBe('holds')
  })
})

describe('afterwards', () => {
  it.each([
    ['cancel_work_sync', cancel_work_sync, 1],
    ['disable_work_sync', disable_work_sync, 0],
  ])('%s: the item can be queued again: %s', async (_name, cancel, queued) => {
    const result = await withWorker(({ work }) => [
      function* () {
        yield* cancel(work)
        const got = yield* queue_work(work)
        yield* step('compare', () => {
          expect(got).toBe(queued)
          return 0
        })
      },
    ])
    expect(result.verdict).toBe('holds')
  })

  it('another thread that queues it between the cancel and the end is found', async () => {
    const result = await withWorker(({ work, object }) => [
      function* () {
        yield* cancel_work_sync(work)
        yield* step('free', () => {
          destroyWork(work)
          object.allocated = false
          return 0
        })
      },
      function* () {
        yield* queue_work(work)
      },
    ])
    expect(result.violation?.clause).toBe('work-items')
  })
})

it('a worker that keeps a lock is reported', async () => {
  const result = await checkThreads(
    2,
    (l) => {
      const object = l.record({ allocated: l.flag('allocated', { initial: 1 }) })
      const lock = new Mutex(l, 'lock')
      const func = procedure('work', function* (): Running<void> {
        yield* lock.lock()
      })
      return { work: declareWork(l, 'item', object, func) }
    },
    ({ work }) => [
      thread('t', function* () {
        yield* queue_work(work)
      }),
      { name: 'worker', program: worker_thread as never, args: [{ thread: 1 }, work], daemon: true },
    ],
  )
  expect(result.violation).toMatchObject({
    clause: 'lock-discipline',
    detail: 'item returns, and holds lock',
  })
})
