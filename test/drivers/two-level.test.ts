/** A device page table of two levels, and wrong twins of its driver. */
import { describe, expect, test } from 'vitest'
import { checkIn, holdsEverywhere, sampleFor } from './parts.js'
import { type Flaw, twoLevelDriver } from './two-level.js'

describe('a directory, and tables that come and go', () => {
  const driver = twoLevelDriver('two levels')
  holdsEverywhere(driver, sampleFor(driver))
})

test.each<[Flaw, string, string]>([
  ['frees at once', 'munmap', 'use-after-free'],
  ['leaves it in the directory', 'munmap', 'use-after-free'],
  ['clears the directory alone', 'munmap', 'C3'],
  ['leaks', 'insert-and-remove', 'own-objects'],
])('%s', { timeout: 120_000 }, async (flaw, scenario, clause) => {
  const { violation } = await checkIn(twoLevelDriver('twin', flaw), scenario)
  expect(violation?.clause).toBe(clause)
})
