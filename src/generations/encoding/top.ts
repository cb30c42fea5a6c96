/**
 * Entries of 5.8 and later, which drivers cannot choose: the pfn in the low bits of an `unsigned
 * long`, flags in the top bits, the same for all drivers.
 *
 * @see reference A.4
 * @module
 */
import { BITS_PER_LONG, bit, not, PAGE_SHIFT, type Page, pageToPfn, pfnToPage, word } from './word.js'

/** There is a page, and it can be read. */
export const HMM_PFN_VALID = bit(BITS_PER_LONG - 1)
/** The page can be written. Set only with {@link HMM_PFN_VALID}. */
export const HMM_PFN_WRITE = bit(BITS_PER_LONG - 2)
/** The page cannot be mirrored. */
export const HMM_PFN_ERROR = bit(BITS_PER_LONG - 3)
/** The page is mapped for DMA. Sticky: the walk copies it from input to output. From 6.16. */
export const HMM_PFN_DMA_MAPPED = bit(BITS_PER_LONG - 4)
/** The page belongs to another device and is reached through the host bridge. Sticky. From 6.16. */
export const HMM_PFN_P2PDMA = bit(BITS_PER_LONG - 5)
/** The page belongs to another device and is reached over the bus. Sticky. From 6.16. */
export const HMM_PFN_P2PDMA_BUS = bit(BITS_PER_LONG - 6)

/** As input: fault the page in. The same bit as {@link HMM_PFN_VALID}. */
export const HMM_PFN_REQ_FAULT = HMM_PFN_VALID
/**
 * As input, with {@link HMM_PFN_REQ_FAULT}: make the page writable. The same bit as {@link
 * HMM_PFN_WRITE}.
 */
export const HMM_PFN_REQ_WRITE = HMM_PFN_WRITE

/** Mask of the mapping order. */
const ORDER_BITS = 0x1fn

/** Positions of the parts of an entry. They moved twice. */
export interface TopEncoding {
  /** Position of the order of the CPU mapping; undefined before 5.9. */
  readonly orderShift: number | undefined
  /** All bits that are not the pfn. */
  readonly flags: bigint
  /** The flags that a walk preserves. */
  readonly sticky: bigint
}

/** Entries of 5.8: three flags. */
export const TOP_5_8: TopEncoding = {
  orderShift: undefined,
  flags: HMM_PFN_VALID | HMM_PFN_WRITE | HMM_PFN_ERROR,
  sticky: 0n,
}

/** Entries of 5.9 to 6.15: with the order of the CPU mapping. */
export const TOP_5_9: TopEncoding = {
  orderShift: BITS_PER_LONG - 8,
  flags: 0xffn << BigInt(BITS_PER_LONG - 8),
  sticky: 0n,
}

/** Entries of 6.16 and later: three more flags belong to the driver and are sticky. */
export const TOP_6_16: TopEncoding = {
  orderShift: BITS_PER_LONG - 11,
  flags: not(bit(BITS_PER_LONG - 11) - 1n),
  sticky: HMM_PFN_DMA_MAPPED | HMM_PFN_P2PDMA | HMM_PFN_P2PDMA_BUS,
}

/** The pfn of an entry, whether it is valid or not. */
function pfnOf(encoding: TopEncoding, entry: bigint): bigint {
  return entry & not(encoding.flags)
}

/**
 * The page of an entry. The caller must have tested {@link HMM_PFN_VALID}: of any other entry this
 * returns the page whose pfn happens to stand in the low bits.
 *
 * @kernel hmm_pfn_to_page
 */
export function hmmPfnToPage(encoding: TopEncoding, entry: bigint): Page {
  return pfnToPage(pfnOf(encoding, entry))
}

/**
 * The physical address of an entry's page. Does not test {@link HMM_PFN_VALID}. From 6.16.
 *
 * @kernel hmm_pfn_to_phys
 */
export function hmmPfnToPhys(encoding: TopEncoding, entry: bigint): bigint {
  return word(pfnOf(encoding, entry) << BigInt(PAGE_SHIFT))
}

/**
 * The order of the CPU mapping that contains the page: 2 to that power pages are mapped by one
 * entry. The pfn of the entry is that of the page itself. 0 before 5.9.
 *
 * @kernel hmm_pfn_to_map_order
 */
export function hmmPfnToMapOrder({ orderShift }: TopEncoding, entry: bigint): number {
  return orderShift === undefined ? 0 : Number((entry >> BigInt(orderShift)) & ORDER_BITS)
}

/** What the walk reports for a page. */
export interface TopOutput {
  readonly page?: Page
  /** Whether the device can use the page ({@link HMM_PFN_VALID}). */
  readonly valid?: boolean
  readonly write?: boolean
  /** Order of the CPU mapping (default 0). */
  readonly order?: number
  /** The page cannot be mirrored. */
  readonly error?: boolean
}

/** The word of an output, without sticky flags. */
export function encodeOutput({ orderShift }: TopEncoding, output: TopOutput): bigint {
  return (
    (output.page ? pageToPfn(output.page) : 0n) |
    (output.valid ? HMM_PFN_VALID : 0n) |
    (output.write ? HMM_PFN_WRITE : 0n) |
    (output.error ? HMM_PFN_ERROR : 0n) |
    (orderShift === undefined ? 0n : BigInt(output.order ?? 0) << BigInt(orderShift))
  )
}

/** The word that the walk stores over `input`: the output, with the sticky flags of the input. */
export function storeOutput(encoding: TopEncoding, input: bigint, output: TopOutput): bigint {
  return (input & encoding.sticky) | encodeOutput(encoding, output)
}
