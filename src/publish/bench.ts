/**
 * What `npm run bench -- --output FILE` writes: how fast the checker was, on one machine.
 *
 * @module
 */
import type { RunFacts } from '../report/report.js'

/** What one checker took for one state space. */
export interface Taken {
  /** Processor time, the median of the runs. */
  readonly seconds: number
  /** Largest resident size, the median; null where it could not be seen. */
  readonly peakBytes: number | null
}

/** The same states, explored here and by SPIN. */
export interface Against {
  readonly name: string
  readonly states: number
  readonly ours: Taken
  /** Null where SPIN or a C compiler was missing. */
  readonly spin: Taken | null
}

/** One check of one scenario. */
export interface TimedScenario {
  readonly name: string
  readonly bounds: string
  /** With the limit that ended the check, or the error. */
  readonly verdict: string
  readonly states: number
  readonly steps: number
  /** On the clock. */
  readonly seconds: number
  readonly storedBytes: number
}

/** All that was measured. */
export interface BenchDocument {
  readonly format: 'hmm-spec-bench'
  readonly version: 1
  readonly run: RunFacts
  /** What the machine calls its processor. */
  readonly processor: string
  /** False if a count was wrong, or a scenario could not be checked. */
  readonly right: boolean
  readonly against: readonly Against[]
  readonly scenarios: readonly TimedScenario[]
}
