/**
 * `struct hmm`: what an address space had before Linux 5.5 to keep mirrors of it in step. It sits on one classic notifier,
 * and knows every mirror and every range that is being read.
 *
 * The records of the reference know nothing of it: what belongs to one of them is found by {@link hmmOf},
 * {@link hmmMirrorOf} and {@link trackedOf}.
 *
 * @see reference A.1, A.2
 * @module
 */
import type { Mirror } from '../../driver/index.js'
import {
  type ClassicNotifier,
  type ClassicNotifierOps,
  type HmmRange,
  type IntervalNotifier,
  LockRank,
  type Machine,
  type MmStruct,
  type NotifierRange,
} from '../../kernel/index.js'
import {
  type Abstraction,
  fieldOf,
  type Layout,
  type Lifecycle,
  RwSemaphore,
  SpecificationError,
  Spinlock,
  WaitQueue,
} from '../../world/index.js'

/** Where a mirror stands. `released`: the address space is gone, and it is still on the list. */
export const MirrorStanding = {
  unregistered: 'unregistered',
  registered: 'registered',
  released: 'released',
} as const

/** One of {@link MirrorStanding}. */
export type MirrorStanding = (typeof MirrorStanding)[keyof typeof MirrorStanding]

/** A mirror, as its `struct hmm` knows it. @kernel struct hmm_mirror */
export interface HmmMirror {
  readonly mirror: Mirror
  /** {@link MirrorStanding}: whether callbacks are called for it, and whether release() still is to be. Changed under `mirrors_sem`. */
  standing: MirrorStanding
  readonly lifecycle: Lifecycle
}

/** What makes a range more than an array. @kernel struct hmm_range */
export interface TrackedRange {
  readonly range: HmmRange
  /** Whether it is on `hmm->ranges`. */
  listed: boolean
  /** `valid`: written under the lock of the ranges, read without. */
  valid: boolean
  /** Whether a fault may drop the mmap lock to wait for a page: `HMM_FAULT_ALLOW_RETRY`. */
  mayDrop: boolean
  /** Whether a fault will still find its page locked, and have to wait for it: a bound of the scenario. */
  lockedPages: boolean
  /** By page: 0, or the frame that is mapped for DMA plus 1. */
  readonly daddrs: readonly { frame: number }[]
  /** The driver's own note, under its update lock: its callback was called for the range. */
  touched: boolean
}

/** What an address space has that is mirrored. @kernel struct hmm */
export interface Hmm {
  readonly mm: MmStruct
  /** `ranges_lock`. */
  readonly rangesLock: Spinlock
  readonly ranges: readonly TrackedRange[]
  /** `mirrors_sem`: held for reading while callbacks run. */
  readonly mirrorsSem: RwSemaphore
  readonly mirrors: readonly HmmMirror[]
  /** Where those wait who want their range to be valid. */
  readonly wq: WaitQueue
  /** `notifiers`: starts that were counted and not uncounted. Also what {@link ClassicNotifier.open} counts. */
  notifiers: number
}

const hmms = new WeakMap<MmStruct | ClassicNotifier, Hmm>()
const hmmMirrors = new WeakMap<Mirror | IntervalNotifier, HmmMirror>()
const trackedRanges = new WeakMap<HmmRange, TrackedRange>()

function known<K extends object, V>(all: WeakMap<K, V>, key: K): V {
  const found = all.get(key)
  if (found === undefined)
    throw new SpecificationError('scenario', 'a scenario of today calls what there was before Linux 5.5')
  return found
}

/** The `struct hmm` of an address space, or that which has the notifier. */
export function hmmOf(handle: MmStruct | ClassicNotifier): Hmm {
  return known(hmms, handle)
}

/** A device's entry in the list of mirrors, by the device or by what the device has for a notifier. */
export function hmmMirrorOf(mirror: Mirror | IntervalNotifier): HmmMirror {
  return known(hmmMirrors, mirror)
}

/** What is known of a range beside its array. */
export function trackedOf(range: HmmRange): TrackedRange {
  return known(trackedRanges, range)
}

/** True if the range has pages of what `told` is about. */
export function overlaps({ range }: TrackedRange, told: NotifierRange): boolean {
  return range.start < told.end && told.start < range.end
}

