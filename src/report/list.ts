/**
 * What `hmm-spec list` prints.
 *
 * @module
 */
import type { Layout } from './form/colours.js'
import { type Column, table } from './form/table.js'

/** A list, as a table shows it. */
export interface Listing {
  readonly head: readonly Column[]
  readonly rows: readonly (readonly string[])[]
}

/** The list of `what` as text. */
export function listText(what: string, { head, rows }: Listing, { colours, width }: Layout): string {
  return rows.length === 0 ? `there are no ${what} yet\n` : `${table(head, rows, colours, width)}\n`
}
