/**
 * Where huge pages are: which stretches of an address space one entry of the level above maps at once. A machine
 * without huge pages declares none of it.
 *
 * @see docs/decisions/0020-huge-pages.md
 * @module
 */
import { type Layout, type Lock, READ_ONCE } from '../world/index.js'
import type { MmStruct } from './index.js'

/** `VM_HUGEPAGE`: what MADV_HUGEPAGE asks for. */
export const VM_HUGEPAGE = 4

/**
 * What the entry above the page table holds: nothing, a page table, or a huge page. Of a huge page in device memory, or one that
 * is being migrated, the entry is not present, as its parts tell.
 */
export const PmdKind = { none: 'none', table: 'table', huge: 'huge' } as const

/** One of {@link PmdKind}. */
export type PmdKind = (typeof PmdKind)[keyof typeof PmdKind]

/**
 * One entry above the page table, and the pages that it covers. Of a huge page the entries of the table say what its
 * pages are, each its own part: who reads one translation need not know that it is one of many.
 *
 * @kernel pmd_t
 */
export interface Pmd {
  /** First page. */
  readonly start: number
  /** Page after the last. */
  readonly end: number
  /** False for a last one that the address space ends within: no huge page fits there. */
  readonly isWhole: boolean
  /** {@link PmdKind}. */
  kind: PmdKind
}

/** Declares what lies above `pages` pages, `hugePages` pages each, under the page-table lock `ptl`. */
export function declarePmds(layout: Layout, pages: number, hugePages: number, ptl: Lock): Pmd[] {
  return layout.array('pmd', Math.ceil(pages / hugePages), (entry, index) => ({
    start: index * hugePages,
    end: Math.min((index + 1) * hugePages, pages),
    isWhole: (index + 1) * hugePages <= pages,
    kind: entry.oneOf('kind', PmdKind, { guardedBy: ptl }),
  }))
}

/** The entry above `page`; undefined on a machine without huge pages. */
export function pmdAt({ pmd }: MmStruct, page: number): Pmd | undefined {
  return pmd?.find(({ start, end }) => start <= page && page < end)
}

/** The entry above `page` if it maps a huge page, as a lockless look finds it. @kernel pmd_trans_huge */
export function hugePmdAt(mm: MmStruct, page: number): Pmd | undefined {
  const pmd = pmdAt(mm, page)
  return pmd !== undefined && READ_ONCE(pmd).kind === PmdKind.huge ? pmd : undefined
}

/** How many pages a huge page has, as the order of two; 0 without huge pages. */
export function hugeOrder(hugePages: number | undefined): number {
  return Math.log2(hugePages ?? 1)
}
