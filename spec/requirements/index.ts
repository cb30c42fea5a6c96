/**
 * Numbered clauses: what must hold of mirroring, where that is said, and what checks it.
 *
 * Numbers are those of the reference, section C. Left out are C26 (order bits: there are only small pages), C27
 * (device-private pages) and the clauses of device memory and migration, C28 to C46, C48 and C50 to C52, except C32: they
 * belong to the procedures of migration, which are not there yet. Clauses with a word for a name are our own.
 *
 * @module
 */
import type { Requirement } from '../requirement.js'
import { coherence } from './coherence.js'
import { collision } from './collision.js'
import { locks } from './locks.js'
import { memory } from './memory.js'
import { notifiers } from './notifiers.js'
import { walk } from './walk.js'

/** Every requirement: the numbered ones first, then our own by name. */
export const requirements: readonly Requirement[] = [
  ...coherence,
  ...collision,
  ...walk,
  ...notifiers,
  ...memory,
  ...locks,
].sort(
  (a, b) =>
    Number(isNumbered(b)) - Number(isNumbered(a)) || a.id.localeCompare(b.id, 'en', { numeric: true }),
)

function isNumbered({ id }: Requirement): boolean {
  return /^C\d+$/.test(id)
}
