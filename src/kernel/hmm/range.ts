/**
 * What a driver asks of the page table, and what it is told.
 *
 * @see reference A.4
 * @module
 */
import { acting, type Cell, type Layout, type Lifecycle, type World } from '../../world/index.js'
import { hugeOrder } from '../huge.js'
import { type IntervalNotifier, lastFrame, type MachineSize, ownerOf, type Task } from '../machine.js'
import { sequenceOf } from '../mmu_notifier/index.js'

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

/** What the last call on a range said: nothing yet, filled, collided, failed, or mmu_interval_read_retry's no. */
export const RangeResult = { none: 0, filled: 1, collided: 2, failed: 3, validated: 4 } as const

/** One entry of the array: in, what is asked; out, what is there. */
export interface HmmPfn {
  /** `HMM_PFN_` and `HMM_PFN_REQ_` bits. */
  readonly flags: Cell
  readonly frame: Cell
  /** `hmm_pfn_to_map_order`: how many pages, as a power of two, the entry maps that this one is of. Absent on a machine without huge pages. */
  readonly order?: Cell
  /** Ghost: what was asked when the walk began. */
  readonly asked: Cell
}

/** The world's part of a range: its array, and where it stands. @kernel struct hmm_range */
export interface HmmRange {
  readonly notifier: IntervalNotifier
  /** `notifier_seq` of the walk, 0 while the range is not in use. */
  readonly seq: Cell
  /** First page of the walk. */
  readonly start: Cell
  /** Page after the last. */
  readonly end: Cell
  /** `default_flags`. */
  readonly defaultFlags: Cell
  /** `pfn_flags_mask`. */
  readonly pfnFlagsMask: Cell
  /** Where the walk begins again: entries before it are answers, the others still requests. */
  readonly last: Cell
  /** `hmm_pfns`, by page of the address space. */
  readonly pfns: readonly HmmPfn[]
  /** {@link RangeResult}. */
  readonly result: Cell
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
  /** `notifier_seq`, from mmu_interval_read_begin. */
  readonly seq: number
  /** `HMM_PFN_REQ_` bits asked of every page. */
  readonly defaultFlags: number
  /** Which bits of the array's entries count as requests. */
  readonly pfnFlagsMask: number
  /** What the array asks for, from the first page on; nothing where it is absent. */
  readonly requests?: readonly number[]
  /** `dev_private_owner`: whose device-private pages count as present; -1 for nobody's. */
  readonly owner: number
}

/** Declares the range that `current` uses on `notifier`. */
export function declareRange(
  layout: Layout,
  name: string,
  thread: number,
  notifier: IntervalNotifier,
  size: Pick<MachineSize, 'pages' | 'frames' | 'deviceMemory' | 'hugePages'>,
): HmmRange {
  return layout.scope(name, (l) => {
    const range: HmmRange = {
      notifier,
      seq: l.counter('notifier_seq', notifier.seq.max),
      start: l.counter('start', size.pages),
      end: l.counter('end', size.pages),
      defaultFlags: l.counter('default_flags', HMM_PFN_REQ_FAULT | HMM_PFN_REQ_WRITE),
      pfnFlagsMask: l.counter('pfn_flags_mask', HMM_PFN_REQ_FAULT | HMM_PFN_REQ_WRITE),
      last: l.counter('last', size.pages),
      pfns: l.array('hmm_pfns', size.pages, (entry) => ({
        flags: entry.counter('flags', HMM_PFN_VALID | HMM_PFN_WRITE | HMM_PFN_ERROR),
        frame: entry.counter('frame', lastFrame(size)),
        ...(size.hugePages ? { order: entry.counter('order', hugeOrder(size.hugePages)) } : {}),
        asked: entry.counter('asked', HMM_PFN_REQ_FAULT | HMM_PFN_REQ_WRITE, { ghost: true }),
      })),
      result: l.oneOf('result', RangeResult),
      lifecycle: l.lifecycle('range', 'lifecycle'),
      ownerOf: (pfn) => ownerOf(size, pfn),
      hugeOrder: hugeOrder(size.hugePages),
    }
    notifier.readers.set(thread, (w, retry) => judged(range, w, retry))
    return range
  })
}

/** mmu_interval_read_retry was asked about the range. */
function judged(range: HmmRange, w: World, retry: number): void {
  if (range.seq.get(w) === 0) return
  if (retry) {
    range.result.set(w, RangeResult.collided)
    range.lifecycle.signal(w, 'COLLIDED')
  } else {
    range.result.set(w, RangeResult.validated)
    range.lifecycle.signal(w, 'VALIDATED')
  }
}

/** The driver has put its requests into the range and calls hmm_range_fault. Part of its first step. */
export function beginRange(range: HmmRange, request: HmmRequest, w: World): void {
  range.seq.set(w, sequenceOf(w, range.notifier, request.seq))
  range.start.set(w, request.start)
  range.end.set(w, request.end)
  range.defaultFlags.set(w, request.defaultFlags)
  range.pfnFlagsMask.set(w, request.pfnFlagsMask)
  range.last.set(w, request.start)
  range.result.set(w, RangeResult.none)
  for (let page = request.start; page < request.end; page++) {
    const entry = range.pfns[page]
    // Answers of an earlier try are no requests: the driver sets the array up anew.
    const asked = request.requests?.[page - request.start] ?? 0
    entry.flags.set(w, asked)
    entry.frame.set(w, 0)
    entry.order?.set(w, 0)
    entry.asked.set(w, asked)
  }
  range.lifecycle.signal(w, 'BEGIN')
}

/** True if the walk has found a page there that the device may use. */
export function isMappable(range: HmmRange, page: number, w: World): boolean {
  return (range.pfns[page].flags.get(w) & (HMM_PFN_VALID | HMM_PFN_ERROR)) === HMM_PFN_VALID
}

/** Clears the array and forgets the sequence: the range is not in use. Part of a step of the thread whose range it is. */
export function resetRange(range: HmmRange, w: World): void {
  range.notifier.sampled[acting.thread].set(w, 0)
  for (const cell of [
    range.seq,
    range.start,
    range.end,
    range.defaultFlags,
    range.pfnFlagsMask,
    range.last,
    range.result,
  ])
    cell.set(w, 0)
  for (const entry of range.pfns) {
    entry.flags.set(w, 0)
    entry.frame.set(w, 0)
    entry.order?.set(w, 0)
    entry.asked.set(w, 0)
  }
}

/** Whose range: the ranges of a scenario by thread. */
export type RangesByThread = ReadonlyMap<Task['thread'], HmmRange>
