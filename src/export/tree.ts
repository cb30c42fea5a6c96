/**
 * Decision trees: what a step does, or a claim answers, as a function of the few things that it looks at. A tree holds what
 * was met while it was recorded; a branch that is missing was never met.
 *
 * @module
 */

/** A node: looks at one thing, and goes on by its value. */
export interface Branching<L> {
  /** What it looks at: a number that whoever records has given it. */
  readonly look: number
  readonly branches: Map<number, Tree<L>>
}

/** An end: the answer. */
export interface Leaf<L> {
  readonly leaf: L
}

/** A decision tree whose answers are of type `L`. */
export type Tree<L> = Branching<L> | Leaf<L>

/** One thing that was looked at, and its value. */
export interface Seen {
  readonly look: number
  readonly value: number
}

/** Two recordings that have seen the same and yet differ. */
export class Contradiction extends Error {}

/** True for an end. */
export function isLeaf<L>(tree: Tree<L>): tree is Leaf<L> {
  return 'leaf' in tree
}

/** The answer of `tree` where each thing has the value that `read` gives; `undefined` if that was never met. */
export function answerOf<L>(tree: Tree<L> | undefined, read: (look: number) => number): L | undefined {
  let at = tree
  while (at !== undefined && !isLeaf(at)) at = at.branches.get(read(at.look))
  return at?.leaf
}

/**
 * `tree` with one more way through it, in place.
 *
 * @throws Contradiction if it looks at another thing where the same was seen, or has an answer already
 */
export function grown<L>(tree: Tree<L> | undefined, path: readonly Seen[], leaf: L): Tree<L> {
  const end = (from: number): Tree<L> => {
    let made: Tree<L> = { leaf }
    for (let i = path.length - 1; i >= from; i--)
      made = { look: path[i].look, branches: new Map([[path[i].value, made]]) }
    return made
  }
  if (tree === undefined) return end(0)
  let at = tree
  for (const [i, { look, value }] of path.entries()) {
    if (isLeaf(at) || at.look !== look) throw new Contradiction()
    const next = at.branches.get(value)
    if (next === undefined) {
      at.branches.set(value, end(i + 1))
      return tree
    }
    at = next
  }
  throw new Contradiction()
}

/** Number of answers of `tree`. */
export function leavesOf<L>(tree: Tree<L>): number {
  if (isLeaf(tree)) return 1
  let sum = 0
  for (const branch of tree.branches.values()) sum += leavesOf(branch)
  return sum
}
