/**
 * Defects of a driver that locks out its fault handler while it migrates.
 *
 * @module
 */
import {
  bringBack,
  isOwnMigration,
  migrateLockedOut,
  migrateToDevice,
  migrationLock,
  recordUnlessLocked,
  unmapPages,
} from '../../../src/driver/index.js'
import { mmu_interval_set_seq } from '../../../src/kernel/index.js'
import { onStep, override } from '../../../src/world/index.js'
import type { Defect } from '../../defect.js'

/** The driver migrates without its lock, and ignores its own migrations all the same. */
const keepNobodyOut = [
  override(
    migrateLockedOut,
    () =>
      function* (current, mirror, start, end) {
        return yield* migrateToDevice(current, mirror, start, end)
      },
  ),
  onStep(
    recordUnlessLocked,
    'set_seq for others, and unmap',
    (_original, _current, mirror, range, curSeq) => () => {
      const isOwn = isOwnMigration(mirror, range)
      if (!isOwn) mmu_interval_set_seq(mirror.notifier, curSeq)
      unmapPages(mirror, range)
      return 0
    },
  ),
]

/** Migrations back to system memory take the lock too. */
const lockToBringBack = override(
  bringBack,
  (original) =>
    function* (current, mm, page, fault) {
      const lock = migrationLock(current, current.machine.frames[fault.pfn].owner)
      yield* lock.lock()
      const error = yield* original(current, mm, page, fault)
      yield* lock.unlock()
      return error
    },
)

/** Defects of such a driver. */
export const lockOutDefects: readonly Defect[] = [
  {
    name: 'X224',
    kind: 'mutation',
    title: 'own migrations are ignored without excluding readers',
    text:
      'The driver relies on its lock to exclude readers that have walked and not yet mapped, and does not ' +
      'take it where it migrates. The reader maps a stale page, as in H1.',
    source: ['reference B.11 H1'],
    requirement: 'C1',
    scenario: 'lock-out-readers',
    overrides: keepNobodyOut,
    steps: 49,
  },
  {
    name: 'X225',
    aliases: ['M29'],
    kind: 'mutation',
    title: 'a driver that locks readers out also takes that lock to migrate a page back',
    text:
      'The driver holds its lock while it walks. One page needs a write fault, and the walk faults all that ' +
      'follow it too: among them a page of its own memory, which the driver is asked to migrate back, in ' +
      'the same thread, and it takes the lock again. As D42, in a driver that would fix H1 by a lock. ' +
      'Migrations back need not take the lock if they set the sequence.',
    source: ['reference B.11 H1, D42, H5, G.3 M29'],
    requirement: 'deadlock',
    scenario: 'lock-out-readers',
    overrides: [lockToBringBack],
    steps: 14,
  },
]
