/**
 * `hmm-spec defects`: puts each known bug in, and sees whether the clause that it breaks says so.
 *
 * @module
 */
import type { Defect } from '../../../spec/defect.js'
import type { Limits, Reductions } from '../../checker/options.js'
import type { Layout } from '../../report/colours.js'
import { defectsJson } from '../../report/json.js'
import { defectsJUnit } from '../../report/junit.js'
import { type DefectReport, defectsExitCode, outcomeOf } from '../../report/report.js'
import { defectsText } from '../../report/text.js'
import type { Io } from '../io.js'
import {
  assertWritable,
  makeTraceDirectory,
  type OutputOptions,
  TraceDirectory,
  writeReport,
} from '../output.js'
import type { Project } from '../project.js'
import { type Job, runChecks } from '../run-checks.js'
import { runFacts } from '../run-facts.js'
import { findAllNamed } from '../usage.js'
import { defectKind, scenarioOf } from './kinds.js'

/** Options of `defects`. */
export interface DefectsCommandOptions extends OutputOptions {
  readonly limits: Limits
  /** Whether to make use of what need not be told apart. */
  readonly reductions: Reductions
  readonly traceDir?: string
}

/**
 * Runs the defects that are named, or all.
 *
 * @returns the exit code
 * @throws UsageError for wrong names or files
 */
export async function defectsCommand(
  project: Project,
  io: Io,
  names: readonly string[],
  options: DefectsCommandOptions,
): Promise<number> {
  const kind = defectKind(project)
  const defects: readonly Defect[] =
    names.length === 0 ? project.defects : [...new Set(names.flatMap((name) => findAllNamed(kind, name)))]
  assertWritable(options.output)
  makeTraceDirectory(options.traceDir)
  const defectOf = new Map(
    defects.map((defect): [Job, Defect] => [
      {
        name: defect.name,
        scenario: scenarioOf(project, defect),
        options: {
          bounds: 'smoke',
          set: defect.set ?? {},
          defects: [defect],
          reductions: options.reductions,
        },
      },
      defect,
    ]),
  )
  const jobs = [...defectOf.keys()]
  const saved = new TraceDirectory(
    options.traceDir,
    jobs.map(({ name }) => name),
    runFacts(project, 'smoke'),
  )
  const run = await runChecks(project, io, jobs, options.limits, ({ name }, { violation }) => {
    if (violation !== undefined) saved.save(name, violation.trace)
  })
  const outcomes = [...run.results].map(([job, result]) => outcomeOf(defectOf.get(job) as Defect, result))
  const report: DefectReport = {
    run: runFacts(project, 'smoke'),
    outcomes,
    failures: run.failures,
    notRun: run.notRun,
    traces: saved.traces,
    unsaved: saved.unsaved,
  }
  const writers = {
    text: (layout: Layout) => defectsText(report, layout),
    json: () => defectsJson(report),
    junit: () => defectsJUnit(report),
  }
  return writeReport(io, options, writers, defectsExitCode(report))
}
