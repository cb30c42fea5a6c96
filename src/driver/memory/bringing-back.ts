/**
 * Two variants of migrate_to_ram: one migrates the neighbouring pages back too, one has a copy that
 * may fail.
 *
 * @see reference B.6
 * @module
 */
import {
  type DeviceFault,
  folio_put,
  folio_unlock,
  type MigrateVma,
  type MmStruct,
  migrate_vma_finalize,
  migrate_vma_pages,
  migrate_vma_setup,
  pagesOf,
  SELECT_DEVICE_PRIVATE,
  type Task,
  VM_FAULT_OOM,
  VM_FAULT_SIGBUS,
  withdrawDestination,
} from '../../kernel/index.js'
import { choose, procedure, type Running, step } from '../../world/index.js'
import { allocateAndCopy, systemFrames } from './device-memory.js'

/**
 * Migrates the page back, and all other pages of its VMA that are in the device's memory. The page
 * of the fault gets its destination first, so that it does not fail for memory that other pages
 * took.
 *
 * @returns 0, or VM_FAULT_OOM if there was no memory for the page itself
 */
export const bringBackAround = procedure(
  'migrate_to_ram (around)',
  function* (current: Task, mm: MmStruct, page: number, fault: DeviceFault): Running<number> {
    const { owner } = current.machine.frames[fault.pfn]
    const { start, end } = yield* step('find the area', () => areaAround(mm, page))
    const args = { mm, start, end, owner, select: SELECT_DEVICE_PRIVATE, fault }
    yield* migrate_vma_setup(current, args)
    const short = yield* allocateInTurn(current, args, page)
    yield* migrate_vma_pages(current, args)
    yield* migrate_vma_finalize(current, args)
    return short ? VM_FAULT_OOM : 0
  },
)

/** The bounds of the VMA of `page`. */
function areaAround({ vma }: MmStruct, page: number): { readonly start: number; readonly end: number } {
  const alike = (at: number) => vma[at]?.kind === vma[page].kind && vma[at].flags === vma[page].flags
  let start = page
  let end = page + 1
  while (alike(start - 1)) start--
  while (alike(end)) end++
  return { start, end }
}

/**
 * Allocates destinations and copies, for the page of the fault before all others.
 *
 * @returns 1 if no destination was free for that page
 */
export const allocateInTurn = procedure(
  'alloc_and_copy (in turn)',
  function* (current: Task, args: MigrateVma, page: number): Running<number> {
    const frames = systemFrames(current)
    const short = yield* allocateAndCopy(current, { ...args, start: page, end: page + 1 }, frames)
    yield* allocateAndCopy(current, { ...args, end: page }, frames)
    yield* allocateAndCopy(current, { ...args, start: page + 1 }, frames)
    return short
  },
)

/**
 * Migrates one page back with a copy that may fail. After a failed copy the driver clears `dst`,
 * frees the destination, and the page stays where it was.
 *
 * @returns 0, VM_FAULT_OOM, or VM_FAULT_SIGBUS for a copy that failed
 */
export const bringBackUnlessFailed = procedure(
  'migrate_to_ram (copy may fail)',
  function* (current: Task, mm: MmStruct, page: number, fault: DeviceFault): Running<number> {
    const { owner } = current.machine.frames[fault.pfn]
    const args = { mm, start: page, end: page + 1, owner, select: SELECT_DEVICE_PRIVATE, fault }
    yield* migrate_vma_setup(current, args)
    const short = yield* allocateAndCopy(current, args, systemFrames(current))
    if (yield* choose('the copy has failed', ['it has not', 'it has'])) {
      yield* withdraw(current, page)
      yield* migrate_vma_finalize(current, args)
      return VM_FAULT_SIGBUS
    }
    yield* migrate_vma_pages(current, args)
    yield* migrate_vma_finalize(current, args)
    return short ? VM_FAULT_OOM : 0
  },
)

/** Clears `dst` of `page`, and frees the destination if it had one. */
export const withdraw = procedure('free the destination', function* (current: Task, page: number) {
  const frame = yield* step('take it out of dst', () => {
    const entry = pagesOf(current)[page]
    const { dst } = entry
    if (dst !== undefined) withdrawDestination(entry)
    return dst ?? 0
  })
  if (frame === 0) return
  yield* folio_unlock(frame)
  yield* folio_put(frame)
})
