/**
 * The digest of a naive graph, added up from its last state to its first. Only what states and steps are hashed with
 * is the checker's.
 */
import {
  addTo,
  hashCell,
  hashLabel,
  hashPlace,
  hashState,
  hashStep,
  hexOf,
} from '../../src/checker/digest.js'
import type { GraphDigest } from '../../src/checker/index.js'
import type { Model, World } from '../../src/world/index.js'
import type { Graph, Node } from './explore.js'

/** The digest of `graph`, which is that of `model`. */
export function digestOf({ layout, threads }: Model, graph: Graph<World>): GraphDigest {
  const hashOf = ({ world, places }: Node<World>) => {
    const sum = new Int32Array(4)
    for (const cell of layout.cells) {
      const value = cell.readOnce(world)
      if (value !== 0) addTo(sum, hashCell(cell.name, value))
    }
    for (const [i, { frames }] of places.entries()) addTo(sum, hashPlace(`${i} ${threads[i].name}`, frames))
    return hashState(sum)
  }
  const hashes = graph.map(hashOf)
  const states = new Int32Array(4)
  const steps = new Int32Array(4)
  for (const [from, { edges }] of [...graph.entries()].reverse()) {
    addTo(states, hashes[from])
    for (const { thread, choice, result, to } of edges)
      addTo(steps, hashStep(hashes[from], hashes[to], hashLabel(thread, choice, result)))
  }
  return { states: hexOf(states), steps: hexOf(steps) }
}
