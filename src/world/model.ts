/**
 * What a scenario is: a bounded world, the threads that run on it, and what is claimed of every interleaving.
 * The checker takes models of this shape and knows nothing of what they are about.
 *
 * @module
 */
import { SpecificationError } from './errors.js'
import type { Override } from './procedures/override.js'
import type { AnyProcedure } from './procedures/procedure.js'
import type { Cell, Layout } from './records/layout.js'
import type { Lifecycle, TransitionTable } from './records/lifecycle.js'

/** One thread of a model. */
export interface Thread {
  /** Name, as in traces. */
  readonly name: string
  readonly program: AnyProcedure
  readonly args: readonly unknown[]
  /** True if it may wait for ever: a model in which only such threads are left has ended, not deadlocked. */
  readonly daemon?: boolean
}

/** Where the threads stand in the state that is looked at. */
export interface View {
  /** Name of the step that `thread` takes next, or `finished`. */
  step(thread: number): string
  /** True if `thread` is inside `procedure`, at any depth of calls. */
  inside(thread: number, procedure: AnyProcedure): boolean
  /** True if `thread` has ended. */
  finished(thread: number): boolean
}

/**
 * What a claim says of a state or a step: a text is what was seen when it does not hold; `true` means that it
 * holds and had something to say; `undefined` that it had nothing to say here.
 */
export type Judgement = string | true | undefined

/** A claim about every reachable state. */
export interface Invariant {
  /** Identifier of the requirement it checks. */
  readonly clause: string
  /** Unique name. */
  readonly name: string
  /** What it says of one state. */
  judge(view: View): Judgement
}

/**
 * A claim about every step: who took it, and where the threads stood and stand. Records are as they are after it;
 * {@link old} gives them as they were before.
 */
export interface StepClaim {
  readonly clause: string
  readonly name: string
  /** What it says of one step. */
  judge(thread: number, from: View, to: View): Judgement
}

/** A call that a thread is in. */
export interface CallUnderWay {
  readonly procedure: AnyProcedure
  readonly args: readonly unknown[]
  /** What its steps and calls have returned to it, in their order. */
  readonly inputs: readonly unknown[]
}

/** A claim that something can happen: it fails if no reachable state shows it. */
export interface Witness {
  readonly clause?: string
  readonly name: string
  /** Of what in particular, where several witnesses have one name. */
  readonly about?: string
  /** True in a state that shows it. */
  holds(view: View): boolean
  /**
   * What may stand in its way, in words, if a thread that is in `calls` has met it; undefined if it has not. Where no state shows
   * the witness, the shortest run to such a place is shown.
   *
   * @param calls - the outermost first
   */
  instead?(calls: readonly CallUnderWay[]): string | undefined
}

/**
 * A claim that something does not last: under weak fairness (a thread that can always go on, does) no run stays
 * for ever in states where `pending` is true.
 */
export interface ProgressClaim {
  readonly clause: string
  readonly name: string
  /** True in a state of what must not last. */
  pending(view: View): boolean
}

/** How the concrete world is read as a state of a statechart: the refinement mapping. */
export interface Abstraction {
  readonly lifecycle: Lifecycle
  /** Name of the statechart's state that the concrete world is in. */
  state(view: View): string
}

/**
 * Values that matter only relative to each other: states that differ in nothing else go on alike, with the same
 * steps and the same claims, so that one of them can stand for all.
 */
export interface Normalisation {
  /** What it makes the same, as verdicts name it. */
  readonly name: string
  /** The cells that it looks at and changes. What threads have in their locals must not depend on them. */
  readonly cells: readonly Cell<unknown>[]
  /** Replaces the world by the one that stands for it; nobody acts. */
  apply(): void
}

/** A bounded world, its threads, and what is claimed of it. */
export interface Model {
  readonly layout: Layout
  readonly threads: readonly Thread[]
  /** Sets the world up beyond the initial values of its cells. */
  initialise?(): void
  readonly invariants?: readonly Invariant[]
  readonly stepClaims?: readonly StepClaim[]
  readonly witnesses?: readonly Witness[]
  readonly progress?: readonly ProgressClaim[]
  readonly abstractions?: readonly Abstraction[]
  /** Statecharts by kind of lifecycle. */
  readonly charts?: Readonly<Record<string, TransitionTable>>
  /** What need not be told apart. */
  readonly normalisations?: readonly Normalisation[]
  /** Clauses that do not hold of it: what steps claim of them is let pass. */
  readonly unclaimed?: readonly string[]
  /** Texts that replace procedures'. */
  readonly overrides?: readonly Override[]
  /** What its author takes for granted of what is not in it: its verdict says so. */
  readonly assumptions?: readonly string[]
}

/** A number that a scenario can be set to. */
export interface Parameter {
  /** What it means, with its unit. */
  readonly summary: string
  readonly min: number
  readonly max: number
  /** Its value at each size of bounds. */
  readonly smoke: number
  readonly default: number
  readonly deep: number
}

/** The sizes at which every scenario can be run. */
export type Bounds = 'smoke' | 'default' | 'deep'

/** The values of a scenario's parameters. */
export type Parameters<P extends string = string> = Readonly<Record<P, number>>

/** A family of models, one for each setting of its parameters. */
export interface Scenario<P extends string = string> {
  /** Unique name, as on the command line. */
  readonly name: string
  /** What happens in it and what it is for, in a sentence or two. */
  readonly summary: string
  readonly parameters: Readonly<Record<P, Parameter>>
  /** Identifiers of the requirements that it is there to exercise. */
  readonly exercises: readonly string[]
  /** Makes the model at one setting of the parameters: a world of its own each time. */
  build(parameters: Parameters<P>): Model
}

/** Declares a scenario: gives its parameters their types. */
export function scenario<P extends string>(definition: Scenario<P>): Scenario<P> {
  return definition
}

/** The parts of a model that claim something: the function that each of their claims has. */
const CLAIMS = {
  invariants: 'judge',
  stepClaims: 'judge',
  witnesses: 'holds',
  progress: 'pending',
} as const satisfies Readonly<Record<keyof Claims, string>>

/** Those of a {@link Model} that are claims. */
export type Claims = Pick<Model, 'invariants' | 'stepClaims' | 'witnesses' | 'progress'>

/**
 * Refuses what claims nothing though it looks like a claim: one that nobody would ask.
 *
 * @param where - whose claims they are, as the message names it
 * @throws SpecificationError `scenario`
 */
export function mustBeClaims(claims: Claims, where: string): void {
  for (const [part, asked] of Object.entries(CLAIMS) as [keyof Claims, string][]) {
    const list: unknown = claims[part] ?? []
    if (!Array.isArray(list))
      throw new SpecificationError('scenario', `${part} of ${where} is no list; write [claim, …]`)
    for (const [i, each] of list.entries()) {
      const claim = (each ?? {}) as Readonly<Record<string, unknown>>
      const isTold = (member: string) => typeof claim[member] === 'string'
      const lacks = [
        ...(isTold('name') ? [] : ['name (a text)']),
        ...(part === 'witnesses' || isTold('clause') ? [] : ['clause (the id of a requirement)']),
        ...(typeof claim[asked] === 'function' ? [] : [`${asked} (a function)`]),
      ]
      if (lacks.length > 0)
        throw new SpecificationError(
          'scenario',
          `${part}[${i}] of ${where}${isTold('name') ? ` ("${String(claim.name)}")` : ''} is no claim: it needs ${lacks.join(', ')}`,
        )
    }
  }
}
