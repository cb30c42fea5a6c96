/**
 * Arithmetic on the unsigned 64-bit words of entries.
 *
 * @module
 */

/** All bits of an `unsigned long`, or of a `uint64_t`. */
export const ULONG_MAX = 0xffff_ffff_ffff_ffffn

/** Bits of an `unsigned long`. @kernel BITS_PER_LONG */
export const BITS_PER_LONG = 64

/** Bits of an address within a page of 4096 bytes. @kernel PAGE_SHIFT */
export const PAGE_SHIFT = 12

/** What a helper returns if there is no pfn: `-1UL`. */
export const NO_PFN: bigint = ULONG_MAX

/** The pfn of the last page of a 64-bit physical address space. */
export const MAX_PFN = ULONG_MAX >> BigInt(PAGE_SHIFT)

/** The word with bit number `index` set. @kernel BIT */
export function bit(index: number): bigint {
  return 1n << BigInt(index)
}

/** Truncates to 64 bits, as a C assignment does. */
export function word(value: bigint): bigint {
  return BigInt.asUintN(BITS_PER_LONG, value)
}

/** C's `~` on 64 bits. */
export function not(value: bigint): bigint {
  return word(~value)
}

/** True if `value` is an unsigned 64-bit word. */
export function isWord(value: bigint): boolean {
  return value === word(value)
}

/** `value` in hexadecimal, for messages. */
export function hex(value: bigint): string {
  return `0x${value.toString(16)}`
}

/** A page. Entries need only its pfn. @kernel struct page */
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
