/** A requirement of one driver, and the claim that checks it: the example of `docs/writing-a-requirement.md`. */
import { deviceAccess } from 'hmm-spec/driver'
import { oom_reap_task_mm } from 'hmm-spec/kernel'
import { call, type MirrorWorld, mirrorScenario, type Requirement } from 'hmm-spec/spec'
import { old, type StepClaim } from 'hmm-spec/world'

export const neverForTheReaper: Requirement = {
  id: 'ODP1',
  title: 'the callback takes no lock for a range that is not blockable',
  text: 'A range that is not blockable is refused at once, without trying the update lock.',
  source: ['drivers/infiniband/hw/mlx5/odp.c, mlx5_ib_invalidate_range'],
  checks: ['no update lock for a range that is not blockable'],
}

export function noLockForTheReaper({ machine, mirrors }: MirrorWorld): StepClaim {
  return {
    clause: 'ODP1',
    name: 'no update lock for a range that is not blockable',
    judge(thread) {
      const range = machine.openRanges[thread]
      if (old(range).mm === 0 || old(range).blockable) return undefined
      for (const { name, updateLock } of mirrors)
        if (updateLock.heldBy(thread) && !old(() => updateLock.heldBy(thread)))
          return `${name} takes its update lock for a range that is not blockable`
      return true
    },
  }
}

export const reaper = mirrorScenario({
  name: 'reaper',
  summary: 'The OOM reaper zaps a page while a device accesses it.',
  exercises: ['ODP1'],
  parameters: {},
  world: () => ({
    pages: [{ touched: true, mirroredBy: [0] }],
    mirrors: [{ name: 'gpu' }],
    spareFrames: 0,
    invalidations: 1,
    threads: [
      { name: 'device', devices: [0], calls: ({ mirrors: [gpu] }) => [call(deviceAccess, gpu, 0, 1, 2)] },
      { name: 'reaper', calls: ({ machine }) => [call(oom_reap_task_mm, machine.mms[0])] },
    ],
    stepClaims: (world) => [noLockForTheReaper(world)],
  }),
})
