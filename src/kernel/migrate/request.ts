import {
  type DeviceFault,
  FaultHolds,
  type Frame,
  folioOf,
  isDevicePrivate,
  isPageCache,
  type Machine,
  type MigratingPage,
  type MmStruct,
  type Task,
} from '../../machine/index.js'
import { unobserved } from '../../world/index.js'
import { partsOf } from '../mm/rmap.js'

/** The entry of the array refers to a page. */
export const MIGRATE_PFN_VALID = 1
/** The page is to be migrated. Cleared when it turns out that it cannot be. */
export const MIGRATE_PFN_MIGRATE = 2
/** The page was mapped writable. */
export const MIGRATE_PFN_WRITE = 4

/**
 * A huge page, or a hole of its size, that migrates as a whole. The entries of the other parts are
 * unused.
 */
export const MIGRATE_PFN_COMPOUND = 64

/** `MIGRATE_VMA_SELECT_SYSTEM`: pages of system memory, and holes. */
export const SELECT_SYSTEM = 1
/** `MIGRATE_VMA_SELECT_DEVICE_PRIVATE`: device-private pages of `pgmap_owner`. */
export const SELECT_DEVICE_PRIVATE = 2
/** `MIGRATE_VMA_SELECT_DEVICE_COHERENT`: device-coherent pages of `pgmap_owner`. */
export const SELECT_DEVICE_COHERENT = 4

/** `MIGRATE_VMA_SELECT_COMPOUND`: huge pages that the range covers migrate without splitting. */
export const SELECT_COMPOUND = 8

/** The `MIGRATE_VMA_SELECT_` bit for the kind of device memory that `frame` belongs to. */
export function selectMemory(frame: Frame): number {
  return isDevicePrivate(frame) ? SELECT_DEVICE_PRIVATE : SELECT_DEVICE_COHERENT
}

/** A migration. The mmap lock is held, for reading at least, from setup to finalize. @kernel struct migrate_vma */
export interface MigrateVma {
  readonly mm: MmStruct
  /** First page. */
  readonly start: number
  /** Page after the last; all pages lie in one VMA. */
  readonly end: number
  /** `pgmap_owner`. */
  readonly owner: number
  /** `MIGRATE_VMA_SELECT_` bits. */
  readonly select: number
  /**
   * True if the pages were collected by frame (migrate_device_range), not by address: the caller
   * holds no mmap lock.
   */
  readonly fromDevice?: true
  /** `fault_page`: the CPU fault that the migration serves; absent if it serves none. */
  readonly fault?: DeviceFault
}

/**
 * The expected references to the page, besides mappings and the swap cache: of the migration, of
 * the fault that it serves, and of the page cache. A page with more cannot be migrated.
 */
export function ownReferences({ fault }: MigrateVma, frame: Frame): number {
  const faults = fault?.pfn === frame.pfn && fault.holds !== FaultHolds.nothing ? 1 : 0
  return 1 + faults + (isPageCache(frame) ? 1 : 0)
}

/**
 * True if the fault has locked the folio of the frame: the migration neither takes nor releases
 * that lock. Called inside an atomic step.
 */
export function isLockedByFault({ fault }: MigrateVma, frame: Frame): boolean {
  if (fault === undefined || fault.holds !== FaultHolds.lock) return false
  return fault.pfn === frame.pfn || folioOf(frame.memmap[fault.pfn]) === folioOf(frame)
}

/**
 * Ghost: migrate_vma_pages has moved the page to its destination, or has mapped the destination. In
 * the kernel this is a local variable of migrate_vma_pages.
 */
export const MIGRATE_PFN_MOVED = 8
/**
 * Ghost: migrate_device_unmap found no other reference to the page, or there is no page. In the
 * kernel this is a local variable of migrate_device_unmap.
 */
export const MIGRATE_PFN_UNMAPPED = 16
/**
 * Ghost: the page of the fault is not migrated, because another thread holds it, or because its owner
 * keeps it for a time slice. Cleared when the fault ends.
 */
export const MIGRATE_PFN_HELD = 32

/** Records that the owner of a device page keeps it in place: the CPU faults again. Called inside an atomic step. */
export function holdInPlace(current: Task, page: number): void {
  const entry = pagesOf(current)[page]
  entry.flags = entry.flags | MIGRATE_PFN_HELD
}

/**
 * True if the page of the fault was not migrated because another thread held it, or because its
 * owner keeps it. Clears the flag: the fault ends. Called inside an atomic step.
 */
