/**
 * The result of a comparison with recordings. Plain data: it is printed, stored as JSON and compared.
 *
 * @module
 */

/** The kernels that recordings come from, oldest first. */
export const RECORDED_KERNELS = ['6.1', '6.12', '7.3'] as const

/** A kernel that recordings come from. */
export type KernelVersion = (typeof RECORDED_KERNELS)[number]

/** The name of the profile of the kernel's test driver. */
export function profileOfDriver(kernel: KernelVersion): string {
  return `test_hmm-${kernel}`
}

/** The profile of what any driver must answer. */
export const CLEAN_PROFILE = 'clean'

/** How a file of recordings is compared. */
export interface ConformanceOptions {
  /** The kernel on which the file was recorded. */
  readonly kernel: KernelVersion
  /** Whose answers are demanded; `test_hmm-KERNEL` if it is omitted. */
  readonly profile?: string
}

/** One result of the oracle that differs from the recorded one. */
export interface Mismatch {
  /** Name of the sequence. */
  readonly sequence: string
  /** Its line in the file, from 1. */
  readonly line: number
  /** Index of the operation within the sequence, from 0. */
  readonly operation: number
  /** The operation as recorded: `dev_read 0 0 4`. */
  readonly op: string
  /** The field that differs: `rc`, `prot`, … */
  readonly field: string
  /** The kernel's value: any JSON value; absent if its result has no such field. */
  readonly expected?: unknown
  /** The oracle's value; absent if its result has no such field. */
  readonly actual?: unknown
}

/** A step, by how many sequences take it: see {@link ConformanceResult.suspects}. */
export interface Suspect {
  /** `procedure: step`. */
  readonly step: string
  /** Mismatched sequences that take it, up to the operation in which they first differ. */
  readonly mismatched: number
  /** Matched sequences that take it. */
  readonly matched: number
  /** From 0 to 1: 1 if all mismatched sequences take it, and no other. */
  readonly score: number
}

/** The result of `conformFile`. A sequence is matched, mismatched or unsupported, and counted once. */
export interface ConformanceResult {
  /** Sequences in the file. */
  readonly sequences: number
  /** Operations whose results were compared. */
  readonly operations: number
  /** Sequences in which every result equals the recorded one. */
  readonly matched: number
  /** Sequences in which at least one result differs. */
  readonly mismatched: number
  /** Sequences with an operation that is not supported. */
  readonly unsupported: number
  readonly mismatches: readonly Mismatch[]
  /** Where to look: the steps that mismatched sequences take and matched ones do not, the most suspicious first. Absent if all match, or if there is none. */
  readonly suspects?: readonly Suspect[]
  /** For each unsupported operation, the number of sequences that contain it. */
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
