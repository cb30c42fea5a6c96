/**
 * The driver that the races were recorded with, where it is not the recorded driver of the sequences; and what of it the product
 * has page by page, and the kernel as a whole.
 *
 * @module
 */
import { allocateAndCopy, systemFrames } from '../../driver/index.js'
import {
  type DmirrorDevice,
  dmirror_device_evict_chunk,
  dmirror_interval_invalidate,
} from '../../driver/recorded/index.js'
import {
  collectFrame,
  getPage,
  type MigrateVma,
  migrate_vma_finalize,
  migrate_vma_pages,
  mmu_interval_set_seq,
  NotifyEvent,
  pageOf,
  type Task,
  tryLockPage,
  unmapFrame,
} from '../../kernel/index.js'
import { BLOCKED, type Override, override, procedure, type Running, step } from '../../world/index.js'

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

/** A page of the device that is evicted: index of its frame, and where it is mapped. */
export interface Evicted {
  readonly index: number
  readonly page: number
}

const NO_MORE = -1

/**
 * The next page that is locked. In which order the pages lie in the chunk is not known here, as the driver's free list is a stack:
 * any order will do. A page that comes into use behind the walk is left.
 *
 * @param taken - those that were locked before
 * @returns these and the next; these alone if there is no more
 */
export const collectNext = procedure(
  'migrate_device_range (next)',
  function* (current: Task, device: DmirrorDevice, taken: readonly Evicted[]): Running<readonly Evicted[]> {
    const { frames } = device.memory
    const { machine } = current
    const found = yield* step(
      'lock a page, and hold it',
      (choice) => {
        if (choice === frames.length) return NO_MORE
        if (taken.some(({ index }) => index === choice)) return BLOCKED
        const frame = frames[choice]
        const page = pageOf(machine, frame)
        if (page < 0 || !tryLockPage(frame)) return BLOCKED
        getPage(frame)
        collectFrame(current, frame, page)
        return choice * machine.pages + page
      },
      frames.length + 1,
    )
    if (found === NO_MORE) return taken
    return [...taken, { index: Math.floor(found / machine.pages), page: found % machine.pages }]
  },
)

/** A chunk is evicted as a whole: all of its pages are collected, then all unmapped, then copied, then mapped. */
const evictsAsAWhole: Override = override(
  dmirror_device_evict_chunk,
  () =>
    function* (current, device) {
      let evicted: readonly Evicted[] = []
      for (;;) {
        const more = yield* collectNext(current, device, evicted)
        if (more.length === evicted.length) break
        evicted = more
      }
      const pieces: MigrateVma[] = []
      for (const { index, page } of evicted)
        pieces.push(yield* unmapFrame(current, device.memory.frames[index], page))
      for (const args of pieces) yield* allocateAndCopy(current, args, systemFrames(current))
      for (const args of pieces) yield* migrate_vma_pages(current, args)
      for (const args of pieces) yield* migrate_vma_finalize(current, args)
    },
)

/** The driver of the races. */
export const driverOfRaces: readonly Override[] = [recordsOwnMigrations, evictsAsAWhole]
