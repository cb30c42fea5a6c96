/**
 * The entries of the array since drivers have no say in it any more: the pfn in the low bits of an `unsigned long`, flags in
 * the top ones, the same for all. Linux 5.8 to today.
 *
 * @see reference A.4
 * @module
 */
import { BITS_PER_LONG, bit, not, PAGE_SHIFT, type Page, pageToPfn, pfnToPage, word } from './word.js'

/** There is a page, and it may be read at least. */
export const HMM_PFN_VALID = bit(BITS_PER_LONG - 1)
/** The page may be written. Only with {@link HMM_PFN_VALID}. */
export const HMM_PFN_WRITE = bit(BITS_PER_LONG - 2)
/** The page can never be mapped. */
export const HMM_PFN_ERROR = bit(BITS_PER_LONG - 3)
/** The entry has been mapped for DMA. Sticky: the walk carries it from input to output. 6.16. */
export const HMM_PFN_DMA_MAPPED = bit(BITS_PER_LONG - 4)
/** The page belongs to another device, and is reached by way of the host bridge. Sticky. 6.16. */
export const HMM_PFN_P2PDMA = bit(BITS_PER_LONG - 5)
/** The page belongs to another device, and is reached over the bus. Sticky. 6.16. */
export const HMM_PFN_P2PDMA_BUS = bit(BITS_PER_LONG - 6)

/** As input: the page must be there. The same bit as {@link HMM_PFN_VALID}. */
export const HMM_PFN_REQ_FAULT = HMM_PFN_VALID
/** As input, with {@link HMM_PFN_REQ_FAULT}: it must be writable. The same bit as {@link HMM_PFN_WRITE}. */
export const HMM_PFN_REQ_WRITE = HMM_PFN_WRITE

/** Bits of the order of a mapping. */
const ORDER_BITS = 0x1fn

/** Where the parts of an entry are, which moved twice. */
export interface TopEncoding {
  /** Where the order of the CPU's mapping begins; undefined before there was one. */
  readonly orderShift: number | undefined
  /** Everything that is not the pfn. */
  readonly flags: bigint
  /** The flags that a walk leaves as they were. */
  readonly sticky: bigint
}

/** Entries of 5.8: three flags. */
export const TOP_5_8: TopEncoding = {
  orderShift: undefined,
  flags: HMM_PFN_VALID | HMM_PFN_WRITE | HMM_PFN_ERROR,
  sticky: 0n,
}

/** Entries of 5.9 to 6.15: the order of the CPU's mapping is told too. */
export const TOP_5_9: TopEncoding = {
  orderShift: BITS_PER_LONG - 8,
  flags: 0xffn << BigInt(BITS_PER_LONG - 8),
  sticky: 0n,
}

/** Entries of 6.16 and later: three flags are the driver's own, and stay. */
export const TOP_6_16: TopEncoding = {
  orderShift: BITS_PER_LONG - 11,
  flags: not(bit(BITS_PER_LONG - 11) - 1n),
  sticky: HMM_PFN_DMA_MAPPED | HMM_PFN_P2PDMA | HMM_PFN_P2PDMA_BUS,
}

/** The frame of an entry, whatever its flags say. */
function pfnOf(encoding: TopEncoding, entry: bigint): bigint {
  return entry & not(encoding.flags)
}

/**
 * The page of an entry. It does not look whether there is one: the caller must have tested {@link HMM_PFN_VALID}, and what is
 * returned for any other entry is the page of whatever its low bits hold.
 *
 * @kernel hmm_pfn_to_page
 */
export function hmmPfnToPage(encoding: TopEncoding, entry: bigint): Page {
  return pfnToPage(pfnOf(encoding, entry))
}

/**
 * The physical address of an entry's page. It does not look whether there is one. 6.16.
 *
 * @kernel hmm_pfn_to_phys
 */
export function hmmPfnToPhys(encoding: TopEncoding, entry: bigint): bigint {
  return word(pfnOf(encoding, entry) << BigInt(PAGE_SHIFT))
}

/**
 * The order of the mapping, in pages of the CPU, that the entry's page is part of: 2 to that power of them are mapped as one.
 * The pfn is that of the page itself. 0 also before 5.9.
 *
 * @kernel hmm_pfn_to_map_order
 */
export function hmmPfnToMapOrder({ orderShift }: TopEncoding, entry: bigint): number {
  return orderShift === undefined ? 0 : Number((entry >> BigInt(orderShift)) & ORDER_BITS)
}

/** What a walk has to say of a page. */
export interface TopOutput {
  readonly page?: Page
  /** Of the page: whether the device may use it ({@link HMM_PFN_VALID}). */
  readonly valid?: boolean
  readonly write?: boolean
  /** Order of the CPU's mapping (default 0). */
  readonly order?: number
  /** Never to be mapped. */
  readonly error?: boolean
}

/** The word for an output, without the sticky flags. */
export function encodeOutput({ orderShift }: TopEncoding, output: TopOutput): bigint {
  return (
    (output.page ? pageToPfn(output.page) : 0n) |
    (output.valid ? HMM_PFN_VALID : 0n) |
    (output.write ? HMM_PFN_WRITE : 0n) |
    (output.error ? HMM_PFN_ERROR : 0n) |
    (orderShift === undefined ? 0n : BigInt(output.order ?? 0) << BigInt(orderShift))
  )
}

/** What the walk leaves in an entry that held `input`: the output, and what is sticky of the input. */
export function storeOutput(encoding: TopEncoding, input: bigint, output: TopOutput): bigint {
  return (input & encoding.sticky) | encodeOutput(encoding, output)
}
