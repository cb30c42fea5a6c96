/**
 * Mutants that survive and yet make no difference, each with the reason. One that is noticed, or whose graph is the same, or
 * that is no longer there is an error of this list.
 *
 * @module
 */

/** Reasons, by the identifier of the mutant. */
export const equivalents: Readonly<Record<string, string>> = {}
