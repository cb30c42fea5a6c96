import { describe, expect, it } from 'vitest'
import { scenarios } from '../../spec/index.js'
import { footprints } from '../../src/checker/index.js'
import { acting } from '../../src/world/acting.js'
import { Layout, Mutex, NOBODY, READ_ONCE } from '../../src/world/index.js'
import { footprintOf } from '../../src/world/records/footprint.js'

/** States of each scenario: the first ones take nearly all of its steps. */
const STATES = 400

describe('a footprint', () => {
  const board = () => {
    const layout = new Layout({ threads: 1 })
    const lock = new Mutex(layout, 'lock')
    const board = layout.scope('board', (l) => ({
      lock,
      free: l.counter('free', 3, { guardedBy: lock }),
      open: l.flag('open'),
      absent: l.flag('absent', { when: false }),
    }))
    layout.initial()
    return board
  }

  it('names what is read and what is written', () => {
    const record = board()
    acting.thread = 0
    const { reads, writes, result } = footprintOf(() => {
      record.open = READ_ONCE(record).free > 1
      record.absent = true
      return record.lock.acquire()
    })
    acting.thread = NOBODY
    expect(result).toBe(true)
    expect([...reads].sort()).toEqual(['board.free', 'lock'])
    expect([...writes].sort()).toEqual(['board.open', 'lock'])
  })

  it('is what was touched before an error, too', () => {
    const record = board()
    const { writes, error } = footprintOf(() => {
      record.free = 9
    })
    expect([...writes]).toEqual(['board.free'])
    expect(String(error)).toMatch(/board\.free was set to 9/)
  })
})

const [invariants, reading] = [new Set<string>(), new Set<string>()]

describe.each(scenarios.map((scenario) => [scenario.name, scenario] as const))('in %s', (_, scenario) => {
  it('every step that changes a field says so', () => {
    const changed = new Set<string>()
    const layout = scenario.build(
      Object.fromEntries(Object.entries(scenario.parameters).map(([name, { smoke }]) => [name, smoke])),
    ).layout
    const found = footprints(scenario, {
      bounds: 'smoke',
      states: STATES,
      onStep({ writes }, before, after, name) {
        for (const cell of layout.cells)
          if (cell.readOnce(before) !== cell.readOnce(after) && !writes.has(cell.name))
            changed.add(`${name} changes ${cell.name}`)
      },
    })
    expect([...changed]).toEqual([])
    for (const { name, reads } of found.invariants) if (reads.length > 0) reading.add(name)
    for (const { name } of found.invariants) invariants.add(name)
    expect(found.steps.length).toBeGreaterThan(0)
  })
})

describe('every invariant', () => {
  it('reads something in some scenario', () => {
    expect([...invariants].filter((name) => !reading.has(name))).toEqual([])
    expect(invariants.size).toBeGreaterThan(0)
  })
})
