/**
 * What is behind shared memory and files: the pages of an object that areas of any address space map, and that are there
 * whether or not one does.
 *
 * @module
 */
import { type Layout, READ_ONCE, unobserved } from '../world/index.js'
import type { Expected, Frame, Machine, MmStruct } from './index.js'
import { PteKind, VmaKind } from './index.js'

/** A file in memory, or a piece of shared memory. It is as long as it has pages, and stays so. @kernel struct address_space */
export interface AddressSpace {
  readonly index: number
  /** `i_pages`, the page cache: by page of the object its frame, which it holds a reference to; 0 where there is none yet. */
  readonly pages: readonly CachedPage[]
  /** Whether a process has it open. It is there as long as that, or as an area maps it. */
  open: boolean
  /** Ghost: the value last written to each page, or 0. */
  readonly expected: readonly Expected[]
}

/** A page of the page cache. */
export interface CachedPage {
  frame: number
}

/** Declares a file of `pages` pages: nobody has it open, and nothing of it is cached. */
export function declareAddressSpace(
  layout: Layout,
  index: number,
  pages: number,
  bounds: { readonly frames: number; readonly values: number },
) {
  return {
    index,
    pages: layout.array('i_pages', pages, (l) => ({ frame: l.counter('frame', bounds.frames) })),
    open: layout.flag('open'),
    expected: layout.array('expected', pages, (l) => ({
      value: l.counter('value', bounds.values, { ghost: true }),
      given: l.counter('given', bounds.values, { ghost: true, when: false }),
    })),
  }
}

/** True for an area whose pages are a file's or of shared memory, the private ones of a file among them. */
export function isFileBacked(kind: VmaKind): boolean {
  return kind === VmaKind.sharedAnonymous || kind === VmaKind.file || kind === VmaKind.privateFile
}

/** True for an area whose writes others see. @kernel VM_SHARED */
export function isShared(kind: VmaKind): boolean {
  return kind === VmaKind.sharedAnonymous || kind === VmaKind.file
}

/**
 * True for a page of a file or of shared memory, which all who map it share. Called inside an
 * atomic step.
 *
 * @kernel folio_mapping
 */
export function isPageCache(frame: Frame): boolean {
  return frame.mapping !== 0
}

/** Ghost: the cell of the address space's own data at `page`, which goes with its area. */
export function ownExpected(mm: MmStruct, page: number): Expected {
  return mm.expected[mm.tracksMoves ? mm.vma[page].data : page]
}

/**
 * Ghost: the cell that says what a read of `page` must give: the file's, where the page is the
 * file's, the address space's own otherwise. Called inside an atomic step of anybody: it is looked
 * at without locks.
 */
export function expectedAt(machine: Machine, mm: MmStruct, page: number): Expected {
  return machine.files.length === 0 ? ownExpected(mm, page) : unobserved(() => expectedOf(machine, mm, page))
}

function expectedOf(machine: Machine, mm: MmStruct, page: number): Expected {
  const pte = mm.pte[page]
  const pfn = READ_ONCE(pte).frame
  const mapped = machine.files[machine.frames[pfn].mapping - 1]
  // Its area may have been taken out already, while the entry is still there.
  if (mapped !== undefined) return mapped.expected[mapped.pages.findIndex((cached) => cached.frame === pfn)]
  // What has been copied for this address space alone is not the file's any more, wherever it is now.
  const isOwn = pfn !== 0 || READ_ONCE(pte).kind === PteKind.swap
  return isOwn || !isFileBacked(READ_ONCE(mm.vma[page]).kind)
    ? ownExpected(mm, page)
    : machine.files[READ_ONCE(mm.vma[page]).file - 1].expected[READ_ONCE(mm.vma[page]).pgoff]
}
