/**
 * Public bugs that were fixed since 2023, and what catches each here.
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

/** Every row. */
export const historicBugs: readonly HistoricBug[] = [
  ...mmBugs,
  ...gpusvmBugs,
  ...odpBugs,
  ...amdBugs,
  ...nouveauBugs,
]
