/**
 * A driver that ignores invalidations by its own migrations, and excludes the threads that this
 * could mislead by a lock: those that have walked and not yet mapped.
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

/**
 * Declares the lock that is held from before a walk until its pages are mapped, and during a
 * migration.
 */
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
 * Migrates the pages from `start` to `end` into the device's memory, as far as possible, while no
 * thread populates.
 *
 * @returns 0, or -EINVAL if the pages are not in one VMA
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

/** Populates while the driver migrates no page to its device. */
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
 * Removes the entries, and sets the sequence number unless the invalidating thread holds the lock:
 * then no walk can be stale. A migration back to system memory, which a CPU fault may start at any
 * time, does not hold the lock and is recorded.
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
