/**
 * Callbacks in two passes.
 *
 * @module
 */
import { finishTokenOf } from '../../../src/driver/index.js'
import { mn_itree_invalidate } from '../../../src/kernel/index.js'
import type { StepClaim, Witness } from '../../../src/world/index.js'
import type { MirrorWorld } from '../scenarios/mirror-world.js'

/** What is started is finished: no token is out when nobody is in the middle of telling. */
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
        if (token.inUse) return `everybody has been told, and ${mirror.name} is not done`
      }
      return said
    },
  }
}

/** Two invalidations at once, of which one finds the token in use. */
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
