/**
 * What of a run matters, and where in its author's text each step stands, for the message of a test that fails.
 *
 * @module
 */
import type { Injection } from '../checker/options.js'
import type { CheckResult } from '../checker/result.js'
import { stepsThatMatter } from '../checker/runs/essential.js'
import { placesOf } from '../checker/runs/places.js'
import { systemOf } from '../checker/runs/trace.js'
import { shownPlace } from '../cli/typescript/places.js'
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
  const { trace } = violation
  const matter = stepsThatMatter(systemOf(scenario, trace, injected), trace)
  // Places are noted as texts are run for the first time: a system that has run has none to tell.
  const places = placesOf(systemOf(scenario, trace, injected), trace, isAuthors)
  const steps = trace.steps.map((step, i) => {
    const place = places[i]
    const told = { ...step, matters: matter[i] }
    if (place === undefined) return told
    const { procedure, isCall, within } = place
    return { ...told, place: { ...shownPlace(place), procedure, isCall, within } }
  })
  return { ...result, violation: { ...violation, trace: { ...trace, steps } } }
}
