/**
 * Files: which mappings may write to their pages, and how long the pages stay in memory.
 *
 * @module
 */
import { isPageCache, VmaKind } from '../../../src/kernel/index.js'
import type { Invariant } from '../../../src/world/index.js'
import type { MirrorWorld } from '../../mirror/scenarios/mirror-world.js'

/** data: a write to a private file mapping does not reach the file. */
export function privateMappingsWriteToNoFile({ machine }: MirrorWorld): Invariant {
  return {
    clause: 'data',
    name: 'a private mapping writes to no page of a file',
    judge() {
      let said: true | undefined
      for (const mm of machine.mms)
        for (const [page, pte] of mm.pte.entries()) {
          if (mm.vma[page].kind !== VmaKind.privateFile) continue
          const frame = machine.frames[pte.frame]
          if (!isPageCache(frame)) continue
          said = true
          if (pte.write)
            return `${mm.name} maps page ${page} privately and writable, to frame ${frame.pfn} of a file`
        }
      return said
    },
  }
}

/** C6: a file holds its pages as long as a VMA maps it, and no longer. */
export function filesHoldTheirPages({ machine, tasks }: MirrorWorld): Invariant {
  return {
    clause: 'C6',
    name: 'a file holds its pages as long as it is mapped',
    judge(view) {
      const ended = tasks.every(({ thread }) => view.finished(thread))
      let said: true | undefined
      for (const mm of machine.mms)
        for (const [page, { kind, file }] of mm.vma.entries())
          if (kind === VmaKind.none && file !== 0)
            return `page ${page} of ${mm.name} is not in an area, and still refers to file ${file - 1}`
      for (const { index, pages } of machine.files) {
        const mapped = machine.mms.some(({ vma }) => vma.some((vma) => vma.file === index + 1))
        for (const [page, cached] of pages.entries()) {
          const frame = machine.frames[cached.frame]
          if (frame.pfn === 0) continue
          said = true
          if (frame.mapping !== index + 1 || frame.refcount <= frame.mapcount)
            return `page ${page} of file ${index} is in frame ${frame.pfn}, to which the file holds no reference`
          if (ended && !mapped)
            return `at the end file ${index} is not mapped, and its page ${page} is still in memory`
        }
      }
      return said
    },
  }
}
