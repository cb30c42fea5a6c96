/**
 * How long a `struct hmm` lives, since Linux 5.3: it is made for the first mirror and counted; callbacks, which find it by the list of
 * notifiers under SRCU, take a reference unless there is none left; it is freed when nobody is left who may have found it.
 *
 * A scenario asks for it: elsewhere the record is there all the time.
 *
 * @see reference D20
 * @module
 */
import type { ClassicNotifier, MmStruct, NotifierRange, Task } from '../../kernel/index.js'
import { type Layout, type Override, override, procedure, type Running, step } from '../../world/index.js'
import type { Generation } from '../generation.js'
import { type Hmm, hmmOf } from './hmm.js'
import { hmmInvalidateRangeEnd, hmmInvalidateRangeStart, hmmRelease } from './notifier.js'
import { hmmMirrorRegister, hmmMirrorUnregister } from './register.js'

/** What tells how long the record lives. */
export interface HmmLifetime {
  allocated: boolean
  /** `kref`: a mirror each, and a callback each that runs. */
  kref: number
  /** Whether the notifier is on the list of the address space. */
  linked: boolean
  /** Whether it is freed when the last reader has left: call_srcu. */
  deferred: boolean
  /** Readers under SRCU. */
  readers: number
}

const lifetimes = new WeakMap<Hmm, HmmLifetime>()

/** How long the `struct hmm` of an address space, or that which has the notifier, lives. */
export function lifetimeOf(owner: MmStruct | ClassicNotifier): HmmLifetime {
  return lifetimes.get(hmmOf(owner)) as HmmLifetime
}

/** Declares the lifetime of the `struct hmm` of `mm`. There is none at first. */
function declareLifetime(layout: Layout, mm: MmStruct): void {
  const lifetime = layout.scope('hmm', (l) => {
    const allocated = l.flag('allocated')
    return {
      allocated,
      kref: l.counter('kref', 1 + l.threads, { partOf: allocated }),
      linked: l.flag('linked'),
      deferred: l.flag('deferred'),
      readers: l.counter('srcu', l.threads),
    }
  })
  lifetimes.set(hmmOf(mm), lifetime)
}

/** Finds the `struct hmm`, or makes it: one step, under the mmap lock for writing. @kernel hmm_get_or_create */
export const hmmGetOrCreate = procedure('hmm_get_or_create', function* (mm: MmStruct): Running<void> {
  const hmmLifetime = lifetimeOf(mm)
  yield* step('find or make it', () => {
    if (!hmmLifetime.allocated) {
      hmmLifetime.allocated = true
      hmmLifetime.kref = 0
      hmmLifetime.linked = true
    }
    hmmLifetime.kref += 1
    return 0
  })
})

/** Gives a reference up. The last one ends it. @kernel hmm_put */
export const hmmPut = procedure('hmm_put', function* (owner: MmStruct | ClassicNotifier): Running<void> {
  const hmmLifetime = lifetimeOf(owner)
  const isLast = yield* step('kref_put', () => (--hmmLifetime.kref === 0 ? 1 : 0))
  if (isLast) yield* hmmFree(owner)
})

/**
 * Takes it off the list, and frees it when those who may have found it there have left. One step: whoever comes later finds
 * nothing.
 *
 * @kernel hmm_free, mmu_notifier_call_srcu
 */
export const hmmFree = procedure('hmm_free', function* (owner: MmStruct | ClassicNotifier): Running<void> {
  const hmmLifetime = lifetimeOf(owner)
  yield* step('take off the list, and call_srcu', () => {
    hmmLifetime.linked = false
    if (hmmLifetime.readers > 0) hmmLifetime.deferred = true
    else hmmLifetime.allocated = false
    return 0
  })
})

/** 1 if there is a notifier on the list. From then on it is not freed, until {@link srcuReadUnlock}. @kernel srcu_read_lock */
export const srcuReadLock = procedure(
  'srcu_read_lock',
  function* (classic: ClassicNotifier): Running<number> {
    const hmmLifetime = lifetimeOf(classic)
    return yield* step('look at the list', () => {
      if (!hmmLifetime.linked) return 0
      hmmLifetime.readers += 1
      return 1
    })
  },
)

