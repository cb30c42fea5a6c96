/**
 * Mirrors of before Linux 5.5.
 *
 * @module
 */
import { hmmMirrorOf, MirrorStanding } from '../../src/generations/mirror/index.js'
import type { Invariant } from '../../src/world/index.js'
import type { MirrorWorld } from '../scenarios/mirror-world.js'

/** C17: a callback runs only for a mirror that is registered: who has unregistered it may free it. */
export function callbacksOfTheRegistered({ mirrors, tasks }: MirrorWorld): Invariant {
  const entries = mirrors.map(hmmMirrorOf)
  return {
    clause: 'C17',
    name: 'no callback runs for a mirror that is not registered',
    judge(w, view) {
      let said: true | undefined
      for (const { mirror, standing } of entries) {
        if (standing.get(w) !== MirrorStanding.unregistered) continue
        said = true
        if (tasks.some(({ thread }) => view.inside(thread, mirror.notifier.ops.invalidate)))
          return `${mirror.name} is not registered any more, and its callback runs`
      }
      return said
    },
  }
}
