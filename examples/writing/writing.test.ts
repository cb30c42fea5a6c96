import 'hmm-spec/vitest'
import { check } from 'hmm-spec/checker'
import { scenarios } from 'hmm-spec/spec'
import { expect, test } from 'vitest'
import odp from '../my-driver/driver.js'
import { noWait } from './defect.js'
import { doorbell } from './procedures.js'
import { reaper } from './requirement.js'
import { protectThenUnmap } from './scenario.js'

test('the scenarios of the pages hold', async () => {
  await expect(doorbell).toHold()
  await expect(protectThenUnmap).toHold({ bounds: 'smoke' })
})

test('the requirement is one that the reference driver breaks and ours does not', async () => {
  await expect(reaper).toViolate('ODP1')
  await expect(reaper.withDriver!(odp)).toHold()
})

test('the defect is caught by the clause that it names, after the steps that it says', async () => {
  const munmap = scenarios.find(({ name }) => name === noWait.scenario)!
  const { violation } = await check(munmap, { bounds: 'smoke', defects: [noWait] })
  expect(violation?.clause).toBe(noWait.requirement)
  expect(violation?.trace.steps).toHaveLength(noWait.steps)
})
