/** A driver with a notifier for each range, inserted and removed while the mirror is used, and twins of it. */
import { describe, expect, test } from 'vitest'
import driver, { declareState } from '../../examples/my-driver/notifier-per-range.js'
import { scenariosFor } from '../../spec/index.js'
import { defineDriver } from '../../src/driver/index.js'
import { exclusive, type Override } from '../../src/world/index.js'
import {
  freesWithoutRemoving,
  insertsUnderMmapLock,
  removesBeforeUnmapping,
  removesInCallback,
  removesUnderLock,
  resizes,
  resizesWhatIsMapped,
  takesAnothersNumber,
  watchesOtherPages,
} from './notifier-per-range.js'
import { checkIn, holdsEverywhere, sampleFor } from './parts.js'

// In all scenarios: hmm-spec check --driver examples/my-driver/notifier-per-range.ts --bounds smoke, or HMM_SPEC_WHOLE=1.
describe('a notifier for each range', () => holdsEverywhere(driver, sampleFor(driver)))

test.each<[string, readonly Override[], string, string | undefined]>([
  ['moves its notifier once the device maps nothing', resizes, 'munmap', undefined],
  ['moves its notifier while the device maps a page', resizesWhatIsMapped, 'munmap', 'C1'],
  ['watches another page', watchesOtherPages, 'munmap', 'C8'],
  ['frees a notifier that is in the tree', freesWithoutRemoving, 'unmap-and-close', 'C17'],
  ['removes under the lock of the callback', removesUnderLock, 'unmap-and-close', 'deadlock'],
  ['removes the notifier in its callback', removesInCallback, 'munmap', 'deadlock'],
  ['inserts under the mmap lock', insertsUnderMmapLock, 'munmap', 'lock-order'],
  ["takes the number of another range's notifier", takesAnothersNumber, 'munmap', 'C8'],
  ['removes before the device is empty', removesBeforeUnmapping, 'mmap-over', 'C1'],
])('%s', { timeout: 120_000 }, async (name, overrides, scenario, clause) => {
  const { violation } = await checkIn(driver, scenario, scenario === 'munmap' ? { pages: 2 } : {}, [
    { name, overrides },
  ])
  expect(violation?.clause).toBe(clause)
})

test('a driver that declares a notifier says that it has no other', () => {
  const { ownNotifiers: _, ...others } = driver
  const [scenario] = scenariosFor(
    defineDriver({
      ...others,
      name: 'with both',
      state: declareState,
      pageTable: ({ notifierLock }) => ({
        program: exclusive(notifierLock),
        remove: exclusive(notifierLock),
      }),
    } as Parameters<typeof defineDriver<ReturnType<typeof declareState>>>[0]),
  )
  expect(() => scenario.build({ pages: 1 })).toThrow(
    /declares a notifier of its own and has the mirror's too; say `ownNotifiers: true`/,
  )
})
