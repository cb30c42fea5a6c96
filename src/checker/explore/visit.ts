/**
 * Explores a system for what looks at each step of it, claims that do not hold or not.
 *
 * @module
 */
import type { Stepper } from './stepper.js'
import { StateStore } from './store.js'
import type { State, TransitionSystem } from './system.js'

/** Who looks: at steps from one state to another, which are the same two arrays each time. */
export interface Visitor {
  /** Takes a step. @returns true if it leads to a state */
  take(thread: number, choice: number): boolean
  /** It has led to a state that was not reached before. */
  reached?(): void
}

/**
 * Visits every step, from states in the order in which they are reached.
 *
 * @param most - distinct states after which it ends
 * @param visitorOf - given the state that steps are taken from, and the one that they lead to
 */
export function visitSteps(
  system: TransitionSystem,
  stepper: Stepper,
  most: number,
  visitorOf: (current: State, next: State) => Visitor,
): { readonly states: number; readonly exhaustive: boolean } {
  const store = new StateStore(system.words)
  const [current, next] = [new Uint32Array(system.words), new Uint32Array(system.words)]
  const visitor = visitorOf(current, next)
  system.begin(next)
  store.insert(next, 0)
  visitor.reached?.()
  let head = 0
  for (; head < store.count && store.count < most; head++) {
    store.load(head, current)
    for (let thread = 0; thread < system.model.threads.length; thread++) {
      if (stepper.finished(current, thread)) continue
      for (let choice = 0; choice < stepper.outcomes(current, thread); choice++) {
        if (!visitor.take(thread, choice)) continue
        store.insert(next, head)
        if (store.added) visitor.reached?.()
      }
    }
  }
  return { states: store.count, exhaustive: head >= store.count }
}
