/**
 * A row of the table of large steps.
 *
 * @module
 */
import type { ListedStep } from '../../src/checker/index.js'
import type { AtomicArgument } from './arguments.js'

/** A step, what it accesses, and why it may be one. */
export interface AtomicStep extends ListedStep {
  readonly because: readonly AtomicArgument[]
}

/**
 * Lists a step.
 *
 * @param accesses - as {@link ListedStep.accesses}, with a space between two
 * @param because - the arguments that are needed for it
 */
export function row(
  procedure: string,
  step: string,
  accesses: string,
  ...because: readonly AtomicArgument[]
): AtomicStep {
  return { procedure, step, accesses: accesses.split(' '), because }
}
