/**
 * A driver that passes over what its own migrations tell it, and keeps out those who could be misled by that: whoever has
 * walked and not yet mapped.
 *
 * @see reference B.11 H1
 * @module
 */
import { type DeviceMemory, mmu_interval_set_seq, type NotifierRange, type Task } from '../../kernel/index.js'
import { type Layout, Mutex, procedure, type Running, step } from '../../world/index.js'
import { migrateToDevice } from '../memory/device-memory.js'
import { isOwnMigration, type Mirror } from '../mirror.js'
import { dirtyPages, unmapPages } from '../page-table.js'
import { populatePinned, type Wanted } from '../reference/reference.js'

const locks = new WeakMap<DeviceMemory, Mutex>()

/** Declares the lock that is held from before a walk until its pages are mapped, and as long as a page migrates. */
export function declareMigrationLock(layout: Layout, memory: DeviceMemory): void {
  locks.set(memory, new Mutex(layout, 'migration'))
}

/** The lock of the driver to which the memory of `owner` belongs. @throws Error if it was declared without one */
export function migrationLock({ machine }: Task, owner: number): Mutex {
  const lock = locks.get(machine.deviceMemory[owner])
  if (lock === undefined) throw new Error(`the driver of the memory of owner ${owner} has no migration lock`)
  return lock
}

/**
 * Moves what can be moved of the pages from `start` to `end` into the device's memory, while nobody populates.
 *
 * @returns 0, or -EINVAL if they are not in one area
 */
export const migrateLockedOut = procedure(
  'migrate to device (readers locked out)',
  function* (current: Task, mirror: Mirror, start: number, end: number): Running<number> {
    const lock = migrationLock(current, mirror.owner)
    yield* lock.lock()
    const error = yield* migrateToDevice(current, mirror, start, end)
    yield* lock.unlock()
    return error
  },
)

/** Populates while the driver migrates nothing to its device. */
export const populateLockedOut = procedure(
  'populate (migrations locked out)',
  function* (current: Task, mirror: Mirror, start: number, end: number, wanted: Wanted): Running<number> {
    const lock = migrationLock(current, mirror.owner)
    yield* lock.lock()
    const error = yield* populatePinned(current, mirror, start, end, wanted)
    yield* lock.unlock()
    return error
  },
)

/**
 * Removes the entries, as always, and records the sequence unless the lock says that there is nobody to be told: a migration
 * back to system memory, which a fault may ask for at any time, holds it not and is recorded.
 */
export const recordUnlessLocked = procedure(
  'invalidate (unmap, readers locked out)',
  function* (current: Task, mirror: Mirror, range: NotifierRange, curSeq: number) {
    const lock = migrationLock(current, mirror.owner)
    yield* step('set_seq for others, and unmap', () => {
      if (!isOwnMigration(mirror, range) || !lock.heldBy(current.thread))
        mmu_interval_set_seq(mirror.notifier, curSeq)
      dirtyPages(mirror, range)
      unmapPages(mirror, range)
      return 0
    })
  },
)
