/**
 * The reference driver's memory as a region that comes and goes: plugged in, its pages on a free list, emptied and
 * removed; or unplugged while it is in use.
 *
 * The free list is under a spinlock of the driver's, a leaf of the lock order, that is only ever held within one step: so
 * it needs no cell of its own.
 *
 * @see reference B.7, B.8, A.1
 * @module
 */
import {
  type DeviceFault,
  type DeviceMemory,
  Errno,
  type Frame,
  folio_lock,
  folio_put,
  folio_unlock,
  type MigrateVma,
  type MmStruct,
  memremap_pages,
  memunmap_pages,
  migrate_vma_finalize,
  migrate_vma_pages,
  migrate_vma_setup,
  pagesOf,
  plugPages,
  poisonDevicePage,
  SELECT_DEVICE_PRIVATE,
  type Task,
  tryGetPage,
  VM_FAULT_OOM,
  VM_FAULT_SIGBUS,
  withdrawDestination,
} from '../../kernel/index.js'
import { BLOCKED, become, claim, type Layout, procedure, type Running, step } from '../../world/index.js'
import { allocateAndCopy, evict, systemFrames } from './device-memory.js'

/** What the driver keeps of its memory, for as long as that is there. */
export interface DeviceChunk {
  readonly memory: DeviceMemory
  /** Whether this record is allocated. Its pages lead to it, so that it must outlive them. */
  allocated: boolean
  /** True from the moment on that nothing is allocated from it any more; what becomes free then stays off the list. */
  removing: boolean
  /** Whether the device is gone, and what was in its memory. */
  lost: boolean
  /** True if the driver poisons the entries of what is lost; false if it leaves them, as today's do. */
  readonly poisons: boolean
}

/** Gives `memory`, which comes and goes, to the reference driver. */
export function attachDeviceChunk(
  layout: Layout,
  memory: DeviceMemory,
  options: { readonly poisons: boolean },
): DeviceChunk {
  const chunk: DeviceChunk = layout.scope(`chunk[${memory.owner}]`, (l) => {
    const allocated = l.flag('allocated')
    return {
      memory,
      allocated,
      removing: l.flag('removing', { partOf: allocated }),
      lost: l.flag('lost', { partOf: allocated }),
      poisons: options.poisons,
    }
  })
  memory.ops = {
    migrateToRam: procedure(
      `chunk[${memory.owner}]: migrate_to_ram`,
      function* (current: Task, mm: MmStruct, page: number, fault: DeviceFault) {
        return yield* bringBackFrom(current, chunk, mm, page, fault)
      },
    ),
    pageFree: (frame) => pageFree(chunk, frame),
    failed: () => chunk.lost,
  }
  return chunk
}

/**
 * The page is the driver's again. Called inside an atomic step.
 *
 * @kernel dev_pagemap_ops.page_free
 */
function pageFree(deviceChunk: DeviceChunk, frame: Frame): void {
  claim('C31', !frame.onFreeList, `frame ${frame.pfn} is freed, and is on the free list already`)
  if (!deviceChunk.removing) frame.onFreeList = true
}

/**
 * Plugs the memory in, and makes its pages free for use.
 *
 * @returns 0, or what memremap_pages answers
 */
export const addDeviceMemory = procedure(
  'add device memory',
  function* (_current: Task, chunk: DeviceChunk): Running<number> {
    const { memory } = chunk
    const error = yield* memremap_pages(memory, { owner: memory.owner, ops: memory.ops })
    if (error) return error
    yield* step('fill the free list', () => {
      fillFreeList(chunk)
      return 0
    })
    return 0
  },
)

/** The chunk as it is in a scenario that begins with it plugged in. Part of setting up the world. */
export function pluggedIn(chunk: DeviceChunk): void {
  plugPages(chunk.memory)
  fillFreeList(chunk)
}

function fillFreeList(deviceChunk: DeviceChunk): void {
  deviceChunk.allocated = true
  for (const frame of deviceChunk.memory.frames) frame.onFreeList = true
}

/**
 * Removes the memory while the device works: stops allocating, brings back what is in it, and lets it go.
 *
 * @returns 0; -EINVAL if there is nothing to remove, or somebody is about it
 * @see reference B.8
 */
export const removeDeviceMemory = procedure(
  'remove device memory',
  function* (current: Task, chunk: DeviceChunk): Running<number> {
    if (!(yield* stopAllocating(chunk))) return -Errno.EINVAL
    yield* evictUntilGone(current, chunk)
    yield* memunmap_pages(chunk.memory)
    yield* freeChunk(chunk)
    return 0
  },
)

/** Takes the free pages off the list, for good: 1; or 0 if there is nothing to stop. One step: the list's lock is held. */
export const stopAllocating = procedure('stop allocating', function* (chunk: DeviceChunk): Running<number> {
  return yield* step('empty the free list', () => (emptyFreeList(chunk, 'STOPPED') ? 1 : 0))
})

function emptyFreeList(chunk: DeviceChunk, why: 'STOPPED' | 'LOST'): boolean {
  const { memory } = chunk
  if (!chunk.allocated || chunk.removing) return false
  chunk.removing = true
  for (const frame of memory.frames) frame.onFreeList = false
  memory.pagemap?.lifecycle.signal(why)
  return true
}

