/**
 * The reference driver's memory as a region that is added and removed: its pages are on a free
 * list; it is evicted and removed, or unplugged while it is in use.
 *
 * The free list is under a spinlock of the driver, a leaf of the lock order, which is only held
 * within one step: so it needs no field of its own.
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

/** The driver's record of its memory. */
export interface DeviceChunk {
  readonly memory: DeviceMemory
  /** True while this record is allocated. Its pages refer to it, so it must outlive them. */
  allocated: boolean
  /**
   * True once no page may be allocated from it any more: a page that is freed is no longer put on
   * the free list.
   */
  removing: boolean
  /** True if the device is unplugged, and the contents of its memory are lost. */
  lost: boolean
  /**
   * True if the driver poisons the entries of lost pages; false if it leaves them, as today's
   * drivers do.
   */
  readonly poisons: boolean
}

/** Attaches the reference driver to `memory`, which is added and removed at run time. */
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
 * The page is returned to the driver. Called inside an atomic step.
 *
 * @kernel dev_pagemap_ops.page_free
 */
function pageFree(deviceChunk: DeviceChunk, frame: Frame): void {
  claim('C31', !frame.onFreeList, `frame ${frame.pfn} is freed, and is on the free list already`)
  if (!deviceChunk.removing) frame.onFreeList = true
}

/**
 * Adds the memory, and puts its pages on the free list.
 *
 * @returns 0, or the error of memremap_pages
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

/** Sets up the chunk as added, before the first step of a scenario. */
export function pluggedIn(chunk: DeviceChunk): void {
  plugPages(chunk.memory)
  fillFreeList(chunk)
}

function fillFreeList(deviceChunk: DeviceChunk): void {
  deviceChunk.allocated = true
  for (const frame of deviceChunk.memory.frames) frame.onFreeList = true
}

/**
 * Removes the memory while the device works: stops allocation, evicts its pages, and removes the
 * region.
 *
 * @returns 0; -EINVAL if the memory is not there, or another thread is removing it
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

/**
 * Empties the free list for good. Returns 1, or 0 if the memory is not there or is being removed.
 * One step: the lock of the list is held.
 */
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
 * Evicts repeatedly until every page is free: a page that another thread had locked or referenced
 * was skipped in the previous round. If all remaining pages are locked it waits, since their
 * holders will free or map them.
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

/** Frees the record. No page refers to it any more. */
export const freeChunk = procedure('free the chunk', function* (chunk: DeviceChunk): Running<void> {
  yield* step('free the record', () => {
    chunk.removing = false
    chunk.lost = false
    chunk.allocated = false
    return 0
  })
})

/**
 * The device is unplugged, and the contents of its memory are lost: the driver cannot copy any page
 * back. It either poisons every entry of its pages, or waits until the processes have unmapped them
 * or exited, and returns VM_FAULT_SIGBUS meanwhile.
 *
 * @returns 0; -EINVAL if the memory is not there or is being removed
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

/**
 * Waits for a page that a fault has locked: the fault poisons it too, and then this has nothing to
 * do.
 */
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
 * A CPU fault on a page in the memory: migrates it back if the device still works.
 *
 * @returns 0 if the page is migrated, or another thread is migrating it; VM_FAULT_OOM;
 * VM_FAULT_SIGBUS if the data is lost
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

/** 1 if the device does not respond. */
export const isLost = procedure('ask the device', function* (chunk: DeviceChunk): Running<number> {
  return yield* step('ask the device', () => (chunk.lost ? 1 : 0))
})

/**
 * Checks whether the device has copied. If it was unplugged meanwhile, the destinations may be
 * incomplete: the driver frees them before migrate_vma_pages, so that the pages are not migrated
 * (H15 is a driver that does not).
 *
 * @returns 1 if a destination was freed
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

/** The data is lost. Returns VM_FAULT_SIGBUS. */
const giveUp = procedure(
  'give up a lost page',
  function* (current: Task, { poisons }: DeviceChunk, { pfn }: DeviceFault): Running<number> {
    if (poisons) yield* poisonDevicePage(current, current.machine.frames[pfn])
    return VM_FAULT_SIGBUS
  },
)
