/** Verdicts of the engine that misled: loops that are not fair, runs that are not the shortest, recursion without end. */
import { expect, test } from 'vitest'
import { defects, scenarioOf } from '../../spec/index.js'
import { type CheckResult, check } from '../../src/checker/index.js'
import {
  BLOCKED,
  become,
  Layout,
  type Model,
  Mutex,
  type Procedure,
  procedure,
  type Running,
  step,
} from '../../src/world/index.js'

const checking = (build: () => Model): Promise<CheckResult> =>
  check({ name: 'case', summary: '', parameters: {}, exercises: [], build })

const spin: Procedure<[], void> = procedure(function* spin(): Running<void> {
  yield* step('spin', () => 0)
  return yield* become(spin)
})

test('the loop of a progress violation lets every thread move that can', async () => {
  const { violation } = await checking(() => {
    const layout = new Layout({ threads: 3 })
    layout.flag('x')
    return {
      layout,
      threads: ['a', 'b', 'c'].map((name) => ({ name, program: spin, args: [] })),
      progress: [{ clause: 'P', name: 'p', pending: () => true }],
    }
  })
  const { steps, loopFrom } = violation!.trace
  const loop = steps.slice(loopFrom)
  expect(new Set(loop.map(({ name }) => name))).toEqual(new Set(['a', 'b', 'c']))
  expect(loop).toHaveLength(3)
})

test('a thread that cannot move in the loop need not, and a thread that has ended cannot', async () => {
  const { violation } = await checking(() => {
    const layout = new Layout({ threads: 3 })
    layout.flag('x')
    const wait = procedure(function* wait() {
      yield* step('wait', () => BLOCKED)
    })
    const end = procedure(function* end() {
      yield* step('end', () => 0)
    })
    return {
      layout,
      threads: [
        { name: 'spinner', program: spin, args: [] },
        { name: 'waiter', program: wait, args: [] },
        { name: 'ender', program: end, args: [] },
      ],
      progress: [{ clause: 'P', name: 'p', pending: () => true }],
    }
  })
  const { steps, loopFrom } = violation!.trace
  expect(steps.slice(0, loopFrom).map(({ name }) => name)).toEqual(['ender'])
  expect(steps.slice(loopFrom).map(({ name }) => name)).toEqual(['spinner'])
})

test('of one clause the shortest run is shown, be it a deadlock or an assertion', async () => {
  const { violation } = await checking(() => {
    const layout = new Layout({ threads: 1 })
    const lock = new Mutex(layout, 'lock')
    const either = procedure(function* either() {
      const way = yield* step('choose', (choice) => choice, 2)
      if (way === 0) {
        // Taking it a second time breaks the clause `deadlock` with the third step.
        yield* lock.lock()
        yield* lock.lock()
      } else {
        yield* step('go on', () => 0)
        // Nobody can go on after the second.
        yield* step('wait for ever', () => BLOCKED)
      }
    })
    return { layout, threads: [{ name: 'a', program: either, args: [] }] }
  })
  expect(violation).toMatchObject({ clause: 'deadlock', kind: 'deadlock' })
  expect(violation!.trace.steps.map(({ step }) => step)).toEqual(['choose', 'go on'])
  expect(violation!.trace.shortest).toBe(true)
})

test('a procedure that calls itself for ever with steps between is a runaway, and is named', async () => {
  const again: Procedure<[], void> = procedure('again', function* (): Running<void> {
    yield* step('x', () => 0)
    yield* again()
  })
  const outer = procedure(function* outer() {
    yield* again()
  })
  const error = await checking(() => {
    const layout = new Layout({ threads: 1 })
    layout.flag('x')
    return { layout, threads: [{ name: 'a', program: outer, args: [] }] }
  }).catch((error) => error)
  expect(error).toMatchObject({ code: 'runaway' })
  expect(error.message).toMatch(/^again is called 1000 calls deep, by way of again/)
  expect(error.message).toContain('return yield* become(')
})

test('a step that goes elsewhere when it is taken again is an error', async () => {
  let calls = 0
  // The text of the step does not show that it counts.
  const called = () => ++calls
  const error = await checking(() => {
    const layout = new Layout({ threads: 1 })
    const cell = layout.counter('cell', 200)
    const count: Procedure<[], void> = procedure(function* count(): Running<void> {
      yield* step('count', () => {
        cell.value = cell.value === 3 ? Math.min(200, called() + 3) : Math.min(3, cell.value + 1)
        return 0
      })
      return yield* become(count)
    })
    return {
      layout,
      threads: [{ name: 'a', program: count, args: [] }],
      progress: [{ clause: 'P', name: 'p', pending: () => true }],
    }
  }).catch((error) => error)
  expect(error).toMatchObject({ code: 'non-deterministic' })
  expect(error.message).toContain('step "count" of count (thread a)')
})

test('a trace tells records and states by their names, and never by their numbers', async () => {
  const defect = defects.find(
    ({ requirement, scenario, steps }) => requirement === 'C3' && scenario === 'munmap' && steps > 15,
  )!
  const { violation } = await check(scenarioOf(defect)!, { bounds: 'smoke', defects: [defect] })
  const changes = violation!.trace.steps.flatMap(({ changes }) => changes)
  const of = (cell: string) =>
    changes.filter((change) => change.cell === cell).map(({ before, after }) => [before, after])
  expect(of('gpu.pte[0].frame')[0]).toEqual(['none', 'frame[1]'])
  expect(of('gpu.range[0].lifecycle').slice(0, 2)).toEqual([
    ['idle', 'begin'],
    ['begin', 'faulted'],
  ])
})
