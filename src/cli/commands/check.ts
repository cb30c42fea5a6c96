/**
 * `hmm-spec check`: explores scenarios, and says what holds.
 *
 * @module
 */
import type { Asking, Limits, Reductions } from '../../checker/options.js'
import type { Layout } from '../../report/form/colours.js'
import { checkJson } from '../../report/json.js'
import { checkJUnit } from '../../report/junit.js'
import { type CheckReport, checkExitCode } from '../../report/report.js'
import { checkText } from '../../report/text.js'
import { ownVacuityOf, type Vacuity, vacuityOf } from '../../report/vacuity.js'
import type { Bounds, Parameters, Scenario } from '../../world/model.js'
import { explaining } from '../explaining.js'
import type { Project } from '../project.js'
import { type CheckpointOptions, withCheckpoints } from '../running/checkpoints.js'
import { type Job, type JobResults, runChecks } from '../running/run-checks.js'
import { documentsFolder, runFacts } from '../running/run-facts.js'
import { settingsFor } from '../running/settings.js'
import type { Io } from '../terminal/io.js'
import {
  assertWritable,
  makeTraceDirectory,
  type OutputOptions,
  TraceDirectory,
  writeReport,
} from '../terminal/output.js'
import { scenariosNamed } from './kinds.js'

/** Options of `check`. */
export interface CheckCommandOptions extends OutputOptions {
  readonly set: Parameters
  readonly bounds: Bounds
  readonly limits: Limits
  /** Whether to make use of what need not be told apart. */
  readonly reductions: Reductions
  /** How claims are asked: see {@link CheckOptions.claims}. */
  readonly claims: Asking
  /** Whether a JSON report has a digest of states and steps. */
  readonly digest?: boolean
  /** How closely to audit: see {@link CheckOptions.audit}. */
  readonly audit?: number | 'off'
  readonly traceDir?: string
  /** True if what was never exercised of a file's own text fails the run. */
  readonly strict?: boolean
  /** Where what is found is kept, and gone on from. */
  readonly checkpoints?: CheckpointOptions
  /** True to show long runs whole. */
  readonly full?: boolean
}

/**
 * Checks the scenarios that are named, or all.
 *
 * @returns the exit code
 * @throws UsageError for wrong names, parameters or files
 */
export async function checkCommand(
  project: Project,
  io: Io,
  names: readonly string[],
  options: CheckCommandOptions,
): Promise<number> {
  const scenarios = scenariosNamed(project, names)
  const settings = settingsFor(scenarios, options.set, names.length === 0 ? 'all' : 'named')
  assertWritable(options.output)
  makeTraceDirectory(options.traceDir)
  const jobs = scenarios.map(
    (scenario): Job => ({
      name: scenario.name,
      scenario,
      options: {
        bounds: options.bounds,
        set: settings.get(scenario) ?? {},
        reductions: options.reductions,
        claims: options.claims,
        digest: options.digest ?? false,
        ...(options.audit === undefined ? {} : { audit: options.audit }),
      },
    }),
  )
  const saved = new TraceDirectory(
    options.traceDir,
    jobs.map(({ name }) => name),
    runFacts(project, options.bounds),
  )
  const keeping = withCheckpoints(explaining(project), io, scenarios, options.checkpoints ?? {})
  const run = await runChecks(keeping, io, jobs, options.limits, ({ name }, { violation }) => {
    if (violation !== undefined) saved.save(name, violation.trace)
  })
  const results = [...run.results.values()]
  const own = ownCoverageOf(project, scenarios, run)
  const report: CheckReport = {
    run: runFacts(project, options.bounds),
    bounds: options.bounds,
    set: options.set,
    results,
    failures: run.failures,
    notRun: run.notRun,
    traces: saved.traces,
    unsaved: saved.unsaved,
    coverage: coverageOf(project, scenarios, run, options),
    ...(own === undefined ? {} : { own }),
    strict: options.strict ?? false,
    full: options.full ?? false,
    documents: documentsFolder(),
    requirements: project.requirements,
  }
  const writers = {
    text: (layout: Layout) => checkText(report, layout),
    json: () => checkJson(report),
    junit: () => checkJUnit(report),
  }
  return writeReport(io, options, writers, checkExitCode(report))
}

/** What was exercised of the text that files bring along, if all of the scenarios were run to their end. */
function ownCoverageOf(
  { own, scenarios, requirements }: Project,
  run: readonly Scenario[],
  { results, failures, notRun }: JobResults,
): Vacuity | undefined {
  if (own === undefined) return undefined
  if (run.length < scenarios.length || failures.length + notRun.length > 0) return undefined
  const all = [...results.values()]
  if (!all.every(({ verdict }) => verdict === 'holds')) return undefined
  const known = requirements.filter(({ id }) => !own.requirements.some((each) => each.id === id))
  return ownVacuityOf(all, own, own.procedures, new Set(known.flatMap(({ checks }) => checks)))
}

/** Coverage is only judged where nothing was left out: a smaller run proves no absence. */
function coverageOf(
  project: Project,
  scenarios: readonly Scenario[],
  { results, failures, notRun }: JobResults,
  options: CheckCommandOptions,
): CheckReport['coverage'] {
  const unknown = (reason: string) => ({ unknown: reason })
  if (project.scenarioFile !== undefined) return unknown("it is that of the specification's scenarios")
  if (project.driver !== undefined) return unknown('it is that of the reference driver')
  if (project.generation !== undefined) return unknown("it is that of today's API")
  if (project.kernel !== undefined) return unknown('it is that of the reference kernel')
  if (scenarios.length < project.scenarios.length) return unknown('only some of the scenarios were run')
  if (options.bounds === 'smoke') return unknown('smoke bounds are too small for it')
  if (Object.keys(options.set).length > 0) return unknown('parameters were set by hand')
  if (failures.length > 0) return unknown('not every scenario could be checked')
  const all = [...results.values()]
  if (notRun.length > 0 || all.some(({ verdict }) => verdict === 'limit' || verdict === 'interrupted'))
    return unknown('not every scenario was explored to its end')
  if (all.some(({ verdict }) => verdict === 'violated'))
    return unknown('a scenario ends where its claim is broken')
  return vacuityOf(all, project.universe())
}
