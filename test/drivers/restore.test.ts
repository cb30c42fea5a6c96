/** A driver whose work item maps again what was invalidated, and a wrong twin of it. */
import { describe, expect, test } from 'vitest'
import { restoreWorker } from '../../spec/mirror/scenarios/restore.js'
import { check } from '../../src/checker/index.js'
import {
  dirtyPages,
  flushDevice,
  restoreClose,
  restoreDriver,
  unmapPages,
  workOf,
} from '../../src/driver/index.js'
import { cancel_work_sync, mmu_interval_notifier_remove } from '../../src/kernel/index.js'
import { override, step } from '../../src/world/index.js'
import { holdsEverywhere } from './parts.js'

describe('restores what was invalidated', () =>
  holdsEverywhere(restoreDriver, ['munmap', 'unmap-and-close', 'close-versus-fault', 'exit']))

/** Takes the item back, and lets the callback queue it again. */
const queuedAgain = override(
  restoreClose,
  () =>
    function* (_current, mirror) {
      const { notifier, updateLock } = mirror
      const everything = { start: notifier.start, end: notifier.last + 1 }
      yield* cancel_work_sync(workOf(mirror, 'restore'))
      yield* updateLock.lock()
      yield* step('unmap everything', () => {
        dirtyPages(mirror, everything)
        unmapPages(mirror, everything)
        return 0
      })
      yield* flushDevice(mirror, everything)
      yield* updateLock.unlock()
      yield* mmu_interval_notifier_remove(notifier)
    },
)

test('takes the item back while the callback still queues it', { timeout: 120_000 }, async () => {
  const { violation } = await check(restoreWorker, {
    bounds: 'smoke',
    defects: [{ name: 'queued again', overrides: [queuedAgain] }],
  })
  expect(violation?.clause).toBe('work-items')
})
