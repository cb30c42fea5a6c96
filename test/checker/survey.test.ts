import { expect, it } from 'vitest'
import { check, survey } from '../../src/checker/index.js'
import { claim, Layout, type Model, procedure, type Scenario, step } from '../../src/world/index.js'

/** Two threads count to 2 together; claims are broken on the way, and the last is an assertion. */
function counting(): Scenario {
  const build = (): Model => {
    const layout = new Layout({ threads: 2 })
    const count = layout.counter('count', 2)
    const program = procedure(function* counts() {
      yield* step('add', () => {
        claim('never two', count.value < 1, 'the second is refused')
        return ++count.value
      })
      yield* step('rest', () => 0)
    })
    return {
      layout,
      threads: ['a', 'b'].map((name) => ({ name, program, args: [] })),
      invariants: [
        { clause: 'never one', name: 'none', judge: () => (count.value === 1 ? 'there is one' : true) },
      ],
      stepClaims: [
        {
          clause: 'no rest',
          name: 'restless',
          judge: (thread, from) => (from.step(thread) === 'rest' ? 'it rests' : undefined),
        },
      ],
    }
  }
  return { name: 'counting', summary: '', parameters: {}, exercises: [], build }
}

it('goes on after a claim is broken, and tells of each clause the shortest run', async () => {
  const { breaches, exhaustive } = survey(counting())
  expect(exhaustive).toBe(true)
  expect(breaches.map(({ clause, steps }) => [clause, steps])).toEqual([
    ['never one', 1],
    ['no rest', 2],
    ['never two', 2],
  ])
  for (const breach of breaches) expect(breach.run().steps).toHaveLength(breach.steps)
  const { violation } = await check(counting())
  expect(violation?.clause).toBe('never one')
})

it('ends at a limit of states', () => {
  expect(survey(counting(), { states: 2 })).toMatchObject({ exhaustive: false, states: 3 })
})

it('finds nothing where everything holds', () => {
  const harmless: Scenario = {
    ...counting(),
    build: () => {
      const layout = new Layout({ threads: 1 })
      const program = procedure(function* rest() {
        yield* step('rest', () => 0)
      })
      return { layout, threads: [{ name: 'a', program, args: [] }] }
    },
  }
  expect(survey(harmless)).toMatchObject({ exhaustive: true, states: 2, breaches: [] })
})

it('does not go on from a thread that breaks a claim before its first step', () => {
  const early: Scenario = {
    ...counting(),
    build: () => {
      const layout = new Layout({ threads: 2 })
      const breaks = procedure(function* breaks() {
        claim('at once', false, 'it begins')
        yield* step('never', () => 0)
      })
      const rests = procedure(function* rests() {
        yield* step('rest', () => 0)
      })
      return {
        layout,
        threads: [rests, breaks].map((program) => ({ name: program.procedureName, program, args: [] })),
      }
    },
  }
  const { breaches, states } = survey(early)
  expect(breaches).toMatchObject([{ clause: 'at once', steps: 0 }])
  expect(states).toBe(1)
})
