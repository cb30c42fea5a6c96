/**
 * A scenario, printed for another model checker.
 *
 * @module
 */
import { parametersOf } from '../checker/check.js'
import { installGuards } from '../checker/guard.js'
import type { Injection, Reductions } from '../checker/options.js'
import { building } from '../world/acting.js'
import type { Bounds, Parameters, Scenario } from '../world/model.js'
import { type PromelaModel, promelaOf } from './promela.js'
import { record } from './record.js'

/** How a scenario is exported. */
export interface ExportOptions {
  readonly bounds: Bounds
  /** Parameters set by name, over the bounds. */
  readonly set: Parameters
  readonly defects: readonly Injection[]
  /** Whether one state stands for all that differ only in names. */
  readonly reductions: Reductions
  /** Most distinct states. */
  readonly states: number
}

/**
 * Explores a scenario, and writes it as a Promela model: see {@link record}.
 *
 * @throws SpecificationError if it has more states than the options allow, or cannot be explored
 */
export function promelaOfScenario(scenario: Scenario, options: ExportOptions): PromelaModel {
  installGuards()
  const { bounds, set, defects, reductions, states } = options
  const parameters = parametersOf(scenario, { bounds, set })
  const model = building(() => scenario.build(parameters))
  const overrides = defects.flatMap((defect) => defect.overrides)
  const settings = Object.entries(parameters).map(([name, value]) => `${name}=${value}`)
  const put = defects.map(({ name }) => `with the defect ${name}`)
  const title = [`Scenario ${scenario.name}`, ...settings, ...put].join(', ')
  return promelaOf(record(model, { overrides, reductions, states }), title)
}

/** The text of {@link promelaOfScenario}. */
export function exportScenario(scenario: Scenario, options: ExportOptions): string {
  return promelaOfScenario(scenario, options).text
}
