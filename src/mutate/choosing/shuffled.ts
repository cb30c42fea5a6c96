/**
 * Random choices that a seed decides.
 *
 * @module
 */

/** Numbers from 0 on, below a limit: the same for the same seed. */
export function numbersFrom(seed: number): (below: number) => number {
  let state = (seed ^ 0x9e3779b9) >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let word = Math.imul(state ^ (state >>> 15), state | 1)
    word ^= word + Math.imul(word ^ (word >>> 7), word | 61)
    return ((word ^ (word >>> 14)) >>> 0) % below
  }
}

/** `items` in an order that `seed` decides. */
export function shuffled<T>(items: readonly T[], seed: number): T[] {
  const next = numbersFrom(seed)
  const result = [...items]
  for (let i = result.length - 1; i > 0; i--) {
    const at = next(i + 1)
    ;[result[i], result[at]] = [result[at], result[i]]
  }
  return result
}
