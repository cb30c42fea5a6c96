/**
 * `hmm-spec atomicity`: finds steps that are too large.
 *
 * @module
 */
import { atomicSteps } from '../../../spec/atomic-steps/index.js'
import type { Atomicity, AtomicityOptions } from '../../checker/atomicity/atomicity.js'
import { againstList, type Discrepancy } from '../../checker/atomicity/listed.js'
import { atomicityText } from '../../report/atomicity.js'
import { ExitCode } from '../../report/report.js'
import { SpecificationError } from '../../world/errors.js'
import type { Bounds, Parameters, Scenario } from '../../world/model.js'
import { UsageError } from '../arguments/usage.js'
import type { Project } from '../project.js'
import { settingsFor } from '../running/settings.js'
import { ProcessError } from '../supervisor/process.js'
import { type Io, layoutFor } from '../terminal/io.js'
import { scenariosNamed } from './kinds.js'

/** Options of `atomicity`. */
export interface AtomicityCommandOptions {
  readonly set: Parameters
  readonly bounds: Bounds
  /** Most states of a scenario. */
  readonly states?: number
}

/**
 * Explores the scenarios that are named, or all, and reports the steps that are too large: those of the driver or of other files
 * that are given, otherwise all that the record on steps does not list, and what it lists without need.
 *
 * @returns the exit code
 * @throws UsageError for wrong names or parameters
 */
export async function atomicityCommand(
  project: Project,
  io: Io,
  names: readonly string[],
  options: AtomicityCommandOptions,
): Promise<number> {
  const scenarios = scenariosNamed(project, names)
  const settings = settingsFor(scenarios, options.set, names.length === 0 ? 'all' : 'named')
  const { bounds, states } = options
  const found: Atomicity[] = []
  for (const scenario of scenarios) {
    const set = settings.get(scenario) ?? {}
    found.push(
      await explored(project, scenario, { bounds, set, ...(states === undefined ? {} : { states }) }),
    )
  }
  const ownOnly = project.own !== undefined
  const discrepancies = ownOnly ? ownIn(found) : againstTable(project, found, names.length === 0)
  const listed = new Set(atomicSteps.map(({ procedure, step }) => `${procedure}: ${step}`))
  const large = found.flatMap(({ large }) => large.map(({ procedure, step }) => `${procedure}: ${step}`))
  const report = {
    scenarios: found.length,
    steps: found.reduce((sum, { steps }) => sum + steps, 0),
    states: found.reduce((sum, { states }) => sum + states, 0),
    listed: new Set(large.filter((name) => listed.has(name))).size,
    ownOnly,
    discrepancies,
  }
  io.stdout.write(atomicityText(report, layoutFor(io.stdout, io.env)))
  if (discrepancies.length > 0) return ExitCode.violated
  return found.every(({ exhaustive }) => exhaustive) ? ExitCode.holds : ExitCode.limit
}

/** What is wrong of the steps of a driver, or of other files: nobody has argued for them, but for what every callback does. */
function ownIn(found: readonly Atomicity[]): Discrepancy[] {
  const own = found.map((each) => ({
    ...each,
    large: each.large.filter(({ isOwn, accesses }) => isOwn && !recordsAndUnmaps(accesses)),
  }))
  return againstList(own, [], false)
}

/** True of a step that records the sequence and removes entries, which the record on steps argues for (`set-seq`). */
function recordsAndUnmaps(accesses: readonly string[]): boolean {
  const kinds = new Set(accesses.map((access) => access.slice(access.indexOf('.'))))
  return kinds.size === 2 && kinds.has('.notifier.invalidate_seq') && kinds.has('.pte[].entry')
}

/** Explores one scenario: what is wrong with it, or with the driver in it, is told as such. */
async function explored(project: Project, scenario: Scenario, options: AtomicityOptions): Promise<Atomicity> {
  try {
    return await project.atomicity(scenario, options)
  } catch (error) {
    if (!(error instanceof SpecificationError || error instanceof ProcessError)) throw error
    throw new UsageError(`${scenario.name} could not be explored (${error.code}): ${error.message}`)
  }
}

/** What is not needed is only known where nothing was left out, and nothing is another than the reference. */
function againstTable(project: Project, found: readonly Atomicity[], isAll: boolean): Discrepancy[] {
  const isReference =
    project.driver === undefined && project.kernel === undefined && project.generation === undefined
  const complete = isAll && isReference && found.every(({ exhaustive }) => exhaustive)
  return againstList(found, atomicSteps, complete)
}
