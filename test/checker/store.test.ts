import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { StateStore } from '../../src/checker/index.js'

const key = (state: ArrayLike<number>) => Array.from(state).join(',')

describe('the store of states', () => {
  it('is a set, numbered in the order of insertion, that remembers each state and its parent', () => {
    const words = fc.integer({ min: 1, max: 9 })
    // Few values, so that states come again; and any values, so that hashes spread.
    const word = fc.oneof(fc.nat({ max: 2 }), fc.integer({ min: 0, max: 0xffffffff }))
    const cases = words.chain((n) =>
      fc.tuple(
        fc.constant(n),
        fc.array(fc.array(word, { minLength: n, maxLength: n }), {
          minLength: 1,
          maxLength: 3000,
          size: 'max',
        }),
      ),
    )
    fc.assert(
      fc.property(cases, ([n, states]) => {
        const store = new StateStore(n, 16)
        const known = new Map<string, number>()
        const parents: number[] = []
        const buffer = new Uint32Array(n)
        states.forEach((state, i) => {
          buffer.set(state)
          const before = known.get(key(state))
          expect(store.find(buffer)).toBe(before ?? -1)
          const parent = known.size === 0 ? 0 : i % known.size
          const index = store.insert(buffer, parent)
          expect(index).toBe(before ?? known.size)
          expect(store.added).toBe(before === undefined)
          if (before === undefined) {
            known.set(key(state), index)
            parents.push(parent)
          }
        })
        expect(store.count).toBe(known.size)
        for (const [state, index] of known) {
          store.load(index, buffer)
          expect(key(buffer)).toBe(state)
          expect(store.find(buffer)).toBe(index)
          expect(store.parent(index)).toBe(parents[index])
        }
      }),
      { numRuns: 50 },
    )
  })

  it('keeps every state while its table grows from the smallest to some hundred thousand', () => {
    const store = new StateStore(2, 1)
    const state = new Uint32Array(2)
    const count = 200_000
    let grown = 0
    let bytes = store.bytes
    for (let i = 0; i < count; i++) {
      state[0] = i & 0xff
      state[1] = i >>> 8
      if (store.insert(state, i >>> 1) !== i) throw new Error(`state ${i} is not new`)
      if (store.bytes !== bytes) grown++
      bytes = store.bytes
    }
    expect(grown).toBeGreaterThan(8)
    for (let i = 0; i < count; i++) {
      state[0] = i & 0xff
      state[1] = i >>> 8
      if (store.insert(state, 0) !== i || store.added || store.parent(i) !== i >>> 1)
        throw new Error(`state ${i} is lost`)
    }
    expect(store.count).toBe(count)
  })
})
