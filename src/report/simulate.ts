/**
 * The report of `simulate` as text: what was found, what the runs reached, and what they do not show.
 *
 * @module
 */
import type { RandomResult } from '../checker/runs/random.js'
import type { Layout } from './form/colours.js'
import { bullets, counted, duration, figure, settings, wrap } from './form/figures.js'
import { table } from './form/table.js'
import type { SimulateReport } from './report.js'
import { breachText, failuresText, notRunText, unsavedText, verdictText } from './text.js'

/** The results of `simulate` as text. */
export function simulateText(report: SimulateReport, layout: Layout): string {
  const { results } = report
  const sections: string[] = []
  if (results.length > 0)
    sections.push(
      table(
        [
          { head: 'scenario' },
          { head: 'parameters' },
          { head: 'verdict' },
          { head: 'runs', align: 'right' },
          { head: 'steps', align: 'right' },
          { head: 'time', align: 'right' },
          { head: 'steps of the text' },
          { head: 'witnesses' },
        ],
        results.map((result) => [
          result.scenario,
          wrap(settings(result.parameters), 32),
          verdictText(result.verdict, layout),
          figure(result.runs),
          figure(result.transitions),
          duration(result.elapsedMs),
          ofAll(
            result.coverage.declared.filter((step) => result.coverage.steps.includes(step)).length,
            result.coverage.declared.length,
          ),
          ofAll(result.witnesses.filter(({ reached }) => reached).length, result.witnesses.length),
        ]),
        layout.colours,
      ),
    )
  for (const { violation, scenario } of results)
    if (violation !== undefined) sections.push(breachText(scenario, violation, report, layout))
  for (const result of results) {
    const missed = result.witnesses.filter(({ reached }) => !reached).map(({ name }) => name)
    if (result.verdict === 'no violation found' && missed.length > 0)
      sections.push(
        `No run of ${result.scenario} showed what it should be able to:\n${bullets(missed, '  ', layout.width)}`,
      )
  }
  sections.push(
    ...failuresText(report.failures, layout),
    ...unsavedText(report.unsaved, layout),
    ...notRunText(report.notRun, layout),
  )
  if (results.length > 0) sections.push(wrap(scopeOf(results), layout.width))
  return `${sections.join('\n\n')}\n`
}

function ofAll(count: number, all: number): string {
  return all === 0 ? '' : `${figure(count)} of ${figure(all)}`
}

function scopeOf([{ seed, schedule, maxSteps }]: readonly RandomResult[]): string {
  return (
    `Seed ${seed}, schedule ${schedule}, at most ${counted(maxSteps, 'step')} a run: the same options give the same runs. ` +
    `Random runs visit a part of what can happen: where none of them breaks a claim, nothing is proved. ` +
    'Claims of progress are not judged.'
  )
}
