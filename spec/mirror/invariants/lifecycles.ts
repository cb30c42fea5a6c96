/**
 * The refinement mapping: the states of the statecharts from the concrete world.
 *
 * @module
 */
import type { IntervalNotifierState, RangeState } from '../../../models/index.js'
import { type Mirror, rangesOfThread } from '../../../src/driver/index.js'
import { dmirror_range_snapshot } from '../../../src/driver/recorded/snapshot.js'
import {
  fillPending,
  type HmmRange,
  type IntervalNotifier,
  isCurrent,
  RangeResult,
  walk,
} from '../../../src/kernel/index.js'
import type { Abstraction, AnyProcedure, Invariant, View } from '../../../src/world/index.js'
import { migrationAbstractions } from '../../migrate/invariants/migration.js'
import { migrationStageAbstractions } from '../../migrate/invariants/migration-stages.js'
import type { MirrorWorld } from '../scenarios/mirror-world.js'

/** Every range and every interval notifier of the world, with its statechart. */
export function mirroringAbstractions(world: MirrorWorld): Abstraction[] {
  const { machine, mirrors } = world
  const notifiers = new Set([
    ...machine.mms.flatMap(({ subscriptions }) => subscriptions.intervals),
    ...mirrors.map(({ notifier }) => notifier),
  ])
  const ranges = rangesOf(world).map(
    (owned): Abstraction => ({ lifecycle: owned.range.lifecycle, state: (view) => rangeState(owned, view) }),
  )
  return [
    ...[...notifiers].map(notifierAbstraction),
    ...ranges,
    ...migrationAbstractions(world),
    ...migrationStageAbstractions(world),
  ]
}

/**
 * A range, the thread that uses it, and the mirror under whose lock its sequence number is
 * compared.
 */
export interface OwnedRange {
  readonly range: HmmRange
  readonly thread: number
  readonly mirror: Mirror
  /** The procedure that walks it, where the thread has another range too. */
  readonly walker?: AnyProcedure
  /** A procedure that walks another range of the thread. */
  readonly elsewhere?: AnyProcedure
  /** True if the thread has one for each notifier. */
  readonly isOneOfMany?: boolean
}

/** Every range of the world. */
export function rangesOf({ mirrors, recorded }: MirrorWorld): OwnedRange[] {
  const own = mirrors.flatMap((mirror) =>
    [...mirror.ranges.keys()].flatMap((thread) =>
      rangesOfThread(mirror, thread).map((range) => ({
        mirror,
        thread,
        range,
        isOneOfMany: mirror.ownNotifiers.length > 0,
        ...(recorded ? { elsewhere: dmirror_range_snapshot } : {}),
      })),
    ),
  )
  const snapshots = [...(recorded?.snapshots ?? [])].map(([thread, range]) => ({
    mirror: mirrors[0],
    thread,
    range,
    walker: dmirror_range_snapshot,
  }))
  return [...own, ...snapshots]
}

/** Procedures that fill a range's array, from the step after the request is in it to the step that ends the walk. */
const WALKS = [walk, fillPending]

/** True if `thread` is in the middle of a walk. */
export function isWalking(view: View, thread: number): boolean {
  return WALKS.some((procedure) => view.inside(thread, procedure))
}

/**
 * The state of a range, from the position of its thread, its update lock, the two sequence numbers,
 * and the result of the last call.
 */
function rangeState(
  { mirror, range, thread, walker, elsewhere, isOneOfMany }: OwnedRange,
  view: View,
): RangeState {
  switch (range.result) {
    case RangeResult.none:
      if (walker !== undefined && !view.inside(thread, walker)) return 'idle'
      if (elsewhere !== undefined && view.inside(thread, elsewhere)) return 'idle'
      if (isOneOfMany && range.end === 0) return 'idle'
      return isWalking(view, thread) ? 'begin' : 'idle'
    case RangeResult.collided:
      return 'retried'
    case RangeResult.failed:
      return 'failed'
    case RangeResult.filled:
    case RangeResult.compared:
      return 'faulted'
    case RangeResult.validated:
      return isClear(mirror, range, thread) ? 'validated' : 'faulted'
    case RangeResult.committed:
      return 'committed'
  }
}

/** C8: in `validated` the thread holds the lock under which its driver programs the device, and no invalidation was recorded. */
export function validatedIsLocked(world: MirrorWorld): Invariant {
  const owned = rangesOf(world)
  return {
    clause: 'C8',
    name: 'a range is validated only under the update lock',
    judge() {
      let said: true | undefined
      for (const { mirror, range, thread } of owned) {
        if (range.lifecycle.state() !== 'validated') continue
        said = true
        const { program } = mirror.protection
        if (!program.heldForWritingBy(thread))
          return `the range of ${mirror.name} is validated, and thread ${thread} does not hold ${program.name}`
        if (!isCurrent(range.notifierSeq, range.notifier))
          return `the range of ${mirror.name} is validated, and its number is ${range.notifierSeq.number}; the sequence is ${range.notifier.seq}`
      }
      return said
    },
  }
}

/**
 * True if no invalidation of the interval can be recorded now, and none was recorded since the
 * sequence number of the range was read.
 */
function isClear({ protection }: Mirror, range: HmmRange, thread: number): boolean {
  return protection.program.heldForWritingBy(thread) && isCurrent(range.notifierSeq, range.notifier)
}

function notifierAbstraction(notifier: IntervalNotifier): Abstraction {
  const { lifecycle, mm } = notifier
  return {
    lifecycle,
    state(): IntervalNotifierState {
      if (!notifier.allocated) return 'absent'
      if (notifier.deferred) return notifier.inTree ? 'deferredRemove' : 'deferredInsert'
      if (!notifier.inTree) return 'absent'
      return notifier.seq === mm.subscriptions.seq ? 'invalidating' : 'idle'
    },
  }
}
