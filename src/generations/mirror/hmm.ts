/**
 * `struct hmm`: what Linux before 5.5 kept for each mirrored address space. It has one classic
 * notifier, and lists of all mirrors and of all registered ranges.
 *
 * The records of the reference have no pointer to it. {@link hmmOf}, {@link hmmMirrorOf} and {@link
 * trackedOf} find it.
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

/**
 * State of a mirror. `released`: the address space is gone, and the mirror is still on the list.
 */
export const MirrorStanding = {
  unregistered: 'unregistered',
  registered: 'registered',
  released: 'released',
} as const

/** One of {@link MirrorStanding}. */
export type MirrorStanding = (typeof MirrorStanding)[keyof typeof MirrorStanding]

/** A mirror on the list of `struct hmm`. @kernel struct hmm_mirror */
export interface HmmMirror {
  readonly mirror: Mirror
  /**
   * {@link MirrorStanding}: whether callbacks are called for the mirror, and whether release() is
   * still to be called. Changed under `mirrors_sem`.
   */
  standing: MirrorStanding
  readonly lifecycle: Lifecycle
}

/** The state of a range beside its array. @kernel struct hmm_range */
export interface TrackedRange {
  readonly range: HmmRange
  /** Whether the range is on `hmm->ranges`. */
  listed: boolean
  /** `valid`: written under `ranges_lock`, read without it. */
  valid: boolean
  /** Whether a fault may drop the mmap lock to wait for a page: `HMM_FAULT_ALLOW_RETRY`. */
  mayDrop: boolean
  /**
   * Whether the next fault finds its page locked and has to wait. At most once: a bound of the
   * scenario.
   */
  lockedPages: boolean
  /** By page: the frame that is mapped for DMA plus 1, or 0. */
  readonly daddrs: readonly { frame: number }[]
  /** Recorded by the driver under its update lock: its callback was called for the range. */
  touched: boolean
}

/** The state of a mirrored address space. @kernel struct hmm */
export interface Hmm {
  readonly mm: MmStruct
  /** `ranges_lock`. */
  readonly rangesLock: Spinlock
  readonly ranges: readonly TrackedRange[]
  /** `mirrors_sem`: held for reading while callbacks run. */
  readonly mirrorsSem: RwSemaphore
  readonly mirrors: readonly HmmMirror[]
  /** Threads that wait for their range to become valid. */
  readonly wq: WaitQueue
  /**
   * `notifiers`: invalidations that have started and not ended. {@link ClassicNotifier.open} counts
   * the same.
   */
  notifiers: number
}

const hmms = new WeakMap<MmStruct | ClassicNotifier, Hmm>()
const hmmMirrors = new WeakMap<Mirror | IntervalNotifier, HmmMirror>()
const trackedRanges = new WeakMap<HmmRange, TrackedRange>()

function known<K extends object, V>(all: WeakMap<K, V>, key: K): V {
  const found = all.get(key)
  if (found === undefined)
    throw new SpecificationError(
      'scenario',
      'a scenario calls an interface of Linux before 5.5, and its generation has none',
    )
  return found
}

/** The `struct hmm` of an address space, or of a notifier. */
export function hmmOf(handle: MmStruct | ClassicNotifier): Hmm {
  return known(hmms, handle)
}

/** The `struct hmm_mirror` of a device, or of the device's notifier record. */
export function hmmMirrorOf(mirror: Mirror | IntervalNotifier): HmmMirror {
  return known(hmmMirrors, mirror)
}

/** The state of a range beside its array. */
export function trackedOf(range: HmmRange): TrackedRange {
  return known(trackedRanges, range)
}

/** True if the range overlaps the invalidated range. */
export function overlaps({ range }: TrackedRange, told: NotifierRange): boolean {
  return range.start < told.end && told.start < range.end
}

/**
 * Declares the `struct hmm` of the first address space and removes its interval notifiers. The
 * notifier record of a device stays as the handle that leads to its callback and its addresses.
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

/**
 * `mirrors_sem` is taken inside the mmap lock; the drivers' locks are taken inside `mirrors_sem`.
 */
const MIRRORS_RANK = LockRank.mmap + (LockRank.update - LockRank.mmap) / 2

function rangesOf({ ranges }: Mirror): HmmRange[] {
  return [...ranges.values()]
}

/**
 * Value of sequence number fields while a mirror or a range is in use: there are no sequence
 * numbers.
 */
export const NO_SEQUENCE = 1

/**
 * The acting thread uses the range, and has sampled no sequence number. Called inside an atomic
 * step.
 */
export function useRange({ notifierSeq }: HmmRange): void {
  notifierSeq.number = NO_SEQUENCE
}

/** Sets the state that hmm_mirror_register leaves. */
export function attachHmmMirror(mirror: Mirror): void {
  const hmmMirror = hmmMirrorOf(mirror)
  mirror.notifier.allocated = true
  mirror.notifier.seq = NO_SEQUENCE
  hmmMirror.standing = MirrorStanding.registered
  hmmMirror.lifecycle.signal('REGISTERED')
}

/**
 * The state of a mirror: whether it is on the list, whether its release() was called, and whether
 * the address space has users.
 */
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
