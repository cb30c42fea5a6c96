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

/** Puts every page of every file into memory with the value 1, in the frames after `last`. */
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

/** Maps the page of the file as a read fault does. */
export function mapFilePage(machine: Machine, mm: MmStruct, page: number): void {
  const { pages } = machine.files[mm.vma[page].file - 1]
  const pfn = pages[mm.vma[page].pgoff].frame
  getPage(machine.frames[pfn])
  setPte(machine, mm.pte[page], pfn, isShared(mm.vma[page].kind) && (mm.vma[page].flags & VM_WRITE) !== 0)
}
