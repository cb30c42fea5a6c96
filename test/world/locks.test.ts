import { describe, expect, it } from 'vitest'
import {
  BLOCKED,
  type Cell,
  fieldOf,
  type Layout,
  Mutex,
  old,
  type Running,
  RwSemaphore,
  Spinlock,
  step,
  WaitQueue,
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
      (record) =>
        ['a', 'b'].map((name) =>
          thread(name, function* () {
            yield* record.lock.lock()
            yield* step('enter', () => ++record.inside)
            yield* step('leave', () => --record.inside)
            yield* record.lock.unlock()
          }),
        ),
      (record) => ({
        invariants: [{ clause: 'one', name: 'one inside', judge: () => (record.inside < 2 ? true : 'two') }],
        witnesses: [{ name: 'somebody is inside', holds: () => record.inside === 1 }],
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
      (record) => [
        thread('holder', function* () {
          yield* record.lock.lock()
        }),
        thread('trier', function* () {
          const taken = yield* record.lock.trylock()
          yield* step('note', () => {
            record.failed = taken === 0
            return 0
          })
          if (taken) yield* record.lock.unlock()
        }),
      ],
      (record) => ({ witnesses: [{ name: 'it can fail', holds: () => record.failed }] }),
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
      (record) => [
        thread('slow', function* () {
          yield* record.lock.lock()
          yield* step('first', () => ++record.cell)
          yield* step('second', () => ++record.cell)
          yield* record.lock.unlock()
        }),
        thread('quick', function* () {
          const seen = yield* record.lock.critical('look', () => record.cell)
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

  it.each(sleepers)(
    'in a section that forbids it is reported, though no lock is held: %s',
    async (_, make) => {
      const inside = async (count: number) =>
        checkThreads(
          1,
          (l) => {
            const forbidden = l.counter('non_block_count', 1, { initial: count })
            l.forbidSleep(() => forbidden.value > 0)
            return { sleep: make(l) }
          },
          ({ sleep }) => [
            thread('t', function* () {
              yield* sleep()
            }),
          ],
        )
      expect((await inside(1)).violation?.clause).toBe('non-blocking')
      expect((await inside(0)).violation).toBeUndefined()
    },
  )

  it('in such a section a trylock and a spinlock are allowed', async () => {
    const result = await checkThreads(
      1,
      (l) => {
        l.forbidSleep(() => true)
        return { mutex: new Mutex(l, 'm'), spin: new Spinlock(l, 's') }
      },
      ({ mutex, spin }) => [
        thread('t', function* () {
          if (yield* mutex.trylock()) yield* mutex.unlock()
          yield* spin.lock()
          yield* spin.unlock()
        }),
      ],
    )
    expect(result.verdict).toBe('holds')
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
        yield* step('in', () => ++cell.value)
        yield* step('out', () => --cell.value)
        yield* give()
      })
    const result = await checkThreads(
      3,
      (l) => ({
        sem: new RwSemaphore(l, 'sem'),
        readers: l.counter('readers', 2),
        writers: l.counter('writers', 2),
      }),
      (record) => [
        count(
          'r1',
          fieldOf(record, 'readers'),
          () => record.sem.lockRead(),
          () => record.sem.unlockRead(),
        ),
        count(
          'r2',
          fieldOf(record, 'readers'),
          () => record.sem.lockRead(),
          () => record.sem.unlockRead(),
        ),
        count(
          'w',
          fieldOf(record, 'writers'),
          () => record.sem.lockWrite(),
          () => record.sem.unlockWrite(),
        ),
      ],
      (record) => ({
        invariants: [
          {
            clause: 'exclusion',
            name: 'writers alone',
            judge: () => (record.writers > 0 && record.readers + record.writers > 1 ? 'not alone' : true),
          },
        ],
        witnesses: [
          { name: 'two readers', holds: () => record.readers === 2 },
          { name: 'a writer', holds: () => record.writers === 1 },
        ],
      }),
    )
    expect(result.verdict).toBe('holds')
  })

  it('keeps new readers out while a writer waits', async () => {
    const result = await checkThreads(
      3,
      (l) => ({ sem: new RwSemaphore(l, 'sem'), late: l.flag('late') }),
      (record) => [
        thread('reader', function* () {
          yield* record.sem.lockRead()
          yield* record.sem.unlockRead()
        }),
        thread('writer', function* () {
          yield* record.sem.lockWrite()
          yield* record.sem.unlockWrite()
        }),
        thread('late', function* () {
          const taken = yield* record.sem.trylockRead()
          yield* step('note', () => {
            record.late = taken === 1
            return 0
          })
          if (taken) yield* record.sem.unlockRead()
        }),
      ],
      (record) => ({
        stepClaims: [
          {
            clause: 'priority',
            name: 'no reader passes a writer that waits',
            judge: () =>
              old(() => record.sem.waiting.value) === 0
                ? undefined
                : (record.sem.readers.value & ~old(() => record.sem.readers.value)) === 0 ||
                  'a reader got in',
          },
        ],
        witnesses: [
          { name: 'the writer waits', holds: () => record.sem.waiting.value !== 0 },
          { name: 'the late reader gets in', holds: () => record.late },
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
      (record) => [
        thread('down', function* () {
          yield* record.sem.lockWrite()
          yield* step('set', () => {
            record.value = 1
            return 0
          })
          yield* record.sem.downgrade()
          yield* step('still mine', () => {
            if (record.value !== 1) throw new Error('a writer came between')
            return 0
          })
          yield* record.sem.unlockRead()
        }),
        thread('writer', function* () {
          yield* record.sem.lockWrite()
          yield* step('overwrite', () => {
            record.value = 2
            return 0
          })
          yield* record.sem.unlockWrite()
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
const isSet = (flag: Cell<unknown>) => flag.value === 1

describe('a wait queue', () => {
  const waiting = (wake: (flag: Cell<unknown>, queue: WaitQueue) => void) =>
    checkThreads(
      2,
      (l) => ({ queue: new WaitQueue(l, 'queue'), flag: l.flag('flag') }),
      (record) => [
        thread('sleeper', function* () {
          yield* record.queue.wait(isSet, fieldOf(record, 'flag'))
        }),
        thread('waker', function* () {
          yield* step('wake', () => {
            wake(fieldOf(record, 'flag'), record.queue)
            return 0
          })
        }),
      ],
      ({ queue }) => ({
        witnesses: [{ name: 'somebody sleeps', holds: () => queue.sleepers.value !== 0 }],
      }),
    )

  it('loses no wake-up', async () => {
    const result = await waiting((flag, queue) => {
      flag.value = 1
      queue.wakeAll()
    })
    expect(result.verdict).toBe('holds')
  })

  it('shows a wake-up that never comes as a deadlock', async () => {
    const result = await waiting((flag) => {
      flag.value = 1
    })
    expect(result.violation?.kind).toBe('deadlock')
    expect(told(result)).toEqual(['sleeper: look at the condition', 'waker: wake'])
  })

  it('looks again after a wake-up that came too early', async () => {
    const result = await waiting((_, queue) => queue.wakeAll())
    expect(result.violation?.kind).toBe('deadlock')
    expect(result.violation?.detail).toMatch(/sleeper waits at "sleep"/)
  })

  it('waits for the lock under which its condition is read', async () => {
    const result = await checkThreads(
      2,
      (l) => ({ queue: new WaitQueue(l, 'queue'), lock: new Mutex(l, 'lock') }),
      ({ queue, lock }) => {
        const condition = (): boolean | typeof BLOCKED => {
          if (!lock.acquire()) return BLOCKED
          lock.release()
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
