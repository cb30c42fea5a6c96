/**
 * Known bugs, mutations and hazards, each a small override.
 *
 * @module
 */
import type { Defect } from '../defect.js'
import { areaDefects } from './areas.js'
import { bitDefects } from './bits.js'
import { coherentDefects } from './coherent.js'
import { deviceMemoryDefects } from './device-memory.js'
import { devmemDefects } from './devmem.js'
import { driverDefects } from './drivers.js'
import { encodingDefects } from './encodings.js'
import { endingDefects } from './endings.js'
import { exclusiveDefects } from './exclusive.js'
import { exclusiveByPageDefects } from './exclusive-by-page.js'
import { generationDefects } from './generations.js'
import { hugePageDefects } from './huge-pages.js'
import { largeFolioDefects } from './large-folios.js'
import { lockOutDefects } from './lock-out.js'
import { lruDefects } from './lru.js'
import { migrationDefects } from './migration.js'
import { migrationExtentDefects } from './migration-extent.js'
import { migrationStageDefects } from './migration-stages.js'
import { notifierDefects } from './notifiers.js'
import { pagesValidDefects } from './pages-valid.js'
import { protocolDefects } from './protocol.js'
import { publicDefects } from './public-bugs.js'
import { recordedDefects } from './recorded.js'
import { requestDefects } from './requests.js'
import { rightsDefects } from './rights.js'
import { seedDefects } from './seeds.js'
import { treeDefects } from './tree.js'
import { twoPassDefects } from './two-pass.js'
import { unlockedDefects } from './unlocked.js'
import { walkDefects } from './walk.js'
import { xeSvmDefects } from './xe-svm.js'

/** Every defect, by name. */
export const defects: readonly Defect[] = [
  ...notifierDefects,
  ...protocolDefects,
  ...driverDefects,
  ...walkDefects,
  ...encodingDefects,
  ...seedDefects,
  ...migrationDefects,
  ...bitDefects,
  ...areaDefects,
  ...endingDefects,
  ...rightsDefects,
  ...requestDefects,
  ...publicDefects,
  ...migrationStageDefects,
  ...migrationExtentDefects,
  ...deviceMemoryDefects,
  ...devmemDefects,
  ...coherentDefects,
  ...lockOutDefects,
  ...lruDefects,
  ...twoPassDefects,
  ...pagesValidDefects,
  ...treeDefects,
  ...xeSvmDefects,
  ...recordedDefects,
  ...exclusiveDefects,
  ...exclusiveByPageDefects,
  ...generationDefects,
  ...unlockedDefects,
  ...hugePageDefects,
  ...largeFolioDefects,
].sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }))