/**
 * Declares the `struct hmm` of the first address space, and takes the interval notifiers out: there are none. A device
 * keeps what was declared for it as the handle by which its callback and its addresses are found.
 *
 * @param ops - the callbacks of the classic notifier
 */
export function declareHmm(
  layout: Layout,
  machine: Machine,
  mirrors: readonly Mirror[],
  ops: ClassicNotifierOps,
): void {
  if (mirrors.length === 0) return
  const [mm] = machine.mms
  mm.subscriptions.intervals.length = 0
  const hmm: Hmm = layout.scope('hmm', (l) => {
    const rangesLock = new Spinlock(l, 'ranges_lock', { rank: LockRank.subscriptions })
    const mirrorsSem = new RwSemaphore(l, 'mirrors_sem', { rank: MIRRORS_RANK })
    return {
      mm,
      rangesLock,
      mirrorsSem,
      wq: new WaitQueue(l, 'wq'),
      notifiers: l.counter('notifiers', l.threads, { guardedBy: rangesLock }),
      mirrors: l.array('mirror', mirrors.length, (entry, index) => ({
        mirror: mirrors[index],
        standing: entry.oneOf('standing', MirrorStanding),
        lifecycle: entry.lifecycle('mirror', 'lifecycle'),
      })),
      ranges: l.array('range', mirrors.flatMap(rangesOf).length, (entry, index) => ({
        range: mirrors.flatMap(rangesOf)[index],
        listed: entry.flag('listed', { guardedBy: rangesLock }),
        valid: entry.flag('valid', { guardedBy: rangesLock }),
        mayDrop: entry.flag('may_drop'),
        lockedPages: entry.flag('locked_pages'),
        touched: entry.flag('touched'),
        daddrs: mirrors.flatMap(rangesOf)[index].pfns.map((entryRecord, page) =>
          entry.scope(`daddr[${page}]`, (d) => ({
            frame: d.counter('frame', fieldOf(entryRecord, 'frame').max + 1),
          })),
        ),
      })),
    }
  })
  const classic: ClassicNotifier = layout.scope('hmm', () => ({
    name: 'hmm',
    mm,
    open: fieldOf(hmm, 'notifiers'),
    ops,
  }))
  mm.subscriptions.classics.unshift(classic)
  hmms.set(mm, hmm)
  hmms.set(classic, hmm)
  for (const entry of hmm.mirrors) {
    hmmMirrors.set(entry.mirror, entry)
    hmmMirrors.set(entry.mirror.notifier, entry)
  }
  for (const entry of hmm.ranges) trackedRanges.set(entry.range, entry)
}

/** `mirrors_sem` is taken under the mmap lock, and the locks of drivers under it. */
const MIRRORS_RANK = LockRank.mmap + (LockRank.update - LockRank.mmap) / 2

function rangesOf({ ranges }: Mirror): HmmRange[] {
  return [...ranges.values()]
}

/** What stands where there is a sequence number today, in a mirror and in the ranges that are in use. */
export const NO_SEQUENCE = 1

/**
 * The range is in use by the acting thread, which has sampled no number. Called inside an atomic
 * step.
 */
export function useRange({ notifierSeq }: HmmRange): void {
  notifierSeq.number = NO_SEQUENCE
}

/** As hmm_mirror_register leaves it. */
export function attachHmmMirror(mirror: Mirror): void {
  const hmmMirror = hmmMirrorOf(mirror)
  mirror.notifier.allocated = true
  mirror.notifier.seq = NO_SEQUENCE
  hmmMirror.standing = MirrorStanding.registered
  hmmMirror.lifecycle.signal('REGISTERED')
}

/** The state of a mirror: whether it is on the list, whether its release() was called, and whether the address space has a user. */
export function mirrorAbstraction(mirror: Mirror): Abstraction {
  const hmmMirror = hmmMirrorOf(mirror)
  return {
    lifecycle: hmmMirror.lifecycle,
    state(): MirrorStanding {
      const { standing } = hmmMirror
      return standing === MirrorStanding.released && mirror.mm.users > 0 ? 'registered' : standing
    },
  }
}
