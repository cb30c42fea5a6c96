/**
 * What became of a mutant.
 *
 * @module
 */
import type { Mutant } from '../mutant.js'

/** What may become of a mutant, in the order in which a report lists them. */
export const VERDICTS = {
  survived: 'nothing notices it, and something is otherwise than without it',
  error: 'noticed only by a message that blames the author of a scenario, or a limit came first',
  notReached: 'no scenario runs what it changes',
  equivalent: 'a survivor that is known to make no difference, with a reason',
  sameGraph: 'every scenario that runs it has the same states, steps and answers of claims',
  killed: 'a claim or a recording does not hold',
} as const

/** One of {@link VERDICTS}. */
export type Verdict = keyof typeof VERDICTS

/** What was found of one mutant. */
export interface Finding {
  readonly id: string
  readonly verdict: Verdict
  /** The scenario or the recorded sequence that notices it, or that it could not be judged in. */
  readonly by?: string
  /** The clause that is broken; of a recording the operation and the field; of an error its code. */
  readonly clause?: string
  /** Steps of the shortest run that shows it. */
  readonly steps?: number
  /** Why it is equivalent, or what the error says. */
  readonly reason?: string
  /** How many scenarios reach it. */
  readonly scenarios: number
  /** Milliseconds. */
  readonly ms: number
}

/** A mutant with what was found. */
export interface Judged {
  readonly mutant: Mutant
  readonly finding: Finding
}

/** A row of the list of equivalents that is wrong. */
export interface StaleRow {
  readonly id: string
  readonly message: string
}

/** Numbers of mutants, by verdict. */
export type Counts = Readonly<Record<Verdict, number>>

/** Counts `judged` by verdict. */
export function countsOf(judged: readonly Judged[]): Counts {
  const counts = { survived: 0, error: 0, notReached: 0, equivalent: 0, sameGraph: 0, killed: 0 }
  for (const { finding } of judged) counts[finding.verdict]++
  return counts
}

/** How many of the mutants that could be noticed are: 0 to 1, or null if there is none. */
export function scoreOf({ killed, survived, error, notReached }: Counts): number | null {
  const all = killed + survived + error + notReached
  return all === 0 ? null : killed / all
}
