/**
 * What a check answers. Everything here is plain data: it is printed, stored as JSON and compared as it is.
 *
 * @module
 */
import type { Parameters } from '../world/model.js'

/**
 * `holds`: every state within the bounds was explored and every claim holds. `violated`: a claim does not hold, and
 * the trace shows it. `limit`: a limit was reached first. `interrupted`: somebody stopped it.
 */
export type Verdict = 'holds' | 'violated' | 'limit' | 'interrupted'

/** What kind of claim was broken. */
export type ViolationKind =
  | 'invariant'
  | 'step'
  | 'assertion'
  | 'deadlock'
  | 'refinement'
  | 'abstraction'
  | 'progress'
  | 'witness'

/** A cell that a step changed, in words. */
export interface Change {
  readonly cell: string
  readonly before: string
  readonly after: string
  readonly ghost: boolean
}

/** One step of a trace. */
export interface TraceStep {
  /** Index of the thread. */
  readonly thread: number
  /** Name of the thread. */
  readonly name: string
  readonly procedure: string
  readonly step: string
  /** Which of the step's outcomes was taken (0 where it has one). */
  readonly choice: number
  /** In how many ways the step may go. */
  readonly choices: number
  /** What the way that it took is called, if its ways have names. */
  readonly way?: string
  /** What the step returned. */
  readonly result: number | string
  readonly changes: readonly Change[]
  /** Whether the breach does not happen without it; absent where nobody has found out. */
  readonly matters?: boolean
  /** Where it stands in the text of a driver's author: it is theirs, or a procedure that they call took it. */
  readonly place?: StepPlace
}

/** A place in the text of a driver, or of whatever else comes from a file. */
export interface StepPlace {
  /** The file, from the working directory if it is below. */
  readonly file: string
  /** Both from 1. */
  readonly line: number
  readonly column: number
  /** The procedure whose text it is. */
  readonly procedure: string
  /** True where that text calls a procedure of somebody else's, which took the step. */
  readonly isCall: boolean
  /** The procedures of files that it is in, innermost first. */
  readonly within: readonly string[]
}

/** A run from the initial state, which can be replayed. */
export interface Trace {
  readonly format: 'hmm-spec-trace'
  readonly version: 1
  readonly scenario: string
  readonly parameters: Parameters
  /** Names of the defects that were put in. */
  readonly defects: readonly string[]
  readonly clause: string
  readonly claim: string
  readonly kind: ViolationKind
  readonly detail: string
  /** True if no shorter run shows it. */
  readonly shortest: boolean
  readonly threads: readonly string[]
  readonly steps: readonly TraceStep[]
  /** Where the steps from this index on repeat for ever (a progress claim); absent otherwise. */
  readonly loopFrom?: number
  /** Clauses that the run breaks on the way, past which it goes; absent if nothing is broken before its end. */
  readonly past?: readonly string[]
}

/** The claim that does not hold. */
export interface ViolationReport {
  readonly kind: ViolationKind
  /** Identifier of the requirement. */
  readonly clause: string
  /** Name of the claim. */
  readonly claim: string
  readonly detail: string
  readonly trace: Trace
}

/** One statechart transition and how often it was taken. */
export interface TransitionCoverage {
  readonly chart: string
  readonly state: string
  readonly event: string
  readonly target: string
  readonly taken: number
}

/** What the exploration exercised. */
export interface Coverage {
  /** Steps taken at least once, as `procedure: step`. */
  readonly steps: readonly string[]
  /** Steps that the texts of the procedures entered name, taken or not. */
  readonly declared: readonly string[]
  /** Names of all procedures entered. */
  readonly procedures: readonly string[]
  readonly transitions: readonly TransitionCoverage[]
  /** For each claim, in how many states or steps it had something to say. */
  readonly claims: readonly { readonly name: string; readonly clause: string; readonly exercised: number }[]
  /**
   * By clause, how often it was asked of a step as it ran: assertions of procedures, of locks and guarded fields, transitions of
   * statecharts, and states in which somebody could go on. Where a step is remembered and not run again, it is not counted again.
   */
  readonly asserted: Readonly<Record<string, number>>
}

/** A digest of the explored graph, each 32 hexadecimal digits: see `digest.ts` for what changes it. */
export interface GraphDigest {
  readonly states: string
  readonly steps: string
}

/** What was run again as JavaScript runs it, and compared with what was explored. */
export interface Audit {
  /** Runs from the initial state. */
  readonly runs: number
  /** Those of them that were taken in modules which nothing had run before. */
  readonly fresh: number
  /** Steps taken in them. */
  readonly steps: number
  /** Steps whose answer, world and successor were compared. */
  readonly edges: number
  /** Differences; one ends the check with an error. */
  readonly disagreements: number
}

/** Which limit ended a check. */
export interface LimitReached {
  readonly kind: 'states' | 'memory' | 'time'
  /** The limit: states, bytes or milliseconds. */
  readonly value: number
}

/** The answer of {@link check}. */
export interface CheckResult {
  readonly scenario: string
  readonly parameters: Parameters
  readonly defects: readonly string[]
  readonly verdict: Verdict
  /** True only if every state within the bounds was visited, and stored exactly. */
  readonly exhaustive: boolean
  readonly limit?: LimitReached
  /** Distinct states visited. */
  readonly states: number
  /** Steps taken from them. */
  readonly transitions: number
  /** Length of the longest shortest run, in steps. */
  readonly depth: number
  /** States found but not yet explored (0 where it ran to the end). */
  readonly queue: number
  /** Milliseconds. */
  readonly elapsedMs: number
  /** Bytes held by the stored states, their index and their links. */
  readonly storedBytes: number
  /** How states are stored: `exact` loses none. */
  readonly storage: 'exact'
  /** Reductions that were on, by name. */
  readonly reductions: readonly string[]
  /** The fairness under which progress was checked. */
  readonly fairness: 'weak fairness of each thread' | 'progress not checked'
  /** What the world leaves out. */
  readonly notModelled: readonly string[]
  /** What the author of the scenario or of the driver takes for granted. */
  readonly assumptions: readonly string[]
  readonly violation?: ViolationReport
  readonly witnesses: readonly { readonly name: string; readonly reached: boolean }[]
  readonly coverage: Coverage
  /** Of the graph, where it was asked for and every state was visited. */
  readonly digest?: GraphDigest
  /** What was audited; absent where nothing was. */
  readonly audit?: Audit
  /** Steps that were taken, by what shows them to be pure: their text, or the audit alone. */
  readonly purity: { readonly byText: number; readonly byAuditOnly: number }
  /** Control states, and generator prefixes that were replayed to make them. */
  readonly control: { readonly locations: number; readonly replays: number }
}

/** What a running check tells from time to time. */
export interface Progress {
  readonly scenario: string
  readonly phase: 'exploring' | 'progress' | 'audit'
  readonly states: number
  readonly transitions: number
  readonly queue: number
  readonly depth: number
  /** Milliseconds. */
  readonly elapsedMs: number
}
