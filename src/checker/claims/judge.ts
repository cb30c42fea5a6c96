/**
 * Judges the claims about states and steps, for every way of exploring.
 *
 * @module
 */
import { acting, use } from '../../world/acting.js'
import { SpecificationError, Violation } from '../../world/errors.js'
import type { Abstraction, Invariant, Judgement, Model, StepClaim, Witness } from '../../world/model.js'
import type { World } from '../../world/records/layout.js'
import { atPlaceOf, messageOf } from '../../world/thrown.js'
import { type Ask, type Branch, COMPARED, type Locations, Memo, NO_STEP } from '../explore/memo.js'
import type { Asking } from '../options.js'
import type { ViolationKind } from '../result.js'

/** A claim that does not hold, with a description of the violation. */
export interface Broken {
  readonly kind: ViolationKind
  readonly clause: string
  readonly claim: string
  readonly detail: string
}

/** A claim threw when it was evaluated, and so has no result. */
export class ClaimThrew extends SpecificationError {
  constructor(claim: string, thrown: unknown) {
    super('procedure-threw', `the claim "${claim}" threw: ${messageOf(thrown)}${atPlaceOf(thrown)}`, {
      cause: thrown,
    })
  }
}

/** Judges states and steps by the claims of one model, and counts where the claims apply. */
export class Judge {
  /** For each witness, whether a state has satisfied it. */
  readonly reached: boolean[]
  /**
   * For each invariant and then each step claim, the number of states or steps to which it applied.
   */
  readonly exercised: Float64Array
  /** True if there are claims about steps. */
  readonly judgesSteps: boolean
  private readonly invariants: readonly Invariant[]
  private readonly stepClaims: readonly StepClaim[]
  private readonly witnesses: readonly Witness[]
  private readonly abstractions: readonly Abstraction[]
  // Evaluators, in the order of the claims above.
  private readonly ofStates: readonly Asked<Judgement>[]
  private readonly ofSteps: readonly Asked<Judgement>[]
  private readonly ofCharts: readonly Asked<string>[]
  private readonly ofWitnesses: readonly Asked<boolean>[]
  /** By thread and start location: its moves. */
  private readonly ways: Map<number, Way>[][] = []
  /** Number of witnesses that no state has satisfied yet. */
  private missing: number

  /**
   * @param model - the model with the claims
   * @param how - `remembered` to evaluate a claim only if the fields that it reads have new values;
   * `directly` to evaluate it each time
   */
  constructor(model: Model, how: Asking = 'directly') {
    this.invariants = model.invariants ?? []
    this.stepClaims = model.stepClaims ?? []
    this.witnesses = model.witnesses ?? []
    this.abstractions = model.abstractions ?? []
    this.ofStates = this.invariants.map((claim) => asked(claim.name, (_, __, to) => claim.judge(to), how))
    this.ofSteps = this.stepClaims.map((claim) =>
      asked(claim.name, (thread, from, to) => claim.judge(thread, from, to), how),
    )
    this.ofCharts = this.abstractions.map(({ lifecycle, state }) =>
      asked(`abstraction of ${lifecycle.cell.name}`, (_, __, to) => state(to), how),
    )
    this.ofWitnesses = this.witnesses.map((witness) =>
      asked(witness.name, (_, __, to) => witness.holds(to), how),
    )
    this.judgesSteps = this.stepClaims.length > 0
    this.reached = this.witnesses.map(() => false)
    this.missing = this.witnesses.length
    this.exercised = new Float64Array(this.invariants.length + this.stepClaims.length)
  }

  /** The first claim that does not hold in the world `w`, if there is one. */
  state(w: World, view: Locations): Broken | undefined {
    use(w)
    const { ofStates, ofCharts, exercised } = this
    for (let i = 0; i < ofStates.length; i++) {
      const judgement = ofStates[i].answer(NO_STEP, w, 0, view, view)
      if (judgement === undefined) continue
      exercised[i]++
      if (judgement !== true) return brokenClaim('invariant', this.invariants[i], judgement)
    }
    for (let i = 0; i < ofCharts.length; i++) {
      const { lifecycle } = this.abstractions[i]
      const charted = lifecycle.state()
      if (charted === undefined) continue
      const expected = ofCharts[i].answer(NO_STEP, w, 0, view, view)
      if (expected !== charted)
        return {
          kind: 'abstraction',
          clause: 'refinement',
          claim: `abstraction of ${lifecycle.kind}`,
          detail: `${lifecycle.cell.name}: the world is in "${expected}", the statechart ${lifecycle.kind} in "${charted}"`,
        }
    }
    if (this.missing > 0) this.lookForWitnesses(w, view)
    return undefined
  }

  private lookForWitnesses(w: World, view: Locations): void {
    for (let i = 0; i < this.witnesses.length; i++)
      if (!this.reached[i] && this.ofWitnesses[i].answer(NO_STEP, w, 0, view, view)) {
        this.reached[i] = true
        this.missing--
      }
  }

  /** Continues the counts of an earlier judge of the same claims, and the witnesses it has seen. */
  goOnFrom(exercised: readonly number[], reached: readonly boolean[]): void {
    this.exercised.set(exercised)
    for (const [i, is] of reached.entries()) this.reached[i] = is
    this.missing = this.reached.filter((is) => !is).length
  }

