/** What replaces a procedure, or one step of it. */
import { describe, expect, it } from 'vitest'
import { check, survey } from '../../src/checker/index.js'
import { acting } from '../../src/world/acting.js'
import {
  BLOCKED,
  bodiesOf,
  Layout,
  type Override,
  onStep,
  override,
  procedure,
  type Running,
  SequentialRunner,
  SpecificationError,
  Spinlock,
  step,
  use,
} from '../../src/world/index.js'
import { scenarioOf } from './by-hand.js'

function adding() {
  const layout = new Layout({ threads: 1 })
  const sum = layout.counter('sum', 1000)
  const inner = procedure(function* inner(by: number): Running<number> {
    return yield* step('add', () => {
      sum.value += by
      return sum.value
    })
  })
  const outer = procedure(function* outer(by: number): Running<number> {
    yield* step('add', () => {
      sum.value += 1
    })
    yield* inner(by)
    return yield* step('double', () => {
      sum.value *= 2
      return sum.value
    })
  })
  const scenario = (overrides: readonly Override[]) =>
    scenarioOf(() => ({ layout, overrides, threads: [{ name: 't', program: outer, args: [3] }] }))
  const run = (...overrides: Override[]) => {
    use(layout.initial())
    return new SequentialRunner({ overrides }).run(0, outer, 3)
  }
  return { layout, sum, inner, outer, run, scenario }
}

function mistakeOf(act: () => unknown): SpecificationError {
  try {
    act()
  } catch (error) {
    if (error instanceof SpecificationError) return error
    throw error
  }
  throw new Error('no mistake')
}

describe('onStep', () => {
  it('replaces the effect of one step of one procedure, with its arguments and its original at hand', () => {
    const { sum, inner, outer, run } = adding()
    expect(run()).toBe(8)
    const same = onStep(inner, 'add', (original, by) => (choice) => {
      expect(by).toBe(3)
      return original(choice)
    })
    expect(run(same)).toBe(8)
    const none = onStep(inner, 'add', () => () => 0)
    expect(run(none)).toBe(2)
    // The step of that name of the other procedure is another.
    const more = onStep(outer, 'add', (original) => (choice) => {
      original(choice)
      sum.value += 10
    })
    expect(run(more)).toBe(28)
    expect(run(more, none)).toBe(22)
  })

  it('replaces several steps of a procedure, one of them several times', () => {
    const { sum, outer, run } = adding()
    const ten = onStep(outer, 'add', (original) => (choice) => {
      original(choice)
      sum.value += 10
    })
    const single = onStep(outer, 'double', () => () => sum.value)
    expect(run(ten, single)).toBe(14)
    expect(run(single, ten, ten)).toBe(24)
  })

  it('goes into a text that replaces the procedure’s, if that comes before', () => {
    const { sum, outer, run } = adding()
    const single = onStep(outer, 'double', () => () => sum.value)
    const triple = override(outer, () => {
      return function* (by) {
        return yield* step('double', () => by * 3)
      }
    })
    expect(run(triple)).toBe(9)
    expect(run(triple, single)).toBe(0)
    expect(run(single, triple)).toBe(9)
    const added = override(outer, (original) => {
      return function* (by) {
        return (yield* original(by)) + 100
      }
    })
    expect(run(added)).toBe(108)
    expect(run(added, single)).toBe(104)
    expect(run(single, added)).toBe(104)
    const other = override(outer, () => {
      return function* () {
        return yield* step('triple', () => 7)
      }
    })
    expect(mistakeOf(() => bodiesOf([other, single])).message).toMatch(
      /onStep\(outer, 'double', …\): the text of outer has no step of that name, but 'triple'/,
    )
  })

  it('of a critical section replaces what is done under the lock', async () => {
    const layout = new Layout({ threads: 2 })
    const lock = new Spinlock(layout, 'lock')
    const sum = layout.counter('sum', 9, { guardedBy: lock })
    const add = procedure(function* add() {
      yield* lock.critical('add', () => {
        sum.value += 1
      })
    })
    const twice = onStep(add, 'add', (original) => (choice) => {
      original(choice)
      sum.value += 1
    })
    const judge = () => sum.readOnce(acting.world) < 4 || 'four'
    const scenario = scenarioOf(() => ({
      layout,
      threads: ['a', 'b'].map((name) => ({ name, program: add, args: [] })),
      invariants: [{ clause: 'SUM', name: 'sum', judge }],
    }))
    expect((await check(scenario)).verdict).toBe('holds')
    const { violation } = await check(scenario, { defects: [{ name: 'twice', overrides: [twice] }] })
    expect(violation).toMatchObject({ clause: 'SUM' })
  })

  it('of a step that the text does not have is refused at once, with those that it has', () => {
    const { outer } = adding()
    const made = mistakeOf(() => onStep(outer, 'ad', () => () => 0))
    expect(made.code).toBe('invalid-operation')
    expect(made.message).toMatch(/no step of that name, but 'add', 'double'$/)
    expect(
      mistakeOf(() =>
        onStep(
          function* plain() {},
          'add',
          () => () => 0,
        ),
      ).message,
    ).toMatch(/is no procedure/)
  })

  it('is explored, and audited live', async () => {
    const { layout, sum, outer } = adding()
    const late = onStep(outer, 'double', () => () => (sum.value === 4 ? BLOCKED : 0))
    const scenario = scenarioOf(() => ({
      layout,
      threads: [{ name: 't', program: outer, args: [3] }],
    }))
    const plain = await check(scenario)
    expect(plain).toMatchObject({ verdict: 'holds', states: 4 })
    const stuck = await check(scenario, { defects: [{ name: 'late', overrides: [late] }] })
    expect(stuck.violation).toMatchObject({ clause: 'deadlock' })
    expect(stuck.violation?.trace.steps).toHaveLength(2)
    const { breaches } = survey(scenario, { defects: [{ name: 'late', overrides: [late] }] })
    expect(breaches.map(({ clause }) => clause)).toEqual(['deadlock'])
  })

  it('is held to purity: by its text, and by the audit', async () => {
    const { outer, scenario } = adding()
    let kept = 0
    const text = onStep(outer, 'double', () => () => {
      kept++
      return 0
    })
    expect(await check(scenario([text])).catch((error) => error)).toMatchObject({
      code: 'impure',
      message: expect.stringMatching(/^outer, step "double", line \d of its text: `kept` is assigned/),
    })
    expect(kept).toBeGreaterThan(0)
    const random = onStep(outer, 'double', () => () => (Math.random() < 2 ? 1 : 0))
    expect(await check(scenario([random])).catch((error) => error)).toMatchObject({ code: 'impure' })
  })
})
