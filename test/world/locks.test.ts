import { describe, expect, it } from 'vitest'
import {
  BLOCKED,
  type Cell,
  type Layout,
  Mutex,
  type Running,
  RwSemaphore,
  Spinlock,
  step,
  WaitQueue,
  type World,
} from '../../src/world/index.js'
import { checkThreads, thread } from './by-hand.js'

/** What happened, in the order in which the threads of a trace did it. */
function told(result: Awaited<ReturnType<typeof checkThreads>>): string[] {
  return result.violation?.trace.steps.map((taken) => `${taken.name}: ${taken.step}`) ?? []
}

describe('a mutex', () => {
  it('lets one thread in at a time', async () => {
    const result = await checkThreads(
      2,
      (l) => ({ lock: new Mutex(l, 'lock'), inside: l.counter('inside', 2) }),
      ({ lock, inside }) =>
        ['a', 'b'].map((name) =>
          thread(name, function* () {
            yield* lock.lock()
            yield* step('enter', (w) => inside.add(w, 1))
            yield* step('leave', (w) => inside.add(w, -1))
            yield* lock.unlock()
          }),
        ),
      ({ inside }) => ({
        invariants: [{ clause: 'one', name: 'one inside', judge: (w) => (inside.get(w) < 2 ? true : 'two') }],
        witnesses: [{ name: 'somebody is inside', holds: (w) => inside.get(w) === 1 }],
      }),
    )
    expect(result.verdict).toBe('holds')
  })

  it('deadlocks with another taken in the other order, in two steps', async () => {
    const result = await checkThreads(
      2,
      (l) => ({ a: new Mutex(l, 'A'), b: new Mutex(l, 'B') }),
      ({ a, b }) => [
        thread('ab', function* () {
          yield* a.lock()
          yield* b.lock()
          yield* b.unlock()
          yield* a.unlock()
        }),
        thread('ba', function* () {
          yield* b.lock()
          yield* a.lock()
          yield* a.unlock()
          yield* b.unlock()
        }),
      ],
    )
    expect(result.violation?.kind).toBe('deadlock')
    expect(result.violation?.detail).toBe('nothing can go on: ab waits at "lock B", ba waits at "lock A"')
    expect(told(result)).toEqual(['ab: lock A', 'ba: lock B'])
  })

  it('is reported when its holder takes it again', async () => {
    const result = await checkThreads(
      1,
      (l) => new Mutex(l, 'lock'),
      (lock) => [
        thread('t', function* () {
          yield* lock.lock()
          yield* lock.lock()
        }),
      ],
    )
    expect(result.violation).toMatchObject({
      kind: 'assertion',
      clause: 'deadlock',
      detail: 'lock is taken again by its holder',
    })
  })

  it('is reported when somebody else releases it', async () => {
    const result = await checkThreads(
      1,
      (l) => new Mutex(l, 'lock'),
      (lock) => [
        thread('t', function* () {
          yield* lock.unlock()
        }),
      ],
    )
    expect(result.violation?.clause).toBe('lock-discipline')
  })

  it('is not waited for by trylock', async () => {
    const result = await checkThreads(
      2,
      (l) => ({ lock: new Mutex(l, 'lock'), failed: l.flag('failed') }),
      ({ lock, failed }) => [
        thread('holder', function* () {
          yield* lock.lock()
        }),
        thread('trier', function* () {
          const taken = yield* lock.trylock()
          yield* step('note', (w) => {
            failed.set(w, taken ? 0 : 1)
            return 0
          })
          if (taken) yield* lock.unlock()
        }),
      ],
      ({ failed }) => ({ witnesses: [{ name: 'it can fail', holds: (w) => failed.get(w) === 1 }] }),
    )
    expect(result.verdict).toBe('holds')
  })

  it('guards a critical section that is one step, and waits while another holds it', async () => {
    const result = await checkThreads(
      2,
      (l) => {
        const lock = new Mutex(l, 'lock')
        return { lock, cell: l.counter('cell', 3, { guardedBy: lock }) }
      },
      ({ lock, cell }) => [
        thread('slow', function* () {
          yield* lock.lock()
          yield* step('first', (w) => cell.add(w, 1))
          yield* step('second', (w) => cell.add(w, 1))
          yield* lock.unlock()
        }),
        thread('quick', function* () {
          const seen = yield* lock.critical('look', (w) => cell.get(w))
          yield* step('the middle is not seen', () => {
            if (seen === 1) throw new Error('seen')
            return 0
          })
        }),
      ],
    )
    expect(result.verdict).toBe('holds')
    expect(result.coverage.steps).toContain('quick: look')
  })
})

