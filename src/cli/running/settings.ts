/**
 * Which of the parameters that were set by name go to which scenario.
 *
 * @module
 */
import type { Parameters, Scenario } from '../../world/model.js'
import { didYouMean, UsageError } from '../arguments/usage.js'

/**
 * Gives each scenario the settings that it has parameters for.
 *
 * @param scenarios - those that will be run
 * @param set - what was set
 * @param named - whether the user named them: then each must have every parameter; else one that has it is enough
 * @throws UsageError for a parameter that is not there or a value outside its range
 */
export function settingsFor(
  scenarios: readonly Scenario[],
  set: Parameters,
  named: 'named' | 'all',
): ReadonlyMap<Scenario, Parameters> {
  for (const name of Object.keys(set)) {
    const without = scenarios.filter((scenario) => !Object.hasOwn(scenario.parameters, name))
    if (named === 'named' && without.length > 0) throw new UsageError(unknownParameter(without[0], name))
    if (named === 'all' && without.length === scenarios.length) {
      const known = [...new Set(scenarios.flatMap((scenario) => Object.keys(scenario.parameters)))]
      throw new UsageError(
        `no scenario has a parameter "${name}"${didYouMean(name, known)}; there are: ${known.sort().join(', ') || 'none'}`,
      )
    }
  }
  return new Map(scenarios.map((scenario) => [scenario, own(scenario, set)]))
}

function unknownParameter(scenario: Scenario, name: string): string {
  const known = Object.keys(scenario.parameters)
  return (
    `scenario ${scenario.name} has no parameter "${name}"${didYouMean(name, known)}; ` +
    (known.length === 0
      ? 'it has none'
      : `its parameters are ${known.map((known) => describe(scenario, known)).join(', ')}`) +
    `; to see more: hmm-spec explain ${withoutDriver(scenario.name)}`
  )
}

/** The name of a scenario without those of the driver which is in it, of the generation that it is in, and of the kernel that it is on. */
function withoutDriver(name: string): string {
  return name
    .replace(/ on Linux [\d.]+$/, '')
    .replace(/ in [\d.]+$/, '')
    .replace(/ \(.*\)$/, '')
}

function describe(scenario: Scenario, name: string): string {
  const { min, max } = scenario.parameters[name]
  return `${name} (${min}..${max})`
}

function own(scenario: Scenario, set: Parameters): Parameters {
  const mine = Object.entries(set).filter(([name]) => Object.hasOwn(scenario.parameters, name))
  for (const [name, value] of mine) {
    const { min, max, summary } = scenario.parameters[name]
    if (value < min || value > max)
      throw new UsageError(
        `${name} of scenario ${scenario.name} (${summary}) is ${min} to ${max}, not ${value}`,
      )
  }
  return Object.fromEntries(mine)
}
