/** Claims that are remembered say what they say where they are asked each time: in every scenario, and of every kind of breach. */
import { describe, expect, test } from 'vitest'
import { defects, scenarios } from '../../spec/index.js'
import { check } from '../../src/checker/index.js'

/** States of each scenario that are explored: enough for each claim to be asked of most of what it reads. */
const STATES = 6000

describe.each(scenarios.map((scenario) => [scenario.name, scenario] as const))('%s', (_, scenario) => {
  test('has the same verdict, counts and coverage', async () => {
    const options = { bounds: 'smoke', limits: { states: STATES }, audit: 'off', digest: true } as const
    const remembered = await check(scenario, options)
    const direct = await check(scenario, { ...options, claims: 'directly' })
    const { elapsedMs: _, ...expected } = direct
    expect(remembered).toMatchObject(expected)
  })
})

test.each(
  defects
    .filter(({ generation, steps }) => generation === undefined && (steps ?? 99) <= 14)
    .map((defect) => [defect.name, defect] as const),
)('%s is caught by the same claim in the same run', async (_, defect) => {
  const scenario = scenarios.find(({ name }) => name === defect.scenario)
  if (scenario === undefined) return
  const options = { bounds: 'smoke', set: defect.set ?? {}, defects: [defect], audit: 'off' } as const
  const remembered = await check(scenario, options)
  const direct = await check(scenario, { ...options, claims: 'directly' })
  expect(remembered.violation).toEqual(direct.violation)
})
