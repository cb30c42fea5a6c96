/**
 * Explores a system for a visitor of every step. Violated claims do not stop it.
 *
 * @module
 */
import type { Stepper } from './stepper.js'
import { StateStore } from './store.js'
import type { State, TransitionSystem } from './system.js'

/** Sees the steps from one state to another. Both states are the same two arrays each time. */
export interface Visitor {
  /** Takes a step. @returns true if it leads to a state */
  take(thread: number, choice: number): boolean
  /** Called if the step led to a new state. */
  reached?(): void
}

/**
 * Visits every step, from states in breadth-first order.
 *
 * @param most - maximum number of distinct states
 * @param visitorOf - makes the visitor from the array of the source state and that of the target
 * state
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
