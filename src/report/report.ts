/**
 * The results of the commands, before they are written as text, JSON or JUnit, and their exit codes.
 *
 * @module
 */
import type { Defect } from '../../spec/defect.js'
import type { Requirement } from '../../spec/requirement.js'
import type { CheckResult } from '../checker/result.js'
import type { RandomResult } from '../checker/runs/random.js'
import type { ConformanceResult, KernelVersion } from '../conformance/result.js'
import type { Bounds, Parameters } from '../world/model.js'
import { isVacuous, type Vacuity } from './vacuity.js'

/** The exit codes of every command. */
export const ExitCode = {
  /** Everything that was checked holds. */
  holds: 0,
  /** Something does not hold. */
  violated: 1,
  /** Wrong usage or wrong input: something could not be checked. */
  usage: 2,
  /** A limit or an interrupt came first. */
  limit: 3,
  /** A requested report or trace could not be written. */
  unwritten: 4,
} as const

/** A scenario or a defect that could not be checked because of a mistake of its own. */
export interface Failure {
  /** Name of the scenario or the defect. */
  readonly name: string
  /** Code of the error, or `internal`. */
  readonly code: string
  readonly message: string
}

/** True if a check was ended from outside, by a limit or an interrupt: there is no mistake in it. */
export function isStop({ code }: Pick<Failure, 'code'>): boolean {
  return code === 'time' || code === 'interrupted'
}

/** The run that made a report. */
export interface RunFacts {
  /** Version of the product. */
  readonly product: string
  /** The commit that the product was built from, with `-dirty` if there were other changes; null if unknown. */
  readonly commit: string | null
  /** When the report was made, in ISO 8601. */
  readonly date: string
  /** Version of Node.js. */
  readonly node: string
  /** Null where no scenario was run. */
  readonly bounds: Bounds | null
  /** The release of Linux that was asked for; absent for the latest. */
  readonly linux?: string
  /** The release whose mirroring API the scenarios were in; null for the newest. */
  readonly release: string | null
  /** The kernel whose fault on device pages was used; null for the newest. */
  readonly profile: string | null
  /** The driver that the scenarios were run with; null for the reference driver. */
  readonly driver: { readonly name: string; readonly file: string } | null
  /** The file that the scenarios came from; absent for those of the specification. */
  readonly scenarioFile?: string
}

/** How runs are shown. */
export interface ShownRuns {
  /** True to show long runs whole, and not folded. */
  readonly full?: boolean
  /** The folder of the documents, for pages to read. */
  readonly documents?: string
}

/** A counterexample that could not be saved. */
export interface Unsaved {
  /** Name of the scenario or the defect. */
  readonly name: string
  readonly file: string
  /** Why not. */
  readonly message: string
}

/** Counterexamples that were saved, and those that could not be. */
export interface TraceFiles {
  /** Files, by name of the scenario or the defect. */
  readonly traces: Readonly<Record<string, string>>
  readonly unsaved: readonly Unsaved[]
}

/** The results of `check`. */
export interface CheckReport extends TraceFiles, ShownRuns {
  readonly run: RunFacts
  readonly bounds: Bounds
  /** Parameters that were set by name. */
  readonly set: Parameters
  readonly results: readonly CheckResult[]
  readonly failures: readonly Failure[]
  /** Names of scenarios that were not checked because of an interrupt. */
  readonly notRun: readonly string[]
  /** What a complete run exercised, or why the coverage of this run is not judged. */
  readonly coverage: Vacuity | { readonly unknown: string }
  /** What the run exercised of a file's own text; absent without a file, or if it was not run whole. */
  readonly own?: Vacuity
  /** True if what a file's own text never exercised fails the run. */
  readonly strict?: boolean
  /** The requirements, quoted where they are broken. */
  readonly requirements: readonly Requirement[]
}

/** The results of `simulate`. */
export interface SimulateReport extends TraceFiles, ShownRuns {
  readonly run: RunFacts
  readonly bounds: Bounds
  readonly set: Parameters
  readonly results: readonly RandomResult[]
  readonly failures: readonly Failure[]
  readonly notRun: readonly string[]
  readonly requirements: readonly Requirement[]
}

