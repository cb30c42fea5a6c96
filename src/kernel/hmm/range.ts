/**
 * The range: what a driver requests of the page table, and the array in which the walk reports.
 *
 * @see reference A.4
 * @module
 */

import {
  hugeOrder,
  type IntervalNotifier,
  lastFrame,
  type MachineSize,
  ownerOf,
  type Task,
} from '../../machine/index.js'
import {
  acting,
  claim,
  type Layout,
  type Lifecycle,
  type Protection,
  type Sequence,
  unobserved,
} from '../../world/index.js'

/** The page is present. As a request ({@link HMM_PFN_REQ_FAULT}): make it present. */
export const HMM_PFN_VALID = 1
/** The page is writable. As a request ({@link HMM_PFN_REQ_WRITE}): make it writable. */
export const HMM_PFN_WRITE = 2
/** The page cannot be mirrored, and faulting will not change that. */
export const HMM_PFN_ERROR = 4
/** Requests that the page be faulted in. The same bit as {@link HMM_PFN_VALID}. */
export const HMM_PFN_REQ_FAULT = HMM_PFN_VALID
/** Together with {@link HMM_PFN_REQ_FAULT}: requests that it be writable. */
export const HMM_PFN_REQ_WRITE = HMM_PFN_WRITE

/**
 * What the last call on a range returned. The kernel has no such field: a driver keeps the return
 * value in a local variable.
 *
 * - `none`: no walk was started, or it has not returned.
 * - `filled`: hmm_range_fault returned 0.
 * - `collided`: hmm_range_fault returned -EBUSY, or mmu_interval_read_retry returned true.
 * - `failed`: hmm_range_fault returned another error.
 * - `compared`: mmu_interval_read_retry returned false, and its caller did not hold the driver's
 *   lock.
 * - `validated`: mmu_interval_read_retry returned false under the driver's lock.
 * - `committed`: validated, and the lock was dropped since. The result no longer proves anything.
 */
export const RangeResult = {
  none: 'none',
  filled: 'filled',
  collided: 'collided',
  failed: 'failed',
  compared: 'compared',
  validated: 'validated',
  committed: 'committed',
} as const

/** One of {@link RangeResult}. */
export type RangeResult = (typeof RangeResult)[keyof typeof RangeResult]

/** One entry of the array. Input: the request. Output: the report. */
export interface HmmPfn {
  /** `HMM_PFN_` and `HMM_PFN_REQ_` bits. */
  flags: number
  frame: number
  /**
   * `hmm_pfn_to_map_order`: the order of the CPU mapping that covers the page. Absent on a machine
   * without huge pages.
   */
  order: number
  /** Ghost: the request at the start of the walk. */
  asked: number
  /** Ghost: the entry was filled under an earlier sequence number than the range has now. */
  stale: boolean
}

/** A range: its array, and the state of its walk. @kernel struct hmm_range */
export interface HmmRange {
  readonly notifier: IntervalNotifier
  /** `notifier_seq`: the sequence number that mmu_interval_read_begin returned for this walk. */
  notifierSeq: Sequence
  /** First page of the walk. */
  start: number
  /** Page after the last. */
  end: number
  /** `default_flags`. */
  defaultFlags: number
  /** `pfn_flags_mask`. */
  pfnFlagsMask: number
  /**
   * Where the walk restarts. Entries before `last` hold reports; the others still hold requests. In
   * the kernel a field of struct hmm_vma_walk.
   */
  last: number
  /** `hmm_pfns`, by page of the address space. */
  readonly pfns: readonly HmmPfn[]
  /** Ghost: {@link RangeResult}. */
  result: RangeResult
  readonly lifecycle: Lifecycle
  /**
   * The owner of the device memory that a frame belongs to (`pgmap->owner`); -1 for system memory.
   */
  readonly ownerOf: (pfn: number) => number
  /** The order of a huge page. */
  readonly hugeOrder: number
}

/**
 * What the driver requests of one walk: the fields of the range that do not change during it.
 *
 * @kernel struct hmm_range
 */
export interface HmmRequest {
  /** First page. */
  readonly start: number
  /** Page after the last. */
  readonly end: number
  /** `HMM_PFN_REQ_` bits requested of every page. */
  readonly defaultFlags: number
  /** `HMM_PFN_REQ_` bits that entries of the array may request. */
  readonly pfnFlagsMask: number
  /** `HMM_PFN_REQ_` bits of each entry, from the first page on; 0 where absent. */
  readonly requests?: readonly number[]
  /** `dev_private_owner`: device-private pages of this owner count as present; -1 for none. */
  readonly owner: number
}

/**
 * Declares the range that `thread` uses on `notifier`.
 *
 * @param update - the lock under which the driver compares the sequence number and programs the
 * device
 */
