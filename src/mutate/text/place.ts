/**
 * Places in a text.
 *
 * @module
 */

/** A line and a column, from 1. */
export interface Place {
  readonly line: number
  readonly column: number
}
