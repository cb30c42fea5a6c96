/**
 * A row of the table of large steps.
 *
 * @module
 */
import type { ListedStep } from '../../src/checker/index.js'
import type { AtomicArgument } from './arguments.js'

/** A step, its accesses, and the arguments why it may be atomic. */
export interface AtomicStep extends ListedStep {
  readonly because: readonly AtomicArgument[]
}

/**
 * Lists a step.
 *
 * @param accesses - as {@link ListedStep.accesses}, separated by spaces
 * @param because - the arguments that it needs
 */
export function row(
  procedure: string,
  step: string,
  accesses: string,
  ...because: readonly AtomicArgument[]
): AtomicStep {
  return { procedure, step, accesses: accesses.split(' '), because }
}
