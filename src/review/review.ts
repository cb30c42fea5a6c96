/**
 * A review: what a change breaks and what still holds, found by comparing the checks before it with those after it.
 *
 * @module
 */
import type { Defect } from '../../spec/defect.js'
import type { Requirement } from '../../spec/requirement.js'
import type { CheckResult, Trace } from '../checker/result.js'
import { ExitCode, type Failure, type RunFacts } from '../report/report.js'
import type { Bounds } from '../world/model.js'
import type { Change, ProcedureChange } from './change.js'
import type { MutantsFailed, MutantsFound } from './mutants.js'
import type { AffectedRelease } from './releases.js'

/** What is reviewed. */
export interface Subject {
  readonly kind: 'range' | 'override' | 'driver'
  /** What the change is made to: a commit, the specification, a driver's file. */
  readonly base: string
  /** What it is compared with: a commit, or the file of the change. */
  readonly head: string
}

/** The checks of one side of a change. */
export interface Side {
  readonly results: readonly CheckResult[]
  /** Scenarios that could not be checked. */
  readonly failures: readonly Failure[]
  /** Scenarios that were not checked because of an interrupt. */
  readonly notRun: readonly string[]
}

/** One run that breaks a clause. */
export interface BrokenScenario {
  readonly scenario: string
  /** Steps of the run; 0 for what no run shows. */
  readonly steps: number
  /** True if the scenario broke the same clause before the change. */
  readonly before: boolean
}

/** A clause that the change breaks. */
export interface BrokenClause {
  readonly clause: string
  /** Absent for what is no requirement: a witness that is no longer reached. */
  readonly requirement?: Pick<Requirement, 'title' | 'text' | 'source'>
  /** Shortest run first. */
  readonly scenarios: readonly BrokenScenario[]
  /** The shortest run. */
  readonly trace: Trace
  /** Known bugs that change the same procedure and break the same clause. */
  readonly resembles: readonly Pick<Defect, 'name' | 'title'>[]
}

/** What a complete check of a scenario found. */
export interface Held {
  readonly scenario: string
  readonly parameters: CheckResult['parameters']
  readonly states: number
  /** States before the change; absent for a new scenario, or one that did not hold before. */
  readonly statesBefore?: number
}

/** What is exercised otherwise than before, in the scenarios that hold before and after. */
export interface CoverageChange {
  /** Scenarios that were compared. */
  readonly compared: number
  readonly steps: Difference
  readonly transitions: Difference
  /** Claims by name; those that are no longer asked are the ones to look at. */
  readonly claims: Difference
}

/** Names that only one side has. */
export interface Difference {
  readonly lost: readonly string[]
  readonly gained: readonly string[]
}

/** Why which scenarios were run. */
export interface Selected {
  /** `reach`: those that enter a changed procedure. `all`: text outside of procedures is changed. */
  readonly by: 'reach' | 'all'
  /** Scenarios that were to be run. */
  readonly scenarios: readonly string[]
  /** How many there are. */
  readonly of: number
  /** Scenarios that are no longer there. */
  readonly removed: readonly string[]
}

/** Everything that the documents say. */
export interface Review {
  readonly run: RunFacts
  readonly subject: Subject
  readonly bounds: Bounds
  readonly change: Change
  readonly selected: Selected
  readonly verdict: 'holds' | 'broken' | 'incomplete' | 'error'
  readonly broken: readonly BrokenClause[]
  /** Scenarios that were run and hold. */
  readonly held: readonly Held[]
  /** Scenarios that a limit or an interrupt ended. */
  readonly stopped: readonly { readonly scenario: string; readonly why: string }[]
  readonly failures: readonly Failure[]
  readonly notRun: readonly string[]
  readonly coverage: CoverageChange
  readonly releases: readonly AffectedRelease[]
  /** Known bugs of the specification in the same procedures. */
  readonly relatedDefects: readonly Pick<Defect, 'name' | 'title' | 'requirement'>[]
  /** What became of the mutants of the changed text; absent if they were not to be judged. */
  readonly mutants?: MutantsFound | MutantsFailed
  readonly notModelled: readonly string[]
  /** The command that repeats it. */
  readonly command: string
  /** Places of steps, by `procedure: step`. */
  readonly places: ReadonlyMap<string, { readonly file: string; readonly line: number }>
}

/** True if `result` may bear on the change: it enters a procedure of `names`, or ended before one could know. */
export function reaches({ verdict, coverage }: CheckResult, names: ReadonlySet<string>): boolean {
  return verdict !== 'holds' || coverage.procedures.some((name) => names.has(name))
}

/**
 * The scenarios to run after a change.
 *
 * @param change - what is changed
 * @param base - the checks before it
 * @param names - of the scenarios after it, by which they are known before it too
 */
export function selectedBy(change: Change, base: Side, names: readonly string[]): Selected {
  const before = new Map(base.results.map((result) => [result.scenario, result]))
  const changed = new Set(change.procedures.map(({ name }) => name))
  const all = change.files.length > 0
  return {
    by: all ? 'all' : 'reach',
    scenarios: names.filter((name) => {
      const result = before.get(name)
      return all || result === undefined || reaches(result, changed)
    }),
    of: names.length,
    removed: [...before.keys()].filter((name) => !names.includes(name)),
  }
}

