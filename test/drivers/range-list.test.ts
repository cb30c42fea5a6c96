/** A driver with a list of ranges, a work item, a read-write lock and a flag for each range, and wrong twins of it. */
import { describe, expect, test } from 'vitest'
import driver from '../../examples/my-driver/range-list.js'
import type { Override } from '../../src/world/index.js'
import { checkIn, holdsEverywhere, sampleFor } from './parts.js'
import {
  collectsItself,
  faultsWhenClosed,
  flushesTooEarly,
  flushesUnderLock,
  leaksRanges,
  looksOutsideLock,
  takesBeforeLock,
  withoutFlush,
} from './range-list.js'

// In all scenarios: hmm-spec check --driver examples/my-driver/range-list.ts --bounds smoke, or HMM_SPEC_WHOLE=1.
describe('a list of ranges, and a worker', () => holdsEverywhere(driver, sampleFor(driver)))

test.each<[string, readonly Override[], string, string]>([
  ['does not flush the work item as it closes', withoutFlush, 'unmap-and-close', 'work-items'],
  ['flushes before the notifier is removed', flushesTooEarly, 'unmap-and-close', 'work-items'],
  ['does the work itself and leaves the item queued', collectsItself, 'unmap-and-close', 'work-items'],
  ['flushes under the lock that the item takes', flushesUnderLock, 'unmap-and-close', 'deadlock'],
  ['looks at the flag outside the lock', looksOutsideLock, 'munmap', 'lock-discipline'],
  ['frees a range that the worker holds', takesBeforeLock, 'unmap-and-close', 'use-after-free'],
  ['maps pages when it is closed', faultsWhenClosed, 'close-versus-fault', 'C8'],
  ['leaks its ranges', leaksRanges, 'insert-and-remove', 'own-objects'],
])('%s', { timeout: 120_000 }, async (name, overrides, scenario, clause) => {
  const { violation } = await checkIn(driver, scenario, {}, [{ name, overrides }])
  expect(violation?.clause).toBe(clause)
})
