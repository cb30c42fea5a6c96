/**
 * The driver that the races were recorded with, where it is not the recorded driver of the sequences; and what a trace does not
 * tell of it.
 *
 * @module
 */
import { dmirror_interval_invalidate } from '../../driver/recorded/index.js'
import {
  collectAt,
  collectChunk,
  type Frame,
  mmu_interval_set_seq,
  NotifyEvent,
  type Task,
} from '../../kernel/index.js'
import { BLOCKED, become, type Override, override, procedure, type Running, step } from '../../world/index.js'

/**
 * Its own migrations record the sequence, and change nothing else. As the kernel has it they pass it by (H1), and such races
 * crashed that kernel.
 */
export const recordsOwnMigrations: Override = override(
  dmirror_interval_invalidate,
  (original) =>
    function* (current, mirror, range, curSeq) {
      if (range.event !== NotifyEvent.MIGRATE || range.owner !== mirror.owner)
        return yield* original(current, mirror, range, curSeq)
      yield* mirror.updateLock.lock()
      yield* step('set_seq', () => {
        mmu_interval_set_seq(mirror.notifier, curSeq)
        return 0
      })
      yield* mirror.updateLock.unlock()
      return 1
    },
)

const NO_MORE = -1

/** The next page that is locked, which becomes entry `taken.length` of the arrays. */
const collectNext = procedure(
  'migrate_device_range (next)',
  function* (current: Task, frames: readonly Frame[], taken: readonly number[]): Running<number> {
    const found = yield* step(
      'lock a page, and hold it',
      (choice) => {
        if (choice === frames.length) return NO_MORE
        if (taken.includes(choice)) return BLOCKED
        return collectAt(current, frames[choice], taken.length) ? choice : BLOCKED
      },
      frames.length + 1,
    )
    if (found === NO_MORE) return taken.length
    return yield* become(collectNext, current, frames, [...taken, found])
  },
)

/**
 * In which order the pages lie in the chunk is not known of a trace, as the driver's free list is a stack: any order will do. A
 * page that comes into use behind the walk is left.
 */
const collectsInAnyOrder: Override = override(
  collectChunk,
  () =>
    function* (current, frames) {
      return yield* collectNext(current, frames, [])
    },
)

/** The driver of the races. */
export const driverOfRaces: readonly Override[] = [recordsOwnMigrations, collectsInAnyOrder]
