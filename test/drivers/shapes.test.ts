/**
 * Drivers of shapes that are found in the kernel tree hold, each in a sample of the scenarios (in all with HMM_SPEC_WHOLE=1), and a
 * wrong twin of each is caught.
 */
import { describe, expect, test } from 'vitest'
import type { Driver } from '../../src/driver/index.js'
import { defineDriver, pagesValidDriver, referenceDriver } from '../../src/driver/index.js'
import { oneStepDriver, type Without } from './one-step.js'
import { checkIn, holdsEverywhere, sampleFor } from './parts.js'
import { againDriver, alreadyDriver, closingDriver, storedNumberDriver } from './shapes.js'

describe.each<[string, Driver]>([
  ['mapped already, without a walk', alreadyDriver('already')],
  ['the device is to fault again', againDriver('again')],
  ['a number that is stored, and compared by another thread', storedNumberDriver('stored number')],
  ['a close of its own', closingDriver('closing')],
  ['critical sections that are one step', oneStepDriver('one step')],
  ['a flag for each page, under a read-write lock', pagesValidDriver],
])('%s', (_, driver) => holdsEverywhere(driver, sampleFor(driver)))

test.each<[string, Driver, string, string]>([
  [
    'says mapped for a write to what is mapped to be read',
    alreadyDriver('a', 'ignores write'),
    'zero-page',
    'C49',
  ],
  ['looks at the page table without the lock', alreadyDriver('b', 'no lock'), 'munmap', 'lock-discipline'],
  ['lets the device fault again after any error', againDriver('c', 'after any error'), 'munmap', 'C49'],
  [
    'binds stored pages without comparing',
    storedNumberDriver('d', 'compares when it stores'),
    'two-faults',
    'C8',
  ],
  ['does not wait for faults as it closes', closingDriver('e', 'no wait'), 'exit', 'use-after-free'],
  ['has no close of its own', closingDriver('f', 'no close'), 'exit', 'use-after-free'],
  ['leaves entries as it closes', closingDriver('g', 'leaves entries'), 'insert-and-remove', 'C1'],
])('%s', { timeout: 120_000 }, async (_, driver, scenario, clause) => {
  const { violation } = await checkIn(driver, scenario)
  expect(violation?.clause).toBe(clause)
})

test('a driver that declares no state', async () => {
  const { invalidate, fault } = referenceDriver
  const driver = defineDriver({ name: 'declares nothing', invalidate, fault })
  expect(await checkIn(driver, 'munmap')).toMatchObject({ verdict: 'holds' })
})

test.each<[Without, string, string]>([
  ['records', 'munmap', 'C9'],
  ['clears', 'munmap', 'lock-discipline'],
  ['clears as it closes', 'unmap-and-close', 'lock-discipline'],
  ['binds', 'munmap', 'C8'],
  ['binds without vm', 'two-faults', 'C8'],
])('critical sections that are one step, but what it %s', async (flaw, scenario, clause) => {
  const { violation } = await checkIn(oneStepDriver('one step', flaw), scenario)
  expect(violation?.clause).toBe(clause)
})
