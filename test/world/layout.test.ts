import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { acting } from '../../src/world/acting.js'
import {
  type Cell,
  fieldOf,
  Layout,
  Mutex,
  NOBODY,
  READ_ONCE,
  SpecificationError,
  Violation,
} from '../../src/world/index.js'

afterEach(() => {
  acting.thread = NOBODY
})

/** The code of the SpecificationError that `run` throws, with its message. */
function mistake(run: () => unknown): { code: string; message: string } {
  try {
    run()
  } catch (error) {
    if (error instanceof SpecificationError) return { code: error.code, message: error.message }
    throw error
  }
  throw new Error('nothing was thrown')
}

describe('packing', () => {
  it('puts flags and small counters into the same byte', () => {
    const layout = new Layout({ threads: 1 })
    for (let i = 0; i < 8; i++) layout.flag(`flag${i}`)
    expect(layout.bytes).toBe(1)
    layout.counter('three', 3)
    layout.counter('sixty-three', 63)
    expect(layout.bytes).toBe(2)
  })

  it('fills gaps left by cells that did not fit', () => {
    const layout = new Layout({ threads: 1 })
    layout.counter('a', 31)
    layout.counter('b', 31)
    layout.counter('c', 7)
    layout.counter('d', 7)
    expect(layout.bytes).toBe(2)
  })

  it('gives a cell of more than eight bits bytes of its own', () => {
    const layout = new Layout({ threads: 1 })
    const small = layout.flag('small')
    const wide = layout.counter('wide', 0xffffffff)
    layout.initial()
    wide.value = 0xfedcba98
    small.value = 1
    expect(layout.bytes).toBe(5)
    expect(wide.value).toBe(0xfedcba98)
    wide.value = 0xffffffff
    expect(small.value).toBe(1)
  })

  it('keeps every cell apart from every other, whatever their sizes and the order of writes', () => {
    const declaration = fc.record({
      max: fc.oneof(fc.integer({ min: 1, max: 300 }), fc.integer({ min: 1, max: 0xffffffff })),
    })
    fc.assert(
      fc.property(
        fc.array(declaration, { minLength: 1, maxLength: 30 }),
        fc.array(fc.tuple(fc.nat(), fc.nat({ max: 0xffffffff })), { maxLength: 100 }),
        (declarations, writes) => {
          const layout = new Layout({ threads: 1 })
          const cells = declarations.map(({ max }, i) => layout.counter(`cell${i}`, max))
          layout.initial()
          const expected = cells.map(() => 0)
          for (const [which, value] of writes) {
            const i = which % cells.length
            expected[i] = value % (cells[i].max + 1)
            cells[i].value = expected[i]
          }
          expect(cells.map((cell) => cell.value)).toEqual(expected)
        },
      ),
    )
  })

  it('names cells by their place', () => {
    const layout = new Layout({ threads: 1 })
    layout.scope('mm', (mm) => ({
      pte: mm.array('pte', 2, (entry) => ({ frame: entry.counter('frame', 3) })),
    }))
    expect(layout.cells.map((cell) => cell.name)).toEqual(['mm.pte[0].frame', 'mm.pte[1].frame'])
  })

  it('starts cells with their initial values', () => {
    const layout = new Layout({ threads: 1 })
    const a = layout.counter('a', 9, { initial: 7 })
    const b = layout.counter('b', 1000, { initial: 999 })
    layout.initial()
    expect([a.value, b.value]).toEqual([7, 999])
  })

  it('shows values of an enumeration by name', () => {
    const layout = new Layout({ threads: 1 })
    const entry = layout.record({
      kind: layout.oneOf('kind', { none: 'none', present: 'present', zero: 'zero' } as const),
    })
    const w = layout.initial()
    expect(entry.kind).toBe('none')
    entry.kind = 'zero'
    expect(entry.kind).toBe('zero')
    expect(fieldOf(entry, 'kind').show(w)).toBe('zero')
  })
})

describe('bounds', () => {
  const layout = new Layout({ threads: 1 })
  const narrow = layout.counter('narrow', 5)
  const wide = layout.counter('wide', 1000)

  it.each<[string, Cell, number]>([
    ['above the bound of a packed cell', narrow, 6],
    ['above the bound of a wide cell', wide, 1001],
    ['below zero', narrow, -1],
    ['not a number', narrow, Number.NaN],
    ['a fraction', narrow, 1.5],
    ['a fraction of a wide cell', wide, 1.5],
  ])('a value %s is an error that names the cell', (_, cell, value) => {
    layout.initial()
    const { code, message } = mistake(() => {
      cell.value = value
    })
    expect(code).toBe('bound-overflow')
    expect(message).toContain(`${cell.name} was set to ${value}`)
    expect(cell.value).toBe(0)
  })

  it('adding beyond the bound is an error, not a wrap', () => {
    layout.initial()
    narrow.value += 5
    expect(narrow.value).toBe(5)
    expect(mistake(() => ++narrow.value).code).toBe('bound-overflow')
    narrow.value -= 5
    expect(narrow.value).toBe(0)
    expect(mistake(() => --narrow.value).code).toBe('bound-overflow')
  })

  it('a bound that is no bound is refused where the cell is declared', () => {
    for (const max of [0, -1, 2.5, 2 ** 32, Number.POSITIVE_INFINITY])
      expect(mistake(() => new Layout({ threads: 1 }).counter('x', max)).code).toBe('layout')
  })

  it('a layout is for one to eight threads', () => {
    expect(mistake(() => new Layout({ threads: 0 })).code).toBe('layout')
    expect(mistake(() => new Layout({ threads: 9 })).code).toBe('layout')
    expect(new Layout({ threads: 8 }).threads).toBe(8)
  })
})

describe('guarded cells', () => {
  function world() {
    const layout = new Layout({ threads: 2 })
    const lock = new Mutex(layout, 'lock')
    const record = layout.record({ lock, cell: layout.counter('cell', 3, { guardedBy: lock }) })
    layout.initial()
    return record
  }

  it('are read and written freely while the world is set up or looked at', () => {
    const record = world()
    record.cell = 2
    expect(record.cell).toBe(2)
  })

  it('report a read or a write without the lock, by cell and lock', () => {
    const record = world()
    acting.thread = 0
    expect(() => record.cell).toThrow(
      new Violation('lock-discipline', 'cell is read without lock, which guards it'),
    )
    expect(() => {
      record.cell = 1
    }).toThrow(/cell is written without lock/)
  })

  it('report access by a thread while another holds the lock', () => {
    const record = world()
    acting.thread = 0
    expect(record.lock.acquire()).toBe(true)
    record.cell = 3
    acting.thread = 1
    expect(() => record.cell).toThrow(Violation)
    acting.thread = 0
    expect(record.cell).toBe(3)
  })

  it('can be read once without the lock, as READ_ONCE does', () => {
    const record = world()
    acting.thread = 1
    expect(READ_ONCE(record).cell).toBe(0)
  })

  it('report access to a part of an object that is not allocated', () => {
    const layout = new Layout({ threads: 1 })
    const allocated = layout.flag('allocated')
    const part = layout.counter('part', 3, { partOf: allocated })
    layout.initial()
    acting.thread = 0
    expect(() => part.value).toThrow(/use-after-free: part is read/)
    expect(() => part.value).toThrow(/use-after-free/)
    allocated.value = 1
    part.value = 2
    expect(part.value).toBe(2)
  })
})
