/**
 * The recorded driver's device: a program that copies pages through the mirror's page table, under the driver's own
 * lock. What it cannot copy it faults in, and goes on from there.
 *
 * @see reference E.1
 * @module
 */

import { Errno, expectedAt, type Task, ZERO_PAGE } from '../../kernel/index.js'
import { become, claim, type Procedure, procedure, type Running, step } from '../../world/index.js'
import type { Mirror } from '../mirror.js'
import { dmirror_fault, dmirror_fault_unlocked } from './fault.js'

/** What a read or a write by the device answers. */
export interface DmirrorAnswer {
  /** 0, or a negative error number: then nothing else of the answer is told. */
  readonly error: number
  /** How often the driver faulted pages in. */
  readonly faults: number
  /** What was read, by page; empty for a write. */
  readonly values: readonly number[]
}

/** An answer that tells only the error. */
function failed(error: number): DmirrorAnswer {
  return { error, faults: 0, values: [] }
}

/**
 * The device reads the pages from `start` to `end`.
 *
 * @returns what it read; -EINVAL for no page at all, otherwise the error of the fault that could not be served
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
 * The same by the walk that drops the mmap lock for its faults.
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

/** How pages are faulted in. */
type FaultIn = Procedure<[Task, Mirror, number, number, boolean], number>

/** Goes on reading at `page`, after `faults` faults, having read `seen`. */
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

/** Reads until a page is missing, under the update lock. Returns what was read. */
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
 * The device writes `values` to the pages from `start` on. Pages before one that cannot be written are written.
 *
 * @returns -EINVAL for no page at all, otherwise 0 or the error of the fault that could not be served
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

/** Goes on writing at `page`, after `faults` faults. */
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

/** Writes until a page is missing or may not be written, under the update lock. Returns how many were written. */
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
  // What the device has to itself it may not write through: it asks for an entry that is for writing (H13).
  if (frame === undefined || !entry.write || entry.atomic) return 1
  mustBeMemory(current, mirror, page, frame.pfn)
  claim('C4', frame.pfn !== ZERO_PAGE, `${mirror.name} writes to the zero page through page ${page}`)
  frame.contents = value
  expectedAt(current.machine, mirror.mm, page).value = value
  return 0
}
