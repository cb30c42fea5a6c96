/**
 * What a comparison with recordings answers. Plain data: it is printed, stored as JSON and compared as it is.
 *
 * @module
 */

/** The kernels that recordings come from. */
export type KernelVersion = '6.1' | '6.12' | '7.3'

/** How a file of recordings is compared. */
export interface ConformanceOptions {
  /** The kernel on which the file was recorded. */
  readonly kernel: KernelVersion
}

/** One answer of the oracle that is not the recorded one. */
export interface Mismatch {
  /** Name of the sequence. */
  readonly sequence: string
  /** Its line in the file, from 1. */
  readonly line: number
  /** Index of the operation within the sequence, from 0. */
  readonly operation: number
  /** The operation as recorded: `dev_read 0 0 4`. */
  readonly op: string
  /** Which field of the result differs: `rc`, `prot`, … */
  readonly field: string
  /** What the kernel answered: any JSON value; absent if the kernel's result has no such field. */
  readonly expected?: unknown
  /** What the oracle answers; absent if its result has no such field. */
  readonly actual?: unknown
}

/** The answer of `conformFile`. A sequence is matched, mismatched or unsupported, and counted once. */
export interface ConformanceResult {
  /** Sequences in the file. */
  readonly sequences: number
  /** Operations whose results were compared. */
  readonly operations: number
  /** Sequences in which every result is the recorded one. */
  readonly matched: number
  /** Sequences in which at least one result is not. */
  readonly mismatched: number
  /** Sequences with an operation that is not supported. */
  readonly unsupported: number
  readonly mismatches: readonly Mismatch[]
  /** For each operation that is not supported, in how many sequences it stands. */
  readonly unsupportedOperations: Readonly<Record<string, number>>
}

/** A file of recordings that cannot be read as one. The message names the file, the line and what is wrong. */
export class RecordingError extends Error {
  override readonly name = 'RecordingError'

  /**
   * @param message - what is wrong, where, and what to do
   * @param result - the result of the lines that could be read, if any were compared
   */
  constructor(
    message: string,
    readonly result?: ConformanceResult,
  ) {
    super(message)
  }
}
