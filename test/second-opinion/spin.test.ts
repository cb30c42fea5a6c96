import { describe, expect, it } from 'vitest'
import { retryProtocol } from '../../spec/mirror/scenarios/retry-protocol.js'
import type { Injection } from '../../src/checker/index.js'
import { compare, prepare, type Subject } from '../../src/second-opinion/compare.js'
import { findTools, type Tools } from '../../src/second-opinion/spin.js'
import { subjectsOf } from '../../src/second-opinion/subjects.js'
import { become, Layout, Mutex, procedure, type Running, type Scenario, step } from '../../src/world/index.js'
import { withoutReadRetry } from '../checker/without-read-retry.js'
import { scenarioOf, thread } from '../world/by-hand.js'

const tools = findTools()

const subjectOf = (scenario: Scenario, defects: readonly Injection[] = []): Subject => ({
  name: scenario.name,
  scenario,
  bounds: 'smoke',
  set: {},
  defects,
  progress: true,
})

async function opinionOf(scenario: Scenario, defects: readonly Injection[] = []) {
  const prepared = await prepare(subjectOf(scenario, defects))
  if (prepared === undefined) throw new Error('too large')
  return compare(tools as Tools, prepared)
}

/** Two threads that count in one cell, and what is claimed. */
function counters(claims: (cells: { n: number; turn: number }) => object, most = 4): Scenario {
  return scenarioOf(() => {
    const layout = new Layout({ threads: 2 })
    const cells = layout.record({ n: layout.counter('n', most), turn: layout.counter('turn', 1) })
    const body = function* (): Running<void> {
      const seen = yield* step('read', () => cells.n)
      yield* step(
        'write',
        (up) => {
          cells.n = seen + up
          cells.turn = 1 - cells.turn
        },
        2,
      )
    }
    return { layout, threads: [thread('one', body), thread('two', body)], ...claims(cells) }
  })
}