/** The last reader to leave frees what was to be. @kernel srcu_read_unlock */
export const srcuReadUnlock = procedure(
  'srcu_read_unlock',
  function* (classic: ClassicNotifier): Running<void> {
    const hmmLifetime = lifetimeOf(classic)
    yield* step('leave', () => {
      if (--hmmLifetime.readers > 0 || !hmmLifetime.deferred) return 0
      hmmLifetime.deferred = false
      hmmLifetime.allocated = false
      return 0
    })
  },
)

/** Takes a reference, unless the last one is gone: 0 then. @kernel kref_get_unless_zero */
export const krefGetUnlessZero = procedure(
  'kref_get_unless_zero',
  function* (classic: ClassicNotifier): Running<number> {
    const hmmLifetime = lifetimeOf(classic)
    return yield* step('take a reference', () => {
      if (hmmLifetime.kref === 0) return 0
      hmmLifetime.kref += 1
      return 1
    })
  },
)

/** Who began an invalidation counted it; where the record went before the end, the count went with it. */
const forgetCount = procedure(
  'hmm_invalidate_range_end (too late)',
  function* (classic: ClassicNotifier): Running<void> {
    const hmm = hmmOf(classic)
    yield* hmm.rangesLock.critical('nobody hears of the end', () => {
      if (hmm.notifiers > 0) hmm.notifiers -= 1
      return 0
    })
  },
)

/** Runs a callback for as long as its record is held. */
function* held(classic: ClassicNotifier, callback: () => Running<number>): Running<number> {
  if (!(yield* srcuReadLock(classic))) return NOT_THERE
  const isHeld = yield* krefGetUnlessZero(classic)
  const error = isHeld ? yield* callback() : NOT_THERE
  if (isHeld) yield* hmmPut(classic)
  yield* srcuReadUnlock(classic)
  return error
}

/** No callback was called. */
const NOT_THERE = 1

/** What takes and gives references. */
const counted: readonly Override[] = [
  override(
    hmmMirrorRegister,
    (original) =>
      function* (current, mirror): Running<number> {
        yield* hmmGetOrCreate(mirror.mm)
        const error = yield* original(current, mirror)
        if (error) yield* hmmPut(mirror.mm)
        return error
      },
  ),
  override(
    hmmMirrorUnregister,
    (original) =>
      function* (mirror): Running<void> {
        yield* original(mirror)
        yield* hmmPut(mirror.mm)
      },
  ),
  override(
    hmmInvalidateRangeStart,
    (original) =>
      function* (current: Task, classic: ClassicNotifier, range: NotifierRange): Running<number> {
        const error = yield* held(classic, () => original(current, classic, range))
        return error === NOT_THERE ? 0 : error
      },
  ),
  override(
    hmmInvalidateRangeEnd,
    (original) =>
      function* (current: Task, classic: ClassicNotifier, range: NotifierRange): Running<number> {
        const error = yield* held(classic, () => original(current, classic, range))
        if (error === NOT_THERE) yield* forgetCount(classic)
        return 0
      },
  ),
  override(
    hmmRelease,
    (original) =>
      function* (current: Task, classic: ClassicNotifier): Running<number> {
        yield* held(classic, () => original(current, classic))
        return 0
      },
  ),
]

/** `generation` with a `struct hmm` that comes and goes. For one mirror. */
export function withHmmLifetime(generation: Generation): Generation {
  const { mirrors } = generation
  if (mirrors === undefined) return generation
  return {
    ...generation,
    overrides: [...generation.overrides, ...counted],
    mirrors: {
      ...mirrors,
      declare(layout, machine, all) {
        mirrors.declare(layout, machine, all)
        declareLifetime(layout, machine.mms[0])
      },
    },
  }
}
