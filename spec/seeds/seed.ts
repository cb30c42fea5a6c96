/**
 * What a row of the table of the seeds is: a type, function, constant, callback or promise of one of the five documents that this
 * specification starts from, and where it is found here.
 *
 * @module
 */

/** What a row is about. A promise is what a document says will hold, or must be done. */
export type SeedKind = 'type' | 'field' | 'function' | 'constant' | 'callback' | 'promise'

/** Where something is found here. No column is empty. */
export interface Evidence {
  /** Requirements, by identifier. */
  readonly specified: readonly string[]
  /** What is exported, as `MODULE:NAME`: `kernel:hmmRangeFault`, `generations:driver.encode`. */
  readonly implemented: readonly string[]
  /** Scenarios by name, and tests by path. */
  readonly checked: readonly string[]
  /** Defects, by name. */
  readonly defects: readonly string[]
}

/** A row. */
export interface SeedItem extends Evidence {
  readonly kind: SeedKind
  /** As the document has it; of a promise, a short name of our own. */
  readonly name: string
  /** What it means, in our own words. */
  readonly meaning: string
}

/** A document. */
export interface Seed {
  /** Its number: `002`. */
  readonly number: string
  /** What it is. */
  readonly title: string
  readonly items: readonly SeedItem[]
}

/** Makes rows that are found in the same places: kind, name, meaning of each. */
export function rows(
  evidence: Evidence,
  ...items: readonly (readonly [kind: SeedKind, name: string, meaning: string])[]
): SeedItem[] {
  return items.map(([kind, name, meaning]) => ({ kind, name, meaning, ...evidence }))
}
