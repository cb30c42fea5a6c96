/**
 * `hmm-spec export`: a statechart, or a scenario, for other tools.
 *
 * @module
 */
import type { Reductions } from '../../checker/options.js'
import { ExitCode } from '../../report/report.js'
import { type StatechartFormat, statechartFormats } from '../../report/statechart.js'
import { SpecificationError } from '../../world/errors.js'
import type { Bounds, Parameters } from '../../world/model.js'
import type { Io } from '../io.js'
import type { Project } from '../project.js'
import { settingsFor } from '../settings.js'
import { ProcessError } from '../supervisor/process.js'
import { findNamed, UsageError } from '../usage.js'
import { defectKind, scenarioNamed, scenarioOf, statechartKind } from './kinds.js'

/** What a scenario can be printed as. */
export const SCENARIO_FORMATS = ['promela'] as const

/** One of {@link SCENARIO_FORMATS}. */
export type ScenarioFormat = (typeof SCENARIO_FORMATS)[number]

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
 * Prints the statechart, or `scenario` and the scenario, that is named.
 *
 * @returns the exit code
 * @throws UsageError if there is none, or if it cannot be printed in that format
 */
export async function exportCommand(
  project: Project,
  io: Io,
  names: readonly string[],
  format: StatechartFormat | ScenarioFormat,
  options: ExportCommandOptions,
): Promise<number> {
  const [name, scenario] = names
  if (names.length > 2) throw new UsageError(`there is one thing to export at a time, not ${names.length}`)
  const text =
    scenario === undefined
      ? statechart(project, name, format)
      : await printed(project, name, scenario, format, options)
  io.stdout.write(text.endsWith('\n') ? text : `${text}\n`)
  return ExitCode.holds
}

function statechart(project: Project, name: string, format: StatechartFormat | ScenarioFormat): string {
  if (format === 'promela')
    throw new UsageError(
      `a statechart is printed for ${statechartFormats.join(', ')}; a scenario for promela: ` +
        'hmm-spec export scenario NAME --to promela',
    )
  return findNamed(statechartKind(project), name).exportTo(format)
}

async function printed(
  project: Project,
  kind: string,
  name: string,
  format: StatechartFormat | ScenarioFormat,
  { defect: defectName, states = MOST_STATES, set, ...options }: ExportCommandOptions,
): Promise<string> {
  if (kind !== 'scenario') throw new UsageError(`of two names the first is \`scenario\`, not "${kind}"`)
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
