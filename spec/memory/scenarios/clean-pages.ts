/**
 * No CPU records the write of a device to a page that is clean in the swap cache: its driver must
 * mark the page dirty whenever the device loses the page or its write permission. Otherwise reclaim
 * drops the page, and the write is lost.
 *
 * @module
 */
import { deviceAccess, migrateToDevice } from '../../../src/driver/index.js'
import {
  cpuRead,
  fork,
  mprotect,
  mremap,
  shrink_folio_list,
  VM_READ,
  VmaKind,
} from '../../../src/kernel/index.js'
import { call, type MirrorWorld, mirrorScenario } from '../../mirror/scenarios/mirror-world.js'
import { goesToSwap } from './swap.js'

/** A page that is clean in the swap cache, a device that uses it, and a free slot for reclaim. */
const cleanPage = {
  pages: [{ touched: true, swapCached: true }],
  mirrors: [{ name: 'gpu' }],
  spareFrames: 1,
  swapSlots: 1,
  witnesses: (m: MirrorWorld) => [goesToSwap(m)],
  values: 3,
  invalidations: 2,
}

/** A page that a device has written to becomes read-only, and is reclaimed. */
export const cleanAndProtect = mirrorScenario({
  name: 'clean-and-protect',
  summary:
    'A device writes to a page that is clean in the swap cache; mprotect makes it read-only, reclaim ' +
    'takes it, and a CPU reads it: the read returns the value of the device, since the callback has ' +
    'marked the page dirty before it removed the write permission.',
  exercises: ['C1', 'C4', 'C39', 'data'],
  generations: [],
  parameters: {},
  world: () => ({
    ...cleanPage,
    threads: [
      { name: 'device', devices: [0], calls: (m) => [call(deviceAccess, m.mirrors[0], 0, 1, 2)] },
      { name: 'cpu 1', calls: () => [call(mprotect, 0, 1, VM_READ)] },
      { name: 'kswapd', calls: (m) => [call(shrink_folio_list, m.machine.frames[1])] },
      { name: 'cpu 2', calls: () => [call(cpuRead, 0)] },
    ],
  }),
})

/** A page that a device has written to migrates to its memory, or fails to, and is reclaimed. */
export const cleanAndMigrate = mirrorScenario({
  name: 'clean-and-migrate',
  summary:
    'A device writes to a page that is clean in the swap cache, and its driver migrates it, which ' +
    'reclaim may prevent: a CPU then reads the value of the device.',
  exercises: ['C1', 'C39', 'data'],
  generations: [],
  parameters: {},
  world: () => ({
    ...cleanPage,
    mirrors: [{ name: 'gpu', memory: 1 }],
    spareFrames: 2,
    invalidations: 4,
    threads: [
      {
        name: 'device',
        devices: [0],
        calls: (m) => [call(deviceAccess, m.mirrors[0], 0, 1, 2), call(migrateToDevice, m.mirrors[0], 0, 1)],
      },
      { name: 'kswapd', calls: (m) => [call(shrink_folio_list, m.machine.frames[1]), call(cpuRead, 0)] },
    ],
  }),
})

/** A page that a device has written to is shared with a child, and is reclaimed. */
export const cleanAndFork = mirrorScenario({
  name: 'clean-and-fork',
  summary:
    'A device writes to a page that is clean in the swap cache; the process forks, reclaim takes the ' +
    'page, and the parent reads the value of the device.',
  exercises: ['C1', 'C4', 'C39', 'data'],
  generations: [],
  parameters: {},
  world: () => ({
    ...cleanPage,
    processes: 2,
    spareFrames: 2,
    threads: [
      { name: 'device', devices: [0], calls: (m) => [call(deviceAccess, m.mirrors[0], 0, 1, 2)] },
      { name: 'parent', calls: (m) => [call(fork, m.machine.mms[1]), call(cpuRead, 0)] },
      { name: 'kswapd', calls: (m) => [call(shrink_folio_list, m.machine.frames[1])] },
    ],
  }),
})

/** A page that a device has written to is moved, and is reclaimed. */
export const cleanAndMove = mirrorScenario({
  name: 'clean-and-move',
  summary:
    'A device writes to a page that is clean in the swap cache; mremap moves it, reclaim takes it, ' +
    'and a CPU reads the value of the device at the new address.',
  exercises: ['C1', 'C39', 'data'],
  generations: [],
  parameters: {},
  world: () => ({
    ...cleanPage,
    pages: [...cleanPage.pages, { kind: VmaKind.none }],
    moves: true,
    invalidations: 3,
    threads: [
      { name: 'device', devices: [0], calls: (m) => [call(deviceAccess, m.mirrors[0], 0, 1, 2)] },
      { name: 'cpu', calls: () => [call(mremap, 0, 1, 1), call(cpuRead, 1)] },
      { name: 'kswapd', calls: (m) => [call(shrink_folio_list, m.machine.frames[1])] },
    ],
  }),
})
