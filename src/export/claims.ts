/**
 * The claims of a model, recorded as they are asked.
 *
 * @module
 */
import { acting, use } from '../world/acting.js'
import { SpecificationError, Violation } from '../world/errors.js'
import type { Judgement, Model, View } from '../world/model.js'
import { recordedBy } from '../world/records/footprint.js'
import type { AskAt, Closer } from './close.js'
import { type Looks, Path, type Place } from './looks.js'
import type { Answer, RecordedClaim, RecordedProgress } from './recording.js'
import { answerOf, Contradiction, grown, type Tree } from './tree.js'

/** Asks one claim: of the step of `thread`, or of the state at which `to` looks. */
type Ask = (thread: number, from: View, to: View) => Judgement

/** Asks the claims of one model, and keeps a tree of each. */
export class RecordedClaims {
  readonly invariants: RecordedClaim[] = []
  readonly stepClaims: RecordedClaim[] = []
  readonly progress: RecordedProgress[] = []
  private readonly ofStates: Ask[] = []
  private readonly ofSteps: Ask[] = []
  private readonly pending: ((view: View) => boolean)[] = []

  constructor(
    model: Model,
    private readonly looks: Looks,
  ) {
    for (const claim of model.invariants ?? []) {
      this.invariants.push({ clause: claim.clause, name: claim.name, trees: [] })
      this.ofStates.push((_, __, to) => claim.judge(to))
    }
    for (const { lifecycle, state } of model.abstractions ?? []) {
      this.invariants.push({ clause: 'refinement', name: `abstraction of ${lifecycle.cell.name}`, trees: [] })
      this.ofStates.push((_, __, to) => {
        const charted = lifecycle.state()
        return charted === undefined || state(to) === charted ? true : `it is not in ${charted}`
      })
    }
    for (const claim of model.stepClaims ?? []) {
      this.stepClaims.push({ clause: claim.clause, name: claim.name, trees: [] })
      this.ofSteps.push((thread, from, to) => claim.judge(thread, from, to))
    }
    for (const claim of model.progress ?? []) {
      this.progress.push({ clause: claim.clause, name: claim.name, tree: undefined })
      this.pending.push((view) => claim.pending(view))
    }
  }

  /** Asks all claims about states. @returns false if one is broken */
  holdIn(place: Place): boolean {
    use(place.after)
    let hold = true
    for (const [i, claim] of this.invariants.entries())
      if (this.judge(claim, this.ofStates[i], 0, place) !== '') hold = false
    for (const [i, claim] of this.progress.entries())
      claim.tree = this.answered(claim, claim.tree, place, (_, to) => this.pending[i](to)).tree
    return hold
  }

  /** Asks all claims about a step of `thread`. @returns false if one is broken */
  holdOf(thread: number, place: Place): boolean {
    acting.before = place.before
    use(place.after)
    let hold = true
    for (const [i, claim] of this.stepClaims.entries())
      if (this.judge(claim, this.ofSteps[i], thread, place) !== '') hold = false
    return hold
  }

  /** Asks each claim about all values that there can be, as far as that does not take too long. */
  close(closer: Closer): void {
    for (const [i, claim] of this.invariants.entries()) this.closeOne(closer, claim, this.ofStates[i])
    for (const [i, claim] of this.stepClaims.entries()) this.closeOne(closer, claim, this.ofSteps[i])
    for (const [i, claim] of this.progress.entries())
      if (claim.tree !== undefined) claim.tree = closer.close(claim.tree, (_, to) => this.pending[i](to))
  }

  private closeOne(closer: Closer, claim: RecordedClaim, ask: Ask): void {
    for (const [thread, tree] of claim.trees.entries())
      if (tree !== undefined) claim.trees[thread] = closer.close(tree, answering(claim, ask, thread))
  }

  private judge(claim: RecordedClaim, ask: Ask, thread: number, place: Place): Answer {
    const { tree, answer } = this.answered(claim, claim.trees[thread], place, answering(claim, ask, thread))
    claim.trees[thread] = tree
    return answer
  }

  private answered<A>(
    { name }: { readonly name: string },
    tree: Tree<A> | undefined,
    place: Place,
    ask: AskAt<A>,
  ): { readonly tree: Tree<A>; readonly answer: A } {
    const { looks } = this
    const known = answerOf(tree, (look) => looks.read(look, place))
    if (known !== undefined) return { tree: tree as Tree<A>, answer: known }
    const path = new Path(looks, place)
    const answer = recordedBy(path, () => ask(path.view(place.from, 'before'), path.view(place.to, 'after')))
    try {
      return { tree: grown(tree, path.seen, answer), answer }
    } catch (error) {
      if (!(error instanceof Contradiction)) throw error
      throw new SpecificationError(
        'non-deterministic',
        `the claim "${name}" looks at more than the world and where the threads stand`,
      )
    }
  }
}

/** The clause that a claim finds broken, by its own answer or because what it looks at may not be looked at. */
function answering({ clause }: RecordedClaim, ask: Ask, thread: number): AskAt<Answer> {
  return (from, to) => {
    try {
      return typeof ask(thread, from, to) === 'string' ? clause : ''
    } catch (error) {
      if (error instanceof Violation) return error.clause
      throw error
    }
  }
}