export function wasHeld(current: Task, page: number): boolean {
  const entry = pagesOf(current)[page]
  const held = (entry.flags & MIGRATE_PFN_HELD) !== 0
  entry.flags = entry.flags & ~MIGRATE_PFN_HELD
  return held
}

/** The `src` and `dst` arrays of the migration that `current` performs. */
export function pagesOf(current: Task): readonly MigratingPage[] {
  return current.machine.migrations[current.thread]
}

/** True if the page is still to be migrated. */
export function isMigrating(entry: MigratingPage): boolean {
  return (entry.flags & MIGRATE_PFN_MIGRATE) !== 0
}

/** True if the entry refers to a page; false for a hole or the zero page. */
export function hasSource(entry: MigratingPage): boolean {
  return (entry.flags & MIGRATE_PFN_VALID) !== 0
}

/** True if a huge page migrates as a whole, or a hole of its size is to be populated. */
export function isCompound(entry: MigratingPage): boolean {
  return (entry.flags & MIGRATE_PFN_COMPOUND) !== 0
}

/**
 * The frames that migrate: the source of the entry, or all parts of a huge page that are in use.
 * Called inside an atomic step.
 */
export function sourcesOf(machine: Machine, entry: MigratingPage): readonly Frame[] {
  if (!hasSource(entry)) return []
  const source = machine.frames[entry.source]
  return isCompound(entry) ? partsOf(machine, source) : [source]
}

/**
 * The frame to which `source` migrates: the same part of the large folio at `dst`, or `dst` itself.
 * Called inside an atomic step.
 */
export function destinationOf(source: Frame, dst: Frame): Frame {
  return dst.compound > 0 && source.compound > 0 ? dst.memmap[dst.pfn + source.compound - 1] : dst
}

/** Clears the entry: it refers to no page, and no page will be migrated. */
export function forgetPage(entry: MigratingPage): void {
  entry.flags = entry.flags & MIGRATE_PFN_HELD
  entry.source = 0
}

/** The page will not be migrated. @kernel clears MIGRATE_PFN_MIGRATE */
export function stopMigrating(entry: MigratingPage): void {
  if (!isMigrating(entry)) return
  entry.flags = entry.flags & ~MIGRATE_PFN_MIGRATE
  entry.lifecycle.signal('GIVEN_UP')
}

/**
 * The page will not be migrated, because another thread holds it. If the migration serves a fault
 * on this page, MIGRATE_PFN_HELD records it: the driver may then let the CPU retry.
 */
export function stopForOthers(entry: MigratingPage, args: MigrateVma): void {
  stopMigrating(entry)
  if (args.fault?.pfn === entry.source && args.fault.holds === FaultHolds.lock)
    entry.flags = entry.flags | MIGRATE_PFN_HELD
}

/** No other thread holds the page: the driver can copy it. */
export function markUnmapped(entry: MigratingPage): void {
  entry.flags = entry.flags | MIGRATE_PFN_UNMAPPED
  entry.lifecycle.signal('UNMAPPED')
}

/** The page has moved to its destination, or the destination is mapped in a hole. */
export function markMoved(entry: MigratingPage): void {
  entry.flags = entry.flags | MIGRATE_PFN_MOVED
  entry.lifecycle.signal('INSTALLED')
}

/**
 * The driver stores the destination in `dst`. Called inside an atomic step of the driver.
 *
 * @kernel migrate_pfn
 */
export function setDestination(entry: MigratingPage, destination: Frame): void {
  entry.dst = destination
  entry.lifecycle.signal('COPIED')
}

/**
 * The driver clears `dst`, because the copy failed. It unlocks and puts the destination itself.
 * Called inside an atomic step of the driver, before migrate_vma_pages.
 *
 * @returns the destination, if there was one
 */
export function withdrawDestination(entry: MigratingPage): Frame | undefined {
  const { dst } = entry
  entry.dst = undefined
  entry.lifecycle.signal('WITHDRAWN')
  for (const part of dst?.memmap ?? [])
    if (unobserved(() => folioOf(part) === dst)) part.lifecycle?.signal('ABANDONED')
  return dst
}

/** Clears the entry at the start of a migration. Called inside an atomic step. */
export function beginEntry(entry: MigratingPage): void {
  forgetPage(entry)
  entry.flags = 0
  entry.dst = undefined
}

/**
 * True if `MIGRATE_VMA_SELECT_` selects the memory of the frame. Device memory of another owner is
 * never selected.
 */
export function isSelected(frame: Frame, { select, owner }: MigrateVma): boolean {
  if (frame.owner < 0) return (select & SELECT_SYSTEM) !== 0
  return frame.owner === owner && (select & selectMemory(frame)) !== 0
}
