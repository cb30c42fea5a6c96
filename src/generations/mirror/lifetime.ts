/**
 * The lifetime of `struct hmm`, from Linux 5.3 on. The first mirror allocates it; a kref counts its
 * users. Callbacks find it on the list of notifiers under SRCU, and take a reference unless the
 * count is zero. It is freed after an SRCU grace period.
 *
 * Only scenarios that ask for it model the lifetime. Elsewhere the record always exists.
 *
 * @see reference D20
 * @module
 */
import type { ClassicNotifier, MmStruct, NotifierRange, Task } from '../../kernel/index.js'
import { type Layout, type Override, override, procedure, type Running, step } from '../../world/index.js'
import type { Generation } from '../generation.js'
import { type Hmm, hmmOf } from './hmm.js'
import { hmm_invalidate_range_end, hmm_invalidate_range_start, hmm_release } from './notifier.js'
import { hmm_mirror_register, hmm_mirror_unregister } from './register.js'

/** The fields of the lifetime. */
export interface HmmLifetime {
  allocated: boolean
  /** `kref`: one for each mirror and one for each running callback. */
  kref: number
  /** Whether the notifier is on the list of the address space. */
  linked: boolean
  /** Whether a free is pending until the last reader leaves: call_srcu. */
  deferred: boolean
  /** Number of SRCU readers. */
  readers: number
}

const lifetimes = new WeakMap<Hmm, HmmLifetime>()

/** The lifetime of the `struct hmm` of an address space, or of a notifier. */
export function lifetimeOf(handle: MmStruct | ClassicNotifier): HmmLifetime {
  return lifetimes.get(hmmOf(handle)) as HmmLifetime
}

/** Declares the lifetime of the `struct hmm` of `mm`, which is not allocated at first. */
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

/**
 * Finds or allocates the `struct hmm`. One step, since the mmap lock is held for writing.
 *
 * @kernel hmm_get_or_create
 */
export const hmm_get_or_create = procedure(function* hmm_get_or_create(mm: MmStruct): Running<void> {
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

/** Drops a reference. The last one frees the struct. @kernel hmm_put */
export const hmm_put = procedure(function* hmm_put(handle: MmStruct | ClassicNotifier): Running<void> {
  const hmmLifetime = lifetimeOf(handle)
  const isLast = yield* step('kref_put', () => (--hmmLifetime.kref === 0 ? 1 : 0))
  if (isLast) yield* hmm_free(handle)
})

/**
 * Removes the notifier from the list, and frees the struct when all SRCU readers have left. One
 * step: readers that come later find nothing.
 *
 * @kernel hmm_free, mmu_notifier_call_srcu
 */
export const hmm_free = procedure(function* hmm_free(handle: MmStruct | ClassicNotifier): Running<void> {
  const hmmLifetime = lifetimeOf(handle)
  yield* step('take off the list, and call_srcu', () => {
    hmmLifetime.linked = false
    if (hmmLifetime.readers > 0) hmmLifetime.deferred = true
    else hmmLifetime.allocated = false
    return 0
  })
})

/**
 * Returns 1 if a notifier is on the list. It is not freed before {@link srcu_read_unlock}.
 *
 * @kernel srcu_read_lock
 */
export const srcu_read_lock = procedure(function* srcu_read_lock(classic: ClassicNotifier): Running<number> {
  const hmmLifetime = lifetimeOf(classic)
  return yield* step('look at the list', () => {
    if (!hmmLifetime.linked) return 0
    hmmLifetime.readers += 1
    return 1
  })
})

/** The last reader to leave frees the struct if a free is pending. @kernel srcu_read_unlock */
export const srcu_read_unlock = procedure(function* srcu_read_unlock(
  classic: ClassicNotifier,
): Running<void> {
  const hmmLifetime = lifetimeOf(classic)
  yield* step('leave', () => {
    if (--hmmLifetime.readers > 0 || !hmmLifetime.deferred) return 0
    hmmLifetime.deferred = false
    hmmLifetime.allocated = false
    return 0
  })
})

/**
 * Takes a reference, unless the count is zero.
 *
 * @returns 1 if it was taken, else 0
 * @kernel kref_get_unless_zero
 */
export const kref_get_unless_zero = procedure(function* kref_get_unless_zero(
  classic: ClassicNotifier,
): Running<number> {
  const hmmLifetime = lifetimeOf(classic)
  return yield* step('take a reference', () => {
    if (hmmLifetime.kref === 0) return 0
    hmmLifetime.kref += 1
    return 1
  })
})

/**
 * The record went away between start and end of an invalidation. Its count of this invalidation is
 * dropped with it.
 */
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

/** Runs a callback with a reference to the record. */
function* held(classic: ClassicNotifier, callback: () => Running<number>): Running<number> {
  if (!(yield* srcu_read_lock(classic))) return NOT_THERE
  const isHeld = yield* kref_get_unless_zero(classic)
  const error = isHeld ? yield* callback() : NOT_THERE
  if (isHeld) yield* hmm_put(classic)
  yield* srcu_read_unlock(classic)
  return error
}

/** The callback was not called. */
const NOT_THERE = 1

/** The overrides that take and drop references. */
const counted: readonly Override[] = [
  override(
    hmm_mirror_register,
    (original) =>
      function* (current, mirror): Running<number> {
        yield* hmm_get_or_create(mirror.mm)
        const error = yield* original(current, mirror)
        if (error) yield* hmm_put(mirror.mm)
        return error
      },
  ),
  override(
    hmm_mirror_unregister,
    (original) =>
      function* (mirror): Running<void> {
        yield* original(mirror)
        yield* hmm_put(mirror.mm)
      },
  ),
  override(
    hmm_invalidate_range_start,
    (original) =>
      function* (current: Task, classic: ClassicNotifier, range: NotifierRange): Running<number> {
        const error = yield* held(classic, () => original(current, classic, range))
        return error === NOT_THERE ? 0 : error
      },
  ),
  override(
    hmm_invalidate_range_end,
    (original) =>
      function* (current: Task, classic: ClassicNotifier, range: NotifierRange): Running<number> {
        const error = yield* held(classic, () => original(current, classic, range))
        if (error === NOT_THERE) yield* forgetCount(classic)
        return 0
      },
  ),
  override(
    hmm_release,
    (original) =>
      function* (current: Task, classic: ClassicNotifier): Running<number> {
        yield* held(classic, () => original(current, classic))
        return 0
      },
  ),
]

/** `generation` with a `struct hmm` that is allocated and freed. For one mirror. */
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
