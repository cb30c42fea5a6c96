/**
 * `hmm-spec simulate`: runs scenarios at random, for worlds too large to be explored to their end.
 *
 * @module
 */
import type { RandomResult, Schedule } from '../../checker/runs/random.js'
import type { Layout } from '../../report/form/colours.js'
import { counted, duration } from '../../report/form/figures.js'
import { simulateJson } from '../../report/json.js'
import { simulateJUnit } from '../../report/junit.js'
import { type SimulateReport, simulateExitCode } from '../../report/report.js'
import { simulateText } from '../../report/simulate.js'
import type { Bounds, Parameters } from '../../world/model.js'
import { UsageError } from '../arguments/usage.js'
import { explaining } from '../explaining.js'
import type { Project } from '../project.js'
import { runJobs } from '../running/run-checks.js'
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

/** Options of `simulate`. */
export interface SimulateCommandOptions extends OutputOptions {
  readonly set: Parameters
  readonly bounds: Bounds
  readonly schedule: Schedule
  /** How many runs of each scenario. */
  readonly runs: number
  /** Most steps of a run. */
  readonly steps: number
  readonly seed?: number
  readonly path?: string
  /** True to show long runs whole. */
  readonly full?: boolean
  /** Most milliseconds for each scenario. */
  readonly timeLimit?: number
  readonly traceDir?: string
}

/** Seeds are drawn below this. */
const SEEDS = 2 ** 31 - 1

/**
 * Runs the scenarios that are named, or all, at random.
 *
 * @returns the exit code
 * @throws UsageError for wrong names, parameters or files
 */
export async function simulateCommand(
  project: Project,
  io: Io,
  names: readonly string[],
  options: SimulateCommandOptions,
): Promise<number> {
  const scenarios = scenariosNamed(project, names)
  if (options.path !== undefined && (options.seed === undefined || scenarios.length !== 1))
    throw new UsageError('--path says which run of a seed is meant: give --seed and one scenario too')
  const settings = settingsFor(scenarios, options.set, names.length === 0 ? 'all' : 'named')
  assertWritable(options.output)
  makeTraceDirectory(options.traceDir)
  const { bounds, schedule, runs, steps, path, timeLimit } = options
  // One seed for all: a scenario that is run alone is run as it was among the others.
  const seed = options.seed ?? Math.floor(Math.random() * SEEDS)
  const jobs = scenarios.map((scenario) => ({ name: scenario.name, scenario }))
  const facts = runFacts(project, bounds)
  const saved = new TraceDirectory(
    options.traceDir,
    jobs.map(({ name }) => name),
    facts,
  )
  const run = await runJobs(project, io, jobs, {
    run: ({ scenario }, { signal }) =>
      explaining(project).simulate(scenario, {
        bounds,
        set: settings.get(scenario) ?? {},
        schedule,
        runs,
        maxSteps: steps,
        seed,
        signal,
        ...(path === undefined ? {} : { path }),
        ...(timeLimit === undefined ? {} : { timeMs: timeLimit }),
      }),
    facts: ({ runs, transitions, elapsedMs }: RandomResult) =>
      `${counted(runs, 'run')}, ${counted(transitions, 'step')}, ${duration(elapsedMs)}`,
    onResult: ({ name }, { violation }) => {
      if (violation !== undefined) saved.save(name, violation.trace)
    },
  })
  const report: SimulateReport = {
    run: facts,
    bounds,
    set: options.set,
    results: [...run.results.values()],
    failures: run.failures,
    notRun: run.notRun,
    traces: saved.traces,
    unsaved: saved.unsaved,
    full: options.full ?? false,
    documents: documentsFolder(),
    requirements: project.requirements,
  }
  const writers = {
    text: (layout: Layout) => simulateText(report, layout),
    json: () => simulateJson(report),
    junit: () => simulateJUnit(report),
  }
  return writeReport(io, options, writers, simulateExitCode(report))
}
