/**
 * Errors while a world is run: a claim that does not hold is a {@link Violation}; every other error
 * is a mistake in the scenario or in a procedure, and names the place to fix.
 *
 * @module
 */
import { acting } from './acting.js'
import { unobserved } from './records/footprint.js'

/** A claim that does not hold in the state, or for the step, in which it was thrown. The checker reports it with a trace. */
export class Violation extends Error {
  override readonly name = 'Violation'

  /**
   * @param clause - the requirement that is broken, by its identifier (`C1`, `lock-order`, …)
   * @param detail - a description of the violation
   */
  constructor(
    readonly clause: string,
    readonly detail: string,
  ) {
    super(`${clause}: ${detail}`)
    if (acting.inside) acting.raised ??= this
  }
}

/** What kind of mistake a {@link SpecificationError} reports. */
export type SpecificationErrorCode =
  | 'bound-overflow'
  | 'blocked-step-changed-world'
  | 'checkpoint'
  | 'impure'
  | 'invalid-result'
  | 'invalid-value'
  | 'invalid-operation'
  | 'never-run'
  | 'code-after-become'
  | 'non-deterministic'
  | 'procedure-threw'
  | 'runaway'
  | 'layout'
  | 'scenario'
  | 'trace'

/** A mistake in a scenario, a layout or a procedure. Its message says how to fix it. */
export class SpecificationError extends Error {
  override readonly name = 'SpecificationError'

  /**
   * @param code - the kind of mistake
   * @param message - what is wrong, where (procedure and step), and what to do
   * @param options - the error that caused it, if one did
   */
  constructor(
    readonly code: SpecificationErrorCode,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options)
    if (acting.inside) acting.raised ??= this
  }
}

/**
 * Throws a {@link Violation} of `clause` unless `holds`. Does nothing if the running model does not
 * claim the clause.
 *
 * @param clause - identifier of the requirement
 * @param holds - the condition; a function if it reads fields that the step itself does not read
 * @param detail - a description of the violation
 */
export function claim(
  clause: string,
  holds: boolean | (() => boolean),
  detail: string | (() => string),
): void {
  if (acting.unclaimed.has(clause)) return
  asserted(clause)
  if (typeof holds === 'boolean' ? holds : unobserved(holds)) return
  throw new Violation(clause, typeof detail === 'string' ? detail : unobserved(detail))
}

/** Counts a check of `clause` inside a step. */
export function asserted(clause: string): void {
  const { byClause } = acting.asserted
  byClause.set(clause, (byClause.get(clause) ?? 0) + 1)
}
