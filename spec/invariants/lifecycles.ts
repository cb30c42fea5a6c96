/**
 * How the concrete world is read as states of the statecharts.
 *
 * @module
 */
import { type IntervalNotifier, RangeResult } from '../../src/kernel/index.js'
import type { Abstraction, View, World } from '../../src/world/index.js'
import type { MirrorWorld } from '../scenarios/mirror-world.js'

/** Every range and every interval notifier of the world, with its statechart. */
export function mirroringAbstractions({ mirrors }: MirrorWorld): Abstraction[] {
  const notifiers = [...new Set(mirrors.map(({ notifier }) => notifier))].map(notifierAbstraction)
  const ranges = mirrors.flatMap((mirror) =>
    [...mirror.ranges].map(
      ([thread, range]): Abstraction => ({
        lifecycle: range.lifecycle,
        state(w, view) {
          if (range.seq.get(w) === 0) return 'idle'
          switch (range.result.get(w)) {
            case RangeResult.collided:
              return 'retried'
            case RangeResult.failed:
              return 'failed'
            case RangeResult.filled:
              return 'faulted'
            case RangeResult.validated:
              // While its own commit holds the update lock nothing can move the sequence.
              return isCommitting(mirror, thread, w, view) && range.seq.get(w) !== mirror.notifier.seq.get(w)
                ? 'retried'
                : 'validated'
            default:
              return 'begin'
          }
        },
      }),
    ),
  )
  return [...notifiers, ...ranges]
}

/** True if `thread` holds the update lock as the one that maps, not as one that invalidates. */
function isCommitting(mirror: MirrorWorld['mirrors'][number], thread: number, w: World, view: View): boolean {
  return mirror.updateLock.heldBy(w, thread) && !view.inside(thread, mirror.notifier.ops.invalidate)
}

function notifierAbstraction(notifier: IntervalNotifier): Abstraction {
  const { lifecycle, allocated, inTree, deferred, seq, mm } = notifier
  return {
    lifecycle,
    state(w) {
      if (!allocated.get(w)) return 'absent'
      if (deferred.get(w)) return inTree.get(w) ? 'deferredRemove' : 'deferredInsert'
      if (!inTree.get(w)) return 'absent'
      return seq.get(w) === mm.subscriptions.seq.get(w) ? 'invalidating' : 'idle'
    },
  }
}
