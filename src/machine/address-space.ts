/**
 * Files and shared memory: an object whose pages VMAs of any address space map. Its pages exist
 * whether or not they are mapped.
 *
 * @module
 */
import { type Layout, READ_ONCE, unobserved } from '../world/index.js'
import type { Expected, Frame, Machine, MmStruct } from './index.js'
import { PteKind, VmaKind } from './index.js'

/**
 * A file in memory, or a shared memory object. Its size is constant.
 *
 * @kernel struct address_space
 */
export interface AddressSpace {
  readonly index: number
  /**
   * `i_pages`, the page cache: the frame of each page, with a reference; 0 for a page that is not
   * cached yet.
   */
  readonly pages: readonly CachedPage[]
  /** True while a process has it open. The object exists while it is open or mapped. */
  open: boolean
  /** Ghost: the value last written to each page, or 0. */
  readonly expected: readonly Expected[]
}

/** A page of the page cache. */
export interface CachedPage {
  frame: number
}

/** Declares a file of `pages` pages: it is not open, and none of its pages is cached. */
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

/** True for a VMA of a file or of shared memory, including private file mappings. */
export function isFileBacked(kind: VmaKind): boolean {
  return kind === VmaKind.sharedAnonymous || kind === VmaKind.file || kind === VmaKind.privateFile
}

/** True for a shared mapping. @kernel VM_SHARED */
export function isShared(kind: VmaKind): boolean {
  return kind === VmaKind.sharedAnonymous || kind === VmaKind.file
}

/**
 * True for a page of the page cache: of a file or of shared memory. Called inside an atomic step.
 *
 * @kernel folio_mapping
 */
export function isPageCache(frame: Frame): boolean {
  return frame.mapping !== 0
}

/**
 * Ghost: the expected value of the address space's private data at `page`. mremap moves it with the
 * VMA.
 */
export function ownExpected(mm: MmStruct, page: number): Expected {
  return mm.expected[mm.tracksMoves ? mm.vma[page].data : page]
}

/**
 * Ghost: the value that a read of `page` must return: that of the file if the page belongs to the
 * file, otherwise that of the address space. Called inside an atomic step of any thread: it reads
 * without locks.
 */
export function expectedAt(machine: Machine, mm: MmStruct, page: number): Expected {
  return machine.files.length === 0 ? ownExpected(mm, page) : unobserved(() => expectedOf(machine, mm, page))
}

function expectedOf(machine: Machine, mm: MmStruct, page: number): Expected {
  const pte = mm.pte[page]
  const pfn = READ_ONCE(pte).frame
  const mapped = machine.files[machine.frames[pfn].mapping - 1]
  // The VMA may have been removed already, while the entry still exists.
  if (mapped !== undefined) return mapped.expected[mapped.pages.findIndex((cached) => cached.frame === pfn)]
  // A private copy no longer belongs to the file, even after it was swapped out or migrated.
  const isOwn = pfn !== 0 || READ_ONCE(pte).kind === PteKind.swap
  return isOwn || !isFileBacked(READ_ONCE(mm.vma[page]).kind)
    ? ownExpected(mm, page)
    : machine.files[READ_ONCE(mm.vma[page]).file - 1].expected[READ_ONCE(mm.vma[page]).pgoff]
}
