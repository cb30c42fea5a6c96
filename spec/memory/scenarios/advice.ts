/**
 * madvise (MADV_FREE, MADV_PAGEOUT, MADV_POPULATE) on memory that a device uses.
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

/** Reclaim drops a lazily freed page: it reads as zeroes. */
function isDropped({ machine }: MirrorWorld): Witness {
  const [mm] = machine.mms
  return {
    clause: 'C39',
    name: 'a page that was given up is dropped',
    holds: () => mm.pte[0].kind === PteKind.none && ownExpected(mm, 0).value === 0,
  }
}

/** Reclaim drops a page that a device has written before MADV_FREE: MADV_FREE marks it clean. */
function isDroppedWritten(world: MirrorWorld): Witness {
  const { holds } = isDropped(world)
  return {
    clause: 'C39',
    name: 'a page that was written before it was given up is dropped',
    holds: (view) => holds(view) && view.finished(world.tasks[0].thread),
  }
}

/** Reclaim keeps a page that a device has written after MADV_FREE. */
function isKept({ machine }: MirrorWorld): Witness {
  const [mm] = machine.mms
  return {
    clause: 'C39',
    name: 'a page that was given up and written again goes to swap',
    holds: () => mm.pte[0].kind === PteKind.swap && ownExpected(mm, 0).value === 2,
  }
}

/** MADV_FREE and MADV_PAGEOUT while a device writes to the page. */
export const adviseVersusDevice = mirrorScenario({
  name: 'advise',
  summary:
    'A process calls MADV_FREE and then MADV_PAGEOUT on a page that a device writes to: the page is ' +
    'dropped if neither a CPU nor the device has written to it since, and swapped out otherwise. ' +
    'Then it is faulted in again.',
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

/** Reclaim drops a lazily freed huge page as a whole. */
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

/** A dirty huge page is split, and its pages are swapped out. */
function isSplit({ machine }: MirrorWorld): Witness {
  const [mm] = machine.mms
  return {
    clause: 'C39',
    name: 'a huge page that was written to again goes to swap',
    holds: () => mm.pte[0].kind === PteKind.swap && ownExpected(mm, 0).value > 0,
  }
}

/** MADV_FREE and MADV_PAGEOUT on a huge page that migrates to a device. */
export const adviseLargeFolio = mirrorScenario({
  name: 'advise-large-folio',
  summary:
    'A process calls MADV_FREE and MADV_PAGEOUT on a huge page, while its driver migrates it to a ' +
    'device without splitting: a late call finds a device-private PMD, and skips it.',
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

/** A device writes to a huge page of which a part is lazily freed. */
export const adviseHugePage = mirrorScenario({
  name: 'advise-huge-page',
  summary:
    'A device writes to a huge page on which its process calls MADV_FREE and MADV_PAGEOUT, for the ' +
    'whole and for a part: it is dropped if it has not been written to since; otherwise it is split, ' +
    'and its pages are swapped out.',
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
