/**
 * What a review compares, whatever the change comes from: the checks before it and after it.
 *
 * @module
 */
import type { CheckResult } from '../../checker/result.js'
import type { ProceduresDocument } from '../../publish/procedures.js'
import type { Change, MutantsFailed, MutantsFound, Selected, Side, Subject } from '../../review/index.js'
import type { Bounds } from '../../world/model.js'
import type { Choice, Project, SupervisionOptions } from '../project.js'
import { type Job, runChecks } from '../running/run-checks.js'
import type { Io } from '../terminal/io.js'

/** Both sides of a change. */
export interface Compared {
  readonly subject: Subject
  readonly change: Change
  readonly base: Side
  readonly after: Side
  readonly selected: Selected
  /** What the sources hold after the change. */
  readonly document: ProceduresDocument
  /** What became of the mutants of the changed text, if that was asked for. */
  readonly mutants?: MutantsFound | MutantsFailed
}

/** How the checks are run. */
export interface ComparisonOptions extends SupervisionOptions {
  readonly bounds: Bounds
  /** Names of the only scenarios to look at; all where it is empty. */
  readonly only: readonly string[]
  /** Milliseconds for the mutants of each side; absent to judge none. */
  readonly mutants?: number
}

/** Calls `run` with the project that is asked for, whose processes end with it. */
export type Open = <T>(
  choice: Choice,
  options: SupervisionOptions,
  run: (project: Project) => Promise<T>,
) => Promise<T>

/** Nothing was run. */
export const NOTHING: Side = { results: [], failures: [], notRun: [] }

/** The name of a scenario without that of the driver in it. */
export function plainName(name: string, { driver }: Pick<Project, 'driver'>): string {
  return driver === undefined ? name : name.replace(` (${driver.name})`, () => '')
}

/** The names of the scenarios of `project` that are asked for, without that of its driver. */
export function namesOf(project: Project, only: readonly string[]): string[] {
  const all = project.scenarios.map(({ name }) => plainName(name, project))
  return only.length === 0 ? all : all.filter((name) => only.includes(name))
}

/** Checks the scenarios of `project` that are called `names`. */
export async function sideOf(
  project: Project,
  io: Io,
  names: readonly string[],
  { bounds, limits }: ComparisonOptions,
): Promise<Side> {
  const wanted = new Set(names)
  const jobs = project.scenarios
    .map((scenario): Job => ({ name: plainName(scenario.name, project), scenario, options: { bounds } }))
    .filter(({ name }) => wanted.has(name))
  const { results, failures, notRun } = await runChecks(project, io, jobs, limits, () => {})
  return {
    results: [...results].map(([{ name }, result]): CheckResult => ({ ...result, scenario: name })),
    failures,
    notRun,
  }
}

/** True if every check of `side` came to its end. */
export function isWhole({ results, failures, notRun }: Side): boolean {
  return (
    failures.length + notRun.length === 0 &&
    results.every(({ verdict }) => verdict === 'holds' || verdict === 'violated')
  )
}
