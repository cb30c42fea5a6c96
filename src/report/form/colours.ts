/**
 * Colours of text reports.
 *
 * @module
 */
import picocolors from 'picocolors'

/** The colours of a report: functions that colour a text, or return it unchanged. */
export type Colours = ReturnType<typeof picocolors.createColors>

/** Colours, enabled or disabled. */
export const colourful: Colours = picocolors.createColors(true)
/** Colours that return every text unchanged. */
export const plain: Colours = picocolors.createColors(false)

/** How a text report is laid out. */
export interface Layout {
  readonly colours: Colours
  /** Width that lines should keep to, in characters. */
  readonly width: number
}
