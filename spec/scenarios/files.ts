/**
 * Files at the beginning of a scenario.
 *
 * @module
 */
import {
  addToPageCache,
  getPage,
  isShared,
  type Machine,
  type MmStruct,
  setPte,
  VM_WRITE,
} from '../../src/kernel/index.js'
import type { World } from '../../src/world/index.js'

/** Every page of every file is in memory, with 1 in it: in frames from the one after `last` on. */
export function fillFiles(w: World, machine: Machine, last: number): void {
  let pfn = last
  for (const file of machine.files)
    for (const page of file.pages.keys()) {
      const frame = machine.frames[++pfn]
      frame.refcount.set(w, 1)
      frame.contents.set(w, 1)
      file.expected[page].set(w, 1)
      addToPageCache(w, file, page, frame)
    }
}

/** The page of the file is mapped, as a read leaves it. */
export function mapFilePage(w: World, machine: Machine, mm: MmStruct, page: number): void {
  const { kind, file, pgoff, flags } = mm.vma[page]
  const { pages } = machine.files[(file?.get(w) ?? 0) - 1]
  const pfn = pages[pgoff?.get(w) ?? 0].get(w)
  getPage(w, machine.frames[pfn])
  setPte(w, machine, mm.pte[page], pfn, isShared(kind.get(w)) && (flags.get(w) & VM_WRITE) !== 0)
}
