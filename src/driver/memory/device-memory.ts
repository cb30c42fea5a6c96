/**
 * The reference driver's own memory: pages go there when the device wants them near, and come back when a CPU does.
 *
 * It maps nothing as it migrates: the device faults afterwards like after any other change, so that only one path
 * programs its page table, and that one is checked by the sequence.
 *
 * @see reference B.5, B.6, B.7
 * @module
 */
import {
  type DeviceFault,
  type DeviceMemory,
  destinationOf,
  type Frame,
  hasSource,
  isCompound,
  isFreePage,
  isMigrating,
  MIGRATE_PFN_WRITE,
  type MigrateVma,
  type MmStruct,
  mayWritePage,
  migrate_device_range,
  migrate_vma_finalize,
  migrate_vma_pages,
  migrate_vma_setup,
  pagesOf,
  pmdAt,
  SELECT_COMPOUND,
  SELECT_DEVICE_PRIVATE,
  SELECT_SYSTEM,
  selectMemory,
  setDestination,
  sourcesOf,
  type Task,
  tryLockPage,
  VM_FAULT_OOM,
  ZERO_PAGE,
  zoneDeviceFolioInit,
  zoneDevicePageInit,
} from '../../kernel/index.js'
import { procedure, type Running, SpecificationError, step } from '../../world/index.js'
import type { Mirror } from '../mirror.js'

/**
 * Moves what can be moved of the pages from `start` to `end` into the device's memory, or has the driver do it in its own way.
 *
 * @returns 0, or -EINVAL if they are not in one area; or what the driver answers
 */
export const migrateToDevice = procedure(
  'migrate to device',
  function* (current: Task, mirror: Mirror, start: number, end: number): Running<number> {
    const own = mirror.driver.migrateToDevice
    if (own) return yield* own(current, mirror, start, end)
    const args = { mm: mirror.mm, start, end, owner: mirror.owner, select: SELECT_SYSTEM }
    return yield* migrateTo(current, args, current.machine.deviceMemory[mirror.owner].frames)
  },
)

/**
 * The same, with huge pages as they are: one that the range covers becomes a huge page of the device's memory.
 *
 * @returns 0, or -EINVAL if they are not in one area
 */
export const migrateLargeToDevice = procedure(
  'migrate to device (large folios)',
  function* (current: Task, mirror: Mirror, start: number, end: number): Running<number> {
    const select = SELECT_SYSTEM | SELECT_COMPOUND
    const args = { mm: mirror.mm, start, end, owner: mirror.owner, select }
    return yield* migrateTo(current, args, current.machine.deviceMemory[mirror.owner].frames)
  },
)

/** The same for a driver that mirrors nothing: pages of the current process go to `memory`. */
export const migrateToMemory = procedure(
  'migrate to device memory',
  function* (current: Task, memory: DeviceMemory, start: number, end: number): Running<number> {
    const args = { mm: current.mm, start, end, owner: memory.owner, select: SELECT_SYSTEM }
    return yield* migrateTo(current, args, memory.frames)
  },
)

/** Moves the driver's own pages from `start` to `end` back to system memory. */
export const migrateToSystem = procedure(
  'migrate to system',
  function* (current: Task, mirror: Mirror, start: number, end: number): Running<number> {
    const own = mirror.driver.migrateToSystem
    if (own) return yield* own(current, mirror, start, end)
    const { mm, owner } = mirror
    const args = {
      mm,
      start,
      end,
      owner,
      select: selectMemory(current.machine.deviceMemory[owner].frames[0]),
    }
    return yield* migrateTo(current, args, systemFrames(current))
  },
)

/**
 * A CPU has touched a page that is in the device's memory: brings it back.
 *
 * @returns 0, also where nothing could be collected: somebody else is about it, and the access is tried again; or
 * VM_FAULT_OOM
 * @kernel dev_pagemap_ops.migrate_to_ram
 */
export const bringBack = procedure(function* migrate_to_ram(
  current: Task,
  mm: MmStruct,
  page: number,
  fault: DeviceFault,
): Running<number> {
  const args = faultArgs(current, mm, page, fault)
  yield* migrate_vma_setup(current, args)
  const short = yield* allocateAndCopy(current, args, systemFrames(current))
  yield* migrate_vma_pages(current, args)
  yield* migrate_vma_finalize(current, args)
  return short ? VM_FAULT_OOM : 0
})

