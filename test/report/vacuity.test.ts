import { expect, test } from 'vitest'
import type { CheckResult, Coverage } from '../../src/checker/index.js'
import { isVacuous, vacuityOf } from '../../src/report/vacuity.js'

const result = (coverage: Partial<Coverage>): CheckResult =>
  ({
    scenario: 'charted',
    witnesses: [
      { name: 'seen', reached: true },
      { name: 'not seen', reached: false },
    ],
    coverage: {
      steps: [],
      declared: [],
      procedures: [],
      transitions: [],
      claims: [],
      asserted: {},
      ...coverage,
    },
  }) as unknown as CheckResult

const requirement = (id: string, ...checks: string[]) => ({ id, title: '', text: '', source: [], checks })
const on = { chart: 'lamp', state: 'dark', event: 'ON', target: 'lit' }
const off = { chart: 'lamp', state: 'lit', event: 'OFF', target: 'dark' }

test('what one scenario does not exercise another may', () => {
  const results = [
    result({
      steps: ['p: a'],
      transitions: [
        { ...on, taken: 3 },
        { ...off, taken: 0 },
      ],
    }),
    result({
      steps: ['p: b'],
      transitions: [
        { ...on, taken: 0 },
        { ...off, taken: 1 },
      ],
    }),
  ]
  const steps = ['a', 'b', 'b'].map((step) => ({ procedure: 'p', step }))
  const vacuity = vacuityOf(results, { transitions: [on, off], steps, requirements: [] })
  expect(isVacuous(vacuity)).toBe(false)
  expect(vacuity).toMatchObject({ transitions: { total: 2 }, steps: { total: 2 } })
})

test('a transition of a chart that no scenario has at all is never taken', () => {
  const vacuity = vacuityOf([result({})], { transitions: [on], steps: [], requirements: [] })
  expect(vacuity.transitions).toEqual({ total: 1, never: [on] })
  expect(isVacuous(vacuity)).toBe(true)
})

test('a step of the same name in another procedure does not count', () => {
  const universe = { transitions: [], steps: [{ procedure: 'p', step: 'a' }], requirements: [] }
  expect(vacuityOf([result({ steps: ['q: a'] })], universe).steps.never).toEqual(['p: a'])
})

test('when a requirement counts as exercised', () => {
  const requirements = [
    requirement('by-clause'),
    requirement('by-check', 'named claim'),
    requirement('silent', 'silent claim'),
    requirement('by-type', 'type: Seq'),
    requirement('by-test', 'test: truth table'),
    requirement('by-step', 'step:p: a'),
    requirement('by-step-not-taken', 'step:p: b'),
    requirement('lamp', 'assert: never two'),
    requirement('elsewhere', 'checker: deadlock'),
    requirement('by-witness', 'seen'),
    requirement('by-witness-not-seen', 'not seen'),
    requirement('by-nothing'),
  ]
  const claims = [
    { name: 'a claim', clause: 'by-clause', exercised: 1 },
    { name: 'named claim', clause: 'other', exercised: 2 },
    { name: 'silent claim', clause: 'silent', exercised: 0 },
  ]
  const vacuity = vacuityOf([result({ claims, steps: ['p: a'], asserted: { lamp: 3, elsewhere: 0 } })], {
    transitions: [],
    steps: [],
    requirements,
  })
  expect(vacuity.requirements).toEqual({
    total: 12,
    never: ['silent', 'by-step-not-taken', 'elsewhere', 'by-witness-not-seen', 'by-nothing'],
  })
})
