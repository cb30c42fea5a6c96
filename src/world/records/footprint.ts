/**
 * Footprints: which fields a step or a claim reads and writes. Fields tell whoever records; while nobody does, an access
 * costs one look more.
 *
 * @module
 */
import type { World } from '../acting.js'
import type { Cell } from './layout.js'

/** The fields that something has touched, by their full names. */
export interface Footprint {
  /** Fields read, those that were written before included. */
  readonly reads: ReadonlySet<string>
  readonly writes: ReadonlySet<string>
}

/** Who is told of each access to a field. */
export interface Recorder {
  /** `cell` is read in `w`. */
  read(cell: Cell<unknown>, w: World): void
  /** `cell` is about to be written in `w`. */
  write(cell: Cell<unknown>, w: World): void
}

/** Who records; looked at by every field. */
export const recording = {
  by: undefined as Recorder | undefined,
  /** True while fields are read for the model's sake: whether a guard is held, a lock may be taken, a claim is true. */
  checking: false,
}

/**
 * Looks at fields that no kernel reads here: for a claim or a ghost field, or because the model
 * keeps in a field what the kernel has at hand, as an argument or a local variable. It counts among
 * what the step reads, and not as an access of the kernel: whether a step is too large does not
 * depend on it. Called inside an atomic step.
 */
export function unobserved<T>(look: () => T): T {
  const { checking } = recording
  recording.checking = true
  try {
    return look()
  } finally {
    recording.checking = checking
  }
}

/** Runs `run` while `recorder`, or nobody, is told of what it touches. */
export function recordedBy<T>(recorder: Recorder | undefined, run: () => T): T {
  const { by, checking } = recording
  recording.by = recorder
  recording.checking = false
  try {
    return run()
  } finally {
    recording.by = by
    recording.checking = checking
  }
}

/** Runs `run` and tells what it has touched, also if it throws: then `result` is absent and `error` is what was thrown. */
export function footprintOf<T>(run: () => T): Footprint & { readonly result?: T; readonly error?: unknown } {
  const [reads, writes] = [new Set<string>(), new Set<string>()]
  const recorder: Recorder = {
    read: ({ name }) => void reads.add(name),
    write: ({ name }) => void writes.add(name),
  }
  try {
    return { reads, writes, result: recordedBy(recorder, run) }
  } catch (error) {
    return { reads, writes, error }
  }
}