/** What the scenarios that a change breaks have to say, by clause: the clause with the shortest run first. */
export function brokenClauses(
  base: Side,
  after: Side,
  change: Change,
  requirements: readonly Requirement[],
  defects: readonly Defect[],
): BrokenClause[] {
  const before = new Map(base.results.map((result) => [result.scenario, result.violation?.clause]))
  const byClause = new Map<string, { scenarios: BrokenScenario[]; traces: Trace[] }>()
  for (const { scenario, violation } of after.results) {
    if (violation === undefined) continue
    const { clause, trace } = violation
    const found = byClause.get(clause) ?? { scenarios: [], traces: [] }
    byClause.set(clause, found)
    found.scenarios.push({ scenario, steps: trace.steps.length, before: before.get(scenario) === clause })
    found.traces.push(trace)
  }
  const related = relatedDefects(change.procedures, defects)
  return [...byClause]
    .map(([clause, { scenarios, traces }]): BrokenClause => {
      const requirement = requirements.find(({ id }) => id === clause)
      const [trace] = traces.sort((a, b) => lengthOf(a) - lengthOf(b))
      return {
        clause,
        ...(requirement && {
          requirement: { title: requirement.title, text: requirement.text, source: requirement.source },
        }),
        scenarios: scenarios.sort((a, b) => lengthOf(a) - lengthOf(b) || (a.scenario < b.scenario ? -1 : 1)),
        trace,
        resembles: related
          .filter((defect) => defect.requirement === clause)
          .map(({ name, title }) => ({ name, title })),
      }
    })
    .sort((a, b) => lengthOf(a.trace) - lengthOf(b.trace))
}

/** A run without steps is no run: it comes last. */
function lengthOf({ steps }: { readonly steps: number | readonly unknown[] }): number {
  const length = typeof steps === 'number' ? steps : steps.length
  return length === 0 ? Number.POSITIVE_INFINITY : length
}

/** The known bugs that change one of `procedures`. */
export function relatedDefects(
  procedures: readonly ProcedureChange[],
  defects: readonly Defect[],
): readonly Defect[] {
  const names = new Set(procedures.map(({ name }) => name))
  return defects.filter(({ overrides }) => overrides.some(({ target }) => names.has(target.procedureName)))
}

/** What is exercised otherwise, in the scenarios that hold on both sides. */
export function coverageChange(base: Side, after: Side): CoverageChange {
  const before = new Map(base.results.map((result) => [result.scenario, result]))
  const both = after.results.flatMap((is): [CheckResult, CheckResult][] => {
    const was = before.get(is.scenario)
    return was?.verdict === 'holds' && is.verdict === 'holds' ? [[was, is]] : []
  })
  const difference = (namesOf: (result: CheckResult) => readonly string[]): Difference => {
    const was = new Set(both.flatMap(([result]) => namesOf(result)))
    const is = new Set(both.flatMap(([, result]) => namesOf(result)))
    return {
      lost: [...was].filter((name) => !is.has(name)).sort(),
      gained: [...is].filter((name) => !was.has(name)).sort(),
    }
  }
  return {
    compared: both.length,
    steps: difference(({ coverage }) => coverage.steps),
    transitions: difference(({ coverage }) =>
      coverage.transitions
        .filter(({ taken }) => taken > 0)
        .map(({ chart, state, event, target }) => `${chart}: ${state} ─${event}→ ${target}`),
    ),
    claims: difference(({ coverage }) =>
      coverage.claims
        .filter(({ exercised }) => exercised > 0)
        .map(({ clause, name }) => `${clause}: ${name}`),
    ),
  }
}

/** The scenarios that hold after the change. */
export function heldOf(base: Side, after: Side): Held[] {
  const before = new Map(base.results.map((result) => [result.scenario, result]))
  return after.results
    .filter(({ verdict }) => verdict === 'holds')
    .map(({ scenario, parameters, states }) => {
      const was = before.get(scenario)
      return { scenario, parameters, states, ...(was?.verdict === 'holds' && { statesBefore: was.states }) }
    })
}

/** The scenarios that ended early. */
export function stoppedOf({ results }: Side): Review['stopped'] {
  return results
    .filter(({ verdict }) => verdict === 'limit' || verdict === 'interrupted')
    .map(({ scenario, verdict, limit }) => ({
      scenario,
      why: limit === undefined ? verdict : `limit of ${limit.kind}`,
    }))
}

/** The verdict of a review. */
export function verdictOf({
  broken,
  failures,
  stopped,
  notRun,
}: Pick<Review, 'broken' | 'failures' | 'stopped' | 'notRun'>): Review['verdict'] {
  if (failures.length > 0) return 'error'
  if (broken.length > 0) return 'broken'
  return stopped.length + notRun.length > 0 ? 'incomplete' : 'holds'
}

/** The exit code of `review`. */
export function reviewExitCode({ verdict }: Pick<Review, 'verdict'>): number {
  switch (verdict) {
    case 'error':
      return ExitCode.usage
    case 'broken':
      return ExitCode.violated
    case 'incomplete':
      return ExitCode.limit
    case 'holds':
      return ExitCode.holds
  }
}
