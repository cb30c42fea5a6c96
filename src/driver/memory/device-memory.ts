/**
 * The reference driver's memory: pages migrate there on request, and back on a CPU fault.
 *
 * The driver maps no page while it migrates: the device faults afterwards, as after any other
 * invalidation. So a single path programs its page table, and that path checks the sequence number.
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
  holdInPlace,
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
 * Migrates the pages from `start` to `end` into the device's memory, as far as possible; by the
 * driver's own procedure if it has one.
 *
 * @returns 0; -EINVAL if the pages are not in one VMA; or the error of the driver
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
 * The same without splitting: a huge page that the range covers migrates to a huge page of the
 * device's memory.
 *
 * @returns 0, or -EINVAL if the pages are not in one VMA
 */
export const migrateLargeToDevice = procedure(
  'migrate to device (large folios)',
  function* (current: Task, mirror: Mirror, start: number, end: number): Running<number> {
    const select = SELECT_SYSTEM | SELECT_COMPOUND
    const args = { mm: mirror.mm, start, end, owner: mirror.owner, select }
    return yield* migrateTo(current, args, current.machine.deviceMemory[mirror.owner].frames)
  },
)

/** The same for a driver without a mirror: migrates pages of the current process to `memory`. */
export const migrateToMemory = procedure(
  'migrate to device memory',
  function* (current: Task, memory: DeviceMemory, start: number, end: number): Running<number> {
    const args = { mm: current.mm, start, end, owner: memory.owner, select: SELECT_SYSTEM }
    return yield* migrateTo(current, args, memory.frames)
  },
)

/** Migrates the driver's own pages from `start` to `end` back to system memory. */
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
 * A CPU fault on a page in the device's memory: migrates it back to system memory.
 *
 * @returns 0, also if the page could not be collected, because another thread is migrating it: the
 * access is retried; or VM_FAULT_OOM
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

/**
 * The migration that serves a fault: of the one page, or of the huge page that a PMD maps.
 *
 * @kernel vm_fault.pte
 */
export function faultArgs({ machine }: Task, mm: MmStruct, page: number, fault: DeviceFault): MigrateVma {
  const { owner } = machine.frames[fault.pfn]
  const pmd = fault.isHuge ? pmdAt(mm, page) : undefined
  if (pmd === undefined)
    return { mm, start: page, end: page + 1, owner, select: SELECT_DEVICE_PRIVATE, fault }
  return { mm, start: pmd.start, end: pmd.end, owner, select: SELECT_DEVICE_PRIVATE | SELECT_COMPOUND, fault }
}

/**
 * Migrates every mapped page of the device memory back, from all address spaces. A page that cannot
 * be collected now stays: a caller that needs all pages evicted retries.
 *
 * @see reference B.8
 */
export const evict = procedure(function* evict(current: Task, memory: DeviceMemory): Running<void> {
  const own = memory.ops.evict
  if (own) return yield* own(current)
  for (const frame of memory.frames) {
    const args = yield* migrate_device_range(current, frame)
    if (args === undefined) continue
    yield* allocateAndCopy(current, args, systemFrames(current))
    yield* migrate_vma_pages(current, args)
    yield* migrate_vma_finalize(current, args)
  }
})

/** Attaches the reference driver to device memory. */
export function attachDeviceMemory(memory: DeviceMemory): void {
  memory.ops = { migrateToRam: bringBack }
}

/** Attaches the driver of `mirror` to its device memory, if the driver has `migrateToRam`. */
export function attachOwnMemory(memory: DeviceMemory, mirror: Mirror): void {
  const { migrateToRam, evict: own } = mirror.driver
  if (own)
    memory.ops = {
      ...memory.ops,
      evict: procedure(`${mirror.name}: evict`, function* (current: Task): Running<void> {
        yield* own(current, mirror)
      }),
    }
  if (migrateToRam === undefined) return
  memory.ops = {
    ...memory.ops,
    migrateToRam: procedure(
      `${mirror.name}: migrate_to_ram`,
      function* (current: Task, _mm: MmStruct, page: number, fault: DeviceFault): Running<number> {
        const answer: unknown = yield* migrateToRam(current, mirror, page, fault)
        if (answer === 'again')
          return yield* step('the page stays for now', () => {
            holdInPlace(current, page)
            return 0
          })
        if (typeof answer !== 'number' || !Number.isInteger(answer))
          throw new SpecificationError(
            'invalid-result',
            `migrateToRam of driver ${mirror.driver.name} returned ${String(answer)}; it returns a number, 0 once the page is back, or an error; or 'again'`,
          )
        return answer
      },
    ),
  }
}

