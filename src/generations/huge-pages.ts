/**
 * Huge pages in Linux 6.1 and 6.12, where they differ from later kernels.
 *
 * @see docs/decisions/0020-huge-pages.md
 * @module
 */
import {
  __split_huge_pmd,
  __split_huge_pmd_locked,
  change_huge_pmd,
  changePmd,
  entriesOf,
  folio_put,
  folio_unlock,
  getPage,
  migrate_vma_collect_huge_pmd,
  PmdKind,
  replaceByTable,
  split_folio,
  tryLockPage,
  unmapAndRemap,
  VM_READ,
  VM_WRITE,
  ZERO_PAGE,
} from '../kernel/index.js'
import { type Override, onStep, override } from '../world/index.js'

/**
 * The new entries are clean. The dirty bit of the huge entry is moved to the pages instead.
 *
 * @kernel __split_huge_pmd_locked, to Linux 6.2
 */
const splitLosesDirty = onStep(
  __split_huge_pmd_locked,
  'put a page table in its place',
  (_original, { machine }, mm, pmd) =>
    () => {
      if (replaceByTable(machine, mm, pmd))
        for (const pte of mm.pte.slice(pmd.start, pmd.end)) pte.dirty = false
      return 0
    },
)

/**
 * Pages that hold only zeroes stay mapped; later kernels map the zero page instead.
 *
 * @kernel remap_page, to Linux 6.11
 */
const zeroPagesStay = onStep(
  unmapAndRemap,
  'put a page table in its place',
  (_original, { machine }, area, frame) =>
    () => {
      entriesOf(machine, area, frame)
      return 0
    },
)

/**
 * Splits a huge page, or the mapping of the huge zero page, before it collects anything. If the
 * split fails the pages are not collected.
 *
 * @kernel migrate_vma_collect_pmd, to Linux 6.18
 */
const splitBeforeCollecting = override(
  migrate_vma_collect_huge_pmd,
  () =>
    function* (current, { mm }, pmd) {
      const { frames } = current.machine
      const found = yield* mm.ptl.critical('lock and hold the huge page', () => {
        if (pmd.kind !== PmdKind.huge) return NONE
        const head = frames[mm.pte[pmd.start].frame]
        if (head.pfn === ZERO_PAGE) return head.pfn
        if (!tryLockPage(head)) return NONE
        getPage(head)
        return head.pfn
      })
      if (found === ZERO_PAGE) yield* __split_huge_pmd(current, mm, pmd.start)
      if (found <= ZERO_PAGE) return false
      const head = frames[found]
      yield* split_folio(current, head, [head.pfn])
      yield* folio_unlock(head)
      yield* folio_put(head)
      return false
    },
)

const NONE = -1

/**
 * Only a write fault makes a huge page writable. mprotect to write-only access leaves a readable
 * entry, since a CPU cannot grant write access alone.
 *
 * @kernel change_huge_pmd, to Linux 6.1
 */
const writableByWriteOnly = onStep(
  change_huge_pmd,
  'change the huge entry',
  (_original, current, mm, pmd, flags) => () => {
    return changePmd(current, mm, pmd, flags & VM_WRITE ? VM_READ : flags)
  },
)

/** Differences of Linux 6.12 from the reference in huge pages. */
export const hugePagesOf612: readonly Override[] = [splitBeforeCollecting]

/** Differences of Linux 6.1 from the reference in huge pages. */
export const hugePagesOf61: readonly Override[] = [
  ...hugePagesOf612,
  splitLosesDirty,
  zeroPagesStay,
  writableByWriteOnly,
]
