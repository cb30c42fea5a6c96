/**
 * Closes the trees of claims: a claim is asked about every combination of values that its fields can have, met or not. What
 * holds whatever the values are need then not be asked of any state.
 *
 * @module
 */
import { acting, inside, use } from '../world/acting.js'
import type { View } from '../world/model.js'
import { recordedBy } from '../world/records/footprint.js'
import { type Looks, Path, type Place } from './looks.js'
import { isLeaf, type Seen, type Tree } from './tree.js'

/** A claim, asked at a place. */
export type AskAt<A> = (from: View, to: View) => A

/** Most questions for one tree: one that needs more stays as it is. */
const MOST_QUESTIONS = 1000

/** Thrown where a tree needs too many questions. */
class TooMany extends Error {}

/** Closes trees over the values that fields and questions can have. */
export class Closer {
  private readonly place: Place
  private readonly answers = new Map<number, number>()

  /**
   * @param initial - a world that those are made of in which claims are asked
   * @param valuesOf - the values that a look can see
   */
  constructor(
    private readonly looks: Looks,
    initial: Uint8Array,
    private readonly valuesOf: (look: number) => ReadonlySet<number>,
  ) {
    this.place = {
      before: initial.slice(),
      after: initial.slice(),
      from: this.view('before'),
      to: this.view('after'),
    }
  }

  /** `tree` with an answer for every combination of values; `tree` itself where that needs too many questions. */
  close<A>(tree: Tree<A>, ask: AskAt<A>): Tree<A> {
    let left = MOST_QUESTIONS
    const closed = (node: Tree<A> | undefined, path: readonly Seen[]): Tree<A> | undefined => {
      if (node === undefined) {
        if (--left < 0) throw new TooMany()
        const asked = this.ask(path, ask)
        return asked === undefined ? undefined : closed(asked, path)
      }
      if (isLeaf(node)) return node
      const { look } = node
      const branches = new Map<number, Tree<A>>()
      for (const value of this.valuesOf(look)) {
        const branch = closed(node.branches.get(value), [...path, { look, value }])
        if (branch !== undefined) branches.set(value, branch)
      }
      return { look, branches }
    }
    try {
      return closed(tree, []) ?? tree
    } catch (error) {
      if (error instanceof TooMany) return tree
      throw error
    }
  }

  /** What the claim answers where it sees `path`; `undefined` if it cannot be asked there. */
  private ask<A>(path: readonly Seen[], ask: AskAt<A>): Tree<A> | undefined {
    const { looks, place, answers } = this
    answers.clear()
    for (const { look, value } of path) {
      const { when, cell } = looks.all[look]
      if (cell === undefined) answers.set(look, value)
      else looks.cells[cell].set(when === 'before' ? place.before : place.after, value)
    }
    const seen = new Path(looks, place)
    acting.before = place.before
    use(place.after)
    let made: Tree<A>
    try {
      const leaf = inside(() =>
        recordedBy(seen, () => ask(seen.view(place.from, 'before'), seen.view(place.to, 'after'))),
      )
      made = { leaf }
    } catch {
      // It looks at something that is never there together: no state is like that.
      return undefined
    }
    for (const { look, value } of seen.seen.slice(path.length).reverse())
      made = { look, branches: new Map([[value, made]]) }
    return made
  }

  /** Answers as was set, and otherwise as some location would. */
  private view(when: 'before' | 'after'): View {
    const answer = (question: Parameters<Looks['question']>[0]): number => {
      const look = this.looks.number({ when, question: this.looks.question(question) })
      const [first] = this.valuesOf(look)
      return this.answers.get(look) ?? first
    }
    return {
      step: (thread) => this.looks.textOf(answer({ about: 'step', thread })),
      inside: (thread, procedure) => answer({ about: 'inside', thread, procedure }) === 1,
      finished: (thread) => answer({ about: 'finished', thread }) === 1,
    }
  }
}
