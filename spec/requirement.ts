/**
 * The type of a requirement.
 *
 * @module
 */

import type { GenerationName } from '../src/generations/generation.js'

/** A requirement, with its sources and the checks that hold it. */
export interface Requirement {
  /** Identifier: `C1` … from the reference, or a word of our own (`lock-order`). */
  readonly id: string
  /** A short name. */
  readonly title: string
  /** The requirement, in a few sentences of our own. */
  readonly text: string
  /** Its sources: kernel file or document, and the section of the reference. */
  readonly source: readonly string[]
  /**
   * Its checks: the name of an invariant, a step claim, a witness or a progress claim; or
   * `assert:PLACE`, a claim in the procedure, function or class of that name; `step:PROCEDURE:
   * STEP`, a step that must be taken; `checker:WHAT`, held by the checker itself in every state;
   * `test:PATH`, held by a test.
   */
  readonly checks: readonly string[]
  /**
   * The generations of the API in which it holds (default all). docs/generations.md describes the
   * others.
   */
  readonly generations?: readonly GenerationName[]
}

/** The generations whose collision check is a sequence number: those with interval notifiers. */
export const WITH_SEQUENCE: readonly GenerationName[] = ['5.6', '6.1', '6.16']

/** The generations in which a reader knows whether an invalidation is open. */
export const COUNTED: readonly GenerationName[] = ['5.4', ...WITH_SEQUENCE]

/** The generations in which a callback knows whether it may sleep. */
export const WITH_BLOCKABLE: readonly GenerationName[] = ['5.0', ...COUNTED]

/** The generations whose walk fails only for requested pages: a snapshot reports unusable pages as errors (D27). */
export const SINCE_5_8: readonly GenerationName[] = ['6.1', '6.16']
