/**
 * The picture that a driver's file may give of a state: a table, of texts.
 *
 * @module
 */

/** A table. */
export interface Picture {
  readonly title: string
  readonly columns: readonly string[]
  readonly rows: readonly { readonly name: string; readonly cells: readonly string[] }[]
}

const isText = (value: unknown): value is string => typeof value === 'string'
const areTexts = (value: unknown): value is string[] => Array.isArray(value) && value.every(isText)

/** Whether `value` is a picture, and nothing but texts. */
export function isPicture(value: unknown): value is Picture {
  if (typeof value !== 'object' || value === null) return false
  const { title, columns, rows } = value as Record<string, unknown>
  if (!isText(title) || !areTexts(columns) || !Array.isArray(rows)) return false
  return rows.every(
    (row: unknown) =>
      typeof row === 'object' &&
      row !== null &&
      isText((row as Picture['rows'][number]).name) &&
      areTexts((row as Picture['rows'][number]).cells),
  )
}
