/**
 * Worlds in which a process has forked before the first step.
 *
 * @module
 */
import { type Machine, PteKind } from '../../../src/kernel/index.js'

/** The second process shares every page of the first, read-only in both, as after fork. */
export function forkedAlready({ mms: [parent, child], frames, anonVmas }: Machine): void {
  child.users = 1
  // Where it counts by what its mappings are found, the child has an anon_vma of its own, linked to the parent's.
  if (anonVmas.length > 0) anonVmas[1].parent = 1
  for (const [page, pte] of parent.pte.entries()) {
    child.vma[page].kind = parent.vma[page].kind
    child.vma[page].flags = parent.vma[page].flags
    child.vma[page].file = parent.vma[page].file
    child.vma[page].pgoff = parent.vma[page].pgoff
    parent.vma[page].anonymous = 1
    child.vma[page].anonymous = anonVmas.length > 0 ? 2 : 1
    child.vma[page].starts = parent.vma[page].starts
    if (pte.kind === PteKind.none) continue
    pte.write = false
    child.pte[page].kind = pte.kind
    child.pte[page].frame = pte.frame
    frames[pte.frame].refcount += 1
    frames[pte.frame].mapcount += 1
    child.expected[page].value = parent.expected[page].value
  }
}
