/**
 * A review as one page that needs nothing else: its style and its drawings are in it, and it asks for nothing.
 *
 * @module
 */
import { counted, figure, settings } from '../report/form/figures.js'
import { printable } from '../report/form/printable.js'
import { claimLabel } from '../report/sequence/sequence.js'
import { traceSvg } from '../report/sequence/sequence-svg.js'
import type { ProcedureChange } from './change.js'
import type { BrokenClause, Review } from './review.js'
import { STYLE } from './style.js'
import {
  assumptionsOf,
  breachOf,
  capitalised,
  clauseOf,
  coverageLines,
  howOf,
  lengthOf,
  mutantsSaid,
  releaseRows,
  selectionOf,
  subjectOf,
  titleOf,
  unreached,
  VERDICTS,
  verdictOfReview,
} from './wording.js'

/** Most runs whose drawing is shown at once; those of other clauses unfold. */
const MOST_OPEN = 1
/** Most steps of a run that is drawn. */
const MOST_STEPS = 120
/** Most scenarios that are named before the rest is counted. */
const MOST_NAMES = 8

/** The review as HTML. */
export function reviewHtml(review: Review): string {
  const title = `${titleOf(review)}: ${VERDICTS[review.verdict].toLowerCase()}`
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${text(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
${[head, unchecked, changed, broken, held, coverage, mutants, releases, assumptions, repeat]
  .map((section) => section(review))
  .filter((section) => section !== '')
  .join('\n')}
</main>
</body>
</html>
`
}

function head(review: Review): string {
  const breach = breachOf(review)
  return `<h1>${code(titleOf(review))}</h1>
<div class="verdict ${review.verdict}">
<p><strong><span class="word">${VERDICTS[review.verdict]}</span> ${text(verdictOfReview(review))}</strong></p>
${breach === undefined ? '' : `<p>${text(breach)}</p>\n`}<p class="soft">${text(subjectOf(review))} ${text(selectionOf(review.selected))}</p>
</div>`
}

function unchecked({ failures, stopped, notRun }: Review): string {
  const rows = [
    ...failures.map(({ name, code: kind, message }) => `${code(name)}: ${text(kind)}: ${text(message)}`),
    ...stopped.map(({ scenario, why }) => `${code(scenario)}: ${text(why)}`),
    ...notRun.map((name) => `${code(name)}: not begun`),
  ]
  return rows.length === 0 ? '' : `<h2>What could not be checked</h2>\n${list(rows)}`
}

function changed({ change }: Review): string {
  if (change.procedures.length + change.files.length === 0) return ''
  const files =
    change.files.length === 0 ? '' : `<p>Changed outside of procedures:</p>\n${list(change.files.map(code))}`
  return `<h2>What is changed</h2>\n${change.procedures.map(procedure).join('\n')}${files}`
}

function procedure(change: ProcedureChange): string {
  const { name, kernel, summary, place, diff } = change
  const stands = kernel === '' ? '' : ` Stands for the kernel’s ${code(kernel)}.`
  const lines = diff.split('\n').map((line) => {
    const kind = line.startsWith('+') ? 'a' : line.startsWith('-') ? 'r' : 'n'
    return `<span class="${kind}">${text(line) || ' '}</span>`
  })
  return `<h3>${code(name)}</h3>
<p class="soft">${text(howOf(change))}, ${code(`${place.file}:${place.line}`)}.${stands}</p>
${summary === '' ? '' : `<p>${prose(summary)}</p>`}
${wide(`Difference of ${name}`, `<pre>${lines.join('')}</pre>`)}`
}

function broken(review: Review): string {
  if (review.broken.length === 0) return ''
  const rows = review.broken.map((clause, i) => {
    const { scenarios, resembles } = clause
    return `<tr><td><a href="#clause-${i + 1}">${text(clause.clause)}</a> ${text(clause.requirement?.title ?? '')}</td>
<td class="number">${text(lengthOf(clause))}</td><td>${code(scenarios[0].scenario)}</td>
<td class="number">${scenarios.length > 1 ? figure(scenarios.length - 1) : ''}</td>
<td>${resembles.map(({ name, title }) => `<span title="${text(title)}">${text(name)}</span>`).join(', ')}</td></tr>`
  })
  return `<h2>What breaks</h2>
${wide(
  'Clauses that are broken',
  `<table class="clauses"><tr><th>Clause</th><th>Shortest run</th><th>In</th><th>Also in</th><th>Known bugs like it</th></tr>
${rows.join('\n')}</table>`,
)}
${review.broken.map((clause, i) => clauseSection(clause, i)).join('\n')}`
}

function clauseSection(clause: BrokenClause, i: number): string {
  const { requirement, scenarios, trace } = clause
  const before = scenarios.filter((one) => one.before)
  const drawn =
    trace.steps.length === 0
      ? ''
      : `<details${i < MOST_OPEN ? ' open' : ''}><summary>The shortest run: ${text(lengthOf(clause))}, in ${code(trace.scenario)}${
          Object.keys(trace.parameters).length === 0 ? '' : ` (${text(settings(trace.parameters))})`
        }</summary>
${wide(`Shortest run that breaks ${clause.clause}`, traceSvg(trace, trace.steps.length > MOST_STEPS ? { steps: MOST_STEPS } : {}))}</details>`
  return `<h3 id="clause-${i + 1}">${text(clauseOf(clause))}</h3>
${requirement === undefined ? '' : `<p>${prose(requirement.text)}</p>\n<p class="soft">${requirement.source.map(text).join('; ')}</p>`}
<p>Broken in ${names(scenarios.map(({ scenario }) => scenario))}.${
    before.length === 0
      ? ''
      : ` Before the change it was broken in ${names(before.map(({ scenario }) => scenario))} too.`
  }</p>
<p class="breach">✗ ${text(claimLabel(trace))}</p>
${drawn}`
}

function held({ held, selected, bounds }: Review): string {
  const rest = selected.of - selected.scenarios.length
  if (held.length + rest === 0) return ''
  if (held.length === 0) return `<h2>What still holds</h2>\n<p>${unreached(rest)}</p>`
  const others =
    rest === 0
      ? '.'
      : `; and ${figure(rest)} that ${rest === 1 ? 'does' : 'do'} not reach it, and hold as before.`
  const rows = held.map(
    ({ scenario, parameters, states, statesBefore }) =>
      `<tr><td>${code(scenario)}</td><td>${text(settings(parameters))}</td><td class="number">${figure(states)}</td>
<td class="number">${statesBefore === undefined ? 'new' : statesBefore === states ? 'the same' : figure(statesBefore)}</td></tr>`,
  )
  const table = wide(
    'Scenarios that hold',
    `<table><tr><th>Scenario</th><th>Parameters</th><th>States</th><th>States before</th></tr>\n${rows.join('\n')}</table>`,
  )
  const folded = `<details${held.length <= MOST_NAMES ? ' open' : ''}><summary>${counted(held.length, 'scenario')}, with their states</summary>\n${table}</details>`
  return `<h2>What still holds</h2>
<p>${counted(held.length, 'scenario')} that ${held.length === 1 ? 'reaches' : 'reach'} the change, explored completely at ${bounds} bounds${others}</p>
${folded}`
}

function coverage(review: Review): string {
  const { compared } = review.coverage
  const { removed } = review.selected
  if (compared === 0 && removed.length === 0) return ''
  const lines = coverageLines(review)
  const said =
    compared === 0
      ? 'No scenario holds both before and after the change.'
      : `Compared in ${counted(compared, 'scenario')} that ${compared === 1 ? 'holds' : 'hold'} before and after${lines.length === 0 ? ': none changed.' : '.'}`
  return `<h2>Coverage that changed</h2>
<p>${said}</p>
${removed.length === 0 ? '' : `<p>Scenarios that are gone: ${removed.map(code).join(', ')}.</p>`}
${lines
  .map(
    ({ what, names }) =>
      `<details${names.length <= MOST_NAMES ? ' open' : ''}><summary>${text(what)}: ${figure(names.length)}</summary>\n${list(names.map(code))}</details>`,
  )
  .join('\n')}`
}

function mutants(review: Review): string {
  const said = mutantsSaid(review)
  if (said === undefined) return ''
  const bugs = said.bugs.length === 0 ? '' : `\n${list(said.bugs.map(text))}`
  const judged = said.judged === undefined ? '' : `\n<p>${text(said.judged)}</p>`
  const commands =
    said.commands.length === 0 ? '' : `\n${wide('Commands', `<pre>${text(said.commands.join('\n'))}</pre>`)}`
  const lists = said.lists.map(
    ({ what, mutants }) =>
      `\n<details${mutants.length <= MOST_NAMES ? ' open' : ''}><summary>${text(capitalised(what))}: ${figure(mutants.length)}</summary>\n${list(mutants.map(code))}</details>`,
  )
  return `<h2>Mutants of the changed text</h2>${judged}${lists.join('')}
<p>${text(said.known)}</p>${commands}${bugs}`
}

function releases(review: Review): string {
  const rows = releaseRows(review).filter((row) => row.text !== '')
  if (rows.length === 0) return ''
  return `<h2>Releases</h2>
${wide(
  'Releases of Linux',
  `<table><tr><th>Linux</th><th>Text</th></tr>
${rows.map((row) => `<tr><td>${text(row.versions)}</td><td>${text(row.text)}</td></tr>`).join('\n')}</table>`,
)}`
}

function assumptions(review: Review): string {
  return `<h2>What this rests on</h2>\n${list(assumptionsOf(review).map(text))}`
}

function repeat({ command, run }: Review): string {
  const commit = run.commit === null ? '' : `, commit ${run.commit.slice(0, 12)}`
  return `<h2>To repeat it</h2>
${wide('Command', `<pre>${text(command)}</pre>`)}
<p class="soft">hmm-spec ${text(run.product)}${text(commit)}, Node.js ${text(run.node)}, ${text(run.date)}.</p>`
}

/** What may be wider than the page: it scrolls by itself, by keyboard too. */
function wide(label: string, content: string): string {
  return `<div class="wide" role="region" tabindex="0" aria-label="${text(label)}">${content}</div>`
}

function names(all: readonly string[]): string {
  const shown = all.slice(0, MOST_NAMES).map(code).join(', ')
  if (all.length <= MOST_NAMES) return shown
  return `${shown} and <span title="${text(all.slice(MOST_NAMES).join(', '))}">${all.length - MOST_NAMES} more</span>`
}

function list(items: readonly string[]): string {
  return `<ul>\n${items.map((item) => `<li>${item}</li>`).join('\n')}\n</ul>`
}

function code(name: string): string {
  return `<code>${text(name)}</code>`
}

/** Text with code in backticks. */
function prose(markdown: string): string {
  return text(markdown).replace(/`([^`]+)`/g, '<code>$1</code>')
}

/** Text as HTML holds it, also within an attribute. */
function text(raw: string): string {
  return printable(raw).replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)
}
