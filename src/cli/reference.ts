/**
 * The specification that comes with the tool, and the tools that check it.
 *
 * @module
 */
import { statecharts } from '../../models/index.js'
import { donePartly } from '../../spec/drivers/scenarios/tree.js'
import { defects, requirements, scenarios, scenariosFor, scenariosIn } from '../../spec/index.js'
import { recordedCells, recordedScenario } from '../../spec/recorded/cells.js'
import {
  atomicity,
  check,
  checkAtRandom,
  declaredSteps,
  judgeTrace,
  systemOf,
  withMatters,
} from '../checker/index.js'
import { conformFile } from '../conformance/index.js'
import * as driver from '../driver/index.js'
import {
  amdgpuUserptrDriver,
  amdkfdSvmDriver,
  mlx5Driver,
  nouveauSvmDriver,
  rxeDriver,
  xeSvmDriver,
  xeVramDriver,
} from '../driver/tree/index.js'
import { exportScenario } from '../export/scenario.js'
import { generations } from '../generations/generations.js'
import { kernelProfiles } from '../generations/profiles.js'
import { nodeHost } from '../host/node.js'
import * as kernel from '../kernel/index.js'
import type { AnyProcedure, Scenario } from '../world/index.js'
import { statechartEntry } from './loading/statechart-entry.js'
import type { Project } from './project.js'
import { release } from './release.js'

/** Every procedure that the modules export, each once. */
function proceduresIn(...modules: readonly object[]): AnyProcedure[] {
  const exported = modules.flatMap((module): unknown[] => Object.values(module))
  const isProcedure = (value: unknown): value is AnyProcedure =>
    typeof value === 'function' && 'procedureName' in value && 'body' in value
  return [...new Set(exported.filter(isProcedure))]
}

/** `rxe/munmap` and so on: every scenario that any driver can be put into, or those `among` them, with `driver` in it. */
function namedAfter(driver: driver.Driver, among?: readonly string[]): Scenario[] {
  return scenariosFor(driver)
    .map((scenario) => ({ scenario, name: scenario.name.replace(` (${driver.name})`, '') }))
    .filter(({ name }) => among === undefined || among.includes(name))
    .map(({ scenario, name }) => ({ ...scenario, name: `${driver.name}/${name}` }))
}

/** The drivers of the tree that are put into every scenario; the others are put into some ({@link donePartly}). */
const TREE: readonly driver.Driver[] = [
  rxeDriver,
  amdgpuUserptrDriver,
  xeSvmDriver,
  amdkfdSvmDriver,
  nouveauSvmDriver,
]

/** The project that `hmm-spec` runs on. */
export function referenceProject(): Project {
  const charts = Object.values(statecharts).map(statechartEntry)
  return {
    ...release(),
    scenarios,
    scenariosFor,
    drivers: {
      recorded: recordedCells.map((cell) => recordedScenario(cell)),
      mlx5: scenariosFor(mlx5Driver),
      rxe: scenariosFor(rxeDriver),
      'amdgpu-userptr': scenariosFor(amdgpuUserptrDriver),
      'xe-svm': scenariosFor(xeSvmDriver),
      'xe-vram': scenariosFor(xeVramDriver),
      'amdkfd-svm': scenariosFor(amdkfdSvmDriver),
      'nouveau-svm': scenariosFor(nouveauSvmDriver),
      tree: [
        ...TREE.flatMap((each) => namedAfter(each)),
        ...[...donePartly].flatMap(([each, among]) => namedAfter(each, among)),
      ],
    },
    requirements,
    defects,
    statecharts: [...charts, ...TREE.flatMap(({ statecharts: own = [] }) => own.map(statechartEntry))],
    generations,
    scenariosIn,
    kernels: kernelProfiles,
    universe: () => ({
      transitions: charts.flatMap(({ transitions }) => transitions),
      steps: declaredSteps(proceduresIn(kernel, driver)),
      requirements,
    }),
    check: (scenario, options) => check(scenario, { host: nodeHost, ...options }),
    simulate: (scenario, options) => checkAtRandom(scenario, { host: nodeHost, ...options }),
    exportScenario: async (scenario, options) => exportScenario(scenario, options),
    atomicity: async (scenario, options) => atomicity(scenario, options),
    replay: (scenario, trace, injected) => {
      const { steps, broken } = judgeTrace(scenario, trace, injected)
      return { steps: steps.map(({ step }) => step), broken }
    },
    explained: (scenario, trace, injected) => withMatters(trace, systemOf(scenario, trace, injected)),
    conformFile,
  }
}