// Each compiles a verifier.
describe.skipIf(tools === undefined)('SPIN', { timeout: 120_000 }, () => {
  it('finds the states, steps and depth of what holds', async () => {
    const { differences, spin, result } = await opinionOf(retryProtocol)
    expect(differences).toEqual([])
    expect([spin.states, spin.transitions, spin.depth]).toEqual([
      result.states,
      result.transitions,
      result.depth,
    ])
    expect(result.states).toBeGreaterThan(1000)
  })

  it('finds a defect by the same clause, after as many steps', async () => {
    const { differences, compared } = await opinionOf(retryProtocol, [withoutReadRetry])
    expect(differences).toEqual([])
    expect(compared).toMatch(/^C1 after \d+ steps$/)
  })

  it('counts two ways of a step to the same state as two steps', async () => {
    const scenario = counters(() => ({}))
    const { differences, result } = await opinionOf(scenario)
    expect(differences).toEqual([])
    expect(result.transitions).toBeGreaterThan(result.states)
  })

  it('finds a broken claim about states, and one about steps', async () => {
    const state = await opinionOf(
      counters((cells) => ({
        invariants: [{ clause: 'C1', name: 'small', judge: () => (cells.n < 2 ? true : 'two') }],
      })),
    )
    expect([state.compared, state.differences]).toEqual(['C1 after 4 steps', []])
    const taken = await opinionOf(
      counters((cells) => ({
        stepClaims: [
          {
            clause: 'C2',
            name: 'the second thread does not write',
            judge: (thread: number) => (thread === 1 && cells.turn === 1 ? 'it does' : true),
          },
        ],
      })),
    )
    expect([taken.compared, taken.differences]).toEqual(['C2 after 2 steps', []])
  })

  it('finds a deadlock', async () => {
    const { compared, differences } = await opinionOf(
      scenarioOf(() => {
        const layout = new Layout({ threads: 2 })
        const [a, b] = [new Mutex(layout, 'A'), new Mutex(layout, 'B')]
        const nested = (first: Mutex, second: Mutex) =>
          function* (): Running<void> {
            yield* first.lock()
            yield* second.lock()
            yield* second.unlock()
            yield* first.unlock()
          }
        return { layout, threads: [thread('ab', nested(a, b)), thread('ba', nested(b, a))] }
      }),
    )
    expect([compared, differences]).toEqual(['deadlock after 2 steps', []])
  })

  it('finds a fair run that never gets on, and none where there is none', async () => {
    const waiting = (wakes: boolean) =>
      scenarioOf(() => {
        const layout = new Layout({ threads: 2 })
        const cells = layout.record({ open: layout.flag('open'), other: layout.flag('other') })
        const spins: ReturnType<typeof procedure<[], void>> = procedure(function* spins(): Running<void> {
          if ((yield* step('look', () => (cells.open ? 1 : 0))) === 1) return
          return yield* become(spins)
        })
        const wake = function* (): Running<void> {
          yield* step('wake', () => {
            if (wakes) cells.open = true
            else cells.other = true
          })
        }
        return {
          layout,
          threads: [{ name: 'waits', program: spins, args: [] }, thread('wakes', wake)],
          progress: [{ clause: 'C3', name: 'it ends', pending: (view) => !view.finished(0) }],
        }
      })
    const ends = await opinionOf(waiting(true))
    expect([ends.result.verdict, ends.differences]).toEqual(['holds', []])
    const waits = await opinionOf(waiting(false))
    expect([waits.result.verdict, waits.result.violation?.kind, waits.differences]).toEqual([
      'violated',
      'progress',
      [],
    ])
  })

  it('says so where something else was explored', async () => {
    const below = (most: number) =>
      counters((cells) => ({
        invariants: [{ clause: 'C1', name: 'small', judge: () => (cells.n < most ? true : 'too many') }],
      }))
    const held = await prepare(subjectOf(below(3)))
    const broken = await prepare(subjectOf(below(2)))
    if (held === undefined || broken === undefined) throw new Error('too large')
    const differencesOf = async (changed: Partial<typeof held>) =>
      (await compare(tools as Tools, { ...held, ...changed })).differences
    const { states } = held.result
    expect(await differencesOf({ result: { ...held.result, states: states - 1 } })).toEqual([
      `states: ${states - 1} here, ${states} in SPIN`,
    ])
    expect(await differencesOf({ model: broken.model })).toContain('SPIN finds C1 after 4 steps')
    expect(await differencesOf({ result: broken.result })).toEqual([
      'SPIN does not find C1 broken after 4 steps, but nothing',
    ])
    // A step that leaves out what it writes, and one whose outcome was not recorded.
    const without = held.model.text.replace(/\n( *)n = 1;/, '\n$1skip;')
    expect(await differencesOf({ model: { ...held.model, text: without } })).not.toEqual([])
    const unmet = held.model.text.replace(/d_step \{ (.*) ->\n/, 'd_step { $1 -> assert(wrong == 1);\n')
    expect((await differencesOf({ model: { ...held.model, text: unmet } })).join()).toContain('never met')
  })
})

describe('what SPIN is asked about', () => {
  const all = { names: [], seed: 1, bounds: 'smoke' } as const

  it('is every scenario, thirty defects, and the progress claims of ten scenarios', () => {
    const subjects = subjectsOf(all)
    expect(subjects.filter(({ defects }) => defects.length > 0)).toHaveLength(30)
    expect(subjects.filter(({ defects, progress }) => defects.length === 0 && progress)).toHaveLength(10)
    expect(new Set(subjects.map(({ name }) => name)).size).toBe(subjects.length)
  })

  it('is a sample that a seed decides', () => {
    const names = (seed: number) => subjectsOf({ ...all, sample: 6, seed }).map(({ name }) => name)
    expect(names(1)).toEqual(names(1))
    expect(names(1)).toHaveLength(8)
    expect(names(2)).not.toEqual(names(1))
  })

  it('is what is named', () => {
    expect(subjectsOf({ ...all, names: ['M22', 'munmap'] }).map(({ name }) => name)).toEqual([
      'M22',
      'munmap',
    ])
    expect(() => subjectsOf({ ...all, names: ['munmop'] })).toThrow(
      'there is no scenario and no defect "munmop"',
    )
  })
})
