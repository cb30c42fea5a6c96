/**
 * Callbacks in two passes.
 *
 * @module
 */
import { finishTokenOf } from '../../../src/driver/index.js'
import { mn_itree_invalidate } from '../../../src/kernel/index.js'
import type { StepClaim, Witness } from '../../../src/world/index.js'
import type { MirrorWorld } from '../scenarios/mirror-world.js'

/**
 * Every first pass is followed by its second: no token is in use when no thread calls notifiers.
 */
export function startsAreFinished({ mirrors, tasks }: MirrorWorld): StepClaim {
  return {
    clause: 'two-pass',
    name: 'what is started is finished before the change, or before it is given up',
    judge(thread, from, to) {
      if (!from.inside(thread, mn_itree_invalidate) || to.inside(thread, mn_itree_invalidate))
        return undefined
      if (tasks.some((task) => to.inside(task.thread, mn_itree_invalidate))) return undefined
      let said: true | undefined
      for (const mirror of mirrors) {
        const token = finishTokenOf(mirror)
        if (token === undefined) continue
        said = true
        if (token.inUse)
          return `all notifiers have been called, and ${mirror.name} has not finished its second pass`
      }
      return said
    },
  }
}

/** Two concurrent invalidations, of which one finds the token in use. */
export function tokenIsLent({ mirrors, tasks }: MirrorWorld): Witness {
  return {
    clause: 'two-pass',
    name: 'two start while there is one token',
    holds: (view) =>
      mirrors.some((mirror) => finishTokenOf(mirror)?.inUse) &&
      tasks.filter(({ thread }) => view.inside(thread, mirrors[0].notifier.ops.invalidate)).length > 0 &&
      tasks.filter(({ thread }) => view.inside(thread, mn_itree_invalidate)).length > 1,
  }
}
