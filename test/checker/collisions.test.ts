import { describe, expect, it } from 'vitest'
import { step } from '../../src/world/index.js'
import { faultsOfBits, faultsOfNeighbours, faultsOfStore, secondWord } from '../naive/collisions.js'
import { checkThreads, thread } from '../world/by-hand.js'

describe('states with one hash', () => {
  it.each([2, 3, 7])('of %i words are kept apart, found again, and know where they came from', (words) => {
    expect(faultsOfStore(words)).toEqual([])
  })

  it.each([1, 4])('or which differ in a single bit of %i words', (words) => {
    expect(faultsOfBits(words)).toEqual([])
  })

  it('or nearly so, which differ in their last word only, and lie beside each other', () => {
    expect(faultsOfNeighbours()).toEqual([])
  })

  it('are all explored', async () => {
    const values = 60
    const explore = (second: (first: number) => number) =>
      checkThreads(
        1,
        (l) => ({ first: l.counter('first', 0xffffffff), second: l.counter('second', 0xffffffff) }),
        (cells) => [
          thread('t', function* () {
            yield* step(
              'both',
              (choice) => {
                cells.first = choice
                cells.second = second(choice)
              },
              values,
            )
            yield* step('go on', () => {})
          }),
        ],
      )
    const result = await explore((first) => secondWord(first, 0))
    expect(result).toMatchObject({ verdict: 'holds', states: 2 * values + 1, transitions: 2 * values })
    const { states, transitions, depth } = await explore((first) => first)
    expect(result).toMatchObject({ states, transitions, depth })
  })
})
