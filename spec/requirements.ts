/**
 * The requirements of mirroring and migration, each with its sources and its checks.
 *
 * Numbers are those of docs/reference/promises.md. Requirements named by a word are our own.
 *
 * @module
 */
import type { GenerationName } from '../src/generations/generation.js'
import { exclusive } from './exclusive/requirements/exclusive.js'
import { encodings } from './generations/requirements/encodings.js'
import { memory } from './memory/requirements/memory.js'
import { coherent } from './migrate/requirements/coherent.js'
import { deviceMemory } from './migrate/requirements/device-memory.js'
import { devmem } from './migrate/requirements/devmem.js'
import { migration } from './migrate/requirements/migration.js'
import { migrationStages } from './migrate/requirements/migration-stages.js'
import { coherence } from './mirror/requirements/coherence.js'
import { collision } from './mirror/requirements/collision.js'
import { locks } from './mirror/requirements/locks.js'
import { notifiers } from './mirror/requirements/notifiers.js'
import { twoPass } from './mirror/requirements/two-pass.js'
import { walk } from './mirror/requirements/walk.js'
import type { Requirement } from './requirement.js'

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
