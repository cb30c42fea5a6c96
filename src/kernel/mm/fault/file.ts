/**
 * Faults on file mappings and shared memory.
 *
 * @module
 */

import {
  type AddressSpace,
  isPageCache,
  isShared,
  type Machine,
  type MmStruct,
  ownExpected,
  PteKind,
  type Task,
} from '../../../machine/index.js'
import { BLOCKED, become, procedure, type Running, SpecificationError, step } from '../../../world/index.js'
import { addToPageCache } from '../area/file.js'
import { anonVmaPrepare, areaEnd, areaStart } from '../area/vma.js'
import {
  addNewAnonRmap,
  alloc_page,
  folio_put,
  folio_unlock,
  getPage,
  release_pages,
  setPte,
  tryLockPage,
} from '../page.js'
import { mayWritePage, VM_FAULT_OOM, VM_FAULT_SIGBUS } from './answers.js'

/**
 * The most pages that a read fault maps around the address, if they are cached: 64 KiB.
 *
 * @kernel fault_around_bytes
 */
const FAULT_AROUND = 16

/** The page is not in the page cache. */
const NOT_CACHED = -3

/**
 * A read fault on a file mapping. Cached pages around the address are mapped too.
 *
 * @returns 0, or {@link VM_FAULT_OOM}, {@link VM_FAULT_SIGBUS}
 * @kernel do_read_fault mm/memory.c
 * @see reference B.2
 */
export const do_read_fault = procedure(function* do_read_fault(
  current: Task,
  mm: MmStruct,
  page: number,
): Running<number> {
  // One step: the page-table lock is held for all of them. There is no invalidation, since access
  // is only widened.
  const mapped = yield* mm.ptl.critical('map what is cached around', () => {
    const [start, end] = around(mm, page)
    for (let at = start; at < end; at++) mapCached(current.machine, mm, at)
    return mm.pte[page].kind === PteKind.none ? 0 : 1
  })
  return mapped ? 0 : yield* become(finish_fault, current, mm, page)
})

/**
 * The first page and the page after the last that a fault at `page` maps if they are cached. Called
 * under the mmap lock.
 *
 * @kernel do_fault_around
 */
function around(mm: MmStruct, page: number): [start: number, end: number] {
  const aligned = page - (page % FAULT_AROUND)
  const start = Math.max(aligned, areaStart(mm, page))
  return [start, areaEnd(mm, page, Math.min(start + FAULT_AROUND, mm.vma.length))]
}

/** Maps the page of the file if it is cached and not locked. @kernel filemap_map_pages */
function mapCached(machine: Machine, mm: MmStruct, page: number): void {
  const { file, pgoff } = fileAt(machine, mm, page)
  if (pgoff >= file.pages.length || mm.pte[page].kind !== PteKind.none) return
  const frame = machine.frames[file.pages[pgoff].frame]
  if (!isPageCache(frame) || frame.locked) return
  getPage(frame)
  setPte(machine, mm.pte[page], frame.pfn, mayWriteFile(mm, page))
}

/**
 * A write fault on shared memory.
 *
 * @returns as {@link do_read_fault}
 * @kernel do_shared_fault mm/memory.c
 * @see reference B.2
 */
export const do_shared_fault = procedure(function* do_shared_fault(
  current: Task,
  mm: MmStruct,
  page: number,
): Running<number> {
  return yield* become(finish_fault, current, mm, page)
})

/**
 * Maps the page of the file unless another page was mapped meanwhile.
 *
 * @kernel finish_fault mm/memory.c
 * @see reference B.2
 */
const finish_fault = procedure(function* finish_fault(
  current: Task,
  mm: MmStruct,
  page: number,
): Running<number> {
  const { machine } = current
  const pfn = yield* __do_fault(current, mm, page)
  if (pfn < 0) return pfn
  const frame = machine.frames[pfn]
  const installed = yield* mm.ptl.critical('map the page of the file', () => {
    const isFree = mm.pte[page].kind === PteKind.none
    if (isFree) setPte(machine, mm.pte[page], pfn, mayWriteFile(mm, page))
    return isFree
  })
  yield* folio_unlock(frame)
  if (!installed) yield* folio_put(frame)
  return 0
})

