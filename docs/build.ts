/**
 * Draws every statechart, and writes the page that shows them, the table of the seeds, the page of public bugs, the page of the
 * operation language and the record on what a step is, before typedoc builds the site. Run by
 * `npm run docs`, compiled.
 *
 * @module
 */
import { mkdirSync, realpathSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { instance } from '@viz-js/viz'
import { statecharts } from '../models/index.js'
import { compileStatechart } from '../src/checker/claims/statechart.js'
import { statechartToDot, statechartToMarkdown } from '../src/report/chart/statechart.js'
import { atomicStepsPage } from './atomic-steps.js'
import { historyPage } from './history.js'
import { operationsPage } from './operations.js'
import { traceabilityPage } from './traceability.js'

/** The page of all statecharts, which is `docs/statecharts.md`. */
export function statechartsPage(): string {
  const charts = Object.values(statecharts).map(compileStatechart)
  return [
    '---',
    'title: Statecharts',
    '---',
    '',
    '# Statecharts',
    '',
    '<!-- Written by docs/build.ts from models/: change the models, then `npm run docs`. -->',
    '',
    'The lifecycles that every procedure is held against. A step *signals* events at an instance (this range, this',
    'notifier). The checker refuses a signal that the chart has no transition for, and in every explored state',
    'compares where the chart stands with where the concrete world stands. A chart is an XState machine in',
    '`models/`; `hmm-spec export STATECHART --to mermaid|dot|rv|json` prints it for other tools.',
    '',
    ...charts.flatMap((chart) => [
      `## ${chart.name}`,
      '',
      chart.description,
      '',
      `![The states and transitions of ${chart.name}](statecharts/${chart.name}.svg)`,
      '',
      statechartToMarkdown(chart),
    ]),
  ].join('\n')
}

/** Writes `docs/statecharts.md`, a drawing for each chart to `docs/statecharts/`, `docs/traceability.md`, `docs/history.md`, `docs/operations.md` and the record on steps. */
async function main(): Promise<void> {
  const docs = new URL('../../docs/', import.meta.url)
  const drawings = new URL('statecharts/', docs)
  mkdirSync(drawings, { recursive: true })
  const viz = await instance()
  for (const machine of Object.values(statecharts)) {
    const dot = statechartToDot(compileStatechart(machine))
    writeFileSync(new URL(`${machine.id}.svg`, drawings), viz.renderString(dot, { format: 'svg' }))
  }
  writeFileSync(new URL('statecharts.md', docs), statechartsPage())
  writeFileSync(new URL('traceability.md', docs), traceabilityPage())
  writeFileSync(new URL('history.md', docs), historyPage())
  writeFileSync(new URL('operations.md', docs), operationsPage())
  writeFileSync(new URL('decisions/0001-atomic-steps.md', docs), atomicStepsPage())
}

if (realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) await main()
