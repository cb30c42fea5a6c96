/**
 * Files in memory: how they come to be, and what becomes of their pages when nobody has any use for them.
 *
 * @module
 */
import { procedure, type Running, step, type World } from '../../../world/index.js'
import type { AddressSpace } from '../../address-space.js'
import { type Frame, type Machine, type Task, ZERO_PAGE } from '../../machine.js'
import { putPage } from '../page.js'

/**
 * Makes a file in memory that holds `values`, a page each, and opens it. One step: nobody else knows of it yet.
 *
 * @returns 0, or -1 if there are not enough frames: then there is nothing
 * @kernel memfd_create, shmem_file_write_iter
 */
export const memfdCreate = procedure(
  'memfd_create',
  function* ({ machine }: Task, file: AddressSpace, values: readonly number[]): Running<number> {
    return yield* step('write the file', (w) => {
      const free = machine.frames.filter(
        ({ pfn, owner, refcount }) => pfn !== ZERO_PAGE && owner < 0 && refcount.get(w) === 0,
      )
      if (free.length < file.pages.length) return -1
      file.open.set(w, 1)
      file.pages.forEach((_, page) => {
        free[page].refcount.set(w, 1)
        free[page].contents.set(w, values[page])
        file.expected[page].set(w, values[page])
        addToPageCache(w, file, page, free[page])
      })
      return 0
    })
  },
)

/** The page is the file's from now on, and the caller's reference the page cache's. Part of a step. @kernel filemap_add_folio */
export function addToPageCache(w: World, file: AddressSpace, page: number, frame: Frame): void {
  file.pages[page].set(w, frame.pfn)
  frame.mapping?.set(w, file.index + 1)
}

/** The file is closed: it lives on while it is mapped. @kernel close */
export const closeFile = procedure('close', function* ({ machine }: Task, file: AddressSpace): Running<void> {
  yield* step('close the file', (w) => {
    file.open.set(w, 0)
    return 0
  })
  yield* evictUnusedFiles(machine)
})

/**
 * Files that nobody has open, and no area of any address space maps, give up their pages. One step: nobody can find the
 * file any more.
 *
 * @kernel fput, shmem_evict_inode
 */
export const evictUnusedFiles = procedure('fput', function* (machine: Machine): Running<void> {
  if (machine.files.length === 0) return
  yield* step('evict files that nobody uses', (w) => {
    for (const file of machine.files) if (!isUsed(w, machine, file)) evictFile(w, machine, file)
    return 0
  })
})

function isUsed(w: World, { mms }: Machine, { index, open }: AddressSpace): boolean {
  const mapped = mms.some(({ vma }) => vma.some(({ file }) => file?.readOnce(w) === index + 1))
  return mapped || open.get(w) === 1
}

function evictFile(w: World, { frames }: Machine, file: AddressSpace): void {
  file.pages.forEach((cached, page) => {
    const frame = frames[cached.get(w)]
    file.expected[page].set(w, 0)
    if (frame.pfn === ZERO_PAGE) return
    cached.set(w, 0)
    frame.mapping?.set(w, 0)
    putPage(w, frame)
  })
}
