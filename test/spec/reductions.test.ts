import { describe, expect, it } from 'vitest'
import { type Defect, defects, scenarioOf, scenarios } from '../../spec/index.js'
import { check } from '../../src/checker/index.js'
import { SpecificationError } from '../../src/world/index.js'

/**
 * What has more states than this without reductions is not compared: one scenario has 16 million, and 175,125 with them. More are
 * with HMM_SPEC_WHOLE=1.
 */
const MOST_STATES = process.env.HMM_SPEC_WHOLE === '1' ? 500_000 : 25_000
let compared = 0
let asked = 0

describe('a reduction changes no verdict', () => {
  it.each(scenarios.map((scenario) => [scenario.name, scenario] as const))('%s', async (_, scenario) => {
    asked++
    const whole = await check(scenario, {
      bounds: 'smoke',
      reductions: 'none',
      limits: { states: MOST_STATES },
    })
    if (whole.verdict === 'limit') return
    compared++
    const reduced = await check(scenario, { bounds: 'smoke' })
    expect(reduced).toMatchObject({ verdict: whole.verdict, exhaustive: whole.exhaustive })
    expect(reduced.states).toBeLessThanOrEqual(whole.states)
    expect(new Set(reduced.coverage.steps)).toEqual(new Set(whole.coverage.steps))
    const taken = ({ coverage }: typeof whole) =>
      coverage.transitions.map(({ chart, state, event, taken }) => [chart, state, event, taken > 0])
    expect(taken(reduced)).toEqual(taken(whole))
    const said = ({ coverage }: typeof whole) =>
      coverage.claims.map(({ name, exercised }) => [name, exercised > 0])
    expect(said(reduced)).toEqual(said(whole))
    expect(reduced.witnesses).toEqual(whole.witnesses)
  })

  it('in most of the scenarios', () => {
    // Of a sample the share may be smaller.
    expect(compared).toBeGreaterThan(asked === scenarios.length ? asked * 0.6 : asked * 0.3)
  })

  it('and there is one, which makes a difference', async () => {
    const scenario = scenarios.find(({ name }) => name === 'migrate-holes')
    if (scenario === undefined) throw new Error('no such scenario')
    const reduced = await check(scenario, { bounds: 'smoke' })
    const whole = await check(scenario, { bounds: 'smoke', reductions: 'none' })
    expect(reduced.reductions).toEqual(['sequence numbers by their order'])
    expect(whole.reductions).toEqual([])
    expect(reduced.states).toBeLessThan(whole.states / 2)
  })

  // With reductions each is pinned elsewhere to the same clause and the same number of steps.
  it.each(defects.map((defect) => [defect.name, defect] as const))('defect %s', async (_, defect: Defect) => {
    const scenario = scenarioOf(defect)
    if (scenario === undefined) throw new Error(`no scenario ${defect.scenario}`)
    const options = { bounds: 'smoke', set: defect.set ?? {}, defects: [defect] } as const
    const { kind } = (await check(scenario, options)).violation ?? {}
    try {
      const { verdict, violation } = await check(scenario, {
        ...options,
        reductions: 'none',
        limits: { states: MOST_STATES },
      })
      if (verdict === 'limit') return
      expect(violation).toMatchObject({ clause: defect.requirement, kind })
      if (violation?.trace.shortest) expect(violation.trace.steps).toHaveLength(defect.steps)
    } catch (error) {
      // A loop that raises the number at every turn closes only where numbers are used again (H24, H25).
      if (!(error instanceof SpecificationError) || error.code !== 'bound-overflow') throw error
      expect(kind).toBe('progress')
    }
  })
})
