/**
 * The entries of the array as each driver wants them: it names the bit of every flag, the word of every special value,
 * and how far the pfn is shifted. Linux 4.17 to 5.7.
 *
 * @see reference A.1, A.2, A.3
 * @module
 */
import { NO_PFN, type Page, pageToPfn, pfnToPage, word } from './word.js'

/** Index into {@link DriverEncoding.flags}. From 5.7 on there is no DEVICE_PRIVATE. @kernel enum hmm_pfn_flag_e */
export const HmmPfnFlag = { HMM_PFN_VALID: 0, HMM_PFN_WRITE: 1, HMM_PFN_DEVICE_PRIVATE: 2 } as const

/** How many flags a driver must provide, by kernel. @kernel HMM_PFN_FLAG_MAX */
export const HMM_PFN_FLAG_MAX = { '4.17': 3, '5.7': 2 } as const

/** Index into {@link DriverEncoding.values}. @kernel enum hmm_pfn_value_e */
export const HmmPfnValue = { HMM_PFN_ERROR: 0, HMM_PFN_NONE: 1, HMM_PFN_SPECIAL: 2 } as const

/** How many special values a driver must provide. @kernel HMM_PFN_VALUE_MAX */
export const HMM_PFN_VALUE_MAX = 3

/**
 * How long drivers wait for a range at most, in milliseconds: a notifier could keep it busy for ever, and one second is
 * long.
 *
 * @kernel HMM_RANGE_DEFAULT_TIMEOUT
 */
export const HMM_RANGE_DEFAULT_TIMEOUT = 1000

/** The part of a range that says how its entries look. @kernel struct hmm_range */
export interface DriverEncoding {
  /** The bits of each flag, by {@link HmmPfnFlag}. */
  readonly flags: readonly bigint[]
  /** The word of each special value, by {@link HmmPfnValue}. */
  readonly values: readonly bigint[]
  /** By how many bits the pfn is shifted: at most PAGE_SHIFT. */
  readonly pfnShift: number
}

/** True if the entry is one of the special values, or does not say that it is valid. */
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
 * @returns null where the entry is one of the special values or not valid
 * @kernel hmm_device_entry_to_page
 */
export function hmmDeviceEntryToPage(range: DriverEncoding, entry: bigint): Page | null {
  return tellsNoPage(range, entry) ? null : pfnToPage(entry >> BigInt(range.pfnShift))
}

/**
 * The frame of a device entry.
 *
 * @returns {@link NO_PFN} where the entry is one of the special values or not valid
 * @kernel hmm_device_entry_to_pfn
 */
export function hmmDeviceEntryToPfn(range: DriverEncoding, entry: bigint): bigint {
  return tellsNoPage(range, entry) ? NO_PFN : entry >> BigInt(range.pfnShift)
}

/** A valid device entry for `page`: it says nothing of writing. @kernel hmm_device_entry_from_page */
export function hmmDeviceEntryFromPage(range: DriverEncoding, page: Page): bigint {
  return hmmDeviceEntryFromPfn(range, pageToPfn(page))
}

/** A valid device entry for the frame `pfn`: it says nothing of writing. @kernel hmm_device_entry_from_pfn */
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

/** What an entry tells: a page, or which of the special values it is. */
export type Told =
  | {
      readonly kind: 'valid'
      readonly pfn: bigint
      readonly write: boolean
      /** False too where the driver has no flag for it. */
      readonly devicePrivate: boolean
    }
  | {
      /** `error` also where the driver has given SPECIAL the same word. */
      readonly kind: 'none' | 'error' | 'special'
    }
  | {
      /** What no walk stores: neither a special value nor valid. */
      readonly kind: 'unknown'
    }

const VALUE_OF = {
  none: HmmPfnValue.HMM_PFN_NONE,
  error: HmmPfnValue.HMM_PFN_ERROR,
  special: HmmPfnValue.HMM_PFN_SPECIAL,
} as const

/** What the walk stores for a page that it tells, or for none. */
export function encode(range: DriverEncoding, told: Exclude<Told, { kind: 'unknown' }>): bigint {
  const { flags, values } = range
  if (told.kind !== 'valid') return values[VALUE_OF[told.kind]]
  return (
    hmmDeviceEntryFromPfn(range, told.pfn) |
    (told.write ? flags[HmmPfnFlag.HMM_PFN_WRITE] : 0n) |
    (told.devicePrivate ? (flags[HmmPfnFlag.HMM_PFN_DEVICE_PRIVATE] ?? 0n) : 0n)
  )
}

/** What a driver reads off an entry, with the helpers and the flags. */
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
