/**
 * Reports as JSON. Each document names its format and version; `docs/schema` describes them, `docs/json.md`
 * explains what a change of the version means.
 *
 * @module
 */
import type { Broken } from '../checker/claims/judge.js'
import type { Trace, ViolationReport } from '../checker/result.js'
import { pageFor, whereIn } from './mistakes.js'
import {
  type CheckReport,
  type ConformReport,
  checkExitCode,
  conformExitCode,
  type DefectReport,
  defectsExitCode,
  isStop,
  type RunFacts,
  type SimulateReport,
  simulateExitCode,
  wasStopped,
} from './report.js'
import { foldOf, isFoldable } from './sequence/fold.js'
import type { StateReport } from './sequence/state.js'

/** A document as the commands write it: its format, the run that made it, and its content. */
export function document(format: string, run: RunFacts, content: object): string {
  return `${JSON.stringify({ format: `hmm-spec-${format}`, version: 1, run, ...content }, null, 2)}\n`
}

/** The results of `check` as JSON: `docs/schema/check.schema.json`. */
export function checkJson(report: CheckReport): string {
  return document('check', report.run, {
    exitCode: checkExitCode(report),
    complete: report.notRun.length === 0 && !report.failures.some(isStop) && !report.results.some(wasStopped),
    bounds: report.bounds,
    set: report.set,
    scenarios: report.results.map(({ scenario, violation, ...result }) => ({
      name: scenario,
      ...result,
      ...(violation === undefined ? {} : { violation: explainedViolation(violation, report.documents) }),
    })),
    errors: report.failures,
    notRun: report.notRun,
    unsaved: report.unsaved,
    coverage:
      'unknown' in report.coverage
        ? { judged: false, reason: report.coverage.unknown }
        : { judged: true, ...report.coverage },
    ...(report.own === undefined ? {} : { own: report.own }),
  })
}

/** A violation with the place to look at, the page to read, and its run folded if it is long. */
function explainedViolation(violation: ViolationReport, documents: string | undefined) {
  const where = whereIn(violation.trace)
  return {
    ...violation,
    ...(where === undefined ? {} : { where }),
    ...(where === undefined || documents === undefined ? {} : { read: `${documents}/${pageFor(violation)}` }),
    ...(isFoldable(violation.trace) ? { folded: foldOf(violation.trace) } : {}),
  }
}

/** The results of `simulate` as JSON: `docs/schema/simulate.schema.json`. */
export function simulateJson(report: SimulateReport): string {
  return document('simulate', report.run, {
    exitCode: simulateExitCode(report),
    bounds: report.bounds,
    set: report.set,
    scenarios: report.results.map(({ scenario, coverage, ...result }) => ({
      name: scenario,
      ...result,
      coverage: {
        steps: coverage.steps.length,
        declared: coverage.declared.length,
        transitions: coverage.transitions.filter(({ taken }) => taken > 0).length,
      },
    })),
    errors: report.failures,
    notRun: report.notRun,
    unsaved: report.unsaved,
  })
}

/** The results of `defects` as JSON: `docs/schema/defects.schema.json`. */
export function defectsJson(report: DefectReport): string {
  return document('defects', report.run, {
    exitCode: defectsExitCode(report),
    complete: report.notRun.length === 0 && !report.outcomes.some(({ result }) => wasStopped(result)),
    defects: report.outcomes.map(({ defect, result, caught, steps, asPinned }) => ({
      name: defect.name,
      kind: defect.kind,
      title: defect.title,
      requirement: defect.requirement,
      scenario: defect.scenario,
      parameters: result.parameters,
      caught,
      steps: steps ?? null,
      pinnedSteps: defect.steps,
      asPinned,
      verdict: result.verdict,
      ...(result.limit === undefined ? {} : { limit: result.limit }),
      clause: result.violation?.clause ?? null,
      states: result.states,
      elapsedMs: result.elapsedMs,
      trace: result.violation?.trace ?? null,
    })),
    errors: report.failures,
    notRun: report.notRun,
    unsaved: report.unsaved,
  })
}

/** The results of `conform` as JSON: `docs/schema/conform.schema.json`. */
export function conformJson(report: ConformReport): string {
  return document('conform', report.run, {
    exitCode: conformExitCode(report),
    file: report.file,
    kernel: report.kernel,
    profile: report.profile,
    ...report.result,
    errors: report.failures,
  })
}

/** A trace that was confirmed, and the state after one of its steps, as JSON: `docs/schema/replay.schema.json`. */
export function replayJson(run: RunFacts, trace: Trace, broken: Broken, state: StateReport): string {
  const { kind, clause, claim, detail } = broken
  return document('replay', run, { confirmed: { kind, clause, claim, detail }, trace, state })
}

/** A trace as it is saved: `docs/schema/trace.schema.json`. */
export function traceJson(run: RunFacts, trace: Trace): string {
  const { format, version, ...rest } = trace
  return `${JSON.stringify({ format, version, run, ...rest }, null, 2)}\n`
}
