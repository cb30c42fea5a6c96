/**
 * What of a run matters, and where in its author's text each step stands, for the message of a test that fails.
 *
 * @module
 */
import type { Injection } from '../checker/options.js'
import type { CheckResult } from '../checker/result.js'
import { withMatters } from '../checker/runs/essential.js'
import { systemOf } from '../checker/runs/trace.js'
import { withPlaces } from '../cli/typescript/trace-places.js'
import type { Scenario } from '../world/model.js'
import { isAuthors } from '../world/thrown.js'

/** `result`, whose run says of each step whether it matters, and where it stands. */
export function explained(
  scenario: Scenario,
  result: CheckResult,
  injected: readonly Injection[] = [],
): CheckResult {
  const { violation } = result
  if (violation === undefined || violation.trace.steps.length === 0) return result
  const system = () => systemOf(scenario, violation.trace, injected)
  const trace = withPlaces(withMatters(violation.trace, system()), system(), isAuthors)
  return { ...result, violation: { ...violation, trace } }
}
