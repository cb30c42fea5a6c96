/**
 * A project that says of each run that breaks something what of it matters, and where in a file's text that is.
 *
 * @module
 */
import type { Injection } from '../checker/options.js'
import type { ViolationReport } from '../checker/result.js'
import type { Scenario } from '../world/model.js'
import type { Project } from './project.js'

/** `project`, whose checks and random runs explain what they find. */
export function explaining(project: Project): Project {
  const explained = async <R extends { readonly violation?: ViolationReport }>(
    result: R,
    scenario: Scenario,
    defects: readonly Injection[] = [],
  ): Promise<R> => {
    const { violation } = result
    if (violation === undefined || violation.trace.steps.length === 0) return result
    return {
      ...result,
      violation: { ...violation, trace: await project.explained(scenario, violation.trace, defects) },
    }
  }
  return {
    ...project,
    check: async (scenario, options) =>
      explained(await project.check(scenario, options), scenario, options.defects),
    simulate: async (scenario, options) =>
      explained(await project.simulate(scenario, options), scenario, options.defects),
  }
}