describe('sleeping', () => {
  const sleepers: [string, (l: Layout) => () => Running<number>][] = [
    [
      'lock of a mutex',
      (l) => {
        const m = new Mutex(l, 'm')
        return () => m.lock()
      },
    ],
    [
      'critical section of a mutex',
      (l) => {
        const m = new Mutex(l, 'm')
        return () => m.critical('work', () => 0)
      },
    ],
    [
      'down_read',
      (l) => {
        const s = new RwSemaphore(l, 's')
        return () => s.lockRead()
      },
    ],
    [
      'down_write',
      (l) => {
        const s = new RwSemaphore(l, 's')
        return () => s.lockWrite()
      },
    ],
    [
      'wait_event',
      (l) => {
        const q = new WaitQueue(l, 'q')
        return () => q.wait(always)
      },
    ],
  ]

  it.each(sleepers)('under a spinlock is reported: %s', async (_, make) => {
    const result = await checkThreads(
      1,
      (l) => ({ spin: new Spinlock(l, 'spin'), sleep: make(l) }),
      ({ spin, sleep }) => [
        thread('t', function* () {
          yield* spin.lock()
          yield* sleep()
        }),
      ],
    )
    expect(result.violation?.clause).toBe('atomic-sleep')
    expect(result.violation?.detail).toMatch(/spin is held/)
  })

  it('under a mutex is allowed, and so is spinning under a spinlock', async () => {
    const result = await checkThreads(
      1,
      (l) => ({
        mutex: new Mutex(l, 'm'),
        spin: new Spinlock(l, 's'),
        inner: new Spinlock(l, 'i'),
        sem: new RwSemaphore(l, 'r'),
      }),
      ({ mutex, spin, inner, sem }) => [
        thread('t', function* () {
          yield* mutex.lock()
          yield* sem.lockRead()
          yield* spin.lock()
          yield* inner.critical('work', () => 0)
          yield* spin.unlock()
          yield* sem.unlockRead()
          yield* mutex.unlock()
        }),
      ],
    )
    expect(result.verdict).toBe('holds')
  })
})

describe('lock order', () => {
  const ordered = (first: number, second: number) =>
    checkThreads(
      1,
      (l) => [new Mutex(l, 'outer', { rank: first }), new Mutex(l, 'inner', { rank: second })],
      ([outer, inner]) => [
        thread('t', function* () {
          yield* outer.lock()
          yield* inner.lock()
          yield* inner.unlock()
          yield* outer.unlock()
        }),
      ],
    )

  it('holds where ranks ascend', async () => {
    expect((await ordered(1, 2)).verdict).toBe('holds')
  })

  it('is broken where they descend or are the same, by a single thread', async () => {
    expect((await ordered(2, 1)).violation).toMatchObject({
      clause: 'lock-order',
      detail: 'inner is taken while outer, which comes after it, is held',
    })
    expect((await ordered(1, 1)).violation?.clause).toBe('lock-order')
  })

  it('leaves out locks without a rank', async () => {
    expect((await ordered(0, 0)).verdict).toBe('holds')
    expect((await ordered(5, 0)).verdict).toBe('holds')
  })
})

