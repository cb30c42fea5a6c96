/**
 * `hmm-spec defects`: puts each known bug in, and sees whether the clause that it breaks says so.
 *
 * @module
 */
import type { Defect } from '../../../spec/defect.js'
import type { Asking, Limits, Reductions } from '../../checker/options.js'
import { defectsText } from '../../report/defects-text.js'
import type { Layout } from '../../report/form/colours.js'
import { defectsJson } from '../../report/json.js'
import { defectsJUnit } from '../../report/junit.js'
import { type DefectOutcome, type DefectReport, defectsExitCode, outcomeOf } from '../../report/report.js'
import type { Parameters, Scenario } from '../../world/model.js'
import { findAllNamed, findNamed, UsageError } from '../arguments/usage.js'
import type { Project } from '../project.js'
import { type Job, runChecks } from '../running/run-checks.js'
import { runFacts } from '../running/run-facts.js'
import type { Io } from '../terminal/io.js'
import {
  assertWritable,
  makeTraceDirectory,
  type OutputOptions,
  TraceDirectory,
  writeReport,
} from '../terminal/output.js'
import { defectKind, requirementKind, scenarioOf } from './kinds.js'

/** Options of `defects`. */
export interface DefectsCommandOptions extends OutputOptions {
  readonly limits: Limits
  /** Whether to make use of what need not be told apart. */
  readonly reductions: Reductions
  /** How claims are asked: see {@link CheckOptions.claims}. */
  readonly claims: Asking
  readonly traceDir?: string
  /** True to put each defect into every scenario, and to report those that reach it. */
  readonly everywhere?: boolean
}

/**
 * Runs the defects that are named, or all; those of a file, if one is asked for.
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
    names.length === 0
      ? (project.own?.defects ?? project.defects)
      : [...new Set(names.flatMap((name) => findAllNamed(kind, name)))]
  if (defects.length === 0)
    throw new UsageError(
      `${project.scenarioFile ?? project.driver?.file} exports no defect; name defects of hmm-spec list defects`,
    )
  assertWritable(options.output)
  makeTraceDirectory(options.traceDir)
  // A clause that nobody knows is a slip of the pen: the defect would never count as caught.
  for (const { requirement } of defects) findNamed(requirementKind(project), requirement)
  const defectOf = new Map(
    defects.flatMap((defect): [Job, Defect][] =>
      placesOf(project, defect, options.everywhere ?? false).map(({ name, scenario, set, shown }) => [
        {
          name,
          scenario,
          options: {
            bounds: 'smoke',
            set,
            defects: [defect],
            reductions: options.reductions,
            claims: options.claims,
          },
        },
        shown,
      ]),
    ),
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
  const all = [...run.results].map(([job, result]) => outcomeOf(defectOf.get(job) as Defect, result))
  const outcomes = options.everywhere ? all.filter(isReached) : all
  const report: DefectReport = {
    run: runFacts(project, 'smoke'),
    outcomes,
    ...(options.everywhere ? { everywhere: true } : {}),
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

/** A scenario that a defect is put into, and the defect as it is reported there. */
interface Place {
  readonly name: string
  readonly scenario: Scenario
  readonly set: Parameters
  readonly shown: Defect
}

/** Its own scenario, and all others after that if it is to go everywhere. */
function placesOf(project: Project, defect: Defect, everywhere: boolean): Place[] {
  const own = scenarioOf(project, defect)
  const first = { name: defect.name, scenario: own, set: defect.set ?? {}, shown: defect }
  if (!everywhere) return [first]
  const others = project.scenarios.filter(({ name }) => name !== own.name)
  return [
    first,
    ...others.map((scenario) => ({
      name: `${defect.name} in ${scenario.name}`,
      scenario,
      set: {},
      shown: { ...defect, scenario: scenario.name },
    })),
  ]
}

/** True if the scenario ran a text that the defect replaces; a defect without one is there wherever it is looked for. */
function isReached({ defect, result }: DefectOutcome): boolean {
  const { procedures } = result.coverage
  const { overrides } = defect
  return overrides.length === 0 || overrides.some(({ target }) => procedures.includes(target.procedureName))
}
