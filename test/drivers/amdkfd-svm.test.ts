/** amdkfd: what mends its findings holds where the finding is put in by half, and its chart is gone through. */
import { expect, test } from 'vitest'
import { looksAtChildren } from '../../spec/drivers/defects/amdkfd-svm-findings.js'
import { amdkfdScenarios, splitAndReclaim } from '../../spec/drivers/scenarios/amdkfd-svm.js'
import { check } from '../../src/checker/index.js'

test('a callback that looks at the children one by one holds, as they come and go under prange->lock', async () => {
  const { verdict } = await check(splitAndReclaim, {
    bounds: 'smoke',
    defects: [{ name: 'looks at children', overrides: [looksAtChildren] }],
  })
  expect(verdict).toBe('holds')
})

test.each(amdkfdScenarios.map((scenario) => [scenario.name, scenario] as const))(
  '%s holds',
  { timeout: 120_000 },
  async (_, scenario) => {
    const { verdict } = await check(scenario)
    expect(verdict).toBe('holds')
  },
)
