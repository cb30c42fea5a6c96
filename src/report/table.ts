/**
 * A table of plain rows under one header, without boxes: it survives a copy into a mail.
 *
 * @module
 */
import Table from 'cli-table3'
import type { Colours } from './colours.js'

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
 */
export function table(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  colours: Colours,
): string {
  const laidOut = new Table({
    head: columns.map((column) => colours.bold(column.head)),
    colAligns: columns.map((column) => column.align ?? 'left'),
    chars: NO_BORDERS,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  })
  for (const row of rows) laidOut.push([...row])
  const lines = laidOut
    .toString()
    .split('\n')
    .map((line) => line.trimEnd())
  const width = Math.max(...lines.map((line) => visibleLength(line)))
  return [lines[0], colours.dim('─'.repeat(width)), ...lines.slice(1)].join('\n')
}

function visibleLength(text: string): number {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a colour is an escape sequence
  return text.replace(/\u001b\[[0-9;]*m/g, '').length
}
