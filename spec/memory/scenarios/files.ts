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
} from '../../../src/kernel/index.js'

/** Every page of every file is in memory, with 1 in it: in frames from the one after `last` on. */
export function fillFiles(machine: Machine, last: number): void {
  let pfn = last
  for (const file of machine.files)
    for (const page of file.pages.keys()) {
      const frame = machine.frames[++pfn]
      frame.refcount = 1
      frame.contents = 1
      file.expected[page].value = 1
      addToPageCache(file, page, frame)
    }
}

/** The page of the file is mapped, as a read leaves it. */
export function mapFilePage(machine: Machine, mm: MmStruct, page: number): void {
  const { pages } = machine.files[mm.vma[page].file - 1]
  const pfn = pages[mm.vma[page].pgoff].frame
  getPage(machine.frames[pfn])
  setPte(machine, mm.pte[page], pfn, isShared(mm.vma[page].kind) && (mm.vma[page].flags & VM_WRITE) !== 0)
}
