/**
 * `hmm-spec export`: a statechart, a scenario or a trace, for other tools.
 *
 * @module
 */
import { basename } from 'node:path'
import type { Reductions } from '../../checker/options.js'
import { performed } from '../../conformance/schedule/operations.js'
import { scheduleOf } from '../../conformance/schedule/schedule.js'
import { scheduleText } from '../../conformance/schedule/text.js'
import { type StatechartFormat, statechartFormats } from '../../report/chart/statechart.js'
import { ExitCode } from '../../report/report.js'
import { traceToItf } from '../../report/sequence/itf.js'
import type { RecordedTrace } from '../../report/sequence/trace-file.js'
import { SpecificationError } from '../../world/errors.js'
import type { Bounds, Parameters } from '../../world/model.js'
import { findNamed, UsageError } from '../arguments/usage.js'
import type { Project } from '../project.js'
import { settingsFor } from '../running/settings.js'
import { ProcessError } from '../supervisor/process.js'
import type { Io } from '../terminal/io.js'
import { defectKind, scenarioNamed, scenarioOf, statechartKind } from './kinds.js'
import { readTrace, replayTrace, resolveTrace } from './replay.js'

/** What a scenario can be printed as. */
export const SCENARIO_FORMATS = ['promela'] as const

/** What a trace can be printed as. */
export const TRACE_FORMATS = ['itf', 'schedule'] as const

/** What anything can be printed as. */
export type ExportFormat =
  | StatechartFormat
  | (typeof SCENARIO_FORMATS)[number]
  | (typeof TRACE_FORMATS)[number]

/** Options of `export scenario`. */
export interface ExportCommandOptions {
  readonly set: Parameters
  readonly bounds: Bounds
  readonly reductions: Reductions
  /** Name of a defect to put in. */
  readonly defect?: string
  /** Most states (default a million). */
  readonly states?: number
}

const MOST_STATES = 1_000_000

/**
 * Prints what is named: a statechart by its name or with `chart` before it, `scenario` and a scenario, or `trace` and the file of
 * one.
 *
 * @returns the exit code
 * @throws UsageError if there is none, or if it cannot be printed in that format
 */
export async function exportCommand(
  project: Project,
  io: Io,
  names: readonly string[],
  format: ExportFormat,
  options: ExportCommandOptions,
): Promise<number> {
  const [kind, name] = names.length === 1 ? ['chart', names[0]] : names
  if (names.length > 2) throw new UsageError(`there is one thing to export at a time, not ${names.length}`)
  const text = await (kind === 'chart'
    ? statechart(project, name, format)
    : kind === 'trace'
      ? exportedTrace(project, name, format)
      : printed(project, kind, name, format, options))
  io.stdout.write(text.endsWith('\n') ? text : `${text}\n`)
  return ExitCode.holds
}

function statechart(project: Project, name: string, format: ExportFormat): string {
  const found = statechartFormats.find((each) => each === format)
  if (found === undefined)
    throw new UsageError(
      `a statechart is printed for ${statechartFormats.join(', ')}; a scenario for ${SCENARIO_FORMATS.join(', ')}: ` +
        `hmm-spec export scenario NAME --to promela; a trace for ${TRACE_FORMATS.join(', ')}: hmm-spec export trace FILE --to itf`,
    )
  return findNamed(statechartKind(project), name).exportTo(found)
}

async function exportedTrace(project: Project, file: string, format: ExportFormat): Promise<string> {
  const recorded = readTrace(file)
  if (format === 'itf') {
    const { trace, state } = await (project.replayed?.(file, recorded, 0) ??
      replayTrace(project, file, recorded, 0))
    const { run } = recorded
    return traceToItf(run === undefined ? trace : { ...trace, run }, state.cells)
  }
  if (format === 'schedule') return scheduled(project, file, recorded)
  throw new UsageError(`a trace is printed for ${TRACE_FORMATS.join(', ')}, not for ${format}`)
}

/** The schedule that forces a trace on a kernel. @throws UsageError that says where it stops if it cannot be forced */
function scheduled(project: Project, file: string, trace: RecordedTrace): string {
  const operations = performed(trace.scenario)
  if (typeof operations === 'string') throw new UsageError(`${file}: field scenario: ${operations}`)
  const { scenario, defects } = resolveTrace(project, file, trace)
  const overrides = defects.flatMap((defect) => defect.overrides)
  try {
    const schedule = scheduleOf(scenario, trace, overrides)
    if ('holds' in schedule) {
      const name = basename(file)
        .replace(/\.json$/, '')
        .replace(/\W+/g, '_')
      return scheduleText(name, trace, schedule, operations)
    }
    throw new UsageError(
      `${file} cannot be forced on a kernel: after step ${schedule.step} (${schedule.name}) its thread would have to stand where no ` +
        'function begins or returns, and no other order of the steps nearby breaks the same clause',
    )
  } catch (error) {
    if (error instanceof RangeError) throw new UsageError(`${file} does not replay: ${error.message}`)
    throw error
  }
}

async function printed(
  project: Project,
  kind: string,
  name: string,
  format: ExportFormat,
  { defect: defectName, states = MOST_STATES, set, ...options }: ExportCommandOptions,
): Promise<string> {
  if (kind !== 'scenario')
    throw new UsageError(`of two names the first is \`chart\`, \`scenario\` or \`trace\`, not "${kind}"`)
  if (format !== 'promela')
    throw new UsageError(`a scenario is printed for ${SCENARIO_FORMATS.join(', ')}, not for ${format}`)
  const defect = defectName === undefined ? undefined : findNamed(defectKind(project), defectName)
  // That of a defect may be one of a generation.
  const scenario = defect?.scenario === name ? scenarioOf(project, defect) : scenarioNamed(project, name)
  const settings = settingsFor([scenario], set, 'named').get(scenario) ?? {}
  const defects = defect === undefined ? [] : [defect]
  try {
    return await project.exportScenario(scenario, { ...options, set: settings, defects, states })
  } catch (error) {
    if (!(error instanceof SpecificationError || error instanceof ProcessError)) throw error
    throw new UsageError(`${scenario.name} cannot be exported (${error.code}): ${error.message}`)
  }
}
