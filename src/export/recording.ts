/**
 * A scenario as decision trees: what {@link record} makes, and what printers for other model checkers read.
 *
 * @module
 */
import type { State, TransitionSystem } from '../checker/explore/system.js'
import type { Looks } from './looks.js'
import type { Tree } from './tree.js'

/** What a step does: values by number of the field. */
export interface Effect {
  readonly kind: 'step'
  /** The location that the thread reaches. */
  readonly to: number
  /** Fields as the step leaves them: what claims about the step see. */
  readonly written: ReadonlyMap<number, number>
  /** Fields as they are stored, after renumbering. */
  readonly stored: ReadonlyMap<number, number>
}

/** What comes of trying a step. */
export type Outcome =
  | Effect
  | { readonly kind: 'blocked' }
  /** The step itself breaks a clause. */
  | { readonly kind: 'broken'; readonly clause: string }
  /** The step throws, and a claim is broken in fewer steps. */
  | { readonly kind: 'error' }

/** The clause that a claim finds broken; empty where it holds or has nothing to say. */
export type Answer = string

/** A claim about states or steps, and its trees by thread; those of a claim about states are all of thread 0. */
export interface RecordedClaim {
  readonly clause: string
  readonly name: string
  readonly trees: (Tree<Answer> | undefined)[]
}

/** A claim that something does not last. */
export interface RecordedProgress {
  readonly clause: string
  readonly name: string
  tree: Tree<boolean> | undefined
}

/** What a thread does at one location, by choice. */
export type Choices = (Tree<Outcome> | undefined)[]

/** A scenario as decision trees. */
export interface Recording {
  readonly system: TransitionSystem
  readonly looks: Looks
  readonly initial: State
  /** By thread: what it does at each location that it was seen at. */
  readonly threads: readonly ReadonlyMap<number, Choices>[]
  readonly invariants: readonly RecordedClaim[]
  readonly stepClaims: readonly RecordedClaim[]
  readonly progress: readonly RecordedProgress[]
  /** Distinct states met. */
  readonly states: number
  /** False where a claim was broken: states that lie more than one step behind are then missing. */
  readonly complete: boolean
}
