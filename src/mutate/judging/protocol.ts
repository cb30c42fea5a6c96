/**
 * What the command line and a process that runs mutants tell each other.
 *
 * @module
 */
import type { KernelVersion } from '../../conformance/result.js'
import type { Bounds } from '../../world/model.js'
import type { CorruptFindings, CorruptOptions } from '../states/corrupt.js'

/** One file of recordings. */
export interface RecordingFile {
  readonly name: string
  readonly path: string
  readonly kernel: KernelVersion
}

/**
 * What there is to run: the scenarios and the recordings, the cells of the recorded driver, faults on device pages on the
 * kernels before the reference, or scenarios of mirroring in earlier generations of the API.
 */
export type Part = 'scenarios' | 'cells' | 'kernels' | 'generations'

/** Runs everything as it is, instrumented, and answers a {@link Measured} for each. */
export interface MeasureOrder {
  readonly kind: 'measure'
  readonly part: Part
  readonly bounds: Bounds
  /** Names of the scenarios to run; all where it is absent. */
  readonly only?: readonly string[]
  /** Every so many-th of all that there is to run, from which on: several processes share it. */
  readonly share: { readonly of: number; readonly from: number }
  /** How many anchors the instrumented text has. */
  readonly anchors: number
  readonly recordings: readonly RecordingFile[]
}

/** Runs what reaches a mutant, until something notices it. */
export interface JudgeOrder {
  readonly kind: 'judge'
  readonly bounds: Bounds
  readonly scenarios: readonly ScenarioOrder[]
  readonly recordings: readonly RecordingOrder[]
}

/** A scenario to run, and what it was like without the mutant. */
export interface ScenarioOrder {
  readonly name: string
  readonly states: number
  readonly print: string
  readonly digest: string
}

/** Lines of a file of recordings to compare. */
export interface RecordingOrder extends RecordingFile {
  readonly lines: readonly number[]
  /** Milliseconds that all of them took without the mutant. */
  readonly ms: number
}

/** Changes states of scenarios, and answers {@link CorruptFindings} for each. */
export interface CorruptOrder extends CorruptOptions {
  readonly kind: 'corrupt'
  /** Names of the scenarios; all where it is absent. */
  readonly only?: readonly string[]
}

/** An order. */
export type Order = MeasureOrder | JudgeOrder | CorruptOrder

/** A scenario or a recorded sequence as it is without a mutant. */
export type Measured = MeasuredScenario | MeasuredRecording

/** A scenario as it is without a mutant. */
export interface MeasuredScenario {
  readonly kind: 'scenario'
  readonly name: string
  /** Milliseconds that it took. */
  readonly ms: number
  readonly states: number
  /** Of all counts and answers of claims. */
  readonly print: string
  /** Of states and steps. */
  readonly digest: string
  /** The anchors that it reached. */
  readonly reached: string
}

/** A recorded sequence as it is without a mutant. */
export interface MeasuredRecording {
  readonly kind: 'recording'
  readonly file: string
  readonly line: number
  readonly ms: number
  readonly reached: string
}

/** What one scenario or one file of recordings had to say of a mutant. */
export type Heard =
  | { readonly kind: 'killed'; readonly by: string; readonly clause: string; readonly steps: number }
  /** A message that blames the author of the scenario or of the procedure. */
  | { readonly kind: 'blamed'; readonly by: string; readonly code: string; readonly message: string }
  /** Nothing is broken; `same` if the counts and the answers of claims are what they were. */
  | { readonly kind: 'held'; readonly by: string; readonly same: boolean }
  /** It grew beyond the bound of states, or took too long. */
  | { readonly kind: 'limit'; readonly by: string }

/** What a process answers. */
export type Reply =
  | { readonly kind: 'begun'; readonly name: string }
  | { readonly kind: 'measured'; readonly measured: Measured }
  | { readonly kind: 'heard'; readonly heard: Heard }
  | { readonly kind: 'corrupted'; readonly findings: CorruptFindings }
  /** All is run; `sameGraphs` if the digests of all scenarios are what they were, where that was worth a look. */
  | { readonly kind: 'end'; readonly sameGraphs?: boolean }
  | { readonly kind: 'failed'; readonly code: string; readonly message: string }
