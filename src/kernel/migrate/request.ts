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

/** The entry of the array says something. */
export const MIGRATE_PFN_VALID = 1
/** The page is to be migrated. Cleared when it cannot be. */
export const MIGRATE_PFN_MIGRATE = 2
/** The page could be written. */
export const MIGRATE_PFN_WRITE = 4

/** A huge page, or the place of one, that migrates as a whole: the entries after it say nothing of its other parts. */
export const MIGRATE_PFN_COMPOUND = 64

/** `MIGRATE_VMA_SELECT_SYSTEM`: pages of system memory, and holes. */
export const SELECT_SYSTEM = 1
/** `MIGRATE_VMA_SELECT_DEVICE_PRIVATE`: the owner's own device pages. */
export const SELECT_DEVICE_PRIVATE = 2
/** `MIGRATE_VMA_SELECT_DEVICE_COHERENT`: the owner's own pages of memory that the CPU can map. */
export const SELECT_DEVICE_COHERENT = 4

/** `MIGRATE_VMA_SELECT_COMPOUND`: huge pages that the range covers migrate as they are, and are not split. */
export const SELECT_COMPOUND = 8

/** How pages of the same device memory as `frame` are selected. */
export function selectMemory(frame: Frame): number {
  return isDevicePrivate(frame) ? SELECT_DEVICE_PRIVATE : SELECT_DEVICE_COHERENT
}

/** A migration. The mmap lock is held, for reading at least, from setup to finalize. @kernel struct migrate_vma */
export interface MigrateVma {
  readonly mm: MmStruct
  /** First page. */
  readonly start: number
  /** Page after the last; all of them in one area. */
  readonly end: number
  /** `pgmap_owner`. */
  readonly owner: number
  /** `MIGRATE_VMA_SELECT_` bits. */
  readonly select: number
  /** True if the pages were collected from the device, wherever they are mapped: then nobody holds a mmap lock. */
  readonly fromDevice?: true
  /** `fault_page`: the fault on a device page that this serves; absent where it serves none. */
  readonly fault?: DeviceFault
}

/** References on the page that are accounted for: of the migration, of the fault that it serves, and of the page cache. */
export function ownReferences({ fault }: MigrateVma, frame: Frame): number {
  const faults = fault?.pfn === frame.pfn && fault.holds !== FaultHolds.nothing ? 1 : 0
  return 1 + faults + (isPageCache(frame) ? 1 : 0)
}

/** True if the folio lock of the frame is that of the fault: not to be taken, nor to be released. Part of a step. */
export function isLockedByFault({ fault }: MigrateVma, frame: Frame): boolean {
  if (fault === undefined || fault.holds !== FaultHolds.lock) return false
  return fault.pfn === frame.pfn || folioOf(frame.memmap[fault.pfn]) === folioOf(frame)
}

/**
 * Ghost: what is known of the page has moved to its destination, or that is mapped. How far migrate_vma_pages has come is a local
 * variable of it.
 */
export const MIGRATE_PFN_MOVED = 8
/** Ghost: nobody else held the page, or there was none. How far migrate_device_unmap has come is a local variable of it. */
export const MIGRATE_PFN_UNMAPPED = 16
/** Ghost: the page of the fault that is served was held by somebody else, and stays. Until the fault ends. */
export const MIGRATE_PFN_HELD = 32

/**
 * Whether the page of the fault stayed because somebody else held it; the fault ends, and that is forgotten. Part of a step.
 */
export function wasHeld(current: Task, page: number): boolean {
  const entry = pagesOf(current)[page]
  const held = (entry.flags & MIGRATE_PFN_HELD) !== 0
  entry.flags = entry.flags & ~MIGRATE_PFN_HELD
  return held
}

/** The arrays of the migration that `current` makes. */
export function pagesOf(current: Task): readonly MigratingPage[] {
  return current.machine.migrations[current.thread]
}