/** What is to come back for a fault: the one page, or the huge page that one entry maps. @kernel vm_fault.pte */
export function faultArgs({ machine }: Task, mm: MmStruct, page: number, fault: DeviceFault): MigrateVma {
  const { owner } = machine.frames[fault.pfn]
  const pmd = fault.isHuge ? pmdAt(mm, page) : undefined
  if (pmd === undefined)
    return { mm, start: page, end: page + 1, owner, select: SELECT_DEVICE_PRIVATE, fault }
  return { mm, start: pmd.start, end: pmd.end, owner, select: SELECT_DEVICE_PRIVATE | SELECT_COMPOUND, fault }
}

/**
 * Brings back every page of device memory that somebody maps, whoever it is. One that cannot be had now stays: who must
 * be sure tries again.
 *
 * @see reference B.8
 */
export const evict = procedure(function* evict(current: Task, memory: DeviceMemory): Running<void> {
  for (const frame of memory.frames) {
    const args = yield* migrate_device_range(current, frame)
    if (args === undefined) continue
    yield* allocateAndCopy(current, args, systemFrames(current))
    yield* migrate_vma_pages(current, args)
    yield* migrate_vma_finalize(current, args)
  }
})

/** Gives device memory to the reference driver. */
export function attachDeviceMemory(memory: DeviceMemory): void {
  memory.ops = { migrateToRam: bringBack }
}

/** Gives the memory of the device of `mirror` to its driver, if that brings pages back itself. */
export function attachOwnMemory(memory: DeviceMemory, mirror: Mirror): void {
  const { migrateToRam } = mirror.driver
  if (migrateToRam === undefined) return
  memory.ops = {
    ...memory.ops,
    migrateToRam: procedure(
      `${mirror.name}: migrate_to_ram`,
      function* (current: Task, _mm: MmStruct, page: number, fault: DeviceFault): Running<number> {
        const answer: unknown = yield* migrateToRam(current, mirror, page, fault)
        if (typeof answer !== 'number' || !Number.isInteger(answer))
          throw new SpecificationError(
            'invalid-result',
            `migrateToRam of driver ${mirror.driver.name} returned ${String(answer)}; it returns a number: 0 once the page is back, or an error`,
          )
        return answer
      },
    ),
  }
}

/** The same for a device whose copies may fail at any time. */
export function attachFailingMemory(memory: DeviceMemory): void {
  memory.ops = { migrateToRam: bringBack, failed: () => true }
}

/** Every frame that the CPU can map, the zero page left out. */
export function systemFrames({ machine }: Task): Frame[] {
  return machine.frames.filter(({ owner, pfn }) => owner < 0 && pfn !== ZERO_PAGE)
}

/**
 * A migration on the driver's own account, in either direction, to a page of `frames` each. Its
 * steps belong to its caller.
 */
function migrateTo(current: Task, args: MigrateVma, frames: readonly Frame[]): Running<number> {
  return migrateUnderMmapLock(current, args, () => allocateAndCopy(current, args, frames))
}

/**
 * A migration on the driver's own account, from setup to finalize under the mmap lock. Its steps
 * belong to its caller.
 *
 * @param allocate - finds destinations, and copies
 * @param map - what the driver does with its device once the pages have migrated (default nothing)
 * @returns 0, or what migrate_vma_setup refuses
 */
export function* migrateUnderMmapLock(
  current: Task,
  args: MigrateVma,
  allocate: () => Running<unknown>,
  map?: () => Running<void>,
): Running<number> {
  const { mmapLock } = args.mm
  yield* mmapLock.lockRead()
  const error = yield* migrate_vma_setup(current, args)
  if (!error) {
    yield* allocate()
    yield* migrate_vma_pages(current, args)
    if (map) yield* map()
    yield* migrate_vma_finalize(current, args)
  }
  yield* mmapLock.unlockRead()
  return error
}

/**
 * True if the device may write to `page` once it has migrated: if the page could be written, or if
 * there was none and its area may be. Called inside an atomic step.
 */
export function mayWriteMigrated(current: Task, { mm }: MigrateVma, page: number): boolean {
  const entry = pagesOf(current)[page]
  return hasSource(entry) ? (entry.flags & MIGRATE_PFN_WRITE) !== 0 : mayWritePage(mm, page)
}

/**
 * Finds a destination for each page that migrates, and copies it.
 *
 * @returns 1 if there was none for one of them
 */
