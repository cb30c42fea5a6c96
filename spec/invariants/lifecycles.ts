/**
 * How the concrete world is read as states of the statecharts.
 *
 * @module
 */
import { type IntervalNotifier, RangeResult } from '../../src/kernel/index.js'
import type { Abstraction } from '../../src/world/index.js'
import type { MirrorWorld } from '../scenarios/mirror-world.js'
import { migrationAbstractions } from './migration.js'
import { migrationStageAbstractions } from './migration-stages.js'

/** Every range and every interval notifier of the world, with its statechart. */
export function mirroringAbstractions(world: MirrorWorld): Abstraction[] {
  const { mirrors } = world
  const notifiers = [...new Set(mirrors.map(({ notifier }) => notifier))].map(notifierAbstraction)
  const ranges = mirrors.flatMap((mirror) =>
    [...mirror.ranges].map(
      ([, range]): Abstraction => ({
        lifecycle: range.lifecycle,
        state() {
          switch (range.result) {
            case RangeResult.none:
              return 'idle'
            case RangeResult.collided:
              return 'retried'
            case RangeResult.failed:
              return 'failed'
            case RangeResult.filled:
              return 'faulted'
            case RangeResult.validated:
              return 'validated'
            default:
              return 'begin'
          }
        },
      }),
    ),
  )
  return [...notifiers, ...ranges, ...migrationAbstractions(world), ...migrationStageAbstractions(world)]
}

function notifierAbstraction(notifier: IntervalNotifier): Abstraction {
  const { lifecycle, mm } = notifier
  return {
    lifecycle,
    state() {
      if (!notifier.allocated) return 'absent'
      if (notifier.deferred) return notifier.inTree ? 'deferredRemove' : 'deferredInsert'
      if (!notifier.inTree) return 'absent'
      return notifier.seq === mm.subscriptions.seq ? 'invalidating' : 'idle'
    },
  }
}
