/**
 * Memory is given up, written to swap and faulted in on request (madvise), while a device uses it.
 *
 * @module
 */
import { deviceAccess, migrateLargeToDevice } from '../../../src/driver/index.js'
import {
  cpuRead,
  cpuWrite,
  madvise_free,
  madvise_pageout,
  madvise_populate,
  ownExpected,
  PteKind,
} from '../../../src/kernel/index.js'
import type { Witness } from '../../../src/world/index.js'
import { call, type MirrorWorld, mirrorScenario } from '../../mirror/scenarios/mirror-world.js'
import { repeat } from '../../mirror/scenarios/mirroring.js'

/** What was given up is dropped, and reads as zeroes. */
function isDropped({ machine }: MirrorWorld): Witness {
  const [mm] = machine.mms
  return {
    clause: 'C39',
    name: 'a page that was given up is dropped',
    holds: () => mm.pte[0].kind === PteKind.none && ownExpected(mm, 0).value === 0,
  }
}

/** What a device has written before is dropped: its page is dirty, and clean from then on. */
function isDroppedWritten(world: MirrorWorld): Witness {
  const { holds } = isDropped(world)
  return {
    clause: 'C39',
    name: 'a page that was written before it was given up is dropped',
    holds: (view) => holds(view) && view.finished(world.tasks[0].thread),
  }
}

/** What a device has written since is kept. */
function isKept({ machine }: MirrorWorld): Witness {
  const [mm] = machine.mms
  return {
    clause: 'C39',
    name: 'a page that was given up and written again goes to swap',
    holds: () => mm.pte[0].kind === PteKind.swap && ownExpected(mm, 0).value === 2,
  }
}

/** Memory is given up and reclaimed while a device writes to it. */
export const adviseVersusDevice = mirrorScenario({
  name: 'advise',
  summary:
    'A process gives a page up that a device writes to (MADV_FREE), and has it reclaimed (MADV_PAGEOUT): it is dropped if nobody ' +
    'has written to it since, by a CPU or the device, and goes to swap otherwise. Then it is faulted in again.',
  exercises: ['C1', 'C3', 'C39', 'C47', 'data', 'use-after-free'],
  generations: [],
  parameters: {},
  world: () => ({
    pages: [{ touched: true }],
    mirrors: [{ name: 'gpu' }],
    spareFrames: 1,
    swapSlots: 1,
    advice: true,
    witnesses: (m) => [isDropped(m), isDroppedWritten(m), isKept(m)],
    values: 2,
    invalidations: 5,
    threads: [
      { name: 'device', devices: [0], calls: (m) => [call(deviceAccess, m.mirrors[0], 0, 1, 2)] },
      {
        name: 'cpu',
        calls: () => [
          call(madvise_free, 0, 1),
          call(madvise_pageout, 0, 1),
          call(madvise_pageout, 0, 1),
          call(madvise_populate, 0, 1, false),
          call(cpuRead, 0),
        ],
      },
    ],
  }),
})

const HUGE = 2

/** A huge page that was given up is dropped, all of it. */
function isDroppedWhole({ machine }: MirrorWorld): Witness {
  const [mm] = machine.mms
  return {
    clause: 'C39',
    name: 'a huge page that was given up is dropped',
    holds: () =>
      mm.pte.every(({ kind }) => kind === PteKind.none) &&
      machine.swap.every(({ count, contents }) => count === 0 && contents === 0),
  }
}

/** A huge page that must be kept is split, and its pages go to swap. */
function isSplit({ machine }: MirrorWorld): Witness {
  const [mm] = machine.mms
  return {
    clause: 'C39',
    name: 'a huge page that was written to again goes to swap',
    holds: () => mm.pte[0].kind === PteKind.swap && ownExpected(mm, 0).value > 0,
  }
}

/** A huge page is given up and reclaimed while it migrates to a device. */
export const adviseLargeFolio = mirrorScenario({
  name: 'advise-large-folio',
  summary:
    'A process gives up a huge page and has it reclaimed, while its driver migrates it to a device as a whole: advice that comes too ' +
    'late meets one entry for device memory, and leaves it alone.',
  exercises: ['C28', 'C39', 'data', 'pmd-entries', 'use-after-free'],
  generations: [],
  parameters: {},
  world: () => ({
    pages: repeat(HUGE, { touched: true }),
    hugePages: HUGE,
    mirrors: [{ name: 'gpu', memory: HUGE }],
    spareFrames: 0,
    swapSlots: HUGE,
    advice: true,
    invalidations: 12,
    threads: [
      { name: 'driver', devices: [0], calls: (m) => [call(migrateLargeToDevice, m.mirrors[0], 0, HUGE)] },
      { name: 'cpu', calls: () => [call(madvise_free, 0, HUGE), call(madvise_pageout, 0, HUGE)] },
    ],
  }),
})

/** A device writes to a huge page that is given up in part. */
export const adviseHugePage = mirrorScenario({
  name: 'advise-huge-page',
  summary:
    'A device writes to a huge page that its process writes to, gives up and has reclaimed, whole and in part: it is dropped if ' +
    'nobody has written to it since; otherwise it is split, and its pages go to swap.',
  exercises: ['C1', 'C3', 'C39', 'C47', 'data', 'use-after-free'],
  generations: [],
  parameters: {},
  world: () => ({
    pages: repeat(HUGE, { touched: true }),
    hugePages: HUGE,
    mirrors: [{ name: 'gpu' }],
    spareFrames: 0,
    swapSlots: HUGE,
    advice: true,
    values: 2,
    invalidations: 12,
    threads: [
      { name: 'device', devices: [0], calls: (m) => [call(deviceAccess, m.mirrors[0], 0, 1, 2)] },
      {
        name: 'cpu',
        calls: () => [
          call(cpuWrite, 0, 1),
          call(madvise_free, 0, HUGE),
          call(madvise_pageout, 0, HUGE),
          call(cpuWrite, 0, 1),
          call(madvise_free, 1, 1),
          call(madvise_pageout, 0, HUGE),
        ],
      },
    ],
    witnesses: (m) => [isDroppedWhole(m), isSplit(m)],
  }),
})
