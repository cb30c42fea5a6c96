/**
 * The results of `conform` as text.
 *
 * @module
 */

import { profileOfDriver } from '../conformance/result.js'
import type { Layout } from './form/colours.js'
import { bullets, counted, figure, wrap } from './form/figures.js'
import { table } from './form/table.js'
import type { ConformReport } from './report.js'
import { failuresText } from './text.js'

/** Most mismatches that a text report lists. */
const LISTED_MISMATCHES = 20

/** The results of `conform` as text. */
export function conformText(
  { file, kernel, profile, result, failures }: ConformReport,
  layout: Layout,
): string {
  const { colours } = layout
  const good = (count: number) => figure(count)
  const bad = (count: number) => (count === 0 ? figure(count) : colours.red(figure(count)))
  const sections = [
    profile === profileOfDriver(kernel)
      ? `${file}, as Linux ${kernel} answers`
      : `${file}, of Linux ${kernel}, and what the profile ${profile} allows`,
    table(
      [
        { head: 'sequences', align: 'right' },
        { head: 'operations compared', align: 'right' },
        { head: 'matched', align: 'right' },
        { head: 'mismatched', align: 'right' },
        { head: 'unsupported', align: 'right' },
      ],
      [
        [
          good(result.sequences),
          good(result.operations),
          good(result.matched),
          bad(result.mismatched),
          result.unsupported === 0 ? '0' : colours.yellow(figure(result.unsupported)),
        ],
      ],
      colours,
    ),
  ]
  if (result.mismatches.length > 0) {
    const listed = result.mismatches
      .slice(0, LISTED_MISMATCHES)
      .map(
        (mismatch) =>
          `line ${mismatch.line}, ${mismatch.sequence}, operation ${mismatch.operation} (${mismatch.op}): ${mismatch.field} ` +
          `is ${answer(mismatch.actual)}, the kernel's is ${answer(mismatch.expected)}`,
      )
    const rest = result.mismatches.length - listed.length
    if (rest > 0) listed.push(`and ${figure(rest)} more; --format json lists all`)
    sections.push(`Mismatches\n${bullets(listed, '  ', layout.width)}`)
  }
  if (result.suspects !== undefined)
    sections.push(
      `Where to look: steps that mismatched sequences take, and matched ones less\n${bullets(
        result.suspects.map(
          ({ step, mismatched, matched, score }) =>
            `${score.toFixed(2)}  ${step} (${figure(mismatched)} mismatched, ${figure(matched)} matched)`,
        ),
        '  ',
        layout.width,
      )}`,
    )
  const unsupported = Object.entries(result.unsupportedOperations)
  if (unsupported.length > 0)
    sections.push(
      wrap(
        `Not supported yet, so that the sequences with it were not compared: ${unsupported
          .map(([op, sequences]) => `${op} (${counted(sequences, 'sequence')})`)
          .join(', ')}.`,
        layout.width,
      ),
    )
  sections.push(...failuresText(failures, layout))
  if (result.matched === 0 && result.mismatched === 0)
    sections.push(colours.red('Nothing was compared, so nothing is shown to match.'))
  return `${sections.join('\n\n')}\n`
}

function answer(value: unknown): string {
  return value === undefined ? 'absent' : JSON.stringify(value)
}
