/**
 * The results of `defects` as text.
 *
 * @module
 */

import type { Layout } from './form/colours.js'
import { bullets, counted, duration, figure, wrap } from './form/figures.js'
import { table } from './form/table.js'
import { type DefectOutcome, type DefectReport, wasStopped } from './report.js'
import { failuresText, given, notRunText, stopReason, unsavedText } from './text.js'

/** The results of `defects` as text. */
export function defectsText(report: DefectReport, layout: Layout): string {
  const { colours } = layout
  const sections: string[] = []
  if (report.outcomes.length > 0) {
    sections.push(
      table(
        [
          { head: 'defect' },
          { head: 'title' },
          { head: 'scenario' },
          { head: 'clause' },
          { head: 'caught' },
          { head: 'steps', align: 'right' },
          { head: 'pinned', align: 'right' },
          { head: 'states', align: 'right' },
          { head: 'time', align: 'right' },
        ],
        report.outcomes.map((outcome) => [
          outcome.defect.name,
          wrap(outcome.defect.title, 40),
          outcome.defect.scenario,
          outcome.defect.requirement,
          outcome.caught
            ? colours.green('yes')
            : wasStopped(outcome.result)
              ? colours.yellow('?')
              : colours.red('no'),
          outcome.steps === undefined ? '' : (outcome.asPinned ? String : colours.red)(String(outcome.steps)),
          String(outcome.defect.steps),
          figure(outcome.result.states),
          duration(outcome.result.elapsedMs),
        ]),
        colours,
      ),
    )
    const wrong = (report.everywhere ? [] : report.outcomes)
      .map(whatIsWrong)
      .filter((text) => text !== undefined)
    if (wrong.length > 0) sections.push(bullets(wrong, '', layout.width))
  }
  sections.push(
    ...failuresText(report.failures, layout),
    ...unsavedText(report.unsaved, layout),
    ...notRunText(report.notRun, layout),
  )
  const caught = report.outcomes.filter((outcome) => outcome.caught).length
  const asPinned = report.outcomes.filter((outcome) => outcome.caught && outcome.asPinned).length
  const all = report.outcomes.length + report.failures.length + report.notRun.length
  if (report.everywhere) sections.push(everywhereText(report))
  else
    sections.push(
      `${caught} of ${counted(all, 'defect')} caught by the clause it names, ${asPinned} of them after the pinned number of steps.`,
    )
  const saved = Object.values(report.traces)
  if (saved.length > 0)
    sections.push(`Traces saved; see one again with: hmm-spec replay ${saved[0]}${given(report.run)}`)
  return `${sections.join('\n\n')}\n`
}

/** Of each defect: in how many of the scenarios that reach it the clause that it names says so. */
function everywhereText({ outcomes }: DefectReport): string {
  const names = [...new Set(outcomes.map(({ defect }) => defect.name))]
  return names
    .map((name) => {
      const reached = outcomes.filter(({ defect }) => defect.name === name)
      const caught = reached.filter((outcome) => outcome.caught)
      const clause = reached[0].defect.requirement
      return caught.length === 0
        ? `${name} is caught by ${clause} in none of ${counted(reached.length, 'scenario')} where it is reached.`
        : `${name} is caught by ${clause} in ${caught.length} of ${counted(reached.length, 'scenario')} where it is reached.`
    })
    .join('\n')
}

/** The reason why a defect fails, or `undefined` if it was caught as pinned. */
export function whatIsWrong({ defect, result, caught, steps, asPinned }: DefectOutcome): string | undefined {
  if (caught && asPinned) return undefined
  if (caught)
    return `${defect.name} is caught after ${steps} steps, but its pinned trace has ${defect.steps}.`
  if (wasStopped(result)) return `${defect.name}: ${stopReason(result)} It was not caught until then.`
  if (result.violation === undefined)
    return `${defect.name} is not caught: every claim holds with it in ${defect.scenario}.`
  return (
    `${defect.name} is not caught by ${defect.requirement}, which it names, but by ${result.violation.clause}: ` +
    result.violation.detail
  )
}
