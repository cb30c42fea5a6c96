/**
 * The result of a check: plain data, which is printed, stored as JSON and compared.
 *
 * @module
 */
import type { Parameters } from '../world/model.js'

/**
 * `holds`: every state within the bounds was explored and every claim holds. `violated`: a claim
 * does not hold, and the trace shows it. `limit`: a limit was reached first. `interrupted`: the
 * check was stopped.
 */
export type Verdict = 'holds' | 'violated' | 'limit' | 'interrupted'

/** The kind of the violated claim. */
export type ViolationKind =
  | 'invariant'
  | 'step'
  | 'assertion'
  | 'deadlock'
  | 'refinement'
  | 'abstraction'
  | 'progress'
  | 'witness'

/** A cell that a step changed, as text. */
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
  /** Number of the outcome (0 if there is only one). */
  readonly choice: number
  /** Number of possible outcomes. */
  readonly choices: number
  /** Name of the outcome, if the outcomes have names. */
  readonly way?: string
  /** Result of the step. */
  readonly result: number | string
  readonly changes: readonly Change[]
  /** Whether the violation needs this step; absent if that was not determined. */
  readonly matters?: boolean
  /**
   * Place of the step in the source of the driver's author: their own step, or their call of a
   * procedure that took it.
   */
  readonly place?: StepPlace
}

/** A place in the source of a driver, or of other code from a file. */
export interface StepPlace {
  /** The file, relative to the working directory if it is below. */
  readonly file: string
  /** Line and column, both from 1. */
  readonly line: number
  readonly column: number
  /** The procedure that contains it. */
  readonly procedure: string
  /** True if the place is a call of somebody else's procedure, which took the step. */
  readonly isCall: boolean
  /** The enclosing procedures from files, innermost first. */
  readonly within: readonly string[]
}

/** A run from the initial state, which can be replayed. */
export interface Trace {
  readonly format: 'hmm-spec-trace'
  readonly version: 1
  readonly scenario: string
  readonly parameters: Parameters
  /** Names of the injected defects. */
  readonly defects: readonly string[]
  readonly clause: string
  readonly claim: string
  readonly kind: ViolationKind
  readonly detail: string
  /** True if no shorter run shows the violation. */
  readonly shortest: boolean
  readonly threads: readonly string[]
  readonly steps: readonly TraceStep[]
  /**
   * Index of the first step of the loop that repeats for ever (a progress claim); absent otherwise.
   */
  readonly loopFrom?: number
  /** Clauses that the run violates before its end; absent if there are none. */
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

/** Coverage of the exploration. */
export interface Coverage {
  /** Steps taken at least once, as `procedure: step`. */
  readonly steps: readonly string[]
  /** Steps named in the source of the entered procedures, whether taken or not. */
  readonly declared: readonly string[]
  /** Names of all procedures entered. */
  readonly procedures: readonly string[]
  readonly transitions: readonly TransitionCoverage[]
  /** For each claim, the number of states or steps to which it applied. */
  readonly claims: readonly { readonly name: string; readonly clause: string; readonly exercised: number }[]
  /**
   * By clause, how often steps had to keep it: assertions of procedures, locks and guarded fields,
   * transitions of statecharts, and states that are not deadlocked. A step whose result is
   * remembered is not counted again.
   */
  readonly asserted: Readonly<Record<string, number>>
}

/**
 * A digest of the explored graph, as 32 hexadecimal digits each. See `digest.ts` for what changes
 * it.
 */
export interface GraphDigest {
  readonly states: string
  readonly steps: string
}

/**
 * Counts of the audit, which executes runs as plain JavaScript and compares them with the
 * exploration.
 */
export interface Audit {
  /** Runs from the initial state. */
  readonly runs: number
  /** Runs taken in freshly loaded modules. */
  readonly fresh: number
  /** Steps taken in these runs. */
  readonly steps: number
  /** Steps whose result, world and successor were compared. */
  readonly edges: number
  /** Number of differences. One ends the check with an error. */
  readonly disagreements: number
}

/** The limit that ended a check. */
export interface LimitReached {
  readonly kind: 'states' | 'memory' | 'time'
  /** The limit: states, bytes or milliseconds. */
  readonly value: number
}

/** The result of {@link check}. */
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
  /** Steps taken from these states. */
  readonly transitions: number
  /** The largest distance of a state from the initial state, in steps. */
  readonly depth: number
  /** States found but not yet explored (0 if the exploration is complete). */
  readonly queue: number
  /** Milliseconds, those of the earlier processes of a resumed check included. */
  readonly elapsedMs: number
  /** The number of states in the checkpoint that the check resumed from. Absent if it started from the beginning. */
  readonly resumedFrom?: number
  /** Bytes used by stored states, their index and their links. */
  readonly storedBytes: number
  /** How states are stored: `exact` loses none. */
  readonly storage: 'exact'
  /** Names of the reductions in use. */
  readonly reductions: readonly string[]
  /** The fairness under which progress was checked. */
  readonly fairness: 'weak fairness of each thread' | 'progress not checked'
  /** What the world does not model. */
  readonly notModelled: readonly string[]
  /** Assumptions of the author of the scenario or the driver. */
  readonly assumptions: readonly string[]
  readonly violation?: ViolationReport
  readonly witnesses: readonly { readonly name: string; readonly reached: boolean }[]
  readonly coverage: Coverage
  /** Digest of the graph, if it was requested and every state was visited. */
  readonly digest?: GraphDigest
  /** Counts of the audit; absent if nothing was audited. */
  readonly audit?: Audit
  /**
   * Number of steps taken, by the evidence that they are pure: their source, or the audit alone.
   */
  readonly purity: { readonly byText: number; readonly byAuditOnly: number }
  /** Number of control states, and of generator prefixes replayed to make them. */
  readonly control: { readonly locations: number; readonly replays: number }
}

/** Progress report of a running check. */
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
