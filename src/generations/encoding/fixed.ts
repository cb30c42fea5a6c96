/**
 * Entries before drivers chose the encoding: the pfn above five flag bits that are the same for
 * every driver. Linux 4.17-rc, until "use device driver encoding for HMM pfn" replaced it. Linux
 * 4.14 to 4.16 used other positions.
 *
 * @see reference A.1
 * @module
 */
import { bit, NO_PFN, type Page, pageToPfn, pfnToPage, word } from './word.js'

/** There is a page, and it can be read. */
export const HMM_PFN_VALID = bit(0)
/** The page can be written. */
export const HMM_PFN_WRITE = bit(1)
/** The CPU page-table entry is poisoned. */
export const HMM_PFN_ERROR = bit(2)
/** The CPU page-table entry is special. It must not be mirrored; its pfn means nothing. */
export const HMM_PFN_SPECIAL = bit(3)
/** The page is in device memory that the CPU cannot access. */
export const HMM_PFN_DEVICE_PRIVATE = bit(4)
/** Position of the pfn. */
export const HMM_PFN_SHIFT = 5

/**
 * The page of an entry.
 *
 * @returns null if the entry is not valid
 * @kernel hmm_pfn_to_page
 */
export function hmmPfnToPage(pfn: bigint): Page | null {
  return pfn & HMM_PFN_VALID ? pfnToPage(pfn >> BigInt(HMM_PFN_SHIFT)) : null
}

/**
 * The pfn of an entry.
 *
 * @returns {@link NO_PFN} if the entry is not valid
 * @kernel hmm_pfn_to_pfn
 */
export function hmmPfnToPfn(pfn: bigint): bigint {
  return pfn & HMM_PFN_VALID ? pfn >> BigInt(HMM_PFN_SHIFT) : NO_PFN
}

/** A valid entry for `page`. @kernel hmm_pfn_from_page */
export function hmmPfnFromPage(page: Page): bigint {
  return hmmPfnFromPfn(pageToPfn(page))
}

/** A valid entry for `pfn`. @kernel hmm_pfn_from_pfn */
export function hmmPfnFromPfn(pfn: bigint): bigint {
  return word(pfn << BigInt(HMM_PFN_SHIFT)) | HMM_PFN_VALID
}
