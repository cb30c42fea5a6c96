/**
 * Progress claims.
 *
 * @module
 */

import { deviceAccess, deviceAtomic, prefault } from '../../../src/driver/index.js'
import { mmu_interval_notifier_remove, mmu_interval_read_begin } from '../../../src/kernel/index.js'
import type { ProgressClaim } from '../../../src/world/index.js'
import type { MirrorThread, MirrorWorld } from '../scenarios/mirror-world.js'

const ACCESSES = [deviceAccess, deviceAtomic, prefault] as const

/** The progress claims of mirroring. Daemons may run for ever. */
export function mirroringProgress(
  { machine, tasks }: MirrorWorld,
  threads: readonly MirrorThread[],
): ProgressClaim[] {
  const busy = tasks.filter((_, i) => !threads[i].daemon)
  return [
    {
      clause: 'C49',
      name: 'read_begin returns',
      pending: (view) => tasks.some(({ thread }) => view.inside(thread, mmu_interval_read_begin)),
    },
    {
      clause: 'C49',
      name: 'a device access ends',
      pending: (view) => busy.some(({ thread }) => ACCESSES.some((access) => view.inside(thread, access))),
    },
    {
      clause: 'C17',
      name: 'remove returns',
      pending: (view) => tasks.some(({ thread }) => view.inside(thread, mmu_interval_notifier_remove)),
    },
    {
      clause: 'C32',
      name: 'no invalidation stays open',
      pending: () =>
        machine.mms.some((mm) => mm.subscriptions.active > 0) &&
        machine.openRanges.some((range, i) => range.mm > 0 && !threads[i % threads.length].daemon),
    },
  ]
}

/** `work-items`: a running work item ends, although its worker is a daemon. */
export function workProgress({ mirrors }: MirrorWorld): ProgressClaim[] {
  const works = mirrors.flatMap((mirror) => [...mirror.works.values()])
  if (works.length === 0) return []
  return [
    {
      clause: 'work-items',
      name: 'a work item ends',
      pending: () => works.some(({ worker }) => worker !== 0),
    },
  ]
}

/** Every thread ends: the weakest claim, and so the last to be checked. */
export function everyThreadEnds({ tasks }: MirrorWorld, threads: readonly MirrorThread[]): ProgressClaim {
  const busy = tasks.filter((_, i) => !threads[i].daemon)
  return {
    clause: 'progress',
    name: 'every thread ends',
    pending: (view) => busy.some(({ thread }) => !view.finished(thread)),
  }
}
