/**
 * Reports as JSON. Each document names its format and version; `docs/schema` describes them, `docs/json.md` tells
 * what a change of the version means.
 *
 * @module
 */
import type { Trace } from '../checker/result.js'
import {
  type CheckReport,
  type ConformReport,
  checkExitCode,
  conformExitCode,
  type DefectReport,
  defectsExitCode,
} from './report.js'
import type { StateReport } from './state.js'

/** A document, as the commands write it. */
export function document(format: string, content: object): string {
  return `${JSON.stringify({ format: `hmm-spec-${format}`, version: 1, ...content }, null, 2)}\n`
}

/** What `check` found, as JSON: `docs/schema/check.schema.json`. */
export function checkJson(report: CheckReport): string {
  return document('check', {
    exitCode: checkExitCode(report),
    bounds: report.bounds,
    set: report.set,
    scenarios: report.results.map(({ scenario, ...result }) => ({ name: scenario, ...result })),
    errors: report.failures,
    notRun: report.notRun,
    coverage:
      'unknown' in report.coverage
        ? { judged: false, reason: report.coverage.unknown }
        : { judged: true, ...report.coverage },
  })
}

/** What `defects` found, as JSON: `docs/schema/defects.schema.json`. */
export function defectsJson(report: DefectReport): string {
  return document('defects', {
    exitCode: defectsExitCode(report),
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
      clause: result.violation?.clause ?? null,
      states: result.states,
      elapsedMs: result.elapsedMs,
      trace: result.violation?.trace ?? null,
    })),
    errors: report.failures,
    notRun: report.notRun,
  })
}

/** What `conform` found, as JSON: `docs/schema/conform.schema.json`. */
export function conformJson(report: ConformReport): string {
  return document('conform', {
    exitCode: conformExitCode(report),
    file: report.file,
    kernel: report.kernel,
    ...report.result,
    errors: report.failures,
  })
}

/** A replayed trace up to a step, and the state there, as JSON: `docs/schema/replay.schema.json`. */
export function replayJson(trace: Trace, state: StateReport): string {
  return document('replay', { trace, state })
}

/** A trace as it is saved: `docs/schema/trace.schema.json`. */
export function traceJson(trace: Trace): string {
  return `${JSON.stringify(trace, null, 2)}\n`
}
