/**
 * `hmm-spec export`: a statechart for other tools.
 *
 * @module
 */
import { ExitCode } from '../../report/report.js'
import type { StatechartFormat } from '../../report/statechart.js'
import type { Io } from '../io.js'
import type { Project } from '../project.js'
import { findNamed } from '../usage.js'
import { statechartKind } from './kinds.js'

/**
 * Prints the statechart called `name`.
 *
 * @throws UsageError if there is none
 */
export function exportCommand(project: Project, io: Io, name: string, format: StatechartFormat): number {
  const text = findNamed(statechartKind(project), name).exportTo(format)
  io.stdout.write(text.endsWith('\n') ? text : `${text}\n`)
  return ExitCode.holds
}
