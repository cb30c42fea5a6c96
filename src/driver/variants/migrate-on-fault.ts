/**
 * A driver that handles a device fault from device memory alone: all pages of the fault migrate
 * there first, or none. Two such migrations of one range would each collect a page that the other
 * needs, so a lock of the driver serialises them.
 *
 * @see commit 0620837490e0
 * @module
 */
import {
  Errno,
  HMM_PFN_REQ_FAULT,
  HMM_PFN_REQ_WRITE,
  hasSource,
  isMigrating,
  type MigrateVma,
  PteKind,
  pagesOf,
  SELECT_DEVICE_PRIVATE,
  SELECT_SYSTEM,
  type Task,
} from '../../kernel/index.js'
import { become, procedure, READ_ONCE, type Running, step } from '../../world/index.js'
import { migrateUnderMmapLock } from '../memory/device-memory.js'
import type { Mirror } from '../mirror.js'
import { populatePinned } from '../reference/reference.js'
import { migrationLock } from './lock-out.js'
import { moveUnlessThere } from './migrate-mixed.js'

/** A device fault: the pages migrate under the lock, and are mapped. */
export const populateFromDeviceMemory = procedure(
  'populate (from device memory)',
  function* (current: Task, mirror: Mirror, start: number, end: number, write: boolean): Running<number> {
    const error = yield* migrateOneAtATime(current, mirror, start, end)
    if (error === -Errno.EBUSY)
      return yield* become(populateFromDeviceMemory, current, mirror, start, end, write)
    if (error) return error
    const defaultFlags = HMM_PFN_REQ_FAULT | (write ? HMM_PFN_REQ_WRITE : 0)
    return yield* become(populatePinned, current, mirror, start, end, { defaultFlags, pfnFlagsMask: 0 })
  },
)

/** The migration, under the lock that every fault takes for it. */
export const migrateOneAtATime = procedure(
  'migrate to device (one at a time)',
  function* (current: Task, mirror: Mirror, start: number, end: number): Running<number> {
    const lock = migrationLock(current, mirror.owner)
    yield* lock.lock()
    const error = yield* migrateAllOrNone(current, mirror, start, end)
    yield* lock.unlock()
    return error
  },
)

/**
 * Migrates the pages from `start` to `end` into the device's memory if all of them are collected.
 * Pages that are there already stay.
 *
 * @returns 0; -EBUSY if a page was not collected: then no page migrates; -EINVAL if the pages are
 * not in one VMA
 */
export const migrateAllOrNone = procedure(
  'migrate to device (all or none)',
  function* (current: Task, mirror: Mirror, start: number, end: number): Running<number> {
    const { mm, owner } = mirror
    if (yield* areAllThere(current, mirror, start, end)) return 0
    const args = { mm, start, end, owner, select: SELECT_SYSTEM | SELECT_DEVICE_PRIVATE }
    let all = 0
    const error = yield* migrateUnderMmapLock(current, args, function* () {
      all = yield* areAllCollected(current, args)
      if (all) for (let page = start; page < end; page++) yield* moveUnlessThere(current, args, page)
    })
    if (error) return error
    return all ? 0 : -Errno.EBUSY
  },
)

/**
 * 1 if every page is in the device's memory, because another fault has migrated them. Collecting
 * invalidates a page even if it stays, so this fault would unmap pages that the device has just
 * got. Only a hint: an entry may change at once.
 *
 * @kernel drm_gpusvm_range_flags.has_devmem_pages
 */
export const areAllThere = procedure(
  'migrate to device (has_devmem_pages)',
  function* (
    { machine: { frames } }: Task,
    { mm, owner }: Mirror,
    start: number,
    end: number,
  ): Running<number> {
    for (let page = start; page < end; page++) {
      const isThere = yield* step('has_devmem_pages', () => {
        const { kind, frame } = READ_ONCE(mm.pte[page])
        return kind === PteKind.devicePrivate && frames[frame].owner === owner ? 1 : 0
      })
      if (!isThere) return 0
    }
    return 1
  },
)

/** 1 if every page was collected. @kernel migrate_vma.cpages */
export const areAllCollected = procedure(
  'migrate to device (cpages)',
  function* (current: Task, { start, end }: MigrateVma): Running<number> {
    return yield* step('compare cpages with npages', () =>
      pagesOf(current)
        .slice(start, end)
        .every((entry) => hasSource(entry) && isMigrating(entry))
        ? 1
        : 0,
    )
  },
)
