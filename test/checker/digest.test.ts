import { describe, expect, it } from 'vitest'
import { scenarios } from '../../spec/index.js'
import { hashPlace, hashText, hexOf } from '../../src/checker/digest.js'
import { check, Exploration, parametersOf } from '../../src/checker/index.js'
import { type Cell, Layout, type Model, procedure, type Running, step } from '../../src/world/index.js'
import { scenarioOf } from '../world/by-hand.js'

interface Cells {
  a: number
  b: number
}

/** What is done to the cells by the first of two threads, and how they are declared. */
interface Variant {
  readonly declare?: (layout: Layout) => { a: Cell; b: Cell }
  readonly body?: (cells: Cells) => () => Running<void>
  readonly name?: string
  readonly rest?: (cells: Cells) => Partial<Model>
}

const declareBoth = (l: Layout) => ({ a: l.counter('a', 7), b: l.counter('b', 7) })

const countBoth = (cells: Cells) =>
  function* (): Running<void> {
    yield* step('a', () => (cells.a += 1))
    yield* step('b', () => (cells.b += 2))
  }

async function digestOf({ declare = declareBoth, body = countBoth, name = 'first', rest }: Variant) {
  const result = await check(
    scenarioOf(() => {
      const layout = new Layout({ threads: 2 })
      const cells = layout.record(declare(layout))
      return {
        layout,
        threads: [
          { name, program: procedure('counts', body(cells)), args: [] },
          { name: 'second', program: procedure('rests', countBoth(cells)), args: [] },
        ],
        ...rest?.(cells),
      }
    }),
    { digest: true },
  )
  return { ...result.digest, states: result.digest?.states, count: [result.states, result.transitions] }
}

describe('the digest of a graph', () => {
  it('is there only if it was asked for, and only of a whole graph', async () => {
    const scenario = scenarios[0]
    expect(await check(scenario, { bounds: 'smoke' })).not.toHaveProperty('digest')
    const cut = await check(scenario, { bounds: 'smoke', digest: true, limits: { states: 10 } })
    expect(cut.verdict).toBe('limit')
    expect(cut).not.toHaveProperty('digest')
    expect((await check(scenario, { bounds: 'smoke', digest: true })).digest?.states).toMatch(
      /^[0-9a-f]{32}$/,
    )
  })

  it('does not know how the world is packed, nor what is claimed', async () => {
    const usual = await digestOf({})
    const otherwise = await digestOf({
      declare: (l) => {
        // In another order, with room between, and on bytes of their own.
        const b = l.counter('b', 300)
        l.counter('nothing', 5)
        return { a: l.counter('a', 70_000), b }
      },
      rest: (cells) => ({
        invariants: [{ clause: 'C', name: 'small', judge: () => cells.a < 4 || 'large' }],
      }),
    })
    expect(otherwise).toEqual(usual)
  })

  it.each<[string, Variant]>([
    ['a cell has another name', { declare: (l) => ({ a: l.counter('a', 7), b: l.counter('c', 7) }) }],
    ['a thread has another name', { name: 'third' }],
    [
      'a step leads to another state',
      {
        body: (cells) =>
          function* () {
            yield* step('a', () => (cells.a += 1))
            yield* step('b', () => {
              cells.b = 1
              return 2
            })
          },
      },
    ],
    [
      'a step returns something else',
      {
        body: (cells) =>
          function* () {
            yield* step('a', () => {
              cells.a += 1
              return cells.a + 1
            })
            yield* step('b', () => (cells.b += 2))
          },
      },
    ],
    [
      'cells are changed in another order',
      {
        body: (cells) =>
          function* () {
            yield* step('a', () => (cells.b += 1))
            yield* step('b', () => (cells.a += 2))
          },
      },
    ],
  ])('is another if %s, though the graph is as large', async (_, variant) => {
    const usual = await digestOf({ declare: declareBoth })
    const other = await digestOf(variant)
    expect(other.steps).not.toBe(usual.steps)
  })

  it('tells steps apart that lead to the same states', async () => {
    const flips = (choices: number) => ({
      body: (cells: Cells) =>
        function* (): Running<void> {
          yield* step(
            'either',
            () => {
              cells.a = 1
            },
            choices,
          )
        },
    })
    const [one, two] = [await digestOf(flips(1)), await digestOf(flips(2))]
    expect(two.states).toBe(one.states)
    expect(two.steps).not.toBe(one.steps)
  })

  it.each(['munmap', 'overlapping-invalidations', 'insert-and-remove', 'coherent-held'])(
    'has a text of its own for every place of a thread in %s',
    (name) => {
      const scenario = scenarios.find((known) => known.name === name)
      if (scenario === undefined) throw new Error(`no scenario ${name}`)
      const exploration = new Exploration(scenario.build(parametersOf(scenario, { bounds: 'smoke' })))
      while (!exploration.done) exploration.advance(1000)
      const { control } = exploration
      const hashes = Array.from({ length: control.size }, (_, i) => hexOf(hashPlace('', control.history(i))))
      expect(new Set(hashes).size).toBe(control.size)
    },
  )

  it('rests on hashes of which every bit depends on every bit of the text', () => {
    const [one, other] = [hashText('mm0.pte[0].frame=1'), hashText('mm0.pte[0].frame=2')]
    let differing = 0
    for (let lane = 0; lane < 4; lane++)
      for (let bits = one[lane] ^ other[lane]; bits !== 0; bits &= bits - 1) differing++
    expect(differing).toBeGreaterThan(40)
    expect(differing).toBeLessThan(88)
    const texts = Array.from({ length: 20_000 }, (_, i) => hexOf(hashText(`cell[${i >> 5}]=${i & 31}`)))
    for (const from of [0, 8, 16, 24])
      expect(new Set(texts.map((text) => text.slice(from, from + 8))).size).toBeGreaterThan(19_990)
  })
})
