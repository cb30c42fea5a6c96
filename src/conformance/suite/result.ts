/**
 * What a run of the suite answers. Plain data: it is printed, stored as JSON and compared as it is.
 *
 * @module
 */
import type { ExercisedKind } from './data.js'
import type { FailureKind } from './peer/peer.js'
import type { Hello } from './peer/protocol.js'

/** Where a peer's answer is not one of those that are allowed, or none. */
export interface Divergence {
  /** Index of the operation in its sequence, from 0. */
  readonly operation: number
  readonly op: string
  /** The field that differs; `peer` if the peer failed to answer. */
  readonly field: string
  /** What the specification allows: one of these; `null` stands for a field that is absent. Empty for `peer`. */
  readonly expected: readonly unknown[]
  /** What was observed; absent if the answer has no such field. For `peer` what it did instead of answering. */
  readonly actual?: unknown
  /** How it failed; absent if it answered. */
  readonly failure?: FailureKind
}

/** A sequence with a divergence, and the shortest that shows it. */
export interface DivergentSequence extends Divergence {
  readonly sequence: string
  readonly shrunk: Divergence & {
    readonly ops: readonly string[]
    /** True if no sequence that lacks some of its operations shows it: all of them were tried. */
    readonly shortest: boolean
    /** Sequences that were tried to find it. */
    readonly trials: number
  }
}

/** How much of what the suite exercises a run has asked. */
export interface SuiteCoverage {
  /** What the sequences exercise that were compared. */
  readonly reached: number
  /** What the suite exercises. */
  readonly total: number
  /** What one thread is known to exercise, with or without the suite. */
  readonly known: number
}

/** What came of a run. A sequence passed, diverged, is unsupported or was not run, and is counted once. */
export interface SuiteResult {
  readonly peer: Hello
  readonly profile: string
  /** Version of the suite. */
  readonly suite: string
  readonly sequences: number
  readonly passed: number
  readonly diverged: number
  /** Sequences with an operation that the peer does not support, or that go beyond its limits. */
  readonly unsupported: number
  /** Sequences of which the profile says nothing. */
  readonly outsideProfile: number
  /** Sequences that were left out since the run was stopped. */
  readonly notRun: number
  /** Why sequences were left out: the run did not come to its end. */
  readonly stopped?: 'interrupted' | 'time' | 'failures' | 'divergences'
  /** Operations whose answers were compared. */
  readonly operations: number
  /** For each operation that is not supported, in how many sequences it stands. */
  readonly unsupportedOperations: Readonly<Record<string, number>>
  readonly divergences: readonly DivergentSequence[]
  /** By kind, on the release of the profile. */
  readonly coverage: Readonly<Record<ExercisedKind, SuiteCoverage>>
}
