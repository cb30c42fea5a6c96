/**
 * The checker against the naive explorer, on the smaller scenarios of the specification.
 */
import { describe, expect, it } from 'vitest'
import { scenarios } from '../../spec/index.js'
import { check, parametersOf } from '../../src/checker/index.js'
import { digestOf } from './digest.js'
import { exploreNaively } from './explore.js'
import { modelSide } from './model-side.js'

/** What has more states than this at smoke bounds takes the naive explorer too long. */
const MOST_STATES = 2000
const BOUNDS = { bounds: 'smoke' } as const

describe('the naive explorer finds what the checker finds', () => {
  let compared = 0

  it.each(scenarios.map((scenario) => [scenario.name, scenario] as const))('in %s', async (_, scenario) => {
    const checked = await check(scenario, { ...BOUNDS, digest: true, limits: { states: MOST_STATES } })
    if (checked.verdict === 'limit') return
    compared++
    const model = scenario.build(parametersOf(scenario, BOUNDS))
    const naive = exploreNaively(modelSide(model), MOST_STATES)
    expect(checked.verdict).toBe('holds')
    expect(naive).toMatchObject({ complete: true, first: undefined, lasting: undefined })
    expect(naive.seen).toEqual({
      states: checked.states,
      transitions: checked.transitions,
      depth: checked.depth,
    })
    expect(naive.places).toBe(checked.control.locations)
    expect(naive.reached).toEqual(checked.witnesses.map(({ reached }) => reached))
    expect(naive.exercised).toEqual(checked.coverage.claims.map(({ exercised }) => exercised))
    expect([...naive.taken].sort()).toEqual(checked.coverage.steps)
    expect(digestOf(model, naive.graph)).toEqual(checked.digest)
  })

  it('of which there are enough', () => {
    expect(compared).toBeGreaterThan(20)
  })
})
