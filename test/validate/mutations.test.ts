/**
 * Traces that no kernel has printed. Whatever cannot be is refused; whatever is accepted comes with a run that explains it, and
 * that was run again by an executor that shares nothing with the search ({@link validateTrace} throws if it does not go).
 */
import { describe, expect, test } from 'vitest'
import { validateTrace } from '../../src/conformance/index.js'
import { IMPOSSIBLE, type Mutation, PERHAPS, seeded } from './mutations.js'
import { beginningOf } from './traces.js'

/** Where the mutations are made: so many lines of each. */
const SAMPLES: Readonly<Record<string, readonly string[]>> = {
  'linux-6.1-race-DM': beginningOf('linux-6.1-race-DM', 420),
  'linux-6.1-race-DU': beginningOf('linux-6.1-race-DU', 420),
  'linux-6.1-race-GP': beginningOf('linux-6.1-race-GP', 420),
  'linux-6.1-race-OC': beginningOf('linux-6.1-race-OC', 350),
  'linux-7.3-race-GP': beginningOf('linux-7.3-race-GP', 420),
  'linux-7.3-race-XF': beginningOf('linux-7.3-race-XF', 200),
}

/** Mutations of each kind in each sample. */
const EACH = 12

function verdicts(lines: readonly string[], mutation: Mutation, seed: number) {
  const random = seeded(seed)
  const mutated = Array.from({ length: EACH }, () => mutation(lines, random))
  return mutated.flatMap((each) =>
    each === undefined ? [] : [{ ...each, validation: validateTrace(each.lines.join('\n'), 'mutated') }],
  )
}

test.each(Object.entries(SAMPLES))('%s itself is accepted', (name, lines) => {
  expect(validateTrace(lines.join('\n'), name).verdict).toBe('accepted')
})

describe.each(Object.entries(IMPOSSIBLE))('%s', (_, mutation) => {
  test('is refused, always', { timeout: 600_000 }, () => {
    let judged = 0
    for (const [seed, lines] of Object.values(SAMPLES).entries()) {
      const results = verdicts(lines, mutation, seed + 1)
      judged += results.length
      expect(
        results
          .filter(({ validation }) => validation.verdict !== 'refused')
          .map(({ line, lines: changed }) => changed.slice(line - 2, line + 1)),
      ).toEqual([])
    }
    expect(judged).toBeGreaterThanOrEqual(EACH)
  })
})

describe.each(Object.entries(PERHAPS))('%s', (_, mutation) => {
  test('is refused, or explained by a run', { timeout: 600_000 }, () => {
    const results = Object.values(SAMPLES).flatMap((lines, seed) => verdicts(lines, mutation, seed + 1))
    expect(results.length).toBeGreaterThanOrEqual(EACH)
    for (const { validation } of results)
      if (validation.verdict === 'accepted') expect(validation.explanation?.steps).toBeGreaterThan(0)
      else expect(validation).toMatchObject({ verdict: 'refused', refusal: { line: expect.any(Number) } })
    expect(results.some(({ validation }) => validation.verdict === 'accepted')).toBe(true)
  })
})
