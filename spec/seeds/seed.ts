/**
 * A row of the table of the seeds: a type, function, constant, callback or promise of one of the five documents that this
 * specification starts from, and its place here.
 *
 * @module
 */

/** The subject of a row. A promise is a guarantee or an obligation that a document states. */
export type SeedKind = 'type' | 'field' | 'function' | 'constant' | 'callback' | 'promise'

/** The place of a subject here. No column is empty. */
export interface Evidence {
  /** Requirements, by identifier. */
  readonly specified: readonly string[]
  /** Exports, as `MODULE:NAME`: `kernel:hmm_range_fault`, `generations:driver.encode`. */
  readonly implemented: readonly string[]
  /** Scenarios by name, and tests by path. */
  readonly checked: readonly string[]
  /** Defects, by name. */
  readonly defects: readonly string[]
}

/** A row. */
export interface SeedItem extends Evidence {
  readonly kind: SeedKind
  /** Its name in the document; for a promise, a short name of our own. */
  readonly name: string
  /** Its meaning, in our own words. */
  readonly meaning: string
}

/** A document. */
export interface Seed {
  /** Its number: `002`. */
  readonly number: string
  /** Its title. */
  readonly title: string
  readonly items: readonly SeedItem[]
}

/** Makes rows with the same evidence, from the kind, name and meaning of each. */
export function rows(
  evidence: Evidence,
  ...items: readonly (readonly [kind: SeedKind, name: string, meaning: string])[]
): SeedItem[] {
  return items.map(([kind, name, meaning]) => ({ kind, name, meaning, ...evidence }))
}
