/**
 * A scenario: a bounded world, the threads that run on it, and the claims about every interleaving.
 * The checker takes models of this shape and does not depend on their subject.
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
  /**
   * True if it may wait for ever. If only daemons are left, the model has ended and is not
   * deadlocked.
   */
  readonly daemon?: boolean
}

/** The positions of the threads in a state. */
export interface View {
  /** Name of the step that `thread` takes next, or `finished`. */
  step(thread: number): string
  /** True if `thread` is inside `procedure`, at any depth of calls. */
  inside(thread: number, procedure: AnyProcedure): boolean
  /** True if `thread` has ended. */
  finished(thread: number): boolean
}

/**
 * The result of a claim for a state or a step: a text describes a violation; `true` means that the
 * claim holds and applies here; `undefined` means that it does not apply here.
 */
export type Judgement = string | true | undefined

/** A claim about every reachable state. */
export interface Invariant {
  /** Identifier of the requirement it checks. */
  readonly clause: string
  /** Unique name. */
  readonly name: string
  /** Evaluates the claim for one state. */
  judge(view: View): Judgement
}

/**
 * A claim about every step: the thread that takes it, and the positions of the threads before and
 * after. Records have their values after the step; {@link old} gives those before.
 */
export interface StepClaim {
  readonly clause: string
  readonly name: string
  /** Evaluates the claim for one step. */
  judge(thread: number, from: View, to: View): Judgement
}

/** A call that a thread has not returned from. */
export interface CallUnderWay {
  readonly procedure: AnyProcedure
  readonly args: readonly unknown[]
  /** The results of its steps and calls, in order. */
  readonly inputs: readonly unknown[]
}

/** A claim that a state is reachable: it fails if no explored state satisfies it. */
export interface Witness {
  readonly clause?: string
  readonly name: string
  /** The subject, if several witnesses have the same name. */
  readonly about?: string
  /** True in a state that satisfies it. */
  holds(view: View): boolean
  /**
   * Describes the obstacle to the witness that a thread in `calls` has met, or returns undefined if
   * it has met none. If no state satisfies the witness, the checker shows the shortest run to such
   * an obstacle.
   *
   * @param calls - the outermost first
   */
  instead?(calls: readonly CallUnderWay[]): string | undefined
}

/**
 * A claim of progress: under weak fairness (a thread that is continuously able to take a step takes
 * one) no run stays for ever in states where `pending` is true.
 */
export interface ProgressClaim {
  readonly clause: string
  readonly name: string
  /** True in a state that must not last. */
  pending(view: View): boolean
}

/** The refinement mapping: the state of a statechart for the concrete world. */
export interface Abstraction {
  readonly lifecycle: Lifecycle
  /** Name of the statechart's state that the concrete world is in. */
  state(view: View): string
}

/**
 * Values of which only the order matters. States that differ in nothing else have the same steps
 * and the same results of claims, so that one of them can represent all.
 */
export interface Normalisation {
  /** The name of the reduction, for verdicts. */
  readonly name: string
  /** The cells that it reads and changes. Local variables of threads must not depend on them. */
  readonly cells: readonly Cell<unknown>[]
  /** Replaces the world by its representative. No thread acts. */
  apply(): void
}

/** A bounded world, its threads, and its claims. */
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
  /** Reductions of states that need not be distinguished. */
  readonly normalisations?: readonly Normalisation[]
  /** Clauses that do not hold for it: claims of them inside steps are skipped. */
  readonly unclaimed?: readonly string[]
  /** Replacements of procedures or of single steps. */
  readonly overrides?: readonly Override[]
  /** Assumptions of its author about anything outside the model. Its verdict states them. */
  readonly assumptions?: readonly string[]
}

/** A parameter of a scenario. */
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
  /** What happens in it and its purpose, in one or two sentences. */
  readonly summary: string
  readonly parameters: Readonly<Record<P, Parameter>>
  /** Identifiers of the requirements that it exercises. */
  readonly exercises: readonly string[]
  /** Builds the model for the values of the parameters, with a new world each time. */
  build(parameters: Parameters<P>): Model
}

/** Declares a scenario: gives its parameters their types. */
export function scenario<P extends string>(definition: Scenario<P>): Scenario<P> {
  return definition
}

/** The kinds of claims of a model, and the function that each claim must have. */
const CLAIMS = {
  invariants: 'judge',
  stepClaims: 'judge',
  witnesses: 'holds',
  progress: 'pending',
} as const satisfies Readonly<Record<keyof Claims, string>>

/** The properties of a {@link Model} that hold claims. */
export type Claims = Pick<Model, 'invariants' | 'stepClaims' | 'witnesses' | 'progress'>

/**
 * Throws for an object that looks like a claim but would never be evaluated.
 *
 * @param where - the owner of the claims, for the message
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
