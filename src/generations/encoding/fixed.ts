/**
 * The entries of the array before drivers could choose how they look: the pfn above five bits that are the same for
 * every driver. Linux 4.17-rc, until "use device driver encoding for HMM pfn" replaced it; 4.14 to 4.16 had the same
 * idea at other positions.
 *
 * @see reference A.1
 * @module
 */
import { bit, NO_PFN, type Page, pageToPfn, pfnToPage, word } from './word.js'

/** There is a page, and it may be read at least. */
export const HMM_PFN_VALID = bit(0)
/** The page may be written. */
export const HMM_PFN_WRITE = bit(1)
/** The CPU's entry leads to poisoned memory. */
export const HMM_PFN_ERROR = bit(2)
/** The CPU's entry is special: never to be mirrored, its pfn means nothing. */
export const HMM_PFN_SPECIAL = bit(3)
/** The page is in device memory that CPUs cannot address. */
export const HMM_PFN_DEVICE_PRIVATE = bit(4)
/** Where the pfn begins. */
export const HMM_PFN_SHIFT = 5

/**
 * The page of an entry.
 *
 * @returns null where the entry is not valid
 * @kernel hmm_pfn_to_page
 */
export function hmmPfnToPage(pfn: bigint): Page | null {
  return pfn & HMM_PFN_VALID ? pfnToPage(pfn >> BigInt(HMM_PFN_SHIFT)) : null
}

/**
 * The frame of an entry.
 *
 * @returns {@link NO_PFN} where the entry is not valid
 * @kernel hmm_pfn_to_pfn
 */
export function hmmPfnToPfn(pfn: bigint): bigint {
  return pfn & HMM_PFN_VALID ? pfn >> BigInt(HMM_PFN_SHIFT) : NO_PFN
}

/** A valid entry for `page`. @kernel hmm_pfn_from_page */
export function hmmPfnFromPage(page: Page): bigint {
  return hmmPfnFromPfn(pageToPfn(page))
}

/** A valid entry for the frame `pfn`. @kernel hmm_pfn_from_pfn */
export function hmmPfnFromPfn(pfn: bigint): bigint {
  return word(pfn << BigInt(HMM_PFN_SHIFT)) | HMM_PFN_VALID
}
