/**
 * Populating: faults in pages before they are accessed.
 *
 * @module
 */
import { type MmStruct, PteKind, type Task, VM_READ, VM_WRITE } from '../../../machine/index.js'
import { become, procedure, READ_ONCE, type Running, step } from '../../../world/index.js'
import { VM_FAULT_OOM } from './answers.js'
import { handle_mm_fault } from './fault.js'

/** The result of populating a VMA. */
export const Populated = { all: 0, refused: 1, noMemory: 2, failed: 3 } as const

/**
 * Faults in the pages from `start` to `end`, which lie in one VMA, for reading or writing. A
 * present page is left as it is. No references are kept. The caller holds the mmap lock.
 *
 * @param permitting - access flags of which the VMA must permit one; mlock accepts any of them
 * (FOLL_FORCE)
 * @returns one of {@link Populated}: whether the VMA permits the access, and whether all pages were
 * faulted in
 * @kernel faultin_vma_page_range mm/gup.c, populate_vma_page_range
 * @see reference B.2
 */
export const populateArea = procedure(
  'populate_vma_page_range',
  function* (
    current: Task,
    start: number,
    end: number,
    write: boolean,
    permitting: number = write ? VM_WRITE : VM_READ,
  ): Running<number> {
    const { mm } = current
    const isRefused = yield* step('check_vma_flags', () => (mm.vma[start].flags & permitting ? 0 : 1))
    if (isRefused) return Populated.refused
    for (let page = start; page < end; page++) {
      const fault = yield* populatePage(current, mm, page, write)
      if (fault) return fault === VM_FAULT_OOM ? Populated.noMemory : Populated.failed
    }
    return Populated.all
  },
)

/**
 * Populates one page: reads the entry, faults, and reads it again. Returns 0, or the error of the
 * fault.
 *
 * @kernel populate_vma_page_range mm/gup.c
 * @see reference B.2
 */
const populatePage = procedure(
  'populate_vma_page_range (page)',
  function* (current: Task, mm: MmStruct, page: number, write: boolean): Running<number> {
    const isThere = yield* step('look at the entry', () => {
      const pte = READ_ONCE(mm.pte[page])
      return pte.kind === PteKind.present && (!write || pte.write) ? 1 : 0
    })
    if (isThere) return 0
    const fault = yield* handle_mm_fault(current, mm, page, write)
    return fault ? fault : yield* become(populatePage, current, mm, page, write)
  },
)
