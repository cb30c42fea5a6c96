/**
 * Huge pages as Linux 6.1 has them, where that is not what later kernels do.
 *
 * @see docs/decisions/0020-huge-pages.md
 * @module
 */
import {
  __split_huge_pmd_locked,
  change_huge_pmd,
  changePmd,
  replaceByTable,
  unmapAndRemap,
  VM_WRITE,
} from '../kernel/index.js'
import { type Override, override } from '../world/index.js'

/** The new entries are clean, whatever the old one was: what is known of writes to it goes to the pages. @kernel __split_huge_pmd_locked, to Linux 6.2 */
const splitLosesDirty = override(
  __split_huge_pmd_locked,
  () =>
    function* ({ machine }, mm, pmd) {
      yield* mm.ptl.critical('put a page table in its place', () => {
        if (replaceByTable(machine, mm, pmd))
          for (const pte of mm.pte.slice(pmd.start, pmd.end)) pte.dirty = false
        return 0
      })
    },
)

/** The pages stay as they are, those that hold nothing but zeroes too. @kernel remap_page, to Linux 6.11 */
const zeroPagesStay = override(
  unmapAndRemap,
  () =>
    function* ({ machine }, mm, pmd) {
      yield* mm.ptl.critical('put a page table in its place', () => {
        replaceByTable(machine, mm, pmd)
        return 0
      })
    },
)

/** A huge page never becomes writable but by a write. @kernel change_huge_pmd, to Linux 6.1 */
const writableByWriteOnly = override(
  change_huge_pmd,
  () =>
    function* (current, mm, pmd, flags) {
      return yield* mm.ptl.critical('change the huge entry', () => {
        return changePmd(current, mm, pmd, flags & ~VM_WRITE)
      })
    },
)

/** What Linux 6.1 does with huge pages and the reference does not. */
export const hugePagesOf61: readonly Override[] = [splitLosesDirty, zeroPagesStay, writableByWriteOnly]