export const allocateAndCopy = procedure(function* alloc_and_copy(
  current: Task,
  args: MigrateVma,
  from: readonly Frame[],
): Running<number> {
  let short = 0
  for (let page = args.start; page < args.end; page++)
    short |= yield* allocateAndCopyPage(current, args, page, from)
  return short
})

/**
 * The same for one page, or for a huge page as a whole.
 *
 * @param failing - whether the next allocation fails (default no allocation does that finds a page)
 */
export const allocateAndCopyPage = procedure(
  'alloc_and_copy (page)',
  function* (
    current: Task,
    args: MigrateVma,
    page: number,
    from: readonly Frame[],
    failing?: { failsNext: boolean },
  ): Running<number> {
    const entry = pagesOf(current)[page]
    const got = yield* step('allocate a destination', () => {
      if (!isMigrating(entry)) return Allocated.notNeeded
      // A hole is collected whatever was selected. Where pages are brought back it stays one.
      if (!hasSource(entry) && !(args.select & SELECT_SYSTEM)) return Allocated.notNeeded
      const fails = failing?.failsNext === true
      if (fails) failing.failsNext = false
      if (isCompound(entry)) return allocateHuge(current, args, page, from, fails)
      if (fails) return Allocated.none
      const frame = from.find((free) => isFreePage(free))
      if (frame === undefined) return Allocated.none
      allocate(frame)
      setDestination(entry, frame)
      return Allocated.yes
    })
    if (got !== Allocated.yes) return got === Allocated.none ? 1 : 0
    yield* copyPage(current, args, page)
    return 0
  },
)

/**
 * A huge page for one that migrates as a whole, or, where there is none, as many pages one by one.
 * Called inside an atomic step.
 *
 * @returns one of {@link Allocated}
 */
function allocateHuge(
  current: Task,
  args: MigrateVma,
  page: number,
  from: readonly Frame[],
  fails: boolean,
): number {
  const { hugePages } = current.machine
  const entries = pagesOf(current)
  const folio = fails ? [] : adjacentFree(from, hugePages)
  if (folio.length > 0) {
    allocateFolio(folio)
    setDestination(entries[page], folio[0])
    return Allocated.yes
  }
  const pages = from.filter((free) => isFreePage(free)).slice(0, hugePages)
  // Only who migrates on behalf of an address space can have it split.
  if (pages.length < hugePages || args.fromDevice) return Allocated.none
  for (const [index, frame] of pages.entries()) {
    allocate(frame)
    if (index === 0) setDestination(entries[page], frame)
    else entries[page + index].dst = frame
  }
  return Allocated.yes
}

/** The first `count` frames side by side that are free, or none. */
function adjacentFree(from: readonly Frame[], count: number): readonly Frame[] {
  let first = 0
  for (const [index, frame] of from.entries()) {
    if (!isFreePage(frame) || (index > first && frame.pfn !== from[index - 1].pfn + 1))
      first = isFreePage(frame) ? index : index + 1
    if (index - first + 1 === count) return from.slice(first, index + 1)
  }
  return []
}

/**
 * Takes free frames side by side as one large folio, locked, with one reference each. Called inside
 * an atomic step.
 */
function allocateFolio(frames: readonly Frame[]): void {
  if (frames[0].owner >= 0) zoneDeviceFolioInit(frames)
  else
    for (const [index, frame] of frames.entries()) {
      frame.refcount = 1
      frame.compound = index + 1
    }
  tryLockPage(frames[0])
}

/** Copies the page to its destination; where there is none, that stays zeroed. */
export const copyPage = procedure(
  'alloc_and_copy (copy)',
  function* (current: Task, _args: MigrateVma, page: number) {
    const entries = pagesOf(current)
    const entry = entries[page]
    yield* step('copy the page', () => {
      const sources = sourcesOf(current.machine, entry)
      for (const [index, source] of sources.entries()) {
        // A huge page goes to a huge page, or to pages one by one.
        const dst = index > 0 && entry.dst?.compound === 0 ? entries[page + index].dst : entry.dst
        if (dst !== undefined) destinationOf(source, dst).contents = source.contents
      }
      return 0
    })
  },
)

const Allocated = { notNeeded: 0, none: 1, yes: 2 } as const

/**
 * Takes a free page, with one reference and locked: nobody else can hold its lock. Called inside an
 * atomic step.
 */
function allocate(frame: Frame): void {
  if (frame.owner >= 0) zoneDevicePageInit(frame)
  else frame.refcount = 1
  tryLockPage(frame)
}
