/**
 * The checker against the naive explorer, on random models. With HMM_SPEC_MODELS and HMM_SPEC_SEED there are more of
 * them, or others.
 */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { compareOn } from './compare.js'
import { models } from './sketch.js'

const MODELS = Number(process.env.HMM_SPEC_MODELS ?? 2000)
const SEED = Number(process.env.HMM_SPEC_SEED ?? 7)
const MOST_STATES = 500

describe('on random models', () => {
  const outcomes = new Map<string, number>()

  it(`the checker says what the naive explorer says (${MODELS} models, seed ${SEED})`, async () => {
    const agree = fc.asyncProperty(models, async (sketch) => {
      const { differences, outcome } = await compareOn(sketch, MOST_STATES)
      expect(differences).toEqual([])
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
    })
    await fc.assert(agree, { numRuns: MODELS, seed: SEED })
  })

  // Agreement is worth something only where there was something to disagree about.
  it.each([
    ['holds', 250],
    ['assertion', 250],
    ['deadlock', 200],
    ['witness', 100],
    ['invariant', 80],
    ['step', 60],
    ['refinement', 50],
    ['progress', 30],
    ['runaway', 20],
    ['abstraction', 8],
    ['bound-overflow', 5],
    ['invalid-result', 5],
    ['blocked-step-changed-world', 5],
  ])('of which some end with %s', (outcome, least) => {
    expect(outcomes.get(outcome) ?? 0).toBeGreaterThanOrEqual((least * Math.min(MODELS, 2000)) / 2000)
  })

  it('and few were too large to compare', () => {
    expect(outcomes.get('too large') ?? 0).toBeLessThan(MODELS / 25)
  })
})
