/**
 * Files in memory (memfd): creating and closing them, and freeing the pages of an unused file.
 *
 * @module
 */

import type { AddressSpace } from '../../../machine/index.js'
import { type Frame, type Machine, type Task, ZERO_PAGE } from '../../../machine/index.js'
import { procedure, READ_ONCE, type Running, step } from '../../../world/index.js'
import { putPage } from '../page.js'

/**
 * Creates a file in memory that holds `values`, one for each page, and opens it. One step: no other
 * thread can reach the file yet.
 *
 * @returns 0, or -1 if there are not enough free frames: then no file is created
 * @kernel memfd_create mm/memfd.c, shmem_file_write_iter
 * @see reference B.2
 */
export const memfd_create = procedure(function* memfd_create(
  { machine }: Task,
  file: AddressSpace,
  values: readonly number[],
): Running<number> {
  return yield* step('write the file', () => {
    const free = machine.frames.filter(
      (frame) => frame.pfn !== ZERO_PAGE && frame.owner < 0 && frame.refcount === 0,
    )
    if (free.length < file.pages.length) return -1
    file.open = true
    file.pages.forEach((_, page) => {
      free[page].refcount = 1
      free[page].contents = values[page]
      file.expected[page].value = values[page]
      addToPageCache(file, page, free[page])
    })
    return 0
  })
})

/**
 * Adds the page to the page cache of the file, which takes over the caller's reference. Called
 * inside an atomic step.
 *
 * @kernel filemap_add_folio
 */
export function addToPageCache(file: AddressSpace, page: number, frame: Frame): void {
  file.pages[page].frame = frame.pfn
  frame.mapping = file.index + 1
}

/**
 * Closes the file. It exists as long as it is mapped.
 *
 * @kernel close fs/open.c
 * @see reference B.2
 */
export const close = procedure(function* close({ machine }: Task, file: AddressSpace): Running<void> {
  yield* step('close the file', () => {
    file.open = false
    return 0
  })
  yield* fput(machine)
})

/**
 * Frees the pages of files that are neither open nor mapped by any VMA. One step: no other thread
 * can reach such a file.
 *
 * @kernel fput fs/file_table.c, shmem_evict_inode
 * @see reference B.2
 */
export const fput = procedure(function* fput(machine: Machine): Running<void> {
  if (machine.files.length === 0) return
  yield* step('evict files that nobody uses', () => {
    for (const file of machine.files) if (!isUsed(machine, file)) evictFile(machine, file)
    return 0
  })
})

function isUsed({ mms }: Machine, addressSpace: AddressSpace): boolean {
  const mapped = mms.some(({ vma }) => vma.some((vma) => READ_ONCE(vma).file === addressSpace.index + 1))
  return mapped || addressSpace.open
}

function evictFile({ frames }: Machine, file: AddressSpace): void {
  file.pages.forEach((cached, page) => {
    const frame = frames[cached.frame]
    file.expected[page].value = 0
    if (frame.pfn === ZERO_PAGE) return
    cached.frame = 0
    frame.mapping = 0
    putPage(frame)
  })
}
