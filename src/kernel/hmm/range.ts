/**
 * What a driver asks of the page table, and what it is told.
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

/** The entry's page is there. As a request ({@link HMM_PFN_REQ_FAULT}): it must be. */
export const HMM_PFN_VALID = 1
/** The page may be written. As a request ({@link HMM_PFN_REQ_WRITE}): it must be writable. */
export const HMM_PFN_WRITE = 2
/** The page can never be mapped. */
export const HMM_PFN_ERROR = 4
/** Asks for the page to be faulted in. The same bit as {@link HMM_PFN_VALID}. */
export const HMM_PFN_REQ_FAULT = HMM_PFN_VALID
/** Together with {@link HMM_PFN_REQ_FAULT}: asks for it to be writable. */
export const HMM_PFN_REQ_WRITE = HMM_PFN_WRITE

/**
 * What the last call about a range has answered. A kernel has no field for it: a driver keeps it in local variables.
 *
 * - `none`: nothing. No walk was made, or it has not returned.
 * - `filled`: hmm_range_fault returned 0.
 * - `collided`: hmm_range_fault returned -EBUSY, or mmu_interval_read_retry true.
 * - `failed`: hmm_range_fault returned another error.
 * - `compared`: mmu_interval_read_retry returned false, and its caller did not hold the lock.
 * - `validated`: mmu_interval_read_retry returned false, under the lock.
 * - `committed`: so it did, and the lock was dropped since. The answer is worth nothing any more.
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

/** One entry of the array: in, what is asked; out, what is there. */
export interface HmmPfn {
  /** `HMM_PFN_` and `HMM_PFN_REQ_` bits. */
  flags: number
  frame: number
  /** `hmm_pfn_to_map_order`: how many pages, as a power of two, the entry maps that this one is of. Absent on a machine without huge pages. */
  order: number
  /** Ghost: what was asked when the walk began. */
  asked: number
  /** Ghost: it was filled under a number that the range no longer has. */
  stale: boolean
}

/** The world's part of a range: its array, and where it stands. @kernel struct hmm_range */
export interface HmmRange {
  readonly notifier: IntervalNotifier
  /** `notifier_seq`: where mmu_interval_read_begin puts the number under which the walk is made. */
  notifierSeq: Sequence
  /** First page of the walk. */
  start: number
  /** Page after the last. */
  end: number
  /** `default_flags`. */
  defaultFlags: number
  /** `pfn_flags_mask`. */
  pfnFlagsMask: number
  /** Where the walk begins again: entries before it are answers, the others still requests. */
  last: number
  /** `hmm_pfns`, by page of the address space. */
  readonly pfns: readonly HmmPfn[]
  /** Ghost: {@link RangeResult}. */
  result: RangeResult
  readonly lifecycle: Lifecycle
  /** Whose memory a frame is: what the walk reads off the struct page. */
  readonly ownerOf: (pfn: number) => number
  /** The order that a huge page has. */
  readonly hugeOrder: number
}

/** What a walk is asked for: the fields of the range that do not change. @kernel struct hmm_range */
export interface HmmRequest {
  /** First page. */
  readonly start: number
  /** Page after the last. */
  readonly end: number
  /** `HMM_PFN_REQ_` bits asked of every page. */
  readonly defaultFlags: number
  /** Which bits of the array's entries count as requests. */
  readonly pfnFlagsMask: number
  /** What the array asks for, from the first page on; nothing where it is absent. */
  readonly requests?: readonly number[]
  /** `dev_private_owner`: whose device-private pages count as present; -1 for nobody's. */
  readonly owner: number
}

/**
 * Declares the range that `thread` uses on `notifier`.
 *
 * @param update - what its driver holds as it compares the number and programs the device
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

/** The range has another number: what was filled under the one before is no part of what the next comparison is about. */
function outdate({ pfns }: HmmRange): void {
  for (const entry of pfns) if (entry.flags !== 0) entry.stale = true
}

/**
 * mmu_interval_read_retry was asked about the range. Nothing is said of one that no walk has filled. That nothing has changed does
 * not validate it without the lock.
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

/** True if the last walk has filled the array, whatever became of it. */
function isFilled(result: RangeResult): boolean {
  return result === RangeResult.filled || result === RangeResult.compared || result === RangeResult.committed
}

function isHeld(update: Protection): boolean {
  return unobserved(() => update.heldForWritingBy(acting.thread))
}

/** The driver drops the lock under which the range was validated: from here on its entries are out of use. */
function unlocked(range: HmmRange, update: Protection): void {
  if (range.result !== RangeResult.validated || isHeld(update)) return
  range.result = RangeResult.committed
  range.lifecycle.signal('COMMITTED')
}

/** The driver has put its requests into the range and calls hmm_range_fault. Part of its first step. */
export function beginRange(range: HmmRange, request: HmmRequest): void {
  // Another walk under the same number: the driver has what it wants of the one before.
  const { result } = range
  if (isFilled(result)) range.lifecycle.signal('RELEASED')
  range.start = request.start
  range.end = request.end
  range.defaultFlags = request.defaultFlags
  range.pfnFlagsMask = request.pfnFlagsMask
  range.last = request.start
  range.result = RangeResult.none
  for (let page = request.start; page < request.end; page++) {
    // Answers of an earlier try are no requests: the driver sets the array up anew.
    const asked = request.requests?.[page - request.start] ?? 0
    setRequest(range, page, asked)
  }
  range.lifecycle.signal('BEGIN')
}

/** The entry of `page` holds what is asked of it, and nothing else. Part of a step. */
export function setRequest(range: HmmRange, page: number, asked: number): void {
  const entry = entryAt(range, page)
  entry.flags = asked
  entry.frame = 0
  entry.order = 0
  entry.asked = asked
  entry.stale = false
}

/** The entry of `page`, which must be in the range: the array ends there. Part of a step. */
export function entryAt(range: HmmRange, page: number): HmmPfn {
  claim(
    'C24',
    range.start <= page && page < range.end,
    `a walk of pages ${range.start} to ${range.end} accesses the entry of page ${page}`,
  )
  return range.pfns[page]
}

/** True if the walk has found a page there that the device may use. */
export function isMappable(range: HmmRange, page: number): boolean {
  return (range.pfns[page].flags & (HMM_PFN_VALID | HMM_PFN_ERROR)) === HMM_PFN_VALID
}

/** Clears the array and forgets the sequence: the range is not in use. Part of a step of the thread whose range it is. */
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

/** Whose range: the ranges of a scenario by thread. */
export type RangesByThread = ReadonlyMap<Task['thread'], HmmRange>
