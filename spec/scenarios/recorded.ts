/**
 * The recorded driver, mended: some cells of its matrix, in which the driver as it was recorded breaks a claim. What mends it
 * is `spec/recorded/mends.ts`; the whole matrix, mended and as recorded, is held by a test.
 *
 * @module
 */
import type { Scenario } from '../../src/world/index.js'
import { cellNamed, recordedScenario } from '../recorded/cells.js'
import { mends } from '../recorded/mends.js'

function mended(cell: string, exercises: readonly string[]): Scenario {
  return recordedScenario(cellNamed(cell), mends, exercises)
}

/** Cells that hold once the driver is mended. */
export const mendedScenarios: readonly Scenario[] = [
  mended('system/dev_read+migrate_to_dev', ['C1', 'C8']),
  mended('mirrored/migrate_to_dev+madv_dontneed', ['C1', 'C31']),
  mended('device/dev_read+mprotect', ['C4', 'backed-access']),
  mended('mirrored/dev_write+migrate_to_dev', ['C39', 'data']),
  mended('device/dev_read+migrate_to_sys2', ['C1', 'C31']),
  mended('device2/close2+cpu_write', ['C17', 'use-after-free']),
  mended('mirrored2/close2+munmap', ['C1']),
  mended('short/migrate_to_dev+cpu_read', ['C30']),
]
