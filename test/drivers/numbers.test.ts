/** Which sequence number a driver compares decides whether it is right: each of these is told from the others. */
import { describe, expect, test } from 'vitest'
import { numberedDriver, type Plan } from './numbers.js'
import { checkIn, holdsEverywhere } from './parts.js'

describe.each<[string, Plan]>([
  ['one number, one walk', { compares: 'range' }],
  ['two samples, the right one compared', { sampleAfter: true, compares: 'range' }],
  ['one number for several walks', { byPage: true, compares: 'range' }],
])('%s', (name, plan) => {
  const driver = numberedDriver(name, plan)
  holdsEverywhere(driver, [
    'munmap',
    'madvise',
    'two-devices',
    'two-faults',
    'insert-and-remove',
    'exit',
    'migrate',
  ])
  test('holds with several pages', { timeout: 120_000 }, async () => {
    expect(await checkIn(driver, 'overlapping-invalidations', { pages: 2 })).toMatchObject({
      verdict: 'holds',
    })
  })
})

test.each<[string, Plan, string, string]>([
  ['the first number for ever', { compares: 'first' }, 'madvise', 'C49'],
  ['walks with one number and compares another', { sampleAfter: true, compares: 'own' }, 'munmap', 'C8'],
  [
    'a number for each walk, only the last compared',
    { byPage: true, numberEach: true, compares: 'range' },
    'madvise',
    'C8',
  ],
  ["another notifier's number", { compares: 'foreign' }, 'two-devices', 'C8'],
])('%s', async (name, plan, scenario, clause) => {
  const set = plan.byPage ? { pages: 2 } : {}
  const { violation } = await checkIn(numberedDriver(name, plan), scenario, set)
  expect(violation?.clause).toBe(clause)
})
