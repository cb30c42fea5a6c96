/**
 * Normalisation: states that differ only in names count as one state. After each step that changes
 * the cells of a normalisation, the state is replaced by its representative.
 *
 * @module
 */
import { use } from '../../world/acting.js'
import type { Model, Normalisation } from '../../world/model.js'
import type { Cell, Layout, World } from '../../world/records/layout.js'
import type { Reductions } from '../options.js'
import type { State } from './system.js'

/** A normalisation, and the bits of its cells in the words of a state. */
interface Watched {
  readonly words: readonly number[]
  readonly masks: Uint32Array
  readonly normalisation: Normalisation
}

/** The bits of a world's words that the cells use. */
function bitsOf(cells: readonly Cell<unknown>[], layout: Layout): Uint32Array {
  const masks = new Uint32Array(Math.ceil(Math.max(1, layout.bytes) / 4))
  const words = new Uint32Array(masks.length)
  const world = new Uint8Array(words.buffer)
  for (const cell of cells)
    for (let bit = 1; bit <= cell.max; bit *= 2) {
      words.fill(0)
      cell.set(world, bit)
      for (const i of masks.keys()) masks[i] |= words[i]
    }
  return masks
}

/** The normalisations of a model. */
export class Normaliser {
  /** Their names, for verdicts. */
  readonly names: readonly string[]
  private readonly watched: readonly Watched[]

  /**
   * @param model - the model with the normalisations
   * @param use - `none` to leave every state as it is
   */
  constructor({ layout, normalisations = [] }: Model, use: Reductions = 'all') {
    if (use === 'none') normalisations = []
    this.names = normalisations.map(({ name }) => name)
    this.watched = normalisations.map((normalisation) => {
      const masks = bitsOf(normalisation.cells, layout)
      return { words: [...masks.keys()].filter((i) => masks[i] !== 0), masks, normalisation }
    })
  }

  /**
   * Normalises `after`, whose world is `world`, if the step from `before` has changed its cells.
   */
  settle(before: State, after: State, world: World): void {
    for (const { words, masks, normalisation } of this.watched)
      for (const i of words)
        if (((before[i] ^ after[i]) & masks[i]) !== 0) {
          use(world)
          normalisation.apply()
          break
        }
  }

  /** Normalises a world unconditionally. */
  apply(world: World): void {
    use(world)
    for (const { normalisation } of this.watched) normalisation.apply()
  }
}
