/**
 * What a mutant is: one small change of the specification's text, which something should notice.
 *
 * @module
 */
import type { Anchor } from './text/instrument.js'
import type { Place } from './text/place.js'

/** How a text is changed. */
export const MUTATIONS = {
  delete: 'a statement, a call or a branch is left out',
  invert: 'a condition is inverted',
  zero: 'a value that was waited for is not used: 0 or false is',
  swap: 'two neighbouring steps are swapped',
  condition: 'one operand of && or || is left out',
  staleRead: 'a value is read before the lock under which it is used',
  recheck: 'the second look after a relock is left out',
  unlocked: 'a critical section runs without its lock',
  lockMode: 'a lock is taken for reading that is to be taken for writing',
  owner: 'the owner is another one',
  cleanup: 'a path that returns early leaves something behind',
  offByOne: 'a range ends one page too early or too late',
  tailPage: 'a tail page is taken for its head',
  dirty: 'a dirty bit is dropped',
} as const

/** One of {@link MUTATIONS}. */
export type Mutation = keyof typeof MUTATIONS

/** One replacement in a text. */
export interface Edit {
  /** Offset of the first character that is replaced. */
  readonly start: number
  /** Offset after the last. */
  readonly end: number
  readonly text: string
}

/** One mutant of a file. */
export interface Mutant {
  /** The same for the same change of the same procedure, wherever it stands in the file. */
  readonly id: string
  /** Path from the root of the project. */
  readonly file: string
  /** Where the text that is changed begins and ends. */
  readonly from: Place
  readonly to: Place
  /** Name of the procedure, or of the function that is no procedure. */
  readonly procedure: string
  /** The step that the change is in; absent between steps. */
  readonly step?: string
  readonly kind: Mutation
  /** What is changed, on one line. */
  readonly original: string
  /** By what, on one line; empty if it is left out. */
  readonly replacement: string
  readonly edits: readonly Edit[]
  /** What is run where it is. */
  readonly anchor: Anchor
  /** First and last line of the function at the top level that it is in. */
  readonly scope: { readonly first: number; readonly last: number }
}

/** `text` with `edits` made, which do not overlap. */
export function edited(text: string, edits: readonly Edit[]): string {
  let result = text
  for (const { start, end, text: replacement } of [...edits].sort((a, b) => b.start - a.start))
    result = result.slice(0, start) + replacement + result.slice(end)
  return result
}
