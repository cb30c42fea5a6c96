import { describe, expect, it } from 'vitest'
import { check, replay, retell, TransitionSystem } from '../../src/checker/index.js'
import {
  BLOCKED,
  become,
  type Cell,
  Layout,
  type Model,
  procedure,
  type Running,
  type Scenario,
  scenario,
  step,
} from '../../src/world/index.js'

const TURNS = 5

/** Takes a number for ever, each one more than the last, as long as the other has not the same. */
const tickets = procedure('take a ticket', function* (own: Cell, other: Cell): Running<void> {
  yield* step('one more', () => {
    if (own.value > other.value) return BLOCKED
    own.value = own.value + 1
    return 0
  })
  yield* become(tickets, own, other)
})

/** Two counters that run after each other: only which of them is ahead, and by how much, matters. */
function race(claims: (a: Cell, b: Cell) => Partial<Model> = () => ({})): Scenario {
  return scenario({
    name: 'race',
    summary: 'two counters',
    exercises: [],
    parameters: {},
    build() {
      const layout = new Layout({ threads: 2 })
      const a = layout.counter('a', TURNS)
      const b = layout.counter('b', TURNS)
      return {
        layout,
        threads: [
          { name: 'first', program: tickets, args: [a, b] },
          { name: 'second', program: tickets, args: [b, a] },
        ],
        normalisations: [
          {
            name: 'counters by their distance',
            cells: [a, b],
            apply() {
              const least = Math.min(a.value, b.value)
              a.value -= least
              b.value -= least
            },
          },
        ],
        ...claims(a, b),
      }
    },
  })
}

describe('a normalisation', () => {
  it('lets one state stand for all that are like it, and a loop close', async () => {
    const result = await check(race())
    expect(result).toMatchObject({
      verdict: 'holds',
      exhaustive: true,
      states: 3,
      reductions: ['counters by their distance'],
    })
  })

  it('can be switched off: then the counters run out', async () => {
    await expect(check(race(), { reductions: 'none' })).rejects.toThrow(/outside its declared bound 0..5/)
  })

  it('is not seen in a trace: the run is told as it is', async () => {
    const ahead = race((a, b) => ({
      stepClaims: [
        {
          clause: 'C1',
          name: 'the second is never ahead',
          judge: () => b.value <= a.value || `${b.value} is more than ${a.value}`,
        },
      ],
      // Not until each has taken a number, when the counters have been set back once.
      initialise: () => {
        a.value = 1
      },
    }))
    const { violation } = await check(ahead)
    expect(violation?.detail).toBe('2 is more than 1')
    const trace = violation?.trace
    if (trace === undefined) throw new Error('no trace')
    expect(trace.steps.map(({ changes }) => changes.map(({ cell, after }) => `${cell} ${after}`))).toEqual([
      ['b 1'],
      ['b 2'],
    ])
    expect(replay(ahead, trace).map(({ step }) => step)).toEqual(trace.steps)
  })

  it('of a loop is told once round, and replays', async () => {
    const forEver = race((a, b) => ({
      progress: [{ clause: 'C49', name: 'it ends', pending: () => a.value + b.value < 9 }],
    }))
    const { violation } = await check(forEver)
    expect(violation).toMatchObject({ clause: 'C49', kind: 'progress' })
    const trace = violation?.trace
    if (trace === undefined) throw new Error('no trace')
    expect(trace.steps.length).toBeGreaterThan(trace.loopFrom ?? 0)
    expect(replay(forEver, trace).map(({ step }) => step)).toEqual(trace.steps)
  })

  it('shows through where a run is longer than a counter reaches', () => {
    const model = race().build({})
    const moves = Array.from({ length: 4 * TURNS }, (_, i) => ({ thread: i % 2, choice: 0 }))
    const { steps } = retell(new TransitionSystem(model, [], 'all'), moves)
    expect(steps).toHaveLength(4 * TURNS)
    expect(steps[4 * TURNS - 2].changes).toMatchObject([{ cell: 'a', before: '0', after: '1' }])
  })
})
