/**
 * What a requirement is.
 *
 * @module
 */

/** A numbered clause: what must hold, where that is said, and what checks it. */
export interface Requirement {
  /** Identifier: `C1` … from the reference, or a word of our own (`lock-order`). */
  readonly id: string
  /** A short name. */
  readonly title: string
  /** What must hold, in a few sentences of our own. */
  readonly text: string
  /** Where it comes from: kernel file or document, and the section of the reference. */
  readonly source: readonly string[]
  /** Names of the claims that check it, and what else does (`type:`, `test:`). */
  readonly checks: readonly string[]
}
