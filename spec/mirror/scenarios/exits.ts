/**
 * The process exits while drivers open mirrors, or during an invalidation.
 *
 * @module
 */
import { deviceAccess, type Mirror } from '../../../src/driver/index.js'
import { cpuRead, exit_mm, oom_reap_task_mm, type Task } from '../../../src/kernel/index.js'
import { procedure } from '../../../src/world/index.js'
import { call, mirrorScenario } from './mirror-world.js'
import { closeMirror, ofTheMirrors, watchMirror } from './notifiers.js'

/** Its threads use interval notifiers themselves. */
const WITH_INTERVALS = ['5.6', '6.1', '6.16'] as const

/**
 * A worker of the driver opens a mirror without being a user of the address space, uses it, and
 * closes it.
 */
const openMirror = procedure('open a mirror', function* (current: Task, mirror: Mirror) {
  if (yield* watchMirror(mirror)) return
  yield* deviceAccess(current, mirror, 0, 1, 2)
  yield* closeMirror(current, mirror)
})

/** A mirror is opened while the process exits. */
export const insertVersusExit = mirrorScenario({
  name: 'insert-and-exit',
  summary:
    'A driver opens a mirror while the process exits: it gets the release, or its notifier is not ' +
    'inserted at all.',
  exercises: ['C6', 'C7', 'C17', 'C19', 'C32'],
  generations: WITH_INTERVALS,
  parameters: {},
  world: () => ({
    pages: [{ touched: true }],
    mirrors: [{ name: 'gpu', detached: true }, { name: 'nic' }],
    spareFrames: 1,
    invalidations: 2,
    threads: [
      { name: 'driver', devices: [0], calls: (m) => [call(openMirror, m.mirrors[0])] },
      { name: 'cpu', calls: () => [call(cpuRead, 0), call(exit_mm)] },
    ],
    witnesses: ofTheMirrors(({ machine, mirrors: [gpu] }) => [
      {
        name: 'a mirror is opened when the process has gone',
        clause: 'C19',
        holds: (view) => machine.mms[0].users === 0 && view.step(0) === 'insert' && !gpu.notifier.allocated,
      },
    ]),
  }),
})

const reap = procedure(function* reap(current: Task) {
  yield* oom_reap_task_mm(current, current.mm)
})

/** The process exits while a callback runs. */
export const exitVersusReaper = mirrorScenario({
  name: 'exit-and-reap',
  summary:
    'The process exits while its device writes and the OOM reaper takes its pages: the last user ' +
    'tears the address space down, and must not be a callback.',
  exercises: ['C6', 'C7', 'C11', 'C19', 'C32', 'callback-users', 'non-blocking'],
  parameters: {},
  world: () => ({
    pages: [{ touched: true }],
    mirrors: [{ name: 'gpu' }],
    spareFrames: 1,
    invalidations: 3,
    threads: [
      { name: 'device', devices: [0], calls: (m) => [call(deviceAccess, m.mirrors[0], 0, 1, 2)] },
      { name: 'cpu', calls: () => [call(exit_mm)] },
      { name: 'reaper', calls: () => [call(reap)] },
    ],
  }),
})
