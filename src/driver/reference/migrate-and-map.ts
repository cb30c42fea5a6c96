/**
 * A driver that maps migrated pages at the end of the migration, without a device fault.
 *
 * The mmap lock does not prevent a concurrent invalidation of the page (H10), so the driver must
 * notice any invalidation since it started. The sequence number alone does not show it: the
 * driver's own migration raises it too, and another invalidation that overlaps with it does not
 * raise it further. So the callback records invalidations by others.
 *
 * @see reference B.5 step 6, B.11 H10
 * @module
 */
import {
  isCurrent,
  isMigrating,
  type MigrateVma,
  mmu_interval_read_begin,
  type NotifierRange,
  pagesOf,
  SELECT_SYSTEM,
  type Task,
} from '../../kernel/index.js'
import { procedure, type Running, SpecificationError, step } from '../../world/index.js'
import { allocateAndCopy, mayWriteMigrated, migrateUnderMmapLock } from '../memory/device-memory.js'
import { isOwnMigration, type Mirror, type Undisturbed } from '../mirror.js'

/**
 * Migrates the pages from `start` to `end` into the device's memory, as far as possible, and maps
 * them unless another invalidation came meanwhile.
 *
 * @returns 0, or -EINVAL if the pages are not in one VMA
 */
export const migrateAndMap = procedure(
  'migrate to device, and map',
  function* (current: Task, mirror: Mirror, start: number, end: number): Running<number> {
    const { mm, owner } = mirror
    const args = { mm, start, end, owner, select: SELECT_SYSTEM }
    const undisturbed = undisturbedOf(mirror, current)
    yield* mmu_interval_read_begin(mirror.notifier, undisturbed.seq)
    yield* mirror.updateLock.critical('note that nothing has happened', () => {
      undisturbed.value = isCurrent(undisturbed.seq, mirror.notifier)
      return 0
    })
    return yield* migrateUnderMmapLock(
      current,
      args,
      () => allocateAndCopy(current, args, current.machine.deviceMemory[owner].frames),
      () => mapMigrated(current, mirror, args),
    )
  },
)

/** Maps the migrated pages. One step for each page: the device may use each at once. */
export const mapMigrated = procedure(
  'map what has migrated',
  function* (current: Task, mirror: Mirror, args: MigrateVma) {
    yield* mirror.updateLock.lock()
    for (let page = args.start; page < args.end; page++)
      yield* step('map a page', () => {
        const entry = pagesOf(current)[page]
        if (!undisturbedOf(mirror, current).value || !isMigrating(entry)) return 0
        mirror.pageTable[page].frame = entry.dst
        mirror.pageTable[page].write = mayWriteMigrated(current, args, page)
        return 0
      })
    yield* mirror.updateLock.unlock()
  },
)

/**
 * Records the invalidation for every thread that migrates, except the thread whose own migration
 * causes it. Called inside the step that sets the sequence number, under the update lock.
 */
export function disturb(current: Task, mirror: Mirror, range: NotifierRange): void {
  if (mirror.undisturbed === undefined) return
  const own = isOwnMigration(mirror, range)
  for (const [thread, flag] of mirror.undisturbed) if (!own || thread !== current.thread) flag.value = false
}

function undisturbedOf({ name, undisturbed }: Mirror, { thread }: Task): Undisturbed {
  const flag = undisturbed?.get(thread)
  if (flag === undefined)
    throw new SpecificationError(
      'scenario',
      `thread ${thread} maps what it migrates to ${name}, which was not declared to`,
    )
  return flag
}
