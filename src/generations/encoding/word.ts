/**
 * The machine words that entries are made of: 64 bits, unsigned, exact.
 *
 * @module
 */

/** All bits of an `unsigned long`, or of a `uint64_t`. */
export const ULONG_MAX = 0xffff_ffff_ffff_ffffn

/** Bits of an `unsigned long`. @kernel BITS_PER_LONG */
export const BITS_PER_LONG = 64

/** Bits of an address within a page of 4096 bytes. @kernel PAGE_SHIFT */
export const PAGE_SHIFT = 12

/** What a helper returns in place of a pfn where there is none: `-1UL`. */
export const NO_PFN: bigint = ULONG_MAX

/** The largest page frame number: that of the last page of 64 bits of physical addresses. */
export const MAX_PFN = ULONG_MAX >> BigInt(PAGE_SHIFT)

/** The word whose only bit that is set is `bit`. @kernel BIT */
export function bit(index: number): bigint {
  return 1n << BigInt(index)
}

/** As C stores it into 64 bits: what does not fit is cut off. */
export function word(value: bigint): bigint {
  return BigInt.asUintN(BITS_PER_LONG, value)
}

/** Every bit that is not set in `value`: C's `~` on 64 bits. */
export function not(value: bigint): bigint {
  return word(~value)
}

/** True if `value` fits 64 bits without a sign. */
export function isWord(value: bigint): boolean {
  return value === word(value)
}

/** `value` in sixteen-based digits, as messages show it. */
export function hex(value: bigint): string {
  return `0x${value.toString(16)}`
}

/** What a page frame number leads to. All that an entry needs to know of it is where it lies. @kernel struct page */
export interface Page {
  readonly pfn: bigint
}

/** The page of a frame. @kernel pfn_to_page */
export function pfnToPage(pfn: bigint): Page {
  return { pfn }
}

/** The frame of a page. @kernel page_to_pfn */
export function pageToPfn(page: Page): bigint {
  return page.pfn
}
