import { type Pte, PteKind } from '../../machine/index.js'

/** A page-table entry as 64 bits. @kernel pte_t */
export type Entry = bigint

/**
 * Bits of a present entry. A PROT_NONE entry has its own bit instead of `present`, so that the CPU
 * faults.
 */
const Present = {
  present: 0,
  write: 1,
  dirty: 6,
  protnone: 8,
  uffdWp: 10,
  softDirty: 11,
  pfn: 12,
  savedDirty: 58,
}

/** Bits of an entry that is not present. The offset is stored inverted, below the type. */
const Swap = { softDirty: 1, uffdWp: 2, exclusive: 3, offset: 9, type: 59 }

/** Width of a frame number. */
const PFN_BITS = 40
/** Width of the offset. */
const OFFSET_BITS = Swap.type - Swap.offset
/** Bit of a migration entry's offset that marks the page dirty: above all frame numbers. */
const MIGRATION_DIRTY = 41

/** Swap types of special entries. A swap file has a smaller type. */
const SwapType = {
  swap: 0,
  exclusiveWrite: 25,
  exclusiveRead: 26,
  deviceRead: 27,
  deviceWrite: 28,
  migrationRead: 29,
  migrationReadExclusive: 30,
  migrationWrite: 31,
}

function bit(set: boolean, position: number): bigint {
  return BigInt(set ? 1 : 0) << BigInt(position)
}

function isSet(entry: Entry, position: number): boolean {
  return ((entry >> BigInt(position)) & 1n) === 1n
}

/**
 * Encodes the entry as it is stored in memory. Called under the page-table lock, on a machine with
 * swap.
 */
export function encodeEntry(pte: Pte): Entry {
  if (!pte.tracksBits || pte.kind === PteKind.none) return 0n
  const pfn = pte.frame
  const softDirty = pte.softDirty
  const uffdWp = pte.uffdWp
  switch (pte.kind) {
    case PteKind.present:
    case PteKind.protnone:
      return (
        bit(true, pte.kind === PteKind.present ? Present.present : Present.protnone) |
        bit(pte.write, Present.write) |
        bit(pte.dirty, Present.dirty) |
        bit(uffdWp, Present.uffdWp) |
        bit(softDirty, Present.softDirty) |
        // The frame number of an entry that is not present is stored inverted: speculation must not
        // follow it (L1TF).
        (BigInt.asUintN(PFN_BITS, pte.kind === PteKind.present ? BigInt(pfn) : ~BigInt(pfn)) <<
          BigInt(Present.pfn))
      )
    default: {
      const offset =
        pte.kind === PteKind.swap ? BigInt(pte.slot) : BigInt(pfn) | bit(pte.dirty, MIGRATION_DIRTY)
      return (
        bit(softDirty, Swap.softDirty) |
        bit(uffdWp, Swap.uffdWp) |
        bit(pte.exclusive, Swap.exclusive) |
        (BigInt.asUintN(OFFSET_BITS, ~offset) << BigInt(Swap.offset)) |
        (BigInt(typeOf(pte.kind, pte.write, pte.exclusive)) << BigInt(Swap.type))
      )
    }
  }
}

function typeOf(kind: PteKind, write: boolean, exclusive: boolean): number {
  switch (kind) {
    case PteKind.devicePrivate:
      return write ? SwapType.deviceWrite : SwapType.deviceRead
    case PteKind.deviceExclusive:
      return write ? SwapType.exclusiveWrite : SwapType.exclusiveRead
    case PteKind.migration:
      if (write) return SwapType.migrationWrite
      return exclusive ? SwapType.migrationReadExclusive : SwapType.migrationRead
    default:
      return SwapType.swap
  }
}

/** True if the accessors for present entries apply. @kernel pte_present */
export function ptePresent(entry: Entry): boolean {
  return isSet(entry, Present.present) || isSet(entry, Present.protnone)
}

/** @kernel pte_write */
export function pteWrite(entry: Entry): boolean {
  return isSet(entry, Present.write)
}

/**
 * Two bits mean dirty: the hardware bit, and a software bit for pages that must not be both dirty
 * and read-only in hardware (shadow stacks). In an entry that is not present, the software bit is a
 * bit of the offset.
 *
 * @kernel pte_dirty
 */
export function pteDirty(entry: Entry): boolean {
  return isSet(entry, Present.dirty) || isSet(entry, Present.savedDirty)
}

/** @kernel pte_soft_dirty */
export function pteSoftDirty(entry: Entry): boolean {
  return isSet(entry, Present.softDirty)
}

/** @kernel pte_uffd_wp */
export function pteUffdWp(entry: Entry): boolean {
  return isSet(entry, Present.uffdWp)
}

/**
 * The frame number of an entry that is not present is inverted back first, whatever the entry is.
 *
 * @kernel pte_pfn
 */
export function ptePfn(entry: Entry): number {
  const upright = isSet(entry, Present.present) ? entry : ~entry
  return Number(BigInt.asUintN(PFN_BITS, upright >> BigInt(Present.pfn)))
}

/** @kernel pte_swp_soft_dirty */
export function swpSoftDirty(entry: Entry): boolean {
  return isSet(entry, Swap.softDirty)
}

/** @kernel pte_swp_uffd_wp */
export function swpUffdWp(entry: Entry): boolean {
  return isSet(entry, Swap.uffdWp)
}

/** @kernel pte_swp_exclusive */
export function swpExclusive(entry: Entry): boolean {
  return isSet(entry, Swap.exclusive)
}

const WRITABLE: readonly number[] = [SwapType.exclusiveWrite, SwapType.deviceWrite, SwapType.migrationWrite]

/**
 * True for a writable device-private or migration entry.
 *
 * @kernel is_writable_device_private_entry, is_writable_migration_entry
 */
export function swpWrite(entry: Entry): boolean {
  const type = Number(entry >> BigInt(Swap.type))
  return WRITABLE.includes(type)
}

/**
 * True if the entry that the migration entry replaced was dirty.
 *
 * @kernel is_migration_entry_dirty
 */
export function migrationDirty(entry: Entry): boolean {
  const type = Number(entry >> BigInt(Swap.type))
  // Stored inverted.
  return type >= SwapType.migrationRead && !isSet(entry, Swap.offset + MIGRATION_DIRTY)
}

/**
 * The bits of an entry besides its frame number. Code that replaces the entry must carry them over.
 */
export interface EntryState {
  readonly write: boolean
  readonly dirty: boolean
  readonly softDirty: boolean
  readonly uffdWp: boolean
}

/**
 * Reads the bits of the entry with the accessors that apply to its kind. Called under the
 * page-table lock.
 */
export function entryState(pte: Pte): EntryState {
  if (!pte.tracksBits) return { write: pte.write, dirty: false, softDirty: false, uffdWp: false }
  const entry = encodeEntry(pte)
  return ptePresent(entry)
    ? {
        write: pteWrite(entry),
        dirty: pteDirty(entry),
        softDirty: pteSoftDirty(entry),
        uffdWp: pteUffdWp(entry),
      }
    : {
        write: swpWrite(entry),
        dirty: migrationDirty(entry),
        softDirty: swpSoftDirty(entry),
        uffdWp: swpUffdWp(entry),
      }
}