export function declareRange(
  layout: Layout,
  name: string,
  thread: number,
  notifier: IntervalNotifier,
  size: Pick<MachineSize, 'pages' | 'frames' | 'deviceMemory' | 'hugePages'>,
  update: Protection,
): HmmRange {
  const range: HmmRange = layout.scope(name, (l) => ({
    notifier,
    notifierSeq: l.sequence('notifier_seq', notifier),
    start: l.counter('start', size.pages),
    end: l.counter('end', size.pages),
    defaultFlags: l.counter('default_flags', HMM_PFN_REQ_FAULT | HMM_PFN_REQ_WRITE),
    pfnFlagsMask: l.counter('pfn_flags_mask', HMM_PFN_REQ_FAULT | HMM_PFN_REQ_WRITE),
    last: l.counter('last', size.pages),
    pfns: l.array('hmm_pfns', size.pages, (entry) => ({
      flags: entry.counter('flags', HMM_PFN_VALID | HMM_PFN_WRITE | HMM_PFN_ERROR, { word: 'entry' }),
      frame: entry.counter('frame', lastFrame(size), { word: 'entry' }),
      order: entry.counter('order', Math.log2(size.hugePages ?? 2), {
        word: 'entry',
        when: !!size.hugePages,
      }),
      asked: entry.counter('asked', HMM_PFN_REQ_FAULT | HMM_PFN_REQ_WRITE, { ghost: true }),
      stale: entry.flag('stale', { ghost: true }),
    })),
    result: l.oneOf('result', RangeResult, { ghost: true }),
    lifecycle: l.lifecycle('range', 'lifecycle'),
    ownerOf: (pfn: number) => ownerOf(size, pfn),
    hugeOrder: hugeOrder(size.hugePages),
  }))
  notifier.readers.set(thread, {
    place: range.notifierSeq,
    moved: () => outdate(range),
    compared: (retry) => judged(range, retry, update),
  })
  update.onRelease(() => {
    if (acting.thread === thread) unlocked(range, update)
  })
  return range
}

/**
 * The range takes a new sequence number: entries filled under the old one become stale, and the
 * next comparison says nothing about them.
 */
function outdate({ pfns }: HmmRange): void {
  for (const entry of pfns) if (entry.flags !== 0) entry.stale = true
}

/**
 * mmu_interval_read_retry returned for the range. A range that no walk has filled stays as it is. A
 * match validates the range only if the caller holds the driver's lock.
 */
function judged(range: HmmRange, retry: number, update: Protection): void {
  const { result } = range
  if (result === RangeResult.none || result === RangeResult.collided) return
  if (retry) {
    range.result = RangeResult.collided
    range.lifecycle.signal('COLLIDED')
  } else if (!isHeld(update)) {
    if (result === RangeResult.filled) range.result = RangeResult.compared
  } else if (result !== RangeResult.validated) {
    range.result = RangeResult.validated
    range.lifecycle.signal('VALIDATED')
  }
}

/** True if the last walk filled the array and the range is not validated. */
function isFilled(result: RangeResult): boolean {
  return result === RangeResult.filled || result === RangeResult.compared || result === RangeResult.committed
}

function isHeld(update: Protection): boolean {
  return unobserved(() => update.heldForWritingBy(acting.thread))
}

/**
 * The driver drops the lock under which the range was validated. From here on its entries may be
 * stale.
 */
function unlocked(range: HmmRange, update: Protection): void {
  if (range.result !== RangeResult.validated || isHeld(update)) return
  range.result = RangeResult.committed
  range.lifecycle.signal('COMMITTED')
}

/**
 * The driver has set up the range and calls hmm_range_fault. Called inside the first step of
 * hmm_range_fault.
 */
export function beginRange(range: HmmRange, request: HmmRequest): void {
  // A second walk under the same sequence number: the driver is done with the report of the first.
  const { result } = range
  if (isFilled(result)) range.lifecycle.signal('RELEASED')
  range.start = request.start
  range.end = request.end
  range.defaultFlags = request.defaultFlags
  range.pfnFlagsMask = request.pfnFlagsMask
  range.last = request.start
  range.result = RangeResult.none
  for (let page = request.start; page < request.end; page++) {
    // The driver sets up the array anew: it must not take the report of an earlier try for
    // requests.
    const asked = request.requests?.[page - request.start] ?? 0
    setRequest(range, page, asked)
  }
  range.lifecycle.signal('BEGIN')
}

/**
 * Sets the entry of `page` to the request, and clears the rest of it. Called inside an atomic step.
 */
export function setRequest(range: HmmRange, page: number, asked: number): void {
  const entry = entryAt(range, page)
  entry.flags = asked
  entry.frame = 0
  entry.order = 0
  entry.asked = asked
  entry.stale = false
}

/**
 * The entry of `page`, which must lie in the range: the array has no other entries. Called inside
 * an atomic step.
 */
export function entryAt(range: HmmRange, page: number): HmmPfn {
  claim(
    'C24',
    range.start <= page && page < range.end,
    `a walk of pages ${range.start} to ${range.end} accesses the entry of page ${page}`,
  )
  return range.pfns[page]
}

/** True if the walk reported a page that the device may map. */
export function isMappable(range: HmmRange, page: number): boolean {
  return (range.pfns[page].flags & (HMM_PFN_VALID | HMM_PFN_ERROR)) === HMM_PFN_VALID
}

/**
 * Clears the array and the sequence number: the range is not in use. Called inside an atomic step
 * of the thread that uses the range.
 */
export function resetRange(range: HmmRange): void {
  range.notifierSeq.clear()
  range.start = 0
  range.end = 0
  range.defaultFlags = 0
  range.pfnFlagsMask = 0
  range.last = 0
  range.result = RangeResult.none
  for (const entry of range.pfns) {
    entry.flags = 0
    entry.frame = 0
    entry.order = 0
    entry.asked = 0
    entry.stale = false
  }
}

/** The ranges of a scenario, by the thread that uses them. */
export type RangesByThread = ReadonlyMap<Task['thread'], HmmRange>
