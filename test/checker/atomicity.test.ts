import { describe, expect, it } from 'vitest'
import { atomicSteps } from '../../spec/atomic-steps/index.js'
import { scenarios } from '../../spec/index.js'
import { type Atomicity, againstList, atomicity } from '../../src/checker/index.js'
import {
  type Cell,
  Layout,
  type Model,
  Mutex,
  procedure,
  READ_ONCE,
  type Scenario,
  Spinlock,
  step,
  unobserved,
} from '../../src/world/index.js'

interface Board {
  left: number
  right: number
  guarded: number
  other: number
  low: number
  high: number
  count: number
  inside: number
  readonly lock: Mutex
  readonly spin: Spinlock
}

/** Two threads, each of which takes the step that is made for it. */
function scenarioOf(first: (board: Board) => unknown, second = first): Scenario {
  return {
    name: 'board',
    summary: '',
    exercises: [],
    parameters: {},
    build(): Model {
      const layout = new Layout({ threads: 2 })
      const lock = new Mutex(layout, 'lock')
      const spin = new Spinlock(layout, 'spin')
      const board = layout.scope('board', (l) => {
        const count: Cell = l.counter('count', 3)
        return {
          lock,
          spin,
          left: l.counter('left', 3),
          right: l.counter('right', 3),
          guarded: l.counter('guarded', 3, { guardedBy: lock }),
          other: l.counter('other', 3, { guardedBy: lock }),
          low: l.counter('low', 3, { word: 'both' }),
          high: l.counter('high', 3, { word: 'both' }),
          count,
          inside: l.counter('inside', 3, { countedBy: count }),
        }
      }) as Board
      const program = (name: string, run: (board: Board) => unknown) =>
        procedure(name, function* () {
          yield* step('act', () => {
            const { spin } = board
            if (spin.isHeld()) return 1
            run(board)
            return 0
          })
        })
      return {
        layout,
        threads: [
          { name: 'one', program: program('first', first), args: [] },
          { name: 'other', program: program('second', second), args: [] },
        ],
      }
    },
  }
}

function largeOf(...runs: Parameters<typeof scenarioOf>): Record<string, readonly string[]> {
  const { large } = atomicity(scenarioOf(...runs))
  return Object.fromEntries(large.map(({ procedure, accesses }) => [procedure, accesses]))
}

const looksAtLock = (run: (board: Board) => void) => run

describe('a step', () => {
  it('that changes two fields that another thread looks at is too large', () => {
    const both = (board: Board) => {
      board.left = 1
      board.right = 1
    }
    expect(largeOf(both, (board) => board.left + board.right)).toEqual({
      first: ['board.left', 'board.right'],
      second: ['board.left', 'board.right'],
    })
  })

  it('that reads and writes one field is not', () => {
    expect(
      largeOf(
        looksAtLock((board) => {
          board.left = board.left === 0 ? 1 : board.left
        }),
      ),
    ).toEqual({})
  })

  it('may change what nobody else uses, and what nobody changes', () => {
    const uses = (board: Board) => {
      board.left = board.right
    }
    expect(
      largeOf(uses, (board) => {
        board.guarded
      }),
    ).toEqual({})
  })

  it('may access a machine word by all of its fields', () => {
    const word = (board: Board) => {
      board.low = 1
      board.high = 1
    }
    expect(largeOf(word, (board) => board.low + board.high)).toEqual({})
  })

  it('may take a lock, do what that guards and one thing more, and drop it', () => {
    const section = (board: Board) => {
      if (!board.lock.acquire()) return
      board.guarded = 1
      board.other = 1
      board.left = 1
      board.lock.release()
    }
    expect(largeOf(section)).toEqual({})
  })

  it('is too large if it takes a lock after an access, or does one after it has dropped it', () => {
    const late = (board: Board) => {
      board.left = 1
      if (!board.lock.acquire()) return
      board.guarded = 1
      board.lock.release()
    }
    const early = (board: Board) => {
      if (!board.lock.acquire()) return
      board.guarded = 1
      board.lock.release()
      board.left = 1
    }
    expect(largeOf(late, early)).toEqual({ first: ['board.left', 'lock'], second: ['board.left', 'lock'] })
  })

  it('is too large if it takes another lock after it has dropped one', () => {
    expect(
      largeOf((board) => {
        if (!board.lock.acquire()) return
        board.lock.release()
        if (board.spin.acquire()) board.spin.release()
      }),
    ).toEqual({ first: ['lock', 'spin'], second: ['lock', 'spin'] })
  })

  it('that changes what is guarded is seen by who reads without the lock', () => {
    const section = (board: Board) => {
      if (!board.lock.acquire()) return
      board.guarded = 1
      board.other = 1
      board.lock.release()
    }
    expect(largeOf(section, (board) => READ_ONCE(board).guarded)).toEqual({})
    expect(largeOf(section, (board) => READ_ONCE(board).guarded + READ_ONCE(board).other)).toEqual({
      first: ['board.guarded', 'board.other'],
      second: ['board.guarded', 'board.other'],
    })
  })

  it('may set what nobody has a reference to', () => {
    const take = (board: Board) => {
      if (board.count > 0) return
      board.inside = 2
      board.count = 1
    }
    expect(largeOf(take)).toEqual({})
  })

  it('is not larger by what a claim looks at', () => {
    expect(
      largeOf(
        (board) => {
          board.left = 1
          unobserved(() => board.right)
        },
        (board) => {
          board.right = 1
          unobserved(() => board.left)
        },
      ),
    ).toEqual({})
  })
})

