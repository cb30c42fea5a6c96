/**
 * The requirements of mirroring and migration, each with its sources and its checks.
 *
 * Numbers are those of docs/reference/promises.md. Requirements named by a word are our own.
 *
 * @module
 */
import type { GenerationName } from '../../src/generations/generation.js'
import type { Requirement } from '../requirement.js'
import { coherence } from './coherence.js'
import { coherent } from './coherent.js'
import { collision } from './collision.js'
import { deviceMemory } from './device-memory.js'
import { devmem } from './devmem.js'
import { encodings } from './encodings.js'
import { exclusive } from './exclusive.js'
import { locks } from './locks.js'
import { memory } from './memory.js'
import { migration } from './migration.js'
import { migrationStages } from './migration-stages.js'
import { notifiers } from './notifiers.js'
import { twoPass } from './two-pass.js'
import { walk } from './walk.js'

/** Every requirement: the numbered ones first, then our own by name. */
export const requirements: readonly Requirement[] = [
  ...coherence,
  ...collision,
  ...walk,
  ...encodings,
  ...notifiers,
  ...memory,
  ...migration,
  ...migrationStages,
  ...deviceMemory,
  ...devmem,
  ...coherent,
  ...exclusive,
  ...locks,
  ...twoPass,
].sort(
  (a, b) =>
    Number(isNumbered(b)) - Number(isNumbered(a)) || a.id.localeCompare(b.id, 'en', { numeric: true }),
)

/** The clauses that do not hold in a generation of the API. */
export function notHeldIn(generation: GenerationName): string[] {
  return requirements.filter(({ id }) => !holdsIn(generation, id)).map(({ id }) => id)
}

/** True if the clause holds in a generation of the API. */
export function holdsIn(generation: GenerationName, clause: string): boolean {
  const generations = requirements.find(({ id }) => id === clause)?.generations
  return generations === undefined || generations.includes(generation)
}

function isNumbered({ id }: Requirement): boolean {
  return /^C\d+$/.test(id)
}
