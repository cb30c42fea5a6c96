/**
 * The claims about every state and every step of mirroring.
 *
 * @module
 */
import type { Invariant, StepClaim } from '../src/world/index.js'
import {
  aloneBehindExclusiveEntry,
  cpusAreKeptOut,
  endsUnderFolioLock,
  oneDeviceAlone,
} from './exclusive/invariants/exclusive.js'
import {
  cleanPagesAreInSwap,
  migrationKeepsTheEntry,
  protectedIsNotWritable,
  swapHoldsTheData,
  swapIsCounted,
  swapKeepsTheMarks,
  trackedWritesFault,
} from './memory/invariants/bits.js'
import { filesHoldTheirPages, privateMappingsWriteToNoFile } from './memory/invariants/files.js'
import {
  callbacksKeepTheUsers,
  cpusForget,
  cpusTrustTheirTlb,
  entriesWithinAreas,
  framesAreCounted,
  insertedIntoUsedOnly,
  noAllocationUnderUpdateLock,
  noEarlierLockUnderUpdateLock,
  tlbsWithinEntries,
  writtenPagesAreThere,
} from './memory/invariants/memory.js'
import { missingStaysMissing } from './memory/invariants/userfaults.js'
import {
  cpusNeverMapDeviceMemory,
  dataIsInOnePlace,
  foreignPagesAreNotTold,
  freePagesAreUnreachable,
  holesAreFilled,
  migratingPagesAreLocked,
  nothingLeftBehind,
  onlyAnonymousMemory,
  reachableIsNotRefused,
  sharedPagesAreReadOnly,
} from './migrate/invariants/migration.js'
import {
  holesGoToDevices,
  migratedPagesAreMapped,
  oneAreaIsCollected,
} from './migrate/invariants/migration-extent.js'
import {
  arraysAreTheKernels,
  bothPagesAreKept,
  onlyMigratedPagesAreMapped,
  ownDeviceIsEmptied,
  ownFilterIsForOwnMemory,
} from './migrate/invariants/migration-stages.js'
import {
  accessesEnded,
  changeInsideInvalidation,
  goneAfterRelease,
  quietAfterStart,
  samePage,
  writeOnlyIfCpuMay,
} from './mirror/invariants/coherence.js'
import { finishedHoldNothing, idleRangesAreEmpty, walksAreConcluded } from './mirror/invariants/endings.js'
import { validatedIsLocked } from './mirror/invariants/lifecycles.js'
import {
  collisionsAreReal,
  requestsAreIntact,
  requestsAreMet,
  rulesAreSound,
  snapshotsChangeNothing,
  validatedBeforeUse,
} from './mirror/invariants/ranges.js'
import {
  classicsAreEven,
  oddOnlyForOverlap,
  parity,
  refusalsAreHonoured,
  removedForGood,
  sequenceIsSet,
  startsAreEnded,
  treeIsFrozen,
} from './mirror/invariants/sequence.js'
import type { MirrorWorld } from './mirror/scenarios/mirror-world.js'

/** The claims about every state of a world with device memory. */
export function migrationInvariants(world: MirrorWorld): Invariant[] {
  return [
    cpusNeverMapDeviceMemory,
    freePagesAreUnreachable,
    dataIsInOnePlace,
    migratingPagesAreLocked,
    nothingLeftBehind,
    sharedPagesAreReadOnly,
  ].map((make) => make(world))
}

/** The claims about every step of a world with device memory. */
export function migrationStepClaims(world: MirrorWorld): StepClaim[] {
  return [
    onlyAnonymousMemory,
    foreignPagesAreNotTold,
    reachableIsNotRefused,
    arraysAreTheKernels,
    onlyMigratedPagesAreMapped,
    bothPagesAreKept,
    ownFilterIsForOwnMemory,
    ownDeviceIsEmptied,
    migrationKeepsTheEntry,
    holesAreFilled,
    oneAreaIsCollected,
    holesGoToDevices,
    migratedPagesAreMapped,
  ].map((make) => make(world))
}

/** The claims about every state of a world with swap. */
export function swapInvariants(world: MirrorWorld): Invariant[] {
  return [cleanPagesAreInSwap, swapHoldsTheData, swapIsCounted, protectedIsNotWritable].map((make) =>
    make(world),
  )
}

/** The claims about every step of a world with swap. */
export function swapStepClaims(world: MirrorWorld): StepClaim[] {
  return [trackedWritesFault(world), swapKeepsTheMarks(world)]
}

/** The claims about every state of a world in which userfaultfd is used. */
export function userfaultInvariants(world: MirrorWorld): Invariant[] {
  return [protectedIsNotWritable(world)]
}

/** The claims about every step of such a world. */
export function userfaultStepClaims(world: MirrorWorld): StepClaim[] {
  return [missingStaysMissing(world)]
}

/** The claims about every state of a world with files. */
export function fileInvariants(world: MirrorWorld): Invariant[] {
  return [privateMappingsWriteToNoFile(world), filesHoldTheirPages(world)]
}

/** The claims about every state of a world in which devices take exclusive access. */
export function exclusiveInvariants(world: MirrorWorld): Invariant[] {
  return [cpusAreKeptOut, aloneBehindExclusiveEntry, oneDeviceAlone].map((make) => make(world))
}

/** The claims about every step of such a world. */
export function exclusiveStepClaims(world: MirrorWorld): StepClaim[] {
  return [endsUnderFolioLock(world)]
}

/** The claims about every state. */
export function mirroringInvariants(world: MirrorWorld): Invariant[] {
  return [
    samePage,
    writeOnlyIfCpuMay,
    accessesEnded,
    goneAfterRelease,
    validatedIsLocked,
    parity,
    removedForGood,
    startsAreEnded,
    classicsAreEven,
    refusalsAreHonoured,
    framesAreCounted,
    cpusForget,
    entriesWithinAreas,
    writtenPagesAreThere,
    tlbsWithinEntries,
    finishedHoldNothing,
  ].map((make) => make(world))
}

/** The claims about every step. */
export function mirroringStepClaims(world: MirrorWorld): StepClaim[] {
  return [
    changeInsideInvalidation,
    quietAfterStart,
    validatedBeforeUse,
    rulesAreSound,
    collisionsAreReal,
    requestsAreMet,
    requestsAreIntact,
    snapshotsChangeNothing,
    treeIsFrozen,
    sequenceIsSet,
    oddOnlyForOverlap,
    noAllocationUnderUpdateLock,
    noEarlierLockUnderUpdateLock,
    insertedIntoUsedOnly,
    callbacksKeepTheUsers,
    cpusTrustTheirTlb,
    walksAreConcluded,
    idleRangesAreEmpty,
  ].map((make) => make(world))
}
