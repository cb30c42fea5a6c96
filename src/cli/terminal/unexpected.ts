/**
 * Errors that nobody has thrown on purpose.
 *
 * @module
 */
import { messageOf, mistakenPlaceOf, nameOfPlace } from '../../world/thrown.js'

/** What is said of an error that is neither of usage nor of the specification. */
export interface Unexpected {
  /** `threw`: by a file of the user's. `internal`: by this package. */
  readonly code: 'threw' | 'internal'
  readonly message: string
}

/** A mistake of a user's file by file and line; of one of ours, where it came from matters: all of the stack. */
export function unexpected(error: unknown): Unexpected {
  const mistaken = mistakenPlaceOf(error)
  if (mistaken !== undefined)
    return { code: 'threw', message: `${nameOfPlace(mistaken)} threw: ${messageOf(error)}` }
  return {
    code: 'internal',
    message: error instanceof Error ? (error.stack ?? messageOf(error)) : messageOf(error),
  }
}
