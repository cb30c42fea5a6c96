import { expect, it } from 'vitest'
import { BLOCKED, become, type Cell, procedure, type Running, step } from '../../src/world/index.js'
import { checkThreads } from '../world/by-hand.js'

const forEver = procedure(function* toggle(cell: Cell, from: number): Running<void> {
  yield* step('toggle', () => {
    if (cell.value !== from) return BLOCKED
    cell.value = 1 - from
    return 0
  })
  yield* become(forEver, cell, from)
})

it('a loop that is shown takes a step of each thread that moves in it, though others lead to the same states', async () => {
  // Both threads step from either state to the other: which of them does cannot be told from the states.
  const flip = procedure(function* flip(cell: Cell): Running<void> {
    yield* step('flip', () => {
      cell.value = 1 - cell.value
      return 0
    })
    yield* become(flip, cell)
  })
  const result = await checkThreads(
    2,
    (l) => l.flag('cell'),
    (cell) => [
      { name: 'a', program: flip, args: [cell] },
      { name: 'b', program: flip, args: [cell] },
    ],
    () => ({ progress: [{ clause: 'L', name: 'ends', pending: () => true }] }),
  )
  const trace = result.violation?.trace
  expect(result.violation?.kind).toBe('progress')
  expect(new Set(trace?.steps.slice(trace.loopFrom).map(({ thread }) => thread))).toEqual(new Set([0, 1]))
})

it('a loop visits a state in which a thread that does not move in it cannot', async () => {
  const result = await checkThreads(
    3,
    (l) => l.flag('cell'),
    (cell) => [
      { name: 'up', program: forEver, args: [cell, 0] },
      { name: 'down', program: forEver, args: [cell, 1] },
      {
        name: 'waits',
        program: procedure(function* waits() {
          yield* step('wait for one', () => (cell.value === 1 ? 0 : BLOCKED))
        }),
        args: [],
      },
    ],
    () => ({ progress: [{ clause: 'L', name: 'it waits', pending: (view) => !view.finished(2) }] }),
  )
  const trace = result.violation?.trace
  expect(result.violation?.kind).toBe('progress')
  const loop = trace?.steps.slice(trace.loopFrom) ?? []
  expect(loop.map(({ name }) => name).sort()).toEqual(['down', 'up'])
})
