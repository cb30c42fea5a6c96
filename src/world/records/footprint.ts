/**
 * Footprints: the fields that a step or a claim reads and writes. Fields report accesses to a
 * recorder; without one an access costs one extra comparison.
 *
 * @module
 */
import type { World } from '../acting.js'
import type { Cell } from './layout.js'

/** The fields that were accessed, by full name. */
export interface Footprint {
  /** Fields read, also those that were written before. */
  readonly reads: ReadonlySet<string>
  readonly writes: ReadonlySet<string>
}

/** Receives each access to a field. */
export interface Recorder {
  /** Called when `cell` is read in `w`. */
  read(cell: Cell<unknown>, w: World): void
  /** Called before `cell` is written in `w`. */
  write(cell: Cell<unknown>, w: World): void
}

/** The current recorder. Every field checks it. */
export const recording = {
  by: undefined as Recorder | undefined,
  /** True while the model itself reads fields, for example to check a guard, a lock or a claim. */
  checking: false,
}

/**
 * Reads fields that the kernel does not read here: for a claim or a ghost field, or because the
 * model keeps in a field what the kernel has in an argument or a local variable. The reads are in
 * the footprint, but they do not count as accesses when the atomicity of the step is checked.
 * Called inside an atomic step.
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

/** Runs `run` with `recorder` as the current recorder, or without one. */
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

/**
 * Runs `run` and returns its footprint. If it throws, `result` is absent and `error` is the thrown
 * value.
 */
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
