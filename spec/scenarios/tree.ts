/**
 * Drivers of the kernel tree: of each the scenarios that show its bugs. In all scenarios that any driver can be put into they
 * are run by `--driver`, and by a test.
 *
 * @module
 */
import { rxeDriver } from '../../src/driver/tree/index.js'
import type { Scenario } from '../../src/world/index.js'
import type { MirroringScenario } from './mirror-world.js'
import { munmapVersusDevice, twoFaults, zeroPage } from './mirroring.js'
import { exitVersusDevice } from './notifiers.js'
import { swapVersusDevice } from './swap.js'

const shown: readonly MirroringScenario[] = [
  munmapVersusDevice,
  zeroPage,
  twoFaults,
  exitVersusDevice,
  swapVersusDevice,
]

/** `rxe/munmap` and so on: a scenario with rxe as its driver. */
export const treeScenarios: readonly Scenario[] = shown.flatMap(({ name, withDriver }) =>
  withDriver ? [{ ...withDriver(rxeDriver), name: `${rxeDriver.name}/${name}` }] : [],
)