/** Attaches the reference driver to the memory of a device whose copies may fail at any time. */
export function attachFailingMemory(memory: DeviceMemory): void {
  memory.ops = { migrateToRam: bringBack, failed: () => true }
}

/** All frames of system memory, without the zero page. */
export function systemFrames({ machine }: Task): Frame[] {
  return machine.frames.filter(({ owner, pfn }) => owner < 0 && pfn !== ZERO_PAGE)
}

/**
 * A migration started by the driver, in either direction, with destinations from `frames`. Its
 * steps belong to its caller.
 */
function migrateTo(current: Task, args: MigrateVma, frames: readonly Frame[]): Running<number> {
  return migrateUnderMmapLock(current, args, () => allocateAndCopy(current, args, frames))
}

/**
 * A migration started by the driver, under the mmap lock from migrate_vma_setup to
 * migrate_vma_finalize. Its steps belong to its caller.
 *
 * @param allocate - allocates destinations, and copies
 * @param map - called after migrate_vma_pages, to map the pages for the device (default: none)
 * @returns 0, or the error of migrate_vma_setup
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
 * True if the device may write to `page` after the migration: if the page was mapped writable, or
 * was a hole in a writable VMA. Called inside an atomic step.
 */
export function mayWriteMigrated(current: Task, { mm }: MigrateVma, page: number): boolean {
  const entry = pagesOf(current)[page]
  return hasSource(entry) ? (entry.flags & MIGRATE_PFN_WRITE) !== 0 : mayWritePage(mm, page)
}

/**
 * Allocates a destination for each page that migrates, and copies the page.
 *
 * @returns 1 if no destination was free for one of them
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
 * The same for one page, or for a huge page.
 *
 * @param failing - decides whether the next allocation fails (default: only if no page is free)
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
      // A hole is collected whatever `select` is. A migration back to system memory leaves it a
      // hole.
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
 * Allocates a huge page for one that migrates as a whole; if none is free, single pages for each of
 * its parts. Called inside an atomic step.
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
  // migrate_device_pages cannot split the source.
  if (pages.length < hugePages || args.fromDevice) return Allocated.none
  for (const [index, frame] of pages.entries()) {
    allocate(frame)
    if (index === 0) setDestination(entries[page], frame)
    else entries[page + index].dst = frame
  }
  return Allocated.yes
}

/** The first `count` contiguous free frames, or none. */
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
 * Allocates contiguous free frames as one large folio, locked, with one reference each. Called
 * inside an atomic step.
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

/** Copies the page to its destination. The destination of a hole stays zeroed. */
export const copyPage = procedure(
  'alloc_and_copy (copy)',
  function* (current: Task, _args: MigrateVma, page: number) {
    const entries = pagesOf(current)
    const entry = entries[page]
    yield* step('copy the page', () => {
      const sources = sourcesOf(current.machine, entry)
      for (const [index, source] of sources.entries()) {
        // The destination of a huge page is a huge page, or single pages.
        const dst = index > 0 && entry.dst?.compound === 0 ? entries[page + index].dst : entry.dst
        if (dst !== undefined) destinationOf(source, dst).contents = source.contents
      }
      return 0
    })
  },
)

const Allocated = { notNeeded: 0, none: 1, yes: 2 } as const

/**
 * Allocates a free page, locked, with one reference. No other thread can hold its lock. Called
 * inside an atomic step.
 */
function allocate(frame: Frame): void {
  if (frame.owner >= 0) zoneDevicePageInit(frame)
  else frame.refcount = 1
  tryLockPage(frame)
}