describe('a read-write semaphore', () => {
  it('is read by several at once, and written by one alone', async () => {
    const count = (name: string, cell: Cell, take: () => Running<number>, give: () => Running<number>) =>
      thread(name, function* () {
        yield* take()
        yield* step('in', (w) => cell.add(w, 1))
        yield* step('out', (w) => cell.add(w, -1))
        yield* give()
      })
    const result = await checkThreads(
      3,
      (l) => ({
        sem: new RwSemaphore(l, 'sem'),
        readers: l.counter('readers', 2),
        writers: l.counter('writers', 2),
      }),
      ({ sem, readers, writers }) => [
        count(
          'r1',
          readers,
          () => sem.lockRead(),
          () => sem.unlockRead(),
        ),
        count(
          'r2',
          readers,
          () => sem.lockRead(),
          () => sem.unlockRead(),
        ),
        count(
          'w',
          writers,
          () => sem.lockWrite(),
          () => sem.unlockWrite(),
        ),
      ],
      ({ readers, writers }) => ({
        invariants: [
          {
            clause: 'exclusion',
            name: 'writers alone',
            judge: (w) => (writers.get(w) > 0 && readers.get(w) + writers.get(w) > 1 ? 'not alone' : true),
          },
        ],
        witnesses: [
          { name: 'two readers', holds: (w) => readers.get(w) === 2 },
          { name: 'a writer', holds: (w) => writers.get(w) === 1 },
        ],
      }),
    )
    expect(result.verdict).toBe('holds')
  })

  it('keeps new readers out while a writer waits', async () => {
    const result = await checkThreads(
      3,
      (l) => ({ sem: new RwSemaphore(l, 'sem'), late: l.flag('late') }),
      ({ sem, late }) => [
        thread('reader', function* () {
          yield* sem.lockRead()
          yield* sem.unlockRead()
        }),
        thread('writer', function* () {
          yield* sem.lockWrite()
          yield* sem.unlockWrite()
        }),
        thread('late', function* () {
          const taken = yield* sem.trylockRead()
          yield* step('note', (w) => {
            late.set(w, taken)
            return 0
          })
          if (taken) yield* sem.unlockRead()
        }),
      ],
      ({ sem, late }) => ({
        stepClaims: [
          {
            clause: 'priority',
            name: 'no reader passes a writer that waits',
            judge: (before, after) =>
              sem.waiting.get(before) === 0
                ? undefined
                : (sem.readers.get(after) & ~sem.readers.get(before)) === 0 || 'a reader got in',
          },
        ],
        witnesses: [
          { name: 'the writer waits', holds: (w) => sem.waiting.get(w) !== 0 },
          { name: 'the late reader gets in', holds: (w) => late.get(w) === 1 },
        ],
      }),
    )
    expect(result.verdict).toBe('holds')
    expect(result.coverage.claims[0].exercised).toBeGreaterThan(0)
  })

  it('deadlocks when a reader reads again behind a writer: reported as taken again by its holder', async () => {
    const result = await checkThreads(
      1,
      (l) => new RwSemaphore(l, 'sem'),
      (sem) => [
        thread('t', function* () {
          yield* sem.lockRead()
          yield* sem.lockRead()
        }),
      ],
    )
    expect(result.violation?.clause).toBe('deadlock')
  })

  it('is downgraded with no instant at which another writer could come between', async () => {
    const result = await checkThreads(
      2,
      (l) => ({ sem: new RwSemaphore(l, 'sem'), value: l.counter('value', 2) }),
      ({ sem, value }) => [
        thread('down', function* () {
          yield* sem.lockWrite()
          yield* step('set', (w) => {
            value.set(w, 1)
            return 0
          })
          yield* sem.downgrade()
          yield* step('still mine', (w) => {
            if (value.get(w) !== 1) throw new Error('a writer came between')
            return 0
          })
          yield* sem.unlockRead()
        }),
        thread('writer', function* () {
          yield* sem.lockWrite()
          yield* step('overwrite', (w) => {
            value.set(w, 2)
            return 0
          })
          yield* sem.unlockWrite()
        }),
      ],
    )
    expect(result.verdict).toBe('holds')
  })

  it('is reported when released by a thread that does not hold it in that mode', async () => {
    for (const wrong of ['unlockWrite', 'downgrade'] as const) {
      const result = await checkThreads(
        1,
        (l) => new RwSemaphore(l, 'sem'),
        (sem) => [
          thread('t', function* () {
            yield* sem.lockRead()
            yield* sem[wrong]()
          }),
        ],
      )
      expect(result.violation?.clause).toBe('lock-discipline')
    }
  })
})

const always = () => true
const isSet = (w: World, flag: Cell) => flag.get(w) === 1

describe('a wait queue', () => {
  const waiting = (wake: (w: World, flag: Cell, queue: WaitQueue) => void) =>
    checkThreads(
      2,
      (l) => ({ queue: new WaitQueue(l, 'queue'), flag: l.flag('flag') }),
      ({ queue, flag }) => [
        thread('sleeper', function* () {
          yield* queue.wait(isSet, flag)
        }),
        thread('waker', function* () {
          yield* step('wake', (w) => {
            wake(w, flag, queue)
            return 0
          })
        }),
      ],
      ({ queue }) => ({
        witnesses: [{ name: 'somebody sleeps', holds: (w) => queue.sleepers.get(w) !== 0 }],
      }),
    )

  it('loses no wake-up', async () => {
    const result = await waiting((w, flag, queue) => {
      flag.set(w, 1)
      queue.wakeAll(w)
    })
    expect(result.verdict).toBe('holds')
  })

  it('shows a wake-up that never comes as a deadlock', async () => {
    const result = await waiting((w, flag) => flag.set(w, 1))
    expect(result.violation?.kind).toBe('deadlock')
    expect(told(result)).toEqual(['sleeper: look at the condition', 'waker: wake'])
  })

  it('looks again after a wake-up that came too early', async () => {
    const result = await waiting((w, _, queue) => queue.wakeAll(w))
    expect(result.violation?.kind).toBe('deadlock')
    expect(result.violation?.detail).toMatch(/sleeper waits at "sleep"/)
  })

  it('waits for the lock under which its condition is read', async () => {
    const result = await checkThreads(
      2,
      (l) => ({ queue: new WaitQueue(l, 'queue'), lock: new Mutex(l, 'lock') }),
      ({ queue, lock }) => {
        const condition = (w: World): boolean | typeof BLOCKED => {
          if (!lock.acquire(w)) return BLOCKED
          lock.release(w)
          return true
        }
        return [
          thread('sleeper', function* () {
            yield* queue.wait(condition)
          }),
          thread('holder', function* () {
            yield* lock.lock()
            yield* lock.unlock()
          }),
        ]
      },
    )
    expect(result.verdict).toBe('holds')
  })
})