/** The result of one defect. */
export interface DefectOutcome {
  readonly defect: Defect
  readonly result: CheckResult
  /** True if the broken claim is the one that the defect names. */
  readonly caught: boolean
  /** Steps of the trace; absent if there is none. */
  readonly steps?: number
  /** True if that is the pinned length. */
  readonly asPinned: boolean
}

/** The results of `defects`. */
export interface DefectReport extends TraceFiles {
  readonly run: RunFacts
  readonly outcomes: readonly DefectOutcome[]
  /** True if each defect was put into every scenario: the outcomes are those that reached it. */
  readonly everywhere?: boolean
  readonly failures: readonly Failure[]
  readonly notRun: readonly string[]
}

/** The results of `conform`. */
export interface ConformReport {
  readonly run: RunFacts
  readonly file: string
  readonly kernel: KernelVersion
  /** Whose answers are demanded. */
  readonly profile: string
  readonly result: ConformanceResult
  /** Lines of the file that could not be read. */
  readonly failures: readonly Failure[]
}

/** The result of a defect injected into its scenario. */
export function outcomeOf(defect: Defect, result: CheckResult): DefectOutcome {
  const { violation } = result
  const caught = result.verdict === 'violated' && violation?.clause === defect.requirement
  const steps = violation?.trace.steps.length
  return {
    defect,
    result,
    caught,
    ...(steps === undefined ? {} : { steps }),
    asPinned: steps === defect.steps,
  }
}

/** Names of the defects that no scenario catches by the clause that they name. */
export function uncaughtAnywhere({ outcomes }: DefectReport): string[] {
  const names = new Set(outcomes.map(({ defect }) => defect.name))
  for (const { defect, caught } of outcomes) if (caught) names.delete(defect.name)
  return [...names]
}

/** True if a limit or an interrupt ended a check. */
export function wasStopped({ verdict }: CheckResult): boolean {
  return verdict === 'limit' || verdict === 'interrupted'
}

/** In order of precedence: a mistake in the input, a violation, a lost report, an incomplete check. */
function worst(found: { failed: boolean; violated: boolean; unsaved: boolean; stopped: boolean }): number {
  if (found.failed) return ExitCode.usage
  if (found.violated) return ExitCode.violated
  if (found.unsaved) return ExitCode.unwritten
  return found.stopped ? ExitCode.limit : ExitCode.holds
}

/** The exit code of `check`. */
export function checkExitCode(report: CheckReport): number {
  return worst({
    failed: report.failures.some((failure) => !isStop(failure)),
    violated:
      report.results.some((result) => result.verdict === 'violated') ||
      (!('unknown' in report.coverage) && isVacuous(report.coverage)) ||
      (report.strict === true && report.own !== undefined && isVacuous(report.own)),
    unsaved: report.unsaved.length > 0,
    stopped: report.notRun.length > 0 || report.failures.some(isStop) || report.results.some(wasStopped),
  })
}

/** The exit code of `simulate`: nothing found is no failure, and proves nothing. */
export function simulateExitCode(report: SimulateReport): number {
  return worst({
    failed: report.failures.some((failure) => !isStop(failure)),
    violated: report.results.some(({ verdict }) => verdict === 'violated'),
    unsaved: report.unsaved.length > 0,
    stopped:
      report.notRun.length > 0 ||
      report.failures.some(isStop) ||
      report.results.some(({ verdict }) => verdict === 'limit' || verdict === 'interrupted'),
  })
}

/** The exit code of `defects`: a defect that is not caught, or not after the pinned number of steps, fails. */
export function defectsExitCode(report: DefectReport): number {
  const stopped = report.outcomes.filter(({ result }) => wasStopped(result))
  return worst({
    failed: report.failures.some((failure) => !isStop(failure)),
    violated: report.everywhere
      ? uncaughtAnywhere(report).length > 0
      : report.outcomes.some(
          (outcome) => !stopped.includes(outcome) && !(outcome.caught && outcome.asPinned),
        ),
    unsaved: report.unsaved.length > 0,
    stopped: report.notRun.length > 0 || report.failures.some(isStop) || stopped.length > 0,
  })
}

/** The exit code of `conform`: a mismatch fails, and so does a file without any comparable sequence. */
export function conformExitCode({ result, failures }: ConformReport): number {
  return worst({
    failed: failures.length > 0,
    violated: result.mismatched > 0 || result.matched === 0,
    unsaved: false,
    stopped: false,
  })
}
