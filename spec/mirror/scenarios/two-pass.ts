/**
 * Callbacks in two passes.
 *
 * @module
 */
import { deviceAccess } from '../../../src/driver/index.js'
import { type MmStruct, madvise_dontneed, oom_reap_task_mm, type Task } from '../../../src/kernel/index.js'
import { procedure } from '../../../src/world/index.js'
import { startsAreFinished, tokenIsLent } from '../invariants/two-pass.js'
import { call, mirrorScenario } from './mirror-world.js'

const reap = procedure(function* reap(current: Task, mm: MmStruct) {
  yield* oom_reap_task_mm(current, mm)
})

/** Two invalidations of one interval at once. */
export const twoPass = mirrorScenario({
  name: 'two-pass',
  summary:
    'Two threads zap a page each while a device that maps both uses them: its driver removes the ' +
    'mappings in a first pass, and waits for the device in a second.',
  exercises: ['C1', 'C3', 'C10', 'two-pass'],
  referenceOnly: true,
  parameters: {},
  world: () => ({
    pages: [
      { touched: true, mirroredBy: [0] },
      { touched: true, mirroredBy: [0] },
    ],
    mirrors: [{ name: 'gpu', twoPass: true }],
    spareFrames: 1,
    values: 2,
    invalidations: 3,
    threads: [
      { name: 'device', devices: [0], calls: (m) => [call(deviceAccess, m.mirrors[0], 0, 1)] },
      { name: 'cpu 1', calls: () => [call(madvise_dontneed, 0, 1)] },
      { name: 'cpu 2', calls: () => [call(madvise_dontneed, 1, 1)] },
    ],
    witnesses: (m) => [tokenIsLent(m)],
    stepClaims: (m) => [startsAreFinished(m)],
  }),
})

/** A later notifier refuses the range. */
export const twoPassRefused = mirrorScenario({
  name: 'two-pass-refused',
  summary:
    'The OOM reaper invalidates two drivers with a range that is not blockable: the first has ' +
    'started when the second, whose device faults, refuses.',
  exercises: ['C3', 'C11', 'two-pass'],
  referenceOnly: true,
  parameters: {},
  world: () => ({
    pages: [{ touched: true, mirroredBy: [0] }],
    mirrors: [{ name: 'gpu', twoPass: true }, { name: 'npu' }],
    spareFrames: 1,
    values: 2,
    invalidations: 4,
    threads: [
      { name: 'gpu', devices: [0], calls: (m) => [call(deviceAccess, m.mirrors[0], 0, 1)] },
      { name: 'npu', devices: [1], calls: (m) => [call(deviceAccess, m.mirrors[1], 0, 1)] },
      { name: 'reaper', calls: (m) => [call(reap, m.machine.mms[0])] },
    ],
    stepClaims: (m) => [startsAreFinished(m)],
  }),
})
