import { describe, expect, it } from 'vitest'
import { type Defect, defects, scenarios } from '../../spec/index.js'
import { check } from '../../src/checker/index.js'

describe('a reduction changes no verdict', () => {
  it.each(scenarios.map((scenario) => [scenario.name, scenario] as const))('%s', async (_, scenario) => {
    const reduced = await check(scenario, { bounds: 'smoke' })
    const whole = await check(scenario, { bounds: 'smoke', reductions: 'none' })
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
    const scenario = scenarios.find(({ name }) => name === defect.scenario)
    if (scenario === undefined) throw new Error(`no scenario ${defect.scenario}`)
    const { violation } = await check(scenario, {
      bounds: 'smoke',
      set: defect.set ?? {},
      defects: [defect],
      reductions: 'none',
    })
    expect(violation).toMatchObject({ clause: defect.requirement })
    if (violation?.trace.shortest) expect(violation.trace.steps).toHaveLength(defect.steps)
  })
})
