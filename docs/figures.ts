/**
 * Figures in hand-written pages: a comment before each says what it counts. A test holds what the repository says; on the
 * site they are those of the data.
 *
 * @module
 */

/** What figures are counted from. What it does not know stays as it is written. */
export interface FigureSources {
  /** How many there are of `requirements`, `scenarios`, `defects`, `statecharts`, `findings`. */
  count(what: string): number | undefined
  /** Steps of the shortest run of a defect. */
  steps(defect: string): number | undefined
  /** How many of them, at its end, repeat for ever. */
  loop(defect: string): number | undefined
  /** States of a scenario at its default bounds. */
  states(scenario: string): number | undefined
}

/** A figure that means nothing. The message says which, and where. */
export class FigureError extends Error {
  override readonly name = 'FigureError'
}

/** `<!-- steps H1 -->21<!-- -->`. */
const FIGURE = /<!-- (\w+) ([\w+/-]+) -->([\d,]+)<!-- -->/g
const BEGUN = /<!-- (?:count|steps|loop|states) [^>]*-->/g

/**
 * Writes the figures of a page as `sources` have them; several names, with `+` between them, are added.
 *
 * @param page - its name, for messages
 * @throws FigureError if a figure is of no known kind, or is not ended
 */
export function withFigures(text: string, page: string, sources: FigureSources): string {
  const filled = text.replace(FIGURE, (_all, kind: string, names: string, written: string) => {
    if (!['count', 'steps', 'loop', 'states'].includes(kind))
      throw new FigureError(`${page}: "${kind} ${names}" is no figure: count, steps, loop or states is`)
    const values = names.split('+').map((name) => sources[kind as keyof FigureSources](name))
    const known = values.every((value) => value !== undefined)
    const value = known ? values.reduce((sum, one) => sum + one, 0).toLocaleString('en') : written
    return `<!-- ${kind} ${names} -->${value}<!-- -->`
  })
  const begun = filled.match(BEGUN)?.length ?? 0
  const whole = filled.match(FIGURE)?.length ?? 0
  if (begun !== whole)
    throw new FigureError(
      `${page}: ${begun - whole} figures do not end: "<!-- steps H1 -->21<!-- -->" is how one is written`,
    )
  return filled
}
