/**
 * What must hold: requirements, invariants, scenarios, defects.
 *
 * @module spec
 */

import { parametersOf } from '../src/checker/check.js'
import type { Driver } from '../src/driver/index.js'
import type { Generation } from '../src/generations/generation.js'
import { generationNamed } from '../src/generations/generations.js'
import type { Scenario } from '../src/world/model.js'
import type { Defect } from './defect.js'
import { mendedScenarios } from './drivers/scenarios/recorded.js'
import { treeScenarios } from './drivers/scenarios/tree.js'
import * as exclusive from './exclusive/scenarios/exclusive.js'
import * as byPage from './exclusive/scenarios/exclusive-by-page.js'
import * as encodings from './generations/scenarios/encodings.js'
import { hmmVmaRequests } from './generations/scenarios/generation-requests.js'
import * as generations from './generations/scenarios/generations.js'
import { adviseHugePage, adviseLargeFolio, adviseVersusDevice } from './memory/scenarios/advice.js'
import * as areas from './memory/scenarios/areas.js'
import * as cleanPages from './memory/scenarios/clean-pages.js'
import * as hugePages from './memory/scenarios/huge-pages.js'
import { mergeVersusDevice, mergeVersusMigration } from './memory/scenarios/ksm.js'
import * as largeFolios from './memory/scenarios/large-folios.js'
import * as swap from './memory/scenarios/swap.js'
import { userfaultMissing, userfaultProtect } from './memory/scenarios/userfaults.js'
import * as coherent from './migrate/scenarios/coherent.js'
import * as deviceMemory from './migrate/scenarios/device-memory.js'
import * as devmem from './migrate/scenarios/devmem.js'
import { migrateOnFault } from './migrate/scenarios/migrate-on-fault.js'
import * as migration from './migrate/scenarios/migration.js'
import * as failures from './migrate/scenarios/migration-failures.js'
import * as exits from './mirror/scenarios/exits.js'
import * as lockOut from './mirror/scenarios/lock-out.js'
import type { InGeneration, MirroringScenario } from './mirror/scenarios/mirror-world.js'
import * as mirroring from './mirror/scenarios/mirroring.js'
import * as notifiers from './mirror/scenarios/notifiers.js'
import {
  comparedTwice,
  jobsWithFences,
  pagesValid,
  pagesValidClosed,
  pagesValidReaped,
} from './mirror/scenarios/pages-valid.js'
import * as requests from './mirror/scenarios/requests.js'
import { restoreWorker } from './mirror/scenarios/restore.js'
import { retryProtocol } from './mirror/scenarios/retry-protocol.js'
import * as twoPass from './mirror/scenarios/two-pass.js'
import { unlockedWalk } from './mirror/scenarios/unlocked.js'

export type { DmirrorDevice } from '../src/driver/recorded/index.js'
export type { Defect, DefectKind } from './defect.js'
export { defects } from './defects.js'
export {
  type Call,
  call,
  type InGeneration,
  type InitialPage,
  type MirrorDeclaration,
  type MirroringScenario,
  type MirrorScenario,
  type MirrorScenarioDefinition,
  type MirrorThread,
  type MirrorWorld,
  mirrorScenario,
  type Turn,
} from './mirror/scenarios/mirror-world.js'
export type { RecordedDevices, RecordedOptions } from './recorded/devices.js'
export type { Requirement } from './requirement.js'
export { requirements } from './requirements.js'

