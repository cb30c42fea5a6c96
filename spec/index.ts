/**
 * What must hold: requirements, invariants, scenarios, defects.
 *
 * @module spec
 */
import type { Scenario } from '../src/world/model.js'
import type { Requirement } from './requirement.js'
import * as mirroring from './scenarios/mirroring.js'
import * as notifiers from './scenarios/notifiers.js'
import * as requests from './scenarios/requests.js'
import { retryProtocol } from './scenarios/retry-protocol.js'

export type { Defect, DefectKind } from './defect.js'
export { defects } from './defects/index.js'
export type { Requirement } from './requirement.js'

/** Every scenario, in the order in which they are run. */
export const scenarios: readonly Scenario[] = [
  retryProtocol,
  mirroring.munmapVersusDevice,
  mirroring.dontneedVersusDevice,
  mirroring.mprotectVersusDevice,
  mirroring.zeroPage,
  mirroring.forkVersusDevice,
  mirroring.twoDevices,
  mirroring.twoFaults,
  mirroring.overlappingInvalidations,
  mirroring.mmapOver,
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
]
/** Every requirement. */
export const requirements: readonly Requirement[] = []
