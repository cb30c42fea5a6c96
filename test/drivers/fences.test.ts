/** A driver whose callback waits for the fences of jobs, and twins of it. */
import { describe, expect, test } from 'vitest'
import { fencedJobsDriver } from '../../src/driver/index.js'
import type { Override } from '../../src/world/index.js'
import { doesNotWait, neverSignals, signalsTooEarly, signalsUnderTheLock } from './fences.js'
import { checkIn, holdsEverywhere, sampleFor } from './parts.js'

describe('jobs with fences', () => holdsEverywhere(fencedJobsDriver, sampleFor(fencedJobsDriver)))

test.each<[string, readonly Override[], string, string]>([
  ['does not wait for the jobs', doesNotWait, 'munmap', 'C3'],
  ['signals under the lock of the callback', signalsUnderTheLock, 'munmap', 'deadlock'],
  ['never signals', neverSignals, 'munmap', 'deadlock'],
  ['signals before the job has ended', signalsTooEarly, 'munmap', 'C3'],
])('%s', { timeout: 120_000 }, async (name, overrides, scenario, clause) => {
  const { violation } = await checkIn(fencedJobsDriver, scenario, {}, [{ name, overrides }])
  expect(violation?.clause).toBe(clause)
})
