/**
 * A world in which a process has been forked before it begins.
 *
 * @module
 */
import { type Machine, PteKind } from '../../src/kernel/index.js'
import type { World } from '../../src/world/index.js'

/** The second process shares every page that the first one has, and neither may write to them, as fork leaves it. */
export function forkedAlready(w: World, { mms: [parent, child], frames }: Machine): void {
  child.users.set(w, 1)
  for (const [page, pte] of parent.pte.entries()) {
    child.vma[page].kind.set(w, parent.vma[page].kind.get(w))
    child.vma[page].flags.set(w, parent.vma[page].flags.get(w))
    child.vma[page].file?.set(w, parent.vma[page].file?.get(w) ?? 0)
    child.vma[page].pgoff?.set(w, parent.vma[page].pgoff?.get(w) ?? 0)
    for (const { vma } of [parent, child]) vma[page].anonymous?.set(w, 1)
    if (pte.kind.get(w) === PteKind.none) continue
    pte.write.set(w, 0)
    child.pte[page].kind.set(w, pte.kind.get(w))
    child.pte[page].frame.set(w, pte.frame.get(w))
    frames[pte.frame.get(w)].refcount.add(w, 1)
    frames[pte.frame.get(w)].mapcount.add(w, 1)
    child.expected[page].set(w, parent.expected[page].get(w))
  }
}
