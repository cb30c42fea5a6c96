/**
 * Entries in the encoding that each driver chooses: the bit of every flag, the word of every
 * special value, and the shift of the pfn. Linux 4.17 to 5.7.
 *
 * @see reference A.1, A.2, A.3
 * @module
 */
import { NO_PFN, type Page, pageToPfn, pfnToPage, word } from './word.js'

/**
 * Index into {@link DriverEncoding.flags}. DEVICE_PRIVATE is gone from 5.7 on.
 *
 * @kernel enum hmm_pfn_flag_e
 */
export const HmmPfnFlag = { HMM_PFN_VALID: 0, HMM_PFN_WRITE: 1, HMM_PFN_DEVICE_PRIVATE: 2 } as const

/** How many flags a driver must provide, by release. @kernel HMM_PFN_FLAG_MAX */
export const HMM_PFN_FLAG_MAX = { '4.17': 3, '5.7': 2 } as const

/** Index into {@link DriverEncoding.values}. @kernel enum hmm_pfn_value_e */
export const HmmPfnValue = { HMM_PFN_ERROR: 0, HMM_PFN_NONE: 1, HMM_PFN_SPECIAL: 2 } as const

/** How many special values a driver must provide. @kernel HMM_PFN_VALUE_MAX */
export const HMM_PFN_VALUE_MAX = 3

/**
 * The longest time that drivers wait for a range, in milliseconds. Without it a process that
 * invalidates without pause could block them for ever.
 *
 * @kernel HMM_RANGE_DEFAULT_TIMEOUT
 */
export const HMM_RANGE_DEFAULT_TIMEOUT = 1000

/** The members of a range that define the encoding of its entries. @kernel struct hmm_range */
export interface DriverEncoding {
  /** The bits of each flag, by {@link HmmPfnFlag}. */
  readonly flags: readonly bigint[]
  /** The word of each special value, by {@link HmmPfnValue}. */
  readonly values: readonly bigint[]
  /** By how many bits the pfn is shifted: at most PAGE_SHIFT. */
  readonly pfnShift: number
}

/** True if the entry is a special value or has no HMM_PFN_VALID. */
function tellsNoPage({ flags, values }: DriverEncoding, entry: bigint): boolean {
  return (
    entry === values[HmmPfnValue.HMM_PFN_NONE] ||
    entry === values[HmmPfnValue.HMM_PFN_ERROR] ||
    entry === values[HmmPfnValue.HMM_PFN_SPECIAL] ||
    (entry & flags[HmmPfnFlag.HMM_PFN_VALID]) === 0n
  )
}

/**
 * The page of a device entry.
 *
 * @returns null if the entry is a special value or not valid
 * @kernel hmm_device_entry_to_page
 */
export function hmmDeviceEntryToPage(range: DriverEncoding, entry: bigint): Page | null {
  return tellsNoPage(range, entry) ? null : pfnToPage(entry >> BigInt(range.pfnShift))
}

/**
 * The pfn of a device entry.
 *
 * @returns {@link NO_PFN} if the entry is a special value or not valid
 * @kernel hmm_device_entry_to_pfn
 */
export function hmmDeviceEntryToPfn(range: DriverEncoding, entry: bigint): bigint {
  return tellsNoPage(range, entry) ? NO_PFN : entry >> BigInt(range.pfnShift)
}

/** A valid device entry for `page`, without the write flag. @kernel hmm_device_entry_from_page */
export function hmmDeviceEntryFromPage(range: DriverEncoding, page: Page): bigint {
  return hmmDeviceEntryFromPfn(range, pageToPfn(page))
}

/** A valid device entry for `pfn`, without the write flag. @kernel hmm_device_entry_from_pfn */
export function hmmDeviceEntryFromPfn(range: DriverEncoding, pfn: bigint): bigint {
  return word(pfn << BigInt(range.pfnShift)) | range.flags[HmmPfnFlag.HMM_PFN_VALID]
}

/** The name of {@link hmmDeviceEntryToPage} until 5.1. @kernel hmm_pfn_to_page */
export const hmmPfnToPage = hmmDeviceEntryToPage
/** The name of {@link hmmDeviceEntryToPfn} until 5.1. @kernel hmm_pfn_to_pfn */
export const hmmPfnToPfn = hmmDeviceEntryToPfn
/** The name of {@link hmmDeviceEntryFromPage} until 5.1. @kernel hmm_pfn_from_page */
export const hmmPfnFromPage = hmmDeviceEntryFromPage
/** The name of {@link hmmDeviceEntryFromPfn} until 5.1. @kernel hmm_pfn_from_pfn */
export const hmmPfnFromPfn = hmmDeviceEntryFromPfn

/** What an entry means: a page, or one of the special values. */
export type Told =
  | {
      readonly kind: 'valid'
      readonly pfn: bigint
      readonly write: boolean
      /** Also false if the driver has no flag for it. */
      readonly devicePrivate: boolean
    }
  | {
      /** `error` also if the driver uses one word for ERROR and SPECIAL. */
      readonly kind: 'none' | 'error' | 'special'
    }
  | {
      /** Neither a special value nor valid. No walk stores this. */
      readonly kind: 'unknown'
    }

const VALUE_OF = {
  none: HmmPfnValue.HMM_PFN_NONE,
  error: HmmPfnValue.HMM_PFN_ERROR,
  special: HmmPfnValue.HMM_PFN_SPECIAL,
} as const

/** The word that the walk stores for a page, or for a special value. */
export function encode(range: DriverEncoding, told: Exclude<Told, { kind: 'unknown' }>): bigint {
  const { flags, values } = range
  if (told.kind !== 'valid') return values[VALUE_OF[told.kind]]
  return (
    hmmDeviceEntryFromPfn(range, told.pfn) |
    (told.write ? flags[HmmPfnFlag.HMM_PFN_WRITE] : 0n) |
    (told.devicePrivate ? (flags[HmmPfnFlag.HMM_PFN_DEVICE_PRIVATE] ?? 0n) : 0n)
  )
}

/** What a driver decodes from an entry. */
export function decode(range: DriverEncoding, entry: bigint): Told {
  const { flags, values } = range
  if (entry === values[HmmPfnValue.HMM_PFN_NONE]) return { kind: 'none' }
  if (entry === values[HmmPfnValue.HMM_PFN_ERROR]) return { kind: 'error' }
  if (entry === values[HmmPfnValue.HMM_PFN_SPECIAL]) return { kind: 'special' }
  const pfn = hmmDeviceEntryToPfn(range, entry)
  if (pfn === NO_PFN) return { kind: 'unknown' }
  return {
    kind: 'valid',
    pfn,
    write: (entry & flags[HmmPfnFlag.HMM_PFN_WRITE]) !== 0n,
    devicePrivate: (entry & (flags[HmmPfnFlag.HMM_PFN_DEVICE_PRIVATE] ?? 0n)) !== 0n,
  }
}