/**
 * Evicts again and again until every page is free: one that somebody had locked, or held, the last time round was left
 * alone. Where all that are left are locked it waits, since whoever locked them is about to free them or to map them.
 */
export const evictUntilGone = procedure(
  'evict until gone',
  function* (current: Task, chunk: DeviceChunk): Running<void> {
    const left = yield* step('look for pages in use', () => {
      const used = chunk.memory.frames.filter((frame) => frame.refcount > 0)
      if (used.length === 0) return 0
      return used.every((frame) => frame.locked) ? BLOCKED : 1
    })
    if (!left) return
    yield* evict(current, chunk.memory)
    yield* become(evictUntilGone, current, chunk)
  },
)

/** The driver forgets the memory. No page leads to its record any more. */
export const freeChunk = procedure('free the chunk', function* (chunk: DeviceChunk): Running<void> {
  yield* step('free the record', () => {
    chunk.removing = false
    chunk.lost = false
    chunk.allocated = false
    return 0
  })
})

/**
 * The device is gone, and with it what was in its memory. Its driver can copy nothing back. Either it poisons every entry
 * that led there; or it waits until the processes have unmapped them or ended, and meanwhile answers their faults with SIGBUS.
 *
 * @returns 0; -EINVAL if there is no memory, or it is being removed: one of the two finds nothing to do
 */
export const unplugDevice = procedure(
  'unplug the device',
  function* (current: Task, chunk: DeviceChunk): Running<number> {
    const had = yield* step('the device is gone', () => {
      if (!emptyFreeList(chunk, 'LOST')) return 0
      chunk.lost = true
      for (const frame of chunk.memory.frames) frame.contents = 0
      return 1
    })
    if (!had) return -Errno.EINVAL
    if (chunk.poisons) yield* poisonAll(current, chunk)
    yield* memunmap_pages(chunk.memory)
    yield* freeChunk(chunk)
    return 0
  },
)

const poisonAll = procedure('poison all that is lost', function* (current: Task, chunk: DeviceChunk) {
  for (const frame of chunk.memory.frames) yield* lockAndPoison(current, frame)
})

/** A page that a fault has locked is waited for: the fault poisons it too, and then there is nothing left to do. */
const lockAndPoison = procedure(
  'poison what is lost',
  function* (current: Task, frame: Frame): Running<void> {
    if (!(yield* tryGetPage(frame))) return
    yield* folio_lock(frame)
    yield* poisonDevicePage(current, frame)
    yield* folio_unlock(frame)
    yield* folio_put(frame)
  },
)

/**
 * A CPU has touched a page that is in the memory: brings it back, if the device is still there.
 *
 * @returns 0: it is back, or somebody else is about it; VM_FAULT_OOM; VM_FAULT_SIGBUS if it is lost
 * @kernel dev_pagemap_ops.migrate_to_ram
 * @see reference B.6, A.1
 */
export const bringBackFrom = procedure(
  'migrate_to_ram (chunk)',
  function* (
    current: Task,
    chunk: DeviceChunk,
    mm: MmStruct,
    page: number,
    fault: DeviceFault,
  ): Running<number> {
    const { owner } = chunk.memory
    const args = { mm, start: page, end: page + 1, owner, select: SELECT_DEVICE_PRIVATE, fault }
    if (yield* isLost(chunk)) return yield* become(giveUp, current, chunk, fault)
    yield* migrate_vma_setup(current, args)
    const short = yield* allocateAndCopy(current, args, systemFrames(current))
    const failed = yield* dropFailedCopies(current, chunk, args)
    yield* migrate_vma_pages(current, args)
    yield* migrate_vma_finalize(current, args)
    if (failed) return yield* become(giveUp, current, chunk, fault)
    return short ? VM_FAULT_OOM : 0
  },
)

/** True (1) if the device does not answer. */
export const isLost = procedure('ask the device', function* (chunk: DeviceChunk): Running<number> {
  return yield* step('ask the device', () => (chunk.lost ? 1 : 0))
})

/**
 * Asks the device whether it has copied. If it has gone meanwhile nobody knows what has arrived: the destinations are given
 * back before migrate_vma_pages, so that the pages stay where they are (H15 is a driver that does not).
 *
 * @returns 1 if there was one to give back
 */
export const dropFailedCopies = procedure(
  'drop failed copies',
  function* (current: Task, chunk: DeviceChunk, args: MigrateVma): Running<number> {
    const dropped = yield* step('ask how the copy went', () => {
      const frames: Frame[] = []
      if (!chunk.lost) return frames
      for (const entry of pagesOf(current).slice(args.start, args.end)) {
        if (entry.dst === undefined) continue
        frames.push(entry.dst)
        withdrawDestination(entry)
      }
      return frames
    })
    for (const frame of dropped) {
      yield* folio_unlock(frame)
      yield* folio_put(frame)
    }
    return dropped.length > 0 ? 1 : 0
  },
)

/** The data cannot be had any more. Returns VM_FAULT_SIGBUS. */
const giveUp = procedure(
  'give up a lost page',
  function* (current: Task, { poisons }: DeviceChunk, { pfn }: DeviceFault): Running<number> {
    if (poisons) yield* poisonDevicePage(current, current.machine.frames[pfn])
    return VM_FAULT_SIGBUS
  },
)
