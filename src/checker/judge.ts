/**
 * What is claimed of states and steps, judged in one place for every way of exploring.
 *
 * @module
 */
import { acting, use } from '../world/acting.js'
import { SpecificationError } from '../world/errors.js'
import type { World } from '../world/layout.js'
import type { Abstraction, Invariant, Model, StepClaim, View, Witness } from '../world/model.js'
import type { ViolationKind } from './result.js'

/** A claim that does not hold, and what was seen. */
export interface Broken {
  readonly kind: ViolationKind
  readonly clause: string
  readonly claim: string
  readonly detail: string
}

/** Judges states and steps by the claims of one model, and counts what the claims had something to say of. */
export class Judge {
  /** For each witness, whether a state has shown it. */
  readonly reached: boolean[]
  /** For each invariant and then each step claim, in how many states or steps it had something to say. */
  readonly exercised: Float64Array
  /** True if there is anything to be said of steps. */
  readonly judgesSteps: boolean
  private readonly invariants: readonly Invariant[]
  private readonly stepClaims: readonly StepClaim[]
  private readonly witnesses: readonly Witness[]
  private readonly abstractions: readonly Abstraction[]

  constructor(model: Model) {
    this.invariants = model.invariants ?? []
    this.stepClaims = model.stepClaims ?? []
    this.witnesses = model.witnesses ?? []
    this.abstractions = model.abstractions ?? []
    this.judgesSteps = this.stepClaims.length > 0
    this.reached = this.witnesses.map(() => false)
    this.exercised = new Float64Array(this.invariants.length + this.stepClaims.length)
  }

  /** The first claim that does not hold in the world `w`, if there is one. */
  state(w: World, view: View): Broken | undefined {
    use(w)
    for (let i = 0; i < this.invariants.length; i++) {
      const invariant = this.invariants[i]
      const judgement = invariant.judge(view)
      if (judgement === undefined) continue
      this.exercised[i]++
      if (judgement !== true)
        return {
          kind: 'invariant',
          clause: invariant.clause,
          claim: invariant.name,
          detail: detailOf(judgement, invariant),
        }
    }
    for (let i = 0; i < this.abstractions.length; i++) {
      const { lifecycle, state } = this.abstractions[i]
      const expected = state(view)
      const charted = lifecycle.state()
      if (charted !== undefined && expected !== charted)
        return {
          kind: 'abstraction',
          clause: 'refinement',
          claim: `abstraction of ${lifecycle.kind}`,
          detail: `${lifecycle.cell.name}: the world is in "${expected}", the statechart ${lifecycle.kind} in "${charted}"`,
        }
    }
    for (let i = 0; i < this.witnesses.length; i++)
      if (!this.reached[i] && this.witnesses[i].holds(view)) this.reached[i] = true
    return undefined
  }

  /** The first claim that does not hold of the step of `thread` from `before` to `after`, if there is one. */
  step(before: World, after: World, thread: number, from: View, to: View): Broken | undefined {
    acting.before = before
    use(after)
    for (let i = 0; i < this.stepClaims.length; i++) {
      const claim = this.stepClaims[i]
      const judgement = claim.judge(thread, from, to)
      if (judgement === undefined) continue
      this.exercised[this.invariants.length + i]++
      if (judgement !== true)
        return {
          kind: 'step',
          clause: claim.clause,
          claim: claim.name,
          detail: detailOf(judgement, claim),
        }
    }
    return undefined
  }
}

/** What a claim has seen that does not hold. @throws SpecificationError if that is no text: it has not been judged */
function detailOf(judgement: unknown, { name, clause }: Invariant | StepClaim): string {
  if (typeof judgement === 'string' && judgement !== '') return judgement
  throw new SpecificationError(
    'scenario',
    `the claim "${name}" of ${clause} answered ${judgement === '' ? 'an empty text' : String(judgement)}; a claim ` +
      'answers with a text if it does not hold, with true if it does, and with undefined if it has nothing to say',
  )
}
