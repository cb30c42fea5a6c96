/**
 * Collects pages of device memory by frame, and unmaps them from every page table.
 *
 * @see reference B.5, B.8
 * @module
 */

import type { Frame, Machine, Task } from '../../machine/index.js'
import { procedure, type Running, step } from '../../world/index.js'
import { getPage, tryLockPage } from '../mm/page.js'
import { maps, partsOf } from '../mm/rmap.js'
import {
  beginEntry,
  MIGRATE_PFN_COMPOUND,
  MIGRATE_PFN_MIGRATE,
  MIGRATE_PFN_VALID,
  type MigrateVma,
  pagesOf,
  selectMemory,
} from './request.js'
import { migrate_device_unmap } from './unmap.js'

/** No page table maps the frame. */
const NOWHERE = -1

/**
 * Collects one page of device memory by frame, for a driver that evicts it. A page that is free, or
 * that another thread has locked, is skipped.
 *
 * @returns the migration, which the caller finishes like any other; `undefined` if the page was
 * skipped
 * @kernel migrate_device_range mm/migrate_device.c
 * @see reference B.8
 */
export const migrate_device_range = procedure(function* migrate_device_range(
  current: Task,
  frame: Frame,
): Running<MigrateVma | undefined> {
  const { machine } = current
  const page = yield* step('lock the page, and hold it', () => {
    const parts = partsOf(machine, frame)
    // A large folio is collected once, with its head page.
    if (parts[0] !== frame) return NOWHERE
    const at = parts.map((part) => pageOf(machine, part)).find((found) => found !== NOWHERE) ?? NOWHERE
    if (at === NOWHERE || !tryLockPage(frame)) return NOWHERE
    for (const part of parts) getPage(part)
    collectFrame(current, frame, at)
    return at
  })
  return page === NOWHERE ? undefined : yield* unmapFrame(current, frame, page)
})

/**
 * Collects the pages of a chunk of device memory by frame, and unmaps them from every page table.
 * All pages are locked before the first is unmapped. A page that is free, or that another thread
 * has locked, is skipped.
 *
 * @returns the migration, which the caller finishes like any other: entry N of the arrays is frame
 * N of the chunk
 * @kernel migrate_device_range mm/migrate_device.c
 * @see reference B.8
 */
export const migrateDeviceChunk = procedure(
  'migrate_device_range (chunk)',
  function* (current: Task, frames: readonly Frame[]): Running<MigrateVma> {
    const end = yield* collectChunk(current, frames)
    const args = {
      mm: current.machine.mms[0],
      start: 0,
      end,
      owner: frames[0].owner,
      select: selectMemory(frames[0]),
      fromDevice: true as const,
    }
    yield* migrate_device_unmap(current, args)
    return args
  },
)

/**
 * Locks the pages in the order of their frame numbers, and takes a reference to each.
 *
 * @returns the number of entries of the arrays up to the last collected page
 * @kernel migrate_device_pfn_lock mm/migrate_device.c
 * @see reference B.8
 */
export const collectChunk = procedure(
  'migrate_device_range (collect)',
  function* (current: Task, frames: readonly Frame[]): Running<number> {
    let end = 0
    for (const [index, frame] of frames.entries()) {
      const isCollected = yield* step('lock a page, and hold it', () => {
        if (collectAt(current, frame, index)) return 1
        beginEntry(pagesOf(current)[index])
        return 0
      })
      if (isCollected) end = index + 1
    }
    return end
  },
)

/**
 * Locks the page, takes a reference to it, and makes it the source of entry `index`. Called inside
 * an atomic step.
 *
 * @returns false for a page that no page table maps, or that another thread has locked
 */
export function collectAt(current: Task, frame: Frame, index: number): boolean {
  const { machine } = current
  const parts = partsOf(machine, frame)
  // A large folio is collected once, with its head page.
  if (parts[0] !== frame || parts.every((part) => pageOf(machine, part) === NOWHERE)) return false
  if (!tryLockPage(frame)) return false
  for (const part of parts) getPage(part)
  collectFrame(current, frame, index)
  return true
}

/**
 * The address, in pages, at which any address space maps the frame; -1 if none does. Called inside
 * an atomic step.
 */
export function pageOf(machine: Machine, frame: Frame): number {
  const pages = machine.mms.map((mm) => mm.pte.findIndex((pte) => maps(pte, frame)))
  return pages.find((found) => found >= 0) ?? NOWHERE
}

/**
 * Makes the frame, which is locked and referenced, the source of entry `page` of the arrays. Called
 * inside an atomic step.
 */
export function collectFrame(current: Task, frame: Frame, page: number): void {
  const entry = pagesOf(current)[page]
  entry.flags = MIGRATE_PFN_VALID | MIGRATE_PFN_MIGRATE | (frame.compound ? MIGRATE_PFN_COMPOUND : 0)
  entry.source = frame.pfn
  entry.dst = undefined
  entry.lifecycle.signal('COLLECTED')
  for (const part of partsOf(current.machine, frame)) part.lifecycle?.signal('COLLECTED')
}

/**
 * Unmaps a frame that was collected by frame from every page table. No address space is the one
 * that migrates: each gets an invalidation. Its steps are steps of its caller.
 *
 * @returns the migration, which the caller finishes like any other
 */
export function* unmapFrame(current: Task, frame: Frame, page: number): Running<MigrateVma> {
  const args = {
    mm: current.machine.mms[0],
    start: page,
    end: page + 1,
    owner: frame.owner,
    select: selectMemory(frame),
    fromDevice: true as const,
  }
  yield* migrate_device_unmap(current, args)
  return args
}