/** True if the page is still to be migrated. */
export function isMigrating(entry: MigratingPage): boolean {
  return (entry.flags & MIGRATE_PFN_MIGRATE) !== 0
}

/** True if there is a page behind the entry, and not a hole or the zero page. */
export function hasSource(entry: MigratingPage): boolean {
  return (entry.flags & MIGRATE_PFN_VALID) !== 0
}

/** True if a huge page migrates as a whole, or goes where nothing is. */
export function isCompound(entry: MigratingPage): boolean {
  return (entry.flags & MIGRATE_PFN_COMPOUND) !== 0
}

/** The frames that migrate, each with its data: that of the entry, or all parts of a huge page that are in use. Part of a step. */
export function sourcesOf(machine: Machine, entry: MigratingPage): readonly Frame[] {
  if (!hasSource(entry)) return []
  const source = machine.frames[entry.source]
  return isCompound(entry) ? partsOf(machine, source) : [source]
}

/** Where `source` goes if it migrates as a part of `first` to what `dst` is the first part of. Part of a step. */
export function destinationOf(source: Frame, dst: Frame): Frame {
  return dst.compound > 0 && source.compound > 0 ? dst.memmap[dst.pfn + source.compound - 1] : dst
}

/** Nothing is known of the page, and nothing will be done with it. */
export function forgetPage(entry: MigratingPage): void {
  entry.flags = entry.flags & MIGRATE_PFN_HELD
  entry.source = 0
}

/** The page stays where it is. */
export function stopMigrating(entry: MigratingPage): void {
  if (!isMigrating(entry)) return
  entry.flags = entry.flags & ~MIGRATE_PFN_MIGRATE
  entry.lifecycle.signal('GIVEN_UP')
}

/**
 * Somebody else holds the page, and it stays where it is. That it was so is remembered for a fault, whose owner may answer that
 * it has done what it could.
 */
export function stopForOthers(entry: MigratingPage, args: MigrateVma): void {
  stopMigrating(entry)
  if (args.fault?.pfn === entry.source && args.fault.holds === FaultHolds.lock)
    entry.flags = entry.flags | MIGRATE_PFN_HELD
}

/** Nobody else holds the page: it can be copied. */
export function markUnmapped(entry: MigratingPage): void {
  entry.flags = entry.flags | MIGRATE_PFN_UNMAPPED
  entry.lifecycle.signal('UNMAPPED')
}

/** What is known of the page has moved to its destination, or that is mapped where nothing was. */
export function markMoved(entry: MigratingPage): void {
  entry.flags = entry.flags | MIGRATE_PFN_MOVED
  entry.lifecycle.signal('INSTALLED')
}

/** The driver notes where the page is to go. Part of a step of the driver. @kernel migrate_pfn */
export function setDestination(entry: MigratingPage, destination: Frame): void {
  entry.dst = destination
  entry.lifecycle.signal('COPIED')
}

/**
 * The driver takes back what it has noted: it could not copy. It unlocks and puts the page itself. Part of a step of the
 * driver, before migrate_vma_pages.
 *
 * @returns the page, if there was one
 */
export function withdrawDestination(entry: MigratingPage): Frame | undefined {
  const { dst } = entry
  entry.dst = undefined
  entry.lifecycle.signal('WITHDRAWN')
  for (const part of dst?.memmap ?? [])
    if (unobserved(() => folioOf(part) === dst)) part.lifecycle?.signal('ABANDONED')
  return dst
}

/** What an earlier try came to counts no more. Part of a step. */
export function beginEntry(entry: MigratingPage): void {
  forgetPage(entry)
  entry.flags = 0
  entry.dst = undefined
}

/** True if the caller wants what is where the page is. Of device memory there is only his own to be had. */
export function isSelected(frame: Frame, { select, owner }: MigrateVma): boolean {
  if (frame.owner < 0) return (select & SELECT_SYSTEM) !== 0
  return frame.owner === owner && (select & selectMemory(frame)) !== 0
}
