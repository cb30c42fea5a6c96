/**
 * A table of plain rows under one header, without boxes: it survives a copy into a mail.
 *
 * @module
 */
import Table from 'cli-table3'
import type { Colours } from './colours.js'
import { wrap } from './figures.js'

const NO_BORDERS = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
}

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
  const laidOut = new Table({
    head: columns.map((column) => colours.bold(column.head)),
    colAligns: columns.map((column) => column.align ?? 'left'),
    chars: NO_BORDERS,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  })
  const last = columns.length - 1
  const room =
    width === undefined
      ? Number.POSITIVE_INFINITY
      : Math.max(NARROWEST, width - widthBefore(last, columns, rows))
  for (const row of rows) laidOut.push([...row.slice(0, last), wrap(row[last], room)])
  const lines = laidOut
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
  const widest = Math.max(...lines.map(visibleLength))
  return [lines[0], colours.dim('─'.repeat(widest)), ...lines.slice(1)].join('\n')
}

/** The width of the columns before column `last`, with separators. */
function widthBefore(last: number, columns: readonly Column[], rows: readonly (readonly string[])[]): number {
  return columns.slice(0, last).reduce((sum, { head }, i) => {
    const lines = [head, ...rows.flatMap((row) => row[i].split('\n'))]
    return sum + Math.max(...lines.map(visibleLength)) + NO_BORDERS.middle.length
  }, 0)
}

function visibleLength(text: string): number {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a colour is an escape sequence
  return text.replace(/\u001b\[[0-9;]*m/g, '').length
}
