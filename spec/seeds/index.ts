/**
 * The five documents that this specification starts from, row by row.
 *
 * @module
 */
import { devmemRemoval } from './devmem-removal.js'
import { encodingPatch } from './encoding-patch.js'
import { hmmHeader53 } from './hmm-h-5.3.js'
import { hmmHeader57 } from './hmm-h-5.7.js'
import { hmmRstChange } from './hmm-rst-change.js'
import type { Seed } from './seed.js'

export type { Evidence, Seed, SeedItem, SeedKind } from './seed.js'

/** Every document, by number. */
export const seeds: readonly Seed[] = [hmmHeader57, devmemRemoval, encodingPatch, hmmRstChange, hmmHeader53]
