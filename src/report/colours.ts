/**
 * Colour, where it is wanted.
 *
 * @module
 */
import picocolors from 'picocolors'

/** The colours of a report: functions that paint a text, or leave it as it is. */
export type Colours = ReturnType<typeof picocolors.createColors>

/** Colours that paint, or do not. */
export const colourful: Colours = picocolors.createColors(true)
/** Colours that leave every text as it is. */
export const plain: Colours = picocolors.createColors(false)

/** How a text report is laid out. */
export interface Layout {
  readonly colours: Colours
  /** Width that lines should keep to, in characters. */
  readonly width: number
}
