/**
 * The recorded driver's device is software: it copies pages through the mirror's page table, under
 * the driver's lock. At a page that it cannot copy it faults, and continues there.
 *
 * @see reference E.1
 * @module
 */

import { Errno, expectedAt, type Task, ZERO_PAGE } from '../../kernel/index.js'
import { become, claim, type Procedure, procedure, type Running, step } from '../../world/index.js'
import type { Mirror } from '../mirror.js'
import { dmirror_fault, dmirror_fault_unlocked } from './fault.js'

/** The result of a read or a write by the device. */
export interface DmirrorAnswer {
  /** 0, or a negative error number: then user space gets no other field. */
  readonly error: number
  /** How often the driver faulted pages in. */
  readonly faults: number
  /** The values read, by page; empty for a write. */
  readonly values: readonly number[]
}

/** A result with an error only. */
function failed(error: number): DmirrorAnswer {
  return { error, faults: 0, values: [] }
}

/**
 * The device reads the pages from `start` to `end`.
 *
 * @returns the values read; -EINVAL for an empty range; or the error of the fault
 */
export const dmirror_read = procedure(function* dmirror_read(
  current: Task,
  mirror: Mirror,
  start: number,
  end: number,
): Running<DmirrorAnswer> {
  if (start >= end) return failed(-Errno.EINVAL)
  return yield* become(readOn, current, mirror, start, end, 0, [], dmirror_fault)
})

/**
 * The same with hmm_range_fault_unlocked_timeout.
 *
 * @returns as {@link dmirror_read}
 */
export const dmirror_read_unlocked = procedure(function* dmirror_read_unlocked(
  current: Task,
  mirror: Mirror,
  start: number,
  end: number,
): Running<DmirrorAnswer> {
  if (start >= end) return failed(-Errno.EINVAL)
  return yield* become(readOn, current, mirror, start, end, 0, [], dmirror_fault_unlocked)
})

/** A procedure that faults in pages. */
type FaultIn = Procedure<[Task, Mirror, number, number, boolean], number>

/** Continues reading at `page`, after `faults` faults, with the values `seen`. */
const readOn = procedure(
  'dmirror_read (from a page on)',
  function* (
    current: Task,
    mirror: Mirror,
    page: number,
    end: number,
    faults: number,
    seen: readonly number[],
    faultIn: FaultIn,
  ): Running<DmirrorAnswer> {
    const values = [...seen, ...(yield* dmirror_do_read(current, mirror, page, end))]
    const missing = page + values.length - seen.length
    if (missing === end) return { error: 0, faults, values }
    const error = yield* faultIn(current, mirror, missing, end, false)
    if (error) return failed(error)
    return yield* become(readOn, current, mirror, missing, end, faults + 1, values, faultIn)
  },
)

/** Reads up to the first missing page, under the update lock. Returns the values read. */
export const dmirror_do_read = procedure(function* dmirror_do_read(
  current: Task,
  mirror: Mirror,
  start: number,
  end: number,
): Running<number[]> {
  const values: number[] = []
  yield* mirror.updateLock.lock()
  for (let page = start; page < end; page++) {
    const seen = yield* step('copy a page out', () => copyOut(current, mirror, page))
    if (seen === MISSING) break
    values.push(seen)
  }
  yield* mirror.updateLock.unlock()
  return values
})

const MISSING = -1

function copyOut(current: Task, mirror: Mirror, page: number): number {
  const { frame } = mirror.pageTable[page]
  if (frame === undefined) return MISSING
  mustBeMemory(current, mirror, page, frame.pfn)
  const seen = frame.contents
  const expected = expectedAt(current.machine, mirror.mm, page).value
  claim(
    'data',
    seen === expected,
    `${mirror.name} reads ${seen} from page ${page}, last written was ${expected}`,
  )
  return seen
}

function mustBeMemory({ machine }: Task, mirror: Mirror, page: number, pfn: number): void {
  claim(
    'backed-access',
    !mirror.pageTable[page].unbacked,
    `${mirror.name} accesses page ${page} through the struct page of frame ${pfn}, behind which there is no memory`,
  )
  claim(
    'use-after-free',
    () => pfn === ZERO_PAGE || machine.frames[pfn].refcount > 0,
    `${mirror.name} accesses frame ${pfn} through page ${page}, and the frame is free`,
  )
}

/**
 * The device writes `values` to the pages from `start` on. Pages before one that cannot be written
 * are written.
 *
 * @returns 0; -EINVAL for an empty range; or the error of the fault
 */
export const dmirror_write = procedure(function* dmirror_write(
  current: Task,
  mirror: Mirror,
  start: number,
  values: readonly number[],
): Running<DmirrorAnswer> {
  if (values.length === 0) return failed(-Errno.EINVAL)
  return yield* become(writeOn, current, mirror, start, values, 0)
})

/** Continues writing at `page`, after `faults` faults. */
const writeOn = procedure(
  'dmirror_write (from a page on)',
  function* (
    current: Task,
    mirror: Mirror,
    page: number,
    values: readonly number[],
    faults: number,
  ): Running<DmirrorAnswer> {
    const written = yield* dmirror_do_write(current, mirror, page, values)
    if (written === values.length) return { error: 0, faults, values: [] }
    const left = values.slice(written)
    const missing = page + written
    const error = yield* dmirror_fault(current, mirror, missing, missing + left.length, true)
    if (error) return failed(error)
    return yield* become(writeOn, current, mirror, missing, left, faults + 1)
  },
)

/**
 * Writes up to the first page that is missing or read-only, under the update lock. Returns the
 * number of pages written.
 */
export const dmirror_do_write = procedure(function* dmirror_do_write(
  current: Task,
  mirror: Mirror,
  start: number,
  values: readonly number[],
): Running<number> {
  let written = 0
  yield* mirror.updateLock.lock()
  for (const value of values) {
    const page = start + written
    const missing = yield* step('copy a page in', () => copyIn(current, mirror, page, value))
    if (missing) break
    written++
  }
  yield* mirror.updateLock.unlock()
  return written
})

function copyIn(current: Task, mirror: Mirror, page: number, value: number): number {
  const entry = mirror.pageTable[page]
  const { frame } = entry
  // An atomic entry is not a write entry for this driver: the device cannot write through it (H13).
  if (frame === undefined || !entry.write || entry.atomic) return 1
  mustBeMemory(current, mirror, page, frame.pfn)
  claim('C4', frame.pfn !== ZERO_PAGE, `${mirror.name} writes to the zero page through page ${page}`)
  frame.contents = value
  expectedAt(current.machine, mirror.mm, page).value = value
  return 0
}
