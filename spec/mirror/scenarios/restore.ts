/**
 * A driver with a work item that maps invalidated pages again.
 *
 * @module
 */
import { deviceAccess, restoreDriver } from '../../../src/driver/index.js'
import { cpuWrite, madvise_dontneed } from '../../../src/kernel/index.js'
import { call, mirrorScenario } from './mirror-world.js'
import { repeat } from './mirroring.js'
import { closeMirror } from './notifiers.js'

/** The worker restores while the mirror is closed. */
export const restoreWorker = mirrorScenario({
  name: 'restore-worker',
  summary:
    'A driver whose callback queues a work item that maps invalidated pages again: its device writes ' +
    'and its mirror is closed, while a thread zaps the page and writes to it.',
  exercises: ['C1', 'C3', 'C8', 'C17', 'C49', 'work-items', 'use-after-free', 'lock-discipline'],
  driver: restoreDriver,
  parameters: {},
  world: () => ({
    pages: repeat(1, { touched: true }),
    mirrors: [{ name: 'gpu' }],
    spareFrames: 1,
    invalidations: 1,
    threads: [
      {
        name: 'device',
        devices: [0],
        calls: (m) => [call(deviceAccess, m.mirrors[0], 0, 1, 2), call(closeMirror, m.mirrors[0])],
      },
      { name: 'cpu', calls: () => [call(madvise_dontneed, 0, 1), call(cpuWrite, 0, 1)] },
    ],
  }),
})
