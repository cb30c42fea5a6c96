/**
 * What must hold: requirements, invariants, scenarios, defects.
 *
 * @module spec
 */

import type { Driver } from '../src/driver/index.js'
import type { Scenario } from '../src/world/model.js'
import * as areas from './scenarios/areas.js'
import * as deviceMemory from './scenarios/device-memory.js'
import * as encodings from './scenarios/encodings.js'
import * as exclusive from './scenarios/exclusive.js'
import * as migration from './scenarios/migration.js'
import * as failures from './scenarios/migration-failures.js'
import type { MirroringScenario } from './scenarios/mirror-world.js'
import * as mirroring from './scenarios/mirroring.js'
import * as notifiers from './scenarios/notifiers.js'
import { mendedScenarios } from './scenarios/recorded.js'
import * as requests from './scenarios/requests.js'
import { retryProtocol } from './scenarios/retry-protocol.js'
import * as swap from './scenarios/swap.js'

export type { Defect, DefectKind } from './defect.js'
export { defects } from './defects/index.js'
export type { Requirement } from './requirement.js'
export { requirements } from './requirements/index.js'
export {
  type Call,
  call,
  type InitialPage,
  type MirrorDeclaration,
  type MirroringScenario,
  type MirrorScenario,
  type MirrorScenarioDefinition,
  type MirrorThread,
  type MirrorWorld,
  mirrorScenario,
} from './scenarios/mirror-world.js'

/** The scenarios of mirroring. */
export const mirroringScenarios: readonly MirroringScenario[] = [
  mirroring.munmapVersusDevice,
  mirroring.dontneedVersusDevice,
  mirroring.mprotectVersusDevice,
  mirroring.zeroPage,
  mirroring.forkVersusDevice,
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
  notifiers.partialMirror,
  notifiers.oomReaper,
  notifiers.classicNotifiers,
  notifiers.classicOnly,
  notifiers.exitVersusDevice,
  notifiers.starvation,
  encodings.driverEncoding,
  encodings.dmaMapping,
  migration.migrateVersusCpu,
  migration.migrateVersusDontneed,
  migration.migrateHoles,
  migration.migrateAndFork,
  migration.twoOwners,
  migration.migrateWhileFaulting,
  migration.devicePageFaults,
  migration.shortOfMemory,
  migration.evictDevice,
  swap.swapVersusDevice,
  swap.swapVersusClose,
  swap.swapVersusUnmap,
  swap.swapVersusMigration,
  swap.migrateFromSwap,
  swap.swapAndFork,
  swap.keepTheEntry,
  failures.migrateHeld,
  failures.migrateAndDrain,
  failures.migratePartly,
  failures.bringBackMore,
  failures.bringBackMirrored,
  failures.mapAtOnce,
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
]

/** Every scenario, in the order in which they are run. */
export const scenarios: readonly Scenario[] = [retryProtocol, ...mirroringScenarios, ...mendedScenarios]

/** Every scenario of mirroring that does not depend on the reference driver, with `driver` in its place. */
export function scenariosFor(driver: Driver): Scenario[] {
  return mirroringScenarios.flatMap(({ withDriver }) => (withDriver ? [withDriver(driver)] : []))
}