describe('the list', () => {
  const found = (accesses: string[]): Atomicity => ({
    scenario: 'board',
    large: [{ procedure: 'p', step: 's', isOwn: false, accesses }],
    unlocked: [],
    steps: 1,
    states: 1,
    exhaustive: true,
  })
  const kinds = (...args: Parameters<typeof againstList>) =>
    againstList(...args).map(({ kind, accesses }) => [kind, ...accesses])

  it('allows what it says', () => {
    const list = [{ procedure: 'p', step: 's', accesses: ['*.pte[].entry', 'left'] }]
    expect(kinds([found(['gpu.pte[].entry', 'left'])], list, true)).toEqual([])
  })

  it('allows nothing else', () => {
    expect(kinds([found(['left', 'right'])], [], true)).toEqual([['unlisted', 'left', 'right']])
    const list = [{ procedure: 'p', step: 's', accesses: ['left'] }]
    expect(kinds([found(['left', 'right'])], list, true)).toEqual([['more', 'right']])
  })

  it('has no row and no access that is not needed, where everything was explored', () => {
    const list = [{ procedure: 'p', step: 's', accesses: ['left', 'right'] }]
    expect(kinds([found(['left'])], list, true)).toEqual([['stale', 'right']])
    expect(kinds([], list, true)).toEqual([['stale']])
    expect(kinds([], list, false)).toEqual([])
  })
})

/** States of each scenario: the first ones take nearly all of its steps. */
const STATES = 1500
/** States of the scenarios that show later than that what is listed. */
const MORE_STATES = 70_000
/** These scenarios. */
const DEEP: readonly string[] = [
  'coherent-held',
  'coherent-shared',
  'exclusive-by-page-reclaim',
  'huge-page-and-fork',
  'huge-page-faults',
  'huge-page-migrates',
  'large-folio-and-fork',
  'large-folio-hole',
  'lock-out-readers',
  'memory-limit',
  'merge-and-migrate',
  'migrate-and-drain',
  'migrate-held',
  'migrate-while-faulting',
  'mlx5/child-twice',
  'swap-and-migrate',
  'swap-and-unmap',
  'xe-svm/swap',
  'xe-svm/two-faults',
  'xe-svm/unmap-and-close',
]

describe('in all scenarios', () => {
  it('steps are as small as the record on steps says, which lists no step without need', () => {
    const found = scenarios.map((scenario) =>
      atomicity(scenario, { bounds: 'smoke', states: DEEP.includes(scenario.name) ? MORE_STATES : STATES }),
    )
    expect(found.every(({ steps }) => steps > 0)).toBe(true)
    expect(againstList(found, atomicSteps, true)).toEqual([])
  }, 300_000)
})
