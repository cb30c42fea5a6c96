/**
 * ksmd merges pages with equal contents, while a device uses them and drivers migrate them.
 *
 * @module
 */
import { deviceAccess, migrateToDevice } from '../../../src/driver/index.js'
import {
  cpuRead,
  cpuWrite,
  ksm_do_scan,
  PteKind,
  VM_MERGEABLE,
  VM_READ,
  VM_WRITE,
} from '../../../src/kernel/index.js'
import type { Witness } from '../../../src/world/index.js'
import { call, type MirrorWorld, mirrorScenario } from '../../mirror/scenarios/mirror-world.js'
import { repeat } from '../../mirror/scenarios/mirroring.js'

/** Pages that hold the same, of an area that may be merged. */
const mergeable = (pages: number) =>
  repeat(pages, { touched: true, flags: VM_READ | VM_WRITE | VM_MERGEABLE })

/** One frame is mapped at both pages. */
function areMerged({ machine }: MirrorWorld): Witness {
  const [{ pte }] = machine.mms
  return {
    clause: 'C39',
    name: 'two pages are merged',
    holds: () =>
      pte[0].kind === PteKind.present && pte[1].kind === PteKind.present && pte[0].frame === pte[1].frame,
  }
}

/** A merged page is in device memory. */
function isMergedOnDevice({ machine }: MirrorWorld): Witness {
  return {
    clause: 'backed-access',
    name: 'a merged page is in device memory',
    holds: () => machine.frames.some(({ ksm, owner }) => ksm && owner >= 0),
  }
}

/** A device and a CPU write to pages that ksmd merges. */
export const mergeVersusDevice = mirrorScenario({
  name: 'merge',
  summary:
    'ksmd merges two pages with equal contents, while a device and a CPU write to them: each of them has a page of its own again ' +
    'before it writes, and what the other reads stays as it was.',
  exercises: ['C1', 'C3', 'C39', 'C47', 'backed-access', 'data', 'use-after-free'],
  generations: [],
  parameters: {},
  world: () => ({
    pages: mergeable(2),
    mirrors: [{ name: 'gpu' }],
    spareFrames: 1,
    ksm: true,
    values: 3,
    invalidations: 6,
    witnesses: (m) => [areMerged(m)],
    threads: [
      { name: 'device', devices: [0], calls: (m) => [call(deviceAccess, m.mirrors[0], 0, 1, 2)] },
      { name: 'ksmd', calls: () => [call(ksm_do_scan, 0)] },
      { name: 'cpu', calls: () => [call(cpuWrite, 1, 3), call(cpuRead, 0)] },
    ],
  }),
})

/** A merged page migrates to a device, and ksmd goes on. */
export const mergeVersusMigration = mirrorScenario({
  name: 'merge-and-migrate',
  summary:
    'ksmd merges pages, while a driver migrates one of them to its device: the merged page goes there for all who have it, and ' +
    'ksmd, which knows it still, does not read it.',
  exercises: ['C28', 'C39', 'backed-access', 'use-after-free'],
  generations: [],
  parameters: {},
  world: () => ({
    pages: mergeable(3),
    mirrors: [{ name: 'gpu', memory: 1 }],
    spareFrames: 0,
    ksm: true,
    invalidations: 12,
    witnesses: (m) => [isMergedOnDevice(m)],
    threads: [
      { name: 'driver', devices: [0], calls: (m) => [call(migrateToDevice, m.mirrors[0], 0, 1)] },
      { name: 'ksmd', calls: () => [call(ksm_do_scan, 0)] },
    ],
  }),
})
