/**
 * A driver that migrates a range of which some pages are in its memory already.
 *
 * @module
 */
import {
  hasSource,
  type MigrateVma,
  pagesOf,
  SELECT_DEVICE_PRIVATE,
  SELECT_SYSTEM,
  type Task,
} from '../../kernel/index.js'
import { procedure, type Running, step } from '../../world/index.js'
import { allocateAndCopy, migrateUnderMmapLock } from '../memory/device-memory.js'
import type { Mirror } from '../mirror.js'

/**
 * Migrates the pages from `start` to `end` that are in system memory into the device's. Pages that
 * are there already are collected too, so that no CPU fault migrates them back meanwhile, and stay.
 *
 * @returns 0, or -EINVAL if the pages are not in one VMA
 */
export const migrateMixed = procedure(
  'migrate to device (mixed)',
  function* (current: Task, mirror: Mirror, start: number, end: number): Running<number> {
    const { mm, owner } = mirror
    const args = { mm, start, end, owner, select: SELECT_SYSTEM | SELECT_DEVICE_PRIVATE }
    return yield* migrateUnderMmapLock(current, args, function* () {
      for (let page = start; page < end; page++) yield* moveUnlessThere(current, args, page)
    })
  },
)

/**
 * Allocates a destination for the page and copies it, unless it is in the device's memory already.
 */
export const moveUnlessThere = procedure(
  'alloc_and_copy (unless there)',
  function* (current: Task, args: MigrateVma, page: number): Running<void> {
    const { frames, deviceMemory } = current.machine
    const entry = pagesOf(current)[page]
    const isThere = yield* step('look where the page is', () =>
      hasSource(entry) && frames[entry.source].owner === args.owner ? 1 : 0,
    )
    if (isThere) return
    yield* allocateAndCopy(current, { ...args, start: page, end: page + 1 }, deviceMemory[args.owner].frames)
  },
)