  /**
   * The first claim that does not hold for the step of `thread` from `before` to `after`, if there
   * is one.
   */
  step(before: World, after: World, thread: number, from: Locations, to: Locations): Broken | undefined {
    acting.before = before
    use(after)
    const way = this.wayOf(thread, from.location(thread), to.location(thread))
    const { undecided } = way
    if (undecided === undefined) {
      const broken = this.stepByAll(before, after, thread, from, to)
      if (broken === undefined) this.learn(way, thread, from, to)
      return broken
    }
    if ((++way.taken & (COMPARED - 1)) === 0)
      for (const { memo, answer } of way.decided) memo.compare(answer, thread, from, to)
    const { exercised } = this
    const first = this.invariants.length
    for (let i = 0; i < way.heeded.length; i++) exercised[first + way.heeded[i]]++
    for (let i = 0; i < undecided.length; i++) {
      const { claim, memo, start } = undecided[i]
      const judgement = memo.answerFrom(start, before, after, thread, from, to)
      if (judgement === undefined) continue
      exercised[first + claim]++
      if (judgement !== true) return brokenClaim('step', this.stepClaims[claim], judgement)
    }
    return undefined
  }

  /** The move of `thread` from one location to another. */
  private wayOf(thread: number, from: number, to: number): Way {
    this.ways[thread] ??= []
    const byFrom = this.ways[thread]
    byFrom[from] ??= new Map()
    const byTo = byFrom[from]
    let way = byTo.get(to)
    if (way === undefined) {
      way = { taken: 0, decided: [], heeded: [], undecided: undefined }
      byTo.set(to, way)
    }
    return way
  }

  /** Finds the claims whose result depends only on the move, not on the world. */
  private learn(way: Way, thread: number, from: Locations, to: Locations): void {
    const undecided: Undecided[] = []
    const decided: Decided[] = []
    for (const [claim, memo] of this.ofSteps.entries()) {
      if (!(memo instanceof Memo)) return
      const start = memo.start(thread, from, to)
      if (start === undefined) return
      const answer = memo.answerAt(start)
      if (answer === undefined) undecided.push({ claim, memo, start })
      else decided.push({ claim, memo, answer: answer[0] })
    }
    way.decided = decided
    way.heeded = decided.filter(({ answer }) => answer !== undefined).map(({ claim }) => claim)
    way.undecided = undecided
  }

  private stepByAll(
    before: World,
    after: World,
    thread: number,
    from: Locations,
    to: Locations,
  ): Broken | undefined {
    const { ofSteps, exercised } = this
    const first = this.invariants.length
    for (let i = 0; i < ofSteps.length; i++) {
      const judgement = ofSteps[i].answer(before, after, thread, from, to)
      if (judgement === undefined) continue
      exercised[first + i]++
      if (judgement !== true) return brokenClaim('step', this.stepClaims[i], judgement)
    }
    return undefined
  }
}

/**
 * A claim whose result depends on the world, with the part of its decision tree that the move
 * determines.
 */
interface Undecided {
  readonly claim: number
  readonly memo: Memo<Judgement>
  readonly start: Branch
}

/** A claim whose result the move determines, with that result. */
interface Decided {
  readonly claim: number
  readonly memo: Memo<Judgement>
  readonly answer: Judgement
}

/**
 * The move of a thread from one location to another. Many claims are decided by such a move: they
 * depend on its ends, or never apply to it.
 */
interface Way {
  taken: number
  decided: readonly Decided[]
  /** The claims that hold and apply to each step with this move. */
  heeded: readonly number[]
  /** The other claims that may apply; undefined until they are known. */
  undecided: readonly Undecided[] | undefined
}

/** Evaluates a claim. */
export interface Asked<A> {
  answer(before: World, after: World, thread: number, from: Locations, to: Locations): A
}

/** The evaluator of the claim `claim`. */
export function asked<A>(name: string, claim: Ask<A>, how: Asking): Asked<A> {
  const ask: Ask<A> = (thread, from, to) => {
    try {
      return claim(thread, from, to)
    } catch (error) {
      throw error instanceof SpecificationError || error instanceof Violation
        ? error
        : new ClaimThrew(name, error)
    }
  }
  return how === 'remembered'
    ? new Memo(name, ask)
    : { answer: (_, __, thread, from, to) => ask(thread, from, to) }
}

function brokenClaim(kind: 'invariant' | 'step', claim: Invariant | StepClaim, judgement: unknown): Broken {
  return { kind, clause: claim.clause, claim: claim.name, detail: detailOf(judgement, claim) }
}

/**
 * The description of a violated claim.
 *
 * @throws SpecificationError if the judgement is not a text
 */
function detailOf(judgement: unknown, { name, clause }: Invariant | StepClaim): string {
  if (typeof judgement === 'string' && judgement !== '') return judgement
  throw new SpecificationError(
    'scenario',
    `the claim "${name}" of ${clause} answered ${judgement === '' ? 'an empty text' : String(judgement)}; a claim ` +
      'answers with a text if it does not hold, with true if it does, and with undefined if it has nothing to say',
  )
}