/** The scenarios of mirroring. */
export const mirroringScenarios: readonly MirroringScenario[] = [
  mirroring.munmapVersusDevice,
  mirroring.dontneedVersusDevice,
  mirroring.mprotectVersusDevice,
  mirroring.zeroPage,
  mirroring.unmapReadOnly,
  mirroring.forkVersusDevice,
  mirroring.forkVersusCpu,
  mirroring.twoDevices,
  mirroring.twoFaults,
  mirroring.overlappingInvalidations,
  mirroring.mmapOver,
  mirroring.fourThreads,
  requests.snapshotVersusFault,
  requests.requestsByPage,
  requests.refusedRequests,
  requests.overFault,
  requests.deviceOutOfMemory,
  requests.numaHinting,
  notifiers.insertAndRemove,
  notifiers.closeAtOnce,
  notifiers.unmapAndClose,
  notifiers.closeVersusFault,
  notifiers.partialMirror,
  notifiers.oomReaper,
  notifiers.classicNotifiers,
  notifiers.classicOnly,
  notifiers.exitVersusDevice,
  notifiers.exitReadOnly,
  notifiers.starvation,
  exits.insertVersusExit,
  exits.exitVersusReaper,
  encodings.driverEncoding,
  encodings.dmaMapping,
  hugePages.hugePage,
  hugePages.hugePageFaults,
  hugePages.hugePageMappedWhole,
  hugePages.hugePageAndFork,
  hugePages.hugePageMigrates,
  hugePages.hugePageMoves,
  hugePages.emptyPageTable,
  largeFolios.largeFolio,
  largeFolios.largeFolioAndFork,
  largeFolios.largeFolioSplit,
  largeFolios.largeFolioHeld,
  largeFolios.largeFolioHole,
  largeFolios.largeFolioReaped,
  largeFolios.folioReused,
  largeFolios.freeAndReuse,
  migration.migrateVersusCpu,
  migration.migrateVersusDontneed,
  migration.migrateHoles,
  migration.migrateAcrossAreas,
  migration.writeToOwnMemory,
  migration.writeToOwnLast,
  migration.migrateAndFork,
  migration.twoOwners,
  migration.migrateWhileFaulting,
  migration.devicePageFaults,
  migration.shortOfMemory,
  migration.evictDevice,
  swap.swapVersusDevice,
  adviseVersusDevice,
  mergeVersusDevice,
  mergeVersusMigration,
  adviseHugePage,
  adviseLargeFolio,
  userfaultProtect,
  userfaultMissing,
  swap.swapVersusClose,
  cleanPages.cleanAndProtect,
  cleanPages.cleanAndMigrate,
  cleanPages.cleanAndFork,
  cleanPages.cleanAndMove,
  swap.swapVersusUnmap,
  swap.swapVersusMigration,
  swap.migrateFromSwap,
  swap.swapAndFork,
  swap.swapTracked,
  swap.keepTheEntry,
  swap.mprotectTracked,
  failures.migrateHeld,
  failures.migrateAndDrain,
  failures.migratePartly,
  failures.bringBackMore,
  failures.bringBackMirrored,
  failures.mapAtOnce,
  failures.mapSharedAtOnce,
  failures.copyFails,
  failures.copyLosesData,
  deviceMemory.hotplug,
  deviceMemory.removeWhileFaulting,
  deviceMemory.deviceMemoryExit,
  deviceMemory.unplug,
  deviceMemory.unplugAndPoison,
  deviceMemory.speculativeReference,
  deviceMemory.memoryLimit,
  deviceMemory.closeWhileInUse,
  devmem.devmemHotplug,
  devmem.devmemUnplug,
  devmem.devmemHeld,
  coherent.coherentMemory,
  coherent.coherentShared,
  coherent.coherentHeld,
  coherent.getUserPages,
  coherent.migrateHinted,
  coherent.coherentHinted,
  lockOut.lockOutReaders,
  migrateOnFault,
  twoPass.twoPass,
  twoPass.twoPassRefused,
  jobsWithFences,
  pagesValid,
  pagesValidClosed,
  pagesValidReaped,
  restoreWorker,
  comparedTwice,
  areas.mremapVersusDevice,
  areas.mremapVersusMigration,
  areas.sharedFile,
  areas.sharedMemory,
  areas.filesAndMigration,
  areas.memoryFile,
  exclusive.exclusiveAccess,
  exclusive.exclusiveFault,
  exclusive.exclusiveAgain,
  exclusive.exclusiveUnmap,
  exclusive.exclusiveMprotect,
  exclusive.exclusiveFork,
  exclusive.exclusiveTwoDevices,
  exclusive.exclusiveAndMigrate,
  exclusive.exclusiveWrite,
  byPage.exclusiveByPage,
  byPage.exclusiveByPageTwoDevices,
  byPage.exclusiveByPageReclaim,
  byPage.exclusiveByPageSwapped,
  byPage.exclusiveByPageFork,
  byPage.exclusiveByPageShared,
  byPage.exclusiveByPageHuge,
  byPage.exclusiveAcrossAreas,
  generations.hmmMirror,
  generations.hmmLifetime,
  generations.hmmRange,
  generations.hmmVma,
  generations.hmmVmaUnmap,
  hmmVmaRequests,
  unlockedWalk,
  generations.hmmRangeForDma,
]

/** Every scenario, in the order in which they are run. */
export const scenarios: readonly Scenario[] = [
  retryProtocol,
  ...mirroringScenarios,
  ...mendedScenarios,
  ...treeScenarios,
]

/** The scenarios that a generation of the API has what it takes for. */
export function scenariosIn(
  generation: Generation,
  options: Omit<InGeneration, 'generation'> = {},
): Scenario[] {
  return mirroringScenarios.flatMap(({ inGeneration }) => inGeneration?.({ generation, ...options }) ?? [])
}

/**
 * The scenario that shows a defect: in its generation, if it has one, where the clause that it breaks is claimed whether it
 * holds there or not.
 */
export function scenarioOf({ scenario, generation: name, requirement }: Defect): Scenario | undefined {
  if (name === undefined) return scenarios.find((candidate) => candidate.name === scenario)
  const all = scenariosIn(generationNamed(name), { clause: requirement })
  return all.find((candidate) => candidate.name === `${scenario} in ${name}`)
}

/** Every scenario of mirroring with a mirror, that does not depend on the reference driver, with `driver` in its place. */
export function scenariosFor(driver: Driver): Scenario[] {
  return mirroringScenarios.flatMap((scenario) =>
    scenario.withDriver && scenario.world(parametersOf(scenario)).mirrors.length > 0
      ? [scenario.withDriver(driver)]
      : [],
  )
}
