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
export function spread(mutants: readonly Mutant[], count: number): Mutant[] {
  return Array.from({ length: count }, (_, index) => mutants[Math.floor((index * mutants.length) / count)])
}
