/** Objects that come and go, and lists of them. */
import { describe, expect, it } from 'vitest'
import { type Layout, List, Mutex, Pool, procedure, type Running, step } from '../../src/world/index.js'
import { checkThreads, thread } from './by-hand.js'

const declare = (l: Layout) => {
  const lock = new Mutex(l, 'lock')
  const pool = new Pool(l, 'object', 2, (object) => ({
    value: object.counter('value', 3, { guardedBy: lock }),
    lock: new Mutex(object, 'lock'),
    parts: object.array('part', 2, (part) => ({ on: part.flag('on', { initial: 1 }) })),
  }))
  return { lock, pool, list: new List(l, 'list', pool) }
}

type Bench = ReturnType<typeof declare>
type Item = Bench['pool']['objects'][number]

/** One thread that runs `body`. */
function alone(body: (bench: Bench) => Running<unknown>) {
  return checkThreads(1, declare, (bench) => [
    thread('t', function* () {
      yield* body(bench)
    }),
  ])
}

const allocate = ({ pool }: Bench) => step('allocate', () => pool.allocate() ?? 'none')

describe('a pool', () => {
  it('allocates objects with one reference, as they were declared, until there is no room', async () => {
    const result = await alone(function* (bench) {
      const first = (yield* step('allocate', () =>
        bench.pool.allocate((made) => {
          made.value = 2
          made.parts[1].on = false
        }),
      )) as Item
      const second = yield* allocate(bench)
      const third = yield* allocate(bench)
      yield* bench.lock.lock()
      yield* step('look', () => {
        expect([first.value, first.parts[1].on, bench.pool.references(first)]).toEqual([2, false, 1])
        expect(second).not.toBe(first)
        expect(third).toBe('none')
        return 0
      })
      yield* step('put it, and allocate', () => {
        expect(bench.pool.put(first)).toBe(true)
        expect(bench.pool.allocated).toEqual([second])
        const again = bench.pool.allocate() as Item
        expect([again.value, again.parts[1].on]).toEqual([0, true])
        return 0
      })
      yield* bench.lock.unlock()
    })
    expect(result.verdict).toBe('holds')
  })

  it('frees an object with its last reference', async () => {
    const result = await alone(function* (bench) {
      const object = (yield* allocate(bench)) as Item
      yield* step('get and put', () => {
        bench.pool.get(object)
        expect(bench.pool.put(object)).toBe(false)
        expect(bench.pool.put(object)).toBe(true)
        return 0
      })
    })
    expect(result.verdict).toBe('holds')
  })

  it.each<[string, string, (bench: Bench, object: Item) => void]>([
    ['a field is read', 'use-after-free', (_, object) => void object.parts[0].on],
    ['a field is written', 'use-after-free', (_, { parts }) => void Object.assign(parts[0], { on: true })],
    ['a reference is taken', 'use-after-free', ({ pool }, object) => pool.get(object)],
    ['it is put again', 'own-objects', ({ pool }, object) => void pool.put(object)],
    ['its lock is taken', 'use-after-free', (_, object) => void object.lock.acquire()],
    ['a list comes by it', 'use-after-free', ({ list }) => void list.items],
  ])('reports that %s of one that is freed', async (_, clause, use) => {
    const result = await alone(function* (bench) {
      const object = (yield* allocate(bench)) as Item
      yield* step('list it, and free it', () => {
        bench.list.addTail(object)
        bench.pool.put(object)
        return 0
      })
      yield* step('use it', () => {
        use(bench, object)
        return 0
      })
    })
    expect(result.violation?.clause).toBe(clause)
  })

  it('reports an object that is freed while its lock is held', async () => {
    const result = await alone(function* (bench) {
      const object = (yield* allocate(bench)) as Item
      yield* step('lock it, and free it', () => {
        object.lock.acquire()
        bench.pool.put(object)
        return 0
      })
    })
    expect(result.violation).toMatchObject({
      clause: 'own-objects',
      detail: 'object[0] is freed, and object[0].lock is held',
    })
  })

  it('reports what is left in it', async () => {
    const result = await alone(function* (bench) {
      yield* allocate(bench)
      yield* step('close', () => {
        bench.pool.mustBeEmpty()
        return 0
      })
    })
    expect(result.violation).toMatchObject({ clause: 'own-objects', detail: 'object[0] is never freed' })
  })

  it('finds an object that one thread frees while another has it', async () => {
    const free = procedure('free', function* (bench: Bench, object: Item): Running<void> {
      yield* step('put', () => {
        bench.pool.put(object)
        return 0
      })
    })
    const result = await checkThreads(
      2,
      declare,
      (bench) => [
        thread('owner', function* () {
          yield* free(bench, bench.pool.objects[0])
        }),
        thread('user', function* () {
          yield* step('look', () => {
            const [object] = bench.pool.objects
            return bench.list.first === object ? Number(object.parts[0].on) : 0
          })
        }),
      ],
      (bench) => ({
        initialise: () => {
          const object = bench.pool.allocate()
          if (object) bench.list.addTail(object)
        },
      }),
    )
    expect(result.violation?.clause).toBe('use-after-free')
  })
})

describe('a list', () => {
  it('keeps the order in which objects were added', async () => {
    const result = await alone(function* (bench) {
      const first = (yield* allocate(bench)) as Item
      const second = (yield* allocate(bench)) as Item
      yield* step('add and remove', () => {
        const { list } = bench
        list.addTail(second)
        list.addTail(first)
        expect(list.items).toEqual([second, first])
        list.remove(second)
        expect(list.first).toBe(first)
        list.addTail(second)
        expect(list.items).toEqual([first, second])
        return 0
      })
    })
    expect(result.verdict).toBe('holds')
  })

  it.each<[string, (bench: Bench, object: Item) => void]>([
    [
      'added twice',
      ({ list }, object) => {
        list.addTail(object)
        list.addTail(object)
      },
    ],
    ['removed and is not on it', ({ list }, object) => list.remove(object)],
  ])('reports an object that is %s', async (_, use) => {
    const result = await alone(function* (bench) {
      const object = (yield* allocate(bench)) as Item
      yield* step('use the list', () => {
        use(bench, object)
        return 0
      })
    })
    expect(result.violation?.clause).toBe('own-objects')
  })
})
