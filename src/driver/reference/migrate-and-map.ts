/**
 * A driver that maps for its device what it migrates, at the end of the migration, and does not wait for a fault.
 *
 * The mmap lock does not keep others from taking the page away again (H10), so the driver must know whether anybody has
 * said so since it began. The sequence alone does not tell: its own migration raises it too, and another invalidation that
 * overlaps with that one raises it no further. So the callback notes who else has been there.
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
 * Moves what can be moved of the pages from `start` to `end` into the device's memory, and maps it, unless somebody has
 * invalidated any of it meanwhile.
 *
 * @returns 0, or -EINVAL if they are not in one area
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

/** Maps what has migrated. One step a page: the device may use each at once. */
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
 * The driver is told of an invalidation: every thread that migrates must know, but for one that causes it by its own
 * migration. Part of the step that records the sequence, under the update lock.
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