/**
 * A write fault on a missing page of a private file mapping: maps a copy at once.
 *
 * @returns as {@link do_read_fault}
 * @kernel do_cow_fault mm/memory.c
 * @see reference B.2
 */
export const do_cow_fault = procedure(function* do_cow_fault(
  current: Task,
  mm: MmStruct,
  page: number,
): Running<number> {
  const { machine } = current
  const copy = yield* alloc_page(machine)
  if (copy === 0) return VM_FAULT_OOM
  const pfn = yield* __do_fault(current, mm, page)
  if (pfn < 0) {
    yield* release_pages(machine, [copy])
    return pfn
  }
  yield* step('copy the page of the file', () => {
    machine.frames[copy].contents = machine.frames[pfn].contents
    return 0
  })
  const installed = yield* mm.ptl.critical('map the copy', () => {
    anonVmaPrepare(machine, mm, page)
    const isFree = mm.pte[page].kind === PteKind.none
    if (isFree) {
      setPte(machine, mm.pte[page], copy, mayWritePage(mm, page))
      addNewAnonRmap(machine, mm, page)
      ownExpected(mm, page).value = machine.frames[copy].contents
    }
    return isFree ? 1 : 0
  })
  yield* folio_unlock(machine.frames[pfn])
  yield* folio_put(machine.frames[pfn])
  if (!installed) yield* release_pages(machine, [copy])
  return 0
})

/**
 * Finds the page in the page cache, or allocates it.
 *
 * @returns its frame, locked and with a reference; or {@link VM_FAULT_SIGBUS} past the end of the
 * file, {@link VM_FAULT_OOM}
 * @kernel __do_fault mm/memory.c, shmem_fault
 * @see reference B.2
 */
const __do_fault = procedure(function* __do_fault(
  current: Task,
  mm: MmStruct,
  page: number,
): Running<number> {
  const { machine } = current
  const found = yield* step('find the page in the cache, and lock it', () => {
    const { file, pgoff } = fileAt(machine, mm, page)
    if (pgoff >= file.pages.length) return VM_FAULT_SIGBUS
    const frame = machine.frames[file.pages[pgoff].frame]
    if (!isPageCache(frame)) return NOT_CACHED
    if (!tryLockPage(frame)) return BLOCKED
    getPage(frame)
    return frame.pfn
  })
  return found === NOT_CACHED ? yield* become(shmem_get_folio, current, mm, page) : found
})

/**
 * Allocates a page and adds it to the page cache of the file. If another thread has added one
 * meanwhile, the caller looks it up again.
 *
 * @kernel shmem_get_folio mm/shmem.c
 * @see reference B.2
 */
const shmem_get_folio = procedure(function* shmem_get_folio(
  current: Task,
  mm: MmStruct,
  page: number,
): Running<number> {
  const { machine } = current
  const pfn = yield* alloc_page(machine)
  if (pfn === 0) return VM_FAULT_OOM
  const added = yield* step('add the page to the cache', () => {
    const { file, pgoff } = fileAt(machine, mm, page)
    if (file.pages[pgoff].frame !== 0) return 0
    const frame = machine.frames[pfn]
    addToPageCache(file, pgoff, frame)
    tryLockPage(frame)
    getPage(frame)
    return 1
  })
  if (added) return pfn
  yield* release_pages(machine, [pfn])
  return yield* become(__do_fault, current, mm, page)
})

/** The file and the offset that `page` maps. Called under the mmap lock. */
function fileAt(
  { files }: Machine,
  mm: MmStruct,
  page: number,
): { readonly file: AddressSpace; readonly pgoff: number } {
  if (!mm.vma[page].file)
    throw new SpecificationError(
      'scenario',
      `page ${page} of ${mm.name} is ${mm.vma[page].kind}, and has no file`,
    )
  return { file: files[mm.vma[page].file - 1], pgoff: mm.vma[page].pgoff }
}

/**
 * True if the VMA maps the page cache writable, from the first fault on: a shared writable mapping.
 *
 * @kernel vm_get_page_prot
 */
function mayWriteFile(mm: MmStruct, page: number): boolean {
  return isShared(mm.vma[page].kind) && mayWritePage(mm, page)
}
