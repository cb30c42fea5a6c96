import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Locations, Memo, NO_STEP } from '../../src/checker/explore/memo.js'
import { acting } from '../../src/world/acting.js'
import { Layout, old, procedure, use } from '../../src/world/index.js'

const here = procedure(function* here() {})

/** A view of threads that stand at these locations: thread 1 at 7 is inside {@link here}, and waits at `wait`. */
function viewOf(locations: readonly number[]): Locations {
  return {
    location: (thread) => locations[thread],
    step: (thread) => (locations[thread] === 7 ? 'wait' : 'go'),
    inside: (thread, asked) => asked === here && locations[thread] === 7,
    finished: (thread) => locations[thread] === 0,
  }
}

describe('a remembered claim', () => {
  const layout = new Layout({ threads: 2 })
  const board = layout.scope('board', (l) => ({
    small: l.counter('small', 5),
    flag: l.flag('flag'),
    wide: l.counter('wide', 70_000),
  }))
  const worlds = [layout.initial(), layout.initial()]
  const set = (w: Uint8Array, { small, flag, wide }: { small: number; flag: boolean; wide: number }) => {
    use(w)
    Object.assign(board, { small, flag, wide })
  }
  const values = fc.record({ small: fc.nat(5), flag: fc.boolean(), wide: fc.nat(3).map((n) => n * 20_000) })
  const locations = fc.array(fc.constantFrom(0, 3, 7), { minLength: 2, maxLength: 2 })

  it('answers as the claim itself does, of states and of steps', () => {
    const claim = (thread: number, from: Locations, to: Locations): string | true | undefined => {
      if (from.inside(thread, here) && !to.inside(thread, here)) return `leaves at ${board.small}`
      if (old(board).wide !== board.wide) return to.step(1) === 'wait' ? `waits with ${board.wide}` : true
      if (board.flag && from.finished(0)) return undefined
      return old(board).small < board.small ? `${thread} raises` : true
    }
    const memo = new Memo('a claim', (thread, from, to) => claim(thread, from as Locations, to as Locations))
    let asked = 0
    fc.assert(
      fc.property(values, values, fc.nat(1), locations, locations, (first, second, thread, from, to) => {
        set(worlds[0], first)
        set(worlds[1], second)
        acting.before = worlds[0]
        use(worlds[1])
        asked++
        const [before, after] = [viewOf(from), viewOf(to)]
        expect(memo.answer(worlds[0], worlds[1], thread, before, after)).toBe(claim(thread, before, after))
      }),
      { numRuns: 3000 },
    )
    expect(asked).toBeGreaterThanOrEqual(3000)
  })

  it('is asked itself only where what it reads is new', () => {
    let asked = 0
    const memo = new Memo('counts', () => {
      asked++
      return board.small > 2
    })
    const view = viewOf([3, 3])
    for (let i = 0; i < 600; i++) {
      set(worlds[0], { small: i % 6, flag: i % 2 === 0, wide: i })
      expect(memo.answer(NO_STEP, worlds[0], 0, view, view)).toBe(i % 6 > 2)
    }
    expect(asked).toBe(6)
  })

  it('is asked each time where remembering does not pay', () => {
    let asked = 0
    const memo = new Memo('reads all', () => {
      asked++
      return board.wide
    })
    const view = viewOf([3, 3])
    for (let round = 0; round < 3; round++)
      for (let wide = 0; wide < 5000; wide++) {
        set(worlds[0], { small: 0, flag: false, wide })
        expect(memo.answer(NO_STEP, worlds[0], 0, view, view)).toBe(wide)
      }
    expect(asked).toBe(15_000)
  })

  it('may not write', () => {
    const memo = new Memo('meddles', () => {
      board.small = 1
      return true
    })
    use(worlds[0])
    const view = viewOf([3, 3])
    expect(() => memo.answer(NO_STEP, worlds[0], 0, view, view)).toThrow(
      /the claim "meddles" writes board\.small/,
    )
  })

  it('may not keep anything', () => {
    let times = 0
    const memo = new Memo('remembers', () => (times++ % 2 === 0 ? board.small > 9 : board.flag))
    const view = viewOf([3, 3])
    set(worlds[0], { small: 0, flag: false, wide: 0 })
    memo.answer(NO_STEP, worlds[0], 0, view, view)
    set(worlds[0], { small: 1, flag: true, wide: 0 })
    expect(() => memo.answer(NO_STEP, worlds[0], 0, view, view)).toThrow(
      /"remembers" reads more than the world/,
    )
  })
})
