/**
 * A table of plain rows under one header, without boxes: it survives a copy into a mail.
 *
 * @module
 */
import type { Colours } from './colours.js'
import { wrap } from './figures.js'

/** What stands between two columns. */
const BETWEEN = '  '

/** Least width of the last column. */
const NARROWEST = 24

/** One column of a table. */
export interface Column {
  readonly head: string
  readonly align?: 'left' | 'right'
}

/**
 * Lays rows out under a header; a cell may have several lines.
 *
 * @param columns - heads and alignment
 * @param rows - one text for each column
 * @param width - if given, the last column is wrapped to fit
 */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  colours: Colours,
  width?: number,
): string {
  const last = columns.length - 1
  const room =
    width === undefined
      ? Number.POSITIVE_INFINITY
      : Math.max(NARROWEST, width - widthBefore(last, columns, rows))
  const heads = columns.map((column) => colours.bold(column.head))
  const cells = [heads, ...rows.map((row) => [...row.slice(0, last), wrap(row[last], room)])].map((row) =>
    row.map((cell) => cell.split('\n')),
  )
  const widths = columns.map((_, i) => Math.max(...cells.flatMap((row) => row[i].map(visibleLength))))
  const lines = cells.flatMap((row) => {
    const height = Math.max(...row.map((cell) => cell.length))
    return Array.from({ length: height }, (_, line) =>
      row
        .map((cell, i) => padded(cell[line] ?? '', widths[i], columns[i].align))
        .join(BETWEEN)
        .trimEnd(),
    )
  })
  const widest = Math.max(...lines.map(visibleLength))
  return [lines[0], colours.dim('─'.repeat(widest)), ...lines.slice(1)].join('\n')
}

/** The width of the columns before column `last`, with separators. */
function widthBefore(last: number, columns: readonly Column[], rows: readonly (readonly string[])[]): number {
  return columns.slice(0, last).reduce((sum, { head }, i) => {
    const lines = [head, ...rows.flatMap((row) => row[i].split('\n'))]
    return sum + Math.max(...lines.map(visibleLength)) + BETWEEN.length
  }, 0)
}

/** `text` with spaces to `width`. */
function padded(text: string, width: number, align: Column['align']): string {
  const spaces = ' '.repeat(width - visibleLength(text))
  return align === 'right' ? spaces + text : text + spaces
}

function visibleLength(text: string): number {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a colour is an escape sequence
  return text.replace(/\u001b\[[0-9;]*m/g, '').length
}
