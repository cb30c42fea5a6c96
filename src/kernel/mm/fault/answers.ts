/**
 * The results of a fault, and the tests before a fault makes an entry writable.
 *
 * @see reference B.2
 * @module
 */
import { type MmStruct, type Task, VM_WRITE, ZERO_PAGE } from '../../../machine/index.js'

/** `VM_FAULT_OOM`: no page could be allocated. */
export const VM_FAULT_OOM = -1

/** `VM_FAULT_SIGBUS`: the address is valid, but its page does not exist or is lost. */
export const VM_FAULT_SIGBUS = -2

/** `VM_FAULT_SIGSEGV`: no VMA contains the address. */
export const VM_FAULT_SIGSEGV = -3

/** True if the VMA permits writes. Called under the mmap lock. @kernel maybe_mkwrite */
export function mayWritePage(mm: MmStruct, page: number): boolean {
  return (mm.vma[page].flags & VM_WRITE) !== 0
}

/**
 * True if the page is exclusive to this mapping, so that it can be written without copying. Called
 * under the page-table lock.
 *
 * @kernel PageAnonExclusive
 */
export function isExclusive(current: Task, mm: MmStruct, page: number): boolean {
  const pfn = mm.pte[page].frame
  if (pfn === ZERO_PAGE) return false
  const frame = current.machine.frames[pfn]
  // On a machine without PageAnonExclusive, the mapping must hold the only reference.
  return frame.tracksFlags ? frame.anonExclusive : frame.refcount === 1 && !frame.ksm
}
