/**
 * The recorded driver, fixed: some cells of its matrix in which the driver as recorded breaks a
 * claim. `spec/recorded/mends.ts` has the fixes; a test runs the whole matrix, fixed and as
 * recorded.
 *
 * @module
 */
import { dmirror_write, recordedDriver } from '../../../src/driver/recorded/index.js'
import { cpuRead } from '../../../src/kernel/index.js'
import type { Scenario } from '../../../src/world/index.js'
import { call, mirrorModel } from '../../mirror/scenarios/mirror-world.js'
import { cellNamed, recordedScenario } from '../../recorded/cells.js'
import { mends } from '../../recorded/mends.js'

function mended(cell: string, exercises: readonly string[]): Scenario {
  return recordedScenario(cellNamed(cell), mends, exercises)
}

/** The walk faults to the end of the VMA, and so migrates back a page that is in device memory. */
const overFaultOwnPage: Scenario = {
  name: 'over-fault-own-page',
  summary:
    'A device writes to a page that is read-only in the page table; the next page is in the ' +
    "device's own memory. The fault for the first also brings back the second, through the driver " +
    'that is faulting.',
  parameters: {},
  exercises: ['C39', 'deadlock'],
  build: () =>
    mirrorModel(
      {
        pages: [
          { touched: true, readOnly: true },
          { touched: true, onDevice: true },
        ],
        mirrors: [{ name: 'dmirror', memory: 1 }],
        spareFrames: 2,
        values: 3,
        invalidations: 8,
        threads: [
          { name: 'device', devices: [0], calls: (m) => [call(dmirror_write, m.mirrors[0], 0, [2, 3])] },
          { name: 'cpu', calls: () => [call(cpuRead, 1)] },
        ],
        recorded: {},
        overrides: mends,
      },
      recordedDriver,
    ),
}

/** Cells that hold once the driver is fixed. */
export const mendedScenarios: readonly Scenario[] = [
  mended('system/dev_read+migrate_to_dev', ['C1', 'C8']),
  mended('mirrored/migrate_to_dev+madv_dontneed', ['C1', 'C31']),
  mended('device/dev_read+mprotect', ['C4', 'backed-access']),
  mended('mirrored/dev_write+migrate_to_dev', ['C39', 'data']),
  mended('device/dev_read+migrate_to_sys2', ['C1', 'C31']),
  mended('device2/close2+cpu_write', ['C17', 'use-after-free']),
  mended('mirrored2/close2+munmap', ['C1']),
  mended('short/migrate_to_dev+cpu_read', ['C30']),
  mended('system/exclusive+madv_dontneed', ['C43', 'use-after-free']),
  mended('shared/dev_read+child_write', ['C30', 'C42']),
  mended('sharedMapped/migrate_to_sys+child_write', ['C1', 'C31']),
  overFaultOwnPage,
]
