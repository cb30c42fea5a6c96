/**
 * All tours, one for each finding.
 *
 * @module
 */
import { exclusiveTours } from './exclusive.js'
import { migrationTours } from './migration.js'
import { mirroringTours } from './mirroring.js'
import { recordedTours } from './recorded.js'
import type { Tour } from './tour.js'

export { indexOfStop, type Tour, type TourRun, type TourStop, type Turn } from './tour.js'

/** All tours, by the names of their findings. */
export const tours: readonly Tour[] = [
  ...mirroringTours,
  ...migrationTours,
  ...exclusiveTours,
  ...recordedTours,
].sort((a, b) => a.finding.localeCompare(b.finding, 'en', { numeric: true }))
