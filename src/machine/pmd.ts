/**
 * PMDs: each covers a block of pages, and maps a huge page or refers to a page table. A machine
 * without huge pages declares none.
 *
 * @see docs/decisions/0020-huge-pages.md
 * @module
 */
import { type Layout, type Lock, READ_ONCE } from '../world/index.js'
import type { MmStruct } from './index.js'

/** `VM_HUGEPAGE`: set by MADV_HUGEPAGE. */
export const VM_HUGEPAGE = 4

/**
 * The kind of a PMD: empty, a page table, or a huge page. The PMD of a huge page in device memory,
 * or of one that is being migrated, is not present; the kind of its page-table entries tells.
 */
export const PmdKind = { none: 'none', table: 'table', huge: 'huge' } as const

/** One of {@link PmdKind}. */
export type PmdKind = (typeof PmdKind)[keyof typeof PmdKind]

/**
 * One PMD and the pages that it covers. The page-table entries of a huge page are kept too, one for
 * each part, so that code which reads a single translation need not distinguish the two.
 *
 * @kernel pmd_t
 */
export interface Pmd {
  /** First page. */
  readonly start: number
  /** Page after the last. */
  readonly end: number
  /**
   * False for a last PMD that reaches beyond the end of the address space: it cannot map a huge
   * page.
   */
  readonly isWhole: boolean
  /** {@link PmdKind}. */
  kind: PmdKind
}

/**
 * Declares the PMDs of `pages` pages, each covering `hugePages` pages, under the page-table lock
 * `ptl`.
 */
export function declarePmds(layout: Layout, pages: number, hugePages: number, ptl: Lock): Pmd[] {
  return layout.array('pmd', Math.ceil(pages / hugePages), (entry, index) => ({
    start: index * hugePages,
    end: Math.min((index + 1) * hugePages, pages),
    isWhole: (index + 1) * hugePages <= pages,
    kind: entry.oneOf('kind', PmdKind, { guardedBy: ptl }),
  }))
}

/** The PMD of `page`; undefined on a machine without huge pages. */
export function pmdAt({ pmd }: MmStruct, page: number): Pmd | undefined {
  return pmd?.find(({ start, end }) => start <= page && page < end)
}

/** The PMD of `page` if it maps a huge page. Reads without a lock. @kernel pmd_trans_huge */
export function hugePmdAt(mm: MmStruct, page: number): Pmd | undefined {
  const pmd = pmdAt(mm, page)
  return pmd !== undefined && READ_ONCE(pmd).kind === PmdKind.huge ? pmd : undefined
}

/** The order of a huge page; 0 on a machine without huge pages. */
export function hugeOrder(hugePages: number | undefined): number {
  return Math.log2(hugePages ?? 1)
}
