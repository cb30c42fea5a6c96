/**
 * Escapes control characters. Names and messages come from drivers and files, and a control character in one could hide
 * or rewrite a line of the report on a terminal.
 *
 * @module
 */

/** A colour, as reports set it. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: a colour is an escape sequence
const COLOUR = /(\u001b\[[0-9;]*m)/

/** `text` with every control character but the line feed, the tab and colours shown by its number: `\u{1b}`. */
export function printable(text: string): string {
  return text
    .split(COLOUR)
    .map((part, i) =>
      i % 2 === 1 ? part : part.replace(/[^\P{Cc}\n\t]|[\u2028\u2029\u202a-\u202e]/gu, shown),
    )
    .join('')
}

/** The first control character of `text`, as it is shown; `undefined` if it has none. */
export function controlCharacterIn(text: string): string | undefined {
  const found = /[\p{Cc}\u2028\u2029\u202a-\u202e]/u.exec(text)
  return found === null ? undefined : shown(found[0])
}

function shown(character: string): string {
  return `\\u{${(character.codePointAt(0) as number).toString(16)}}`
}
