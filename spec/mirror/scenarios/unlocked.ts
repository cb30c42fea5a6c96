/**
 * hmm_range_fault_unlocked_timeout.
 *
 * @module
 */
import { deviceAccess } from '../../../src/driver/index.js'
import { generationNamed, unlockedDriver } from '../../../src/generations/index.js'
import { madvise_dontneed, oom_reap_task_mm, type Task } from '../../../src/kernel/index.js'
import { procedure } from '../../../src/world/index.js'
import { call, mirrorScenario } from './mirror-world.js'

const reap = procedure('reap once', function* (current: Task) {
  yield* oom_reap_task_mm(current, current.mm)
})

/** Faults outside the walk, with a concurrent zap. */
export const unlockedWalk = mirrorScenario({
  name: 'unlocked-walk',
  summary:
    'With hmm_range_fault_unlocked_timeout a device accesses a page that is absent; the fault may ' +
    'drop the mmap lock, a CPU zaps the page, and the OOM reaper takes it.',
  exercises: ['C1', 'C8', 'C19', 'C20', 'C49'],
  parameters: {},
  home: { ...generationNamed('6.16'), driver: unlockedDriver },
  world: () => ({
    pages: [{ touched: true, readOnly: true }],
    mirrors: [{ name: 'gpu' }],
    spareFrames: 2,
    invalidations: 3,
    threads: [
      { name: 'device', devices: [0], calls: (m) => [call(deviceAccess, m.mirrors[0], 0, 1, 2)] },
      { name: 'cpu', calls: () => [call(madvise_dontneed, 0, 1), call(reap)] },
    ],
  }),
})
