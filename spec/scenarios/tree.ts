/**
 * Drivers of the kernel tree: of each the scenarios that show its bugs. In all scenarios that any driver can be put into they
 * are run by `--driver`, and by a test.
 *
 * @module
 */
import type { Driver } from '../../src/driver/index.js'
import { amdgpuUserptrDriver, rxeDriver, xeSvmDriver } from '../../src/driver/tree/index.js'
import type { Scenario } from '../../src/world/index.js'
import type { MirroringScenario } from './mirror-world.js'
import { mmapOver, munmapVersusDevice, twoFaults, zeroPage } from './mirroring.js'
import { exitVersusDevice, unmapAndClose } from './notifiers.js'
import { refusedRequests } from './requests.js'
import { swapVersusDevice } from './swap.js'

/** `rxe/munmap` and so on: scenarios with a driver of the tree, which exercise `also` what only it has. */
function shownBy(
  driver: Driver,
  shown: readonly MirroringScenario[],
  also: readonly string[] = [],
): Scenario[] {
  return shown.flatMap(({ name, exercises, withDriver }) =>
    withDriver
      ? [{ ...withDriver(driver), name: `${driver.name}/${name}`, exercises: [...exercises, ...also] }]
      : [],
  )
}

/** The scenarios in which drivers of the tree show their bugs. */
export const treeScenarios: readonly Scenario[] = [
  ...shownBy(rxeDriver, [munmapVersusDevice, zeroPage, twoFaults, exitVersusDevice, swapVersusDevice]),
  ...shownBy(amdgpuUserptrDriver, [munmapVersusDevice, swapVersusDevice]),
  ...shownBy(
    xeSvmDriver,
    [munmapVersusDevice, mmapOver, twoFaults, unmapAndClose, refusedRequests, swapVersusDevice],
    ['own-objects', 'work-items'],
  ),
]
