/**
 * Mutants of the peer in C: its text with one operator, constant or statement changed.
 *
 * @module
 */

/** A text with one change. */
export interface Mutant {
  /** Line of the change, from 1. */
  readonly line: number
  /** The line before and after. */
  readonly before: string
  readonly after: string
  readonly text: string
}

/** Where the model begins and ends: what reads and writes the protocol is not mutated. */
const BEGIN = '/* ---- pages ---- */'
const END = '/* ---- answers ---- */'

const CHANGES: readonly (readonly [pattern: RegExp, replacement: string])[] = [
  [/ == /g, ' != '],
  [/ != /g, ' == '],
  [/ < /g, ' <= '],
  [/ <= /g, ' < '],
  [/ >= /g, ' > '],
  [/ > /g, ' >= '],
  [/ && /g, ' || '],
  [/ \|\| /g, ' && '],
  [/ \+ 1\b/g, ''],
  [/ - 1\b/g, ''],
  [/\btrue\b/g, 'false'],
  [/\bfalse\b/g, 'true'],
  [/!(?=[\w(])/g, ''],
  [/\b(READ|WRITE)\b(?!,)/g, '0'],
  [/^(\t+)(?!return|int |bool |struct |static |for |if |else |case |default)[^{}]*;$/gm, '$1;'],
]

/** Every mutant, by line. */
export function mutantsOf(text: string): Mutant[] {
  const lines = text.split('\n')
  const [begin, end] = [lines.indexOf(BEGIN), lines.indexOf(END)]
  return lines.slice(begin, end).flatMap((before, offset) => {
    if (/^(static|struct|\/?\s?\*|#)/.test(before)) return []
    return CHANGES.flatMap(([pattern, replacement]) =>
      [...before.matchAll(pattern)].map((match): Mutant => {
        const changed = replacement.replace('$1', match[1] ?? '')
        const after = before.slice(0, match.index) + changed + before.slice(match.index + match[0].length)
        return { line: begin + offset + 1, before, after, text: lines.with(begin + offset, after).join('\n') }
      }),
    )
  })
}

/** So many of them, evenly over the text. */
export function spread<T>(mutants: readonly T[], count: number): T[] {
  return Array.from({ length: count }, (_, index) => mutants[Math.floor((index * mutants.length) / count)])
}

const OUT_OF_BOUNDS = 'it looks one past the end of an array, at what is never in use'
const EQUAL_ENDS = 'both sides are equal where it makes a difference'
const SPLIT =
  'a part that is split off is given a number anew at once, or is a hole: two parts with the number of the whole never touch'
const ALIKE =
  'areas that join since both are written come from one area: both are copied by a fork, or neither is'

/** Mutants that the suite does not find, by index, each with the reason. */
export const NOT_FOUND: ReadonlyMap<number, string> = new Map([
  [0, OUT_OF_BOUNDS],
  [1, OUT_OF_BOUNDS],
  [9, 'there are more pages than one sequence uses up'],
  [10, OUT_OF_BOUNDS],
  [11, OUT_OF_BOUNDS],
  [16, 'there is always a page free: the loop does not come to its end'],
  [19, 'there is always a page free: nobody comes there'],
  [20, OUT_OF_BOUNDS],
  [21, OUT_OF_BOUNDS],
  [29, OUT_OF_BOUNDS],
  [34, OUT_OF_BOUNDS],
  [38, OUT_OF_BOUNDS],
  [64, 'an area with an anon_vma that joins one without any is not copied by a fork'],
  [
    65,
    'a hole in the suite: the peer itself joins a new mapping to the one before it, and Linux 6.1 to the one after it, if both are written',
  ],
  [70, ALIKE],
  [71, ALIKE],
  [72, ALIKE],
  [76, SPLIT],
  [77, OUT_OF_BOUNDS],
  [78, OUT_OF_BOUNDS],
  [79, OUT_OF_BOUNDS],
  [82, SPLIT],
  [87, SPLIT],
  [96, 'a hole has no anon_vma either'],
  [110, OUT_OF_BOUNDS],
  [111, OUT_OF_BOUNDS],
  [125, OUT_OF_BOUNDS],
  [126, OUT_OF_BOUNDS],
  [145, 'mprotect has write-protected the entry already'],
  [151, 'the fault marks the entry as written after it has mapped the page'],
  [162, 'an entry of the zero page is replaced as a whole'],
  [163, 'the next line returns too'],
  [212, EQUAL_ENDS],
  [216, 'a piece without pages, at the end of the range, does nothing'],
  [217, EQUAL_ENDS],
  [229, OUT_OF_BOUNDS],
  [241, OUT_OF_BOUNDS],
  [268, 'a migration clears it'],
  [270, EQUAL_ENDS],
  [276, EQUAL_ENDS],
  [280, 'a piece does not end at page 0'],
  [289, 'a piece does not end at page 0'],
  [301, OUT_OF_BOUNDS],
  [302, OUT_OF_BOUNDS],
  [325, 'nothing is written through an atomic entry'],
  [329, 'a piece without pages, at the end of the range, does nothing'],
  [330, EQUAL_ENDS],
  [351, OUT_OF_BOUNDS],
  [352, OUT_OF_BOUNDS],
  [359, 'nobody can use the entries of a file that is closed'],
  [360, 'nobody can use the entries of a file that is closed'],
  [366, OUT_OF_BOUNDS],
  [369, OUT_OF_BOUNDS],
  [378, SPLIT],
  [379, SPLIT],
  [382, 'nothing of a hole is looked at but that it is one'],
  [401, EQUAL_ENDS],
  [409, SPLIT],
  [410, SPLIT],
  [420, EQUAL_ENDS],
  [449, 'it uses what the stack happens to hold'],
  [453, OUT_OF_BOUNDS],
])
