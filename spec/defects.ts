/**
 * Known bugs, mutations and hazards, each a small override.
 *
 * @module
 */
import type { Defect } from './defect.js'
import { amdkfdSvmDefects } from './drivers/defects/amdkfd-svm.js'
import { xnackOffDefects } from './drivers/defects/amdkfd-xnack-off.js'
import { nouveauDefects } from './drivers/defects/nouveau-svm.js'
import { publicDefects } from './drivers/defects/public-bugs.js'
import { recordedDefects } from './drivers/defects/recorded.js'
import { seedDefects } from './drivers/defects/seeds.js'
import { sinceDefects } from './drivers/defects/since-2023.js'
import { treeDefects } from './drivers/defects/tree.js'
import { xeSvmDefects } from './drivers/defects/xe-svm.js'
import { xeVramDefects } from './drivers/defects/xe-vram.js'
import { exclusiveDefects } from './exclusive/defects/exclusive.js'
import { exclusiveByPageDefects } from './exclusive/defects/exclusive-by-page.js'
import { encodingDefects } from './generations/defects/encodings.js'
import { generationDefects } from './generations/defects/generations.js'
import { unlockedDefects } from './generations/defects/unlocked.js'
import { areaDefects } from './memory/defects/areas.js'
import { bitDefects } from './memory/defects/bits.js'
import { hugePageDefects } from './memory/defects/huge-pages.js'
import { ksmDefects } from './memory/defects/ksm.js'
import { largeFolioDefects } from './memory/defects/large-folios.js'
import { lruDefects } from './memory/defects/lru.js'
import { rightsDefects } from './memory/defects/rights.js'
import { userfaultDefects } from './memory/defects/userfaults.js'
import { coherentDefects } from './migrate/defects/coherent.js'
import { deviceFaultDefects } from './migrate/defects/device-faults.js'
import { deviceMemoryDefects } from './migrate/defects/device-memory.js'
import { devmemDefects } from './migrate/defects/devmem.js'
import { migrationDefects } from './migrate/defects/migration.js'
import { migrationExtentDefects } from './migrate/defects/migration-extent.js'
import { migrationStageDefects } from './migrate/defects/migration-stages.js'
import { driverDefects } from './mirror/defects/drivers.js'
import { endingDefects } from './mirror/defects/endings.js'
import { eventDefects } from './mirror/defects/events.js'
import { lockOutDefects } from './mirror/defects/lock-out.js'
import { notifierDefects } from './mirror/defects/notifiers.js'
import { pagesValidDefects } from './mirror/defects/pages-valid.js'
import { protocolDefects } from './mirror/defects/protocol.js'
import { requestDefects } from './mirror/defects/requests.js'
import { twoPassDefects } from './mirror/defects/two-pass.js'
import { walkDefects } from './mirror/defects/walk.js'

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
  ...eventDefects,
  ...rightsDefects,
  ...requestDefects,
  ...publicDefects,
  ...migrationStageDefects,
  ...migrationExtentDefects,
  ...deviceFaultDefects,
  ...deviceMemoryDefects,
  ...devmemDefects,
  ...coherentDefects,
  ...lockOutDefects,
  ...lruDefects,
  ...twoPassDefects,
  ...pagesValidDefects,
  ...treeDefects,
  ...xnackOffDefects,
  ...nouveauDefects,
  ...sinceDefects,
  ...xeSvmDefects,
  ...xeVramDefects,
  ...amdkfdSvmDefects,
  ...recordedDefects,
  ...exclusiveDefects,
  ...exclusiveByPageDefects,
  ...generationDefects,
  ...unlockedDefects,
  ...hugePageDefects,
  ...ksmDefects,
  ...largeFolioDefects,
  ...userfaultDefects,
].sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }))
