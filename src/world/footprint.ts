/**
 * Footprints: which fields a step or a claim reads and writes. Only layouts that are declared within {@link recordable} can
 * tell; in any other an access costs nothing more.
 *
 * @module
 */

/** The fields that something has touched, by their full names. */
export interface Footprint {
  /** Fields read, those that were written before included. */
  readonly reads: ReadonlySet<string>
  readonly writes: ReadonlySet<string>
}

/** What is being recorded; looked at by the cells of layouts that can tell. */
export const recording = {
  /** True while layouts are declared that can tell. */
  declares: false,
  reads: undefined as Set<string> | undefined,
  writes: undefined as Set<string> | undefined,
}

/** Builds models whose fields tell who touches them. */
export function recordable<T>(build: () => T): T {
  const before = recording.declares
  recording.declares = true
  try {
    return build()
  } finally {
    recording.declares = before
  }
}

/** Runs `run` and tells what it has touched, also if it throws: then `result` is absent and `error` is what was thrown. */
export function footprintOf<T>(run: () => T): Footprint & { readonly result?: T; readonly error?: unknown } {
  const [reads, writes] = [new Set<string>(), new Set<string>()]
  recording.reads = reads
  recording.writes = writes
  try {
    return { reads, writes, result: run() }
  } catch (error) {
    return { reads, writes, error }
  } finally {
    recording.reads = undefined
    recording.writes = undefined
  }
}
