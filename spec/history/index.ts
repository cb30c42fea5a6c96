/**
 * Public bugs fixed since 2023, with the defects that reproduce them.
 *
 * @module
 */
import { amdBugs } from './amd.js'
import type { HistoricBug } from './bug.js'
import { gpusvmBugs } from './gpusvm.js'
import { mmBugs } from './mm.js'
import { nouveauBugs } from './nouveau.js'
import { odpBugs } from './odp.js'

export { type BugKind, type BugSource, type HistoricBug, nameOf, type Subsystem } from './bug.js'

/** All rows. */
export const historicBugs: readonly HistoricBug[] = [
  ...mmBugs,
  ...gpusvmBugs,
  ...odpBugs,
  ...amdBugs,
  ...nouveauBugs,
]
