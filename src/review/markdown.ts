/**
 * A review as Markdown, to be put into a mail or a merge request.
 *
 * @module
 */
import type { Trace } from '../checker/result.js'
import { counted, figure, settings, wrap } from '../report/form/figures.js'
import { printable } from '../report/form/printable.js'
import { changeLabel, claimLabel, stepLabel } from '../report/sequence/sequence.js'
import { sequenceOf } from '../report/sequence/sequence-model.js'
import type { BrokenClause, Review } from './review.js'
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

/** Width of lines, as mail has it. */
const WIDTH = 78
/** Most changes of a step that a run shows. */
const MOST_CHANGES = 3
/** Most clauses whose run is told: a mail is read to its end. */
const MOST_RUNS = 3
/** Most names of a list. */
const MOST_NAMES = 12

/** The review as Markdown. */
export function reviewMarkdown(review: Review): string {
  const sections = [
    head(review),
    failures(review),
    changed(review),
    broken(review),
    holds(review),
    coverage(review),
    mutants(review),
    releases(review),
    assumptions(review),
    repeat(review),
  ]
  return printable(`${sections.filter((section) => section !== '').join('\n\n')}\n`)
}

function head(review: Review): string {
  const breach = breachOf(review)
  return [
    `# ${escaped(titleOf(review))}: ${VERDICTS[review.verdict]}`,
    '',
    wrap(`**${verdictOfReview(review)}**`, WIDTH),
    '',
    ...(breach === undefined ? [] : [wrap(escaped(breach), WIDTH), '']),
    wrap(escaped(`${subjectOf(review)} ${selectionOf(review.selected)}`), WIDTH),
  ].join('\n')
}

function failures({ failures, stopped, notRun }: Review): string {
  const rows = [
    ...failures.map(({ name, code, message }) => `${name}: ${code}: ${message.split('\n')[0]}`),
    ...stopped.map(({ scenario, why }) => `${scenario}: ${why}`),
    ...notRun.map((name) => `${name}: not begun`),
  ]
  if (rows.length === 0) return ''
  return `## What could not be checked\n\n${list(rows)}`
}

function changed({ change }: Review): string {
  if (change.procedures.length + change.files.length === 0) return ''
  const parts = change.procedures.map((procedure) => {
    const { name, kernel, place, diff } = procedure
    const stands = kernel === '' ? '' : `, stands for the kernel's \`${kernel}\``
    return [
      wrap(`\`${name}\` (${howOf(procedure)})${stands}, ${place.file}:${place.line}`, WIDTH),
      '',
      fenced('diff', diff),
    ].join('\n')
  })
  if (change.files.length > 0)
    parts.push(
      `Changed outside of procedures:\n\n${list(
        change.files.map((file) => `\`${file}\``),
        'plain',
      )}`,
    )
  return `## What is changed\n\n${parts.join('\n\n')}`
}

function broken({ broken }: Review): string {
  if (broken.length === 0) return ''
  const rows = broken.map((clause) => {
    const { scenarios, resembles } = clause
    const cells = [
      escaped(clauseOf(clause)),
      lengthOf(clause),
      escaped(scenarios[0].scenario),
      scenarios.length > 1 ? figure(scenarios.length - 1) : '',
      resembles.map(({ name }) => name).join(', '),
    ]
    return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  })
  return [
    '## What breaks',
    '',
    '| clause | shortest run | in | also in | known bugs like it |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
    ...broken.flatMap((clause, i) => [
      '',
      clauseSection(clause, i === 0 ? 'changes' : i < MOST_RUNS ? 'steps' : 'none'),
    ]),
  ].join('\n')
}

function clauseSection(clause: BrokenClause, shown: 'changes' | 'steps' | 'none'): string {
  const { requirement, scenarios, trace } = clause
  const before = scenarios.filter((one) => one.before)
  return [
    `### ${escaped(clauseOf(clause))}`,
    ...(requirement === undefined ? [] : ['', wrap(escaped(requirement.text), WIDTH)]),
    '',
    wrap(
      escaped(
        `Broken in ${names(scenarios.map(({ scenario }) => scenario))}.` +
          (before.length === 0
            ? ''
            : ` Before the change it was broken in ${names(before.map(({ scenario }) => scenario))} too.`),
      ),
      WIDTH,
    ),
    '',
    trace.steps.length === 0
      ? wrap(escaped(claimLabel(trace)), WIDTH)
      : shown === 'none'
        ? wrap(
            escaped(
              `The shortest run has ${lengthOf(clause)}, in ${trace.scenario}${sizeOf(trace)}; review.html draws it. ✗ ${claimLabel(trace)}`,
            ),
            WIDTH,
          )
        : `The shortest run, in ${escaped(trace.scenario)}${sizeOf(trace)}:\n\n${fenced('text', runText(trace, shown))}`,
  ].join('\n')
}

/** The parameters of a run, in parentheses. */
function sizeOf({ parameters }: Trace): string {
  const size = settings(parameters)
  return size === '' ? '' : ` (${size})`
}

/** A run, a line for each step: its number, its thread, what it does; and below it what that changes. */
export function runText(trace: Trace, shown: 'changes' | 'steps'): string {
  const width = Math.max(...trace.threads.map((name) => name.length))
  const indent = ' '.repeat(width + 6)
  const lines = sequenceOf(trace).rows.flatMap(({ step, changes }, i) => {
    const visible = changes.filter(({ ghost }) => !ghost)
    const more = visible.length - MOST_CHANGES
    return [
      ...(i === trace.loopFrom ? ['-- from here on, again and again --'] : []),
      `${String(i + 1).padStart(3)} ${step.name.padEnd(width)}  ${stepLabel(step)}`,
      ...(shown === 'steps'
        ? []
        : visible.slice(0, MOST_CHANGES).map((change) => `${indent}  ${changeLabel(change)}`)),
      ...(shown === 'changes' && more > 0 ? [`${indent}  and ${counted(more, 'other change')}`] : []),
    ]
  })
  return [...lines, wrap(`✗ ${claimLabel(trace)}`, WIDTH)].join('\n')
}

function holds({ held, selected, bounds }: Review): string {
  const rest = selected.of - selected.scenarios.length
  if (held.length + rest === 0) return ''
  if (held.length === 0) return `## What still holds\n\n${unreached(rest)}`
  const lines = held.map(({ scenario, parameters, states, statesBefore }) => {
    const was =
      statesBefore === undefined || statesBefore === states ? '' : `, ${figure(statesBefore)} before`
    const size = settings(parameters)
    return `${scenario}${size === '' ? '' : ` (${size})`}: ${figure(states)} states${was}`
  })
  return [
    '## What still holds',
    '',
    wrap(
      `${counted(held.length, 'scenario')} that ${held.length === 1 ? 'reaches' : 'reach'} the change, explored completely at ${bounds} bounds` +
        (rest === 0 ? ':' : `; and ${figure(rest)} that ${rest === 1 ? 'does' : 'do'} not reach it:`),
      WIDTH,
    ),
    '',
    list(lines),
  ].join('\n')
}

function coverage(review: Review): string {
  const lines = coverageLines(review)
  const { compared } = review.coverage
  const removed = review.selected.removed
  if (compared === 0 && removed.length === 0) return ''
  return [
    '## Coverage that changed',
    '',
    compared === 0
      ? 'No scenario holds both before and after the change.'
      : wrap(
          `Compared in ${counted(compared, 'scenario')} that ${compared === 1 ? 'holds' : 'hold'} before and after` +
            `${lines.length === 0 ? ': none changed.' : '.'}`,
          WIDTH,
        ),
    ...(removed.length === 0 ? [] : ['', `Scenarios that are gone: ${escaped(removed.join(', '))}.`]),
    ...lines.flatMap(({ what, names }) => ['', `${what}:`, '', list(names)]),
  ].join('\n')
}

function mutants(review: Review): string {
  const said = mutantsSaid(review)
  if (said === undefined) return ''
  return [
    '## Mutants of the changed text',
    '',
    ...(said.judged === undefined ? [] : [wrap(escaped(said.judged), WIDTH), '']),
    ...said.lists.flatMap(({ what, mutants }) => [
      wrap(`${capitalised(what)} (${figure(mutants.length)}):`, WIDTH),
      '',
      list(mutants),
      '',
    ]),
    wrap(said.known, WIDTH),
    ...(said.commands.length === 0 ? [] : ['', fenced('sh', said.commands.join('\n'))]),
    ...(said.bugs.length === 0 ? [] : ['', list(said.bugs)]),
  ].join('\n')
}

function releases(review: Review): string {
  const rows = releaseRows(review).filter(({ text }) => text !== '')
  if (rows.length === 0) return ''
  return [
    '## Releases',
    '',
    '| Linux | text |',
    '| --- | --- |',
    ...rows.map(({ versions, text }) => `| ${versions} | ${escaped(text)} |`),
  ].join('\n')
}

function assumptions(review: Review): string {
  return `## What this rests on\n\n${list(assumptionsOf(review), 'escaped', Number.POSITIVE_INFINITY)}`
}

function repeat({ command, run }: Review): string {
  const { product, commit, node } = run
  return [
    '## To repeat it',
    '',
    fenced('sh', command),
    '',
    `hmm-spec ${product}${commit === null ? '' : `, commit ${commit.slice(0, 12)}`}, Node.js ${node}.`,
  ].join('\n')
}

function list(items: readonly string[], how: 'escaped' | 'plain' = 'escaped', most = MOST_NAMES): string {
  const shown = items.length <= most + 1 ? items : items.slice(0, most)
  return [
    ...shown.map((item) => (how === 'escaped' ? escaped(item) : item)),
    ...(shown.length < items.length ? [`and ${items.length - shown.length} more`] : []),
  ]
    .map((item) => `- ${wrap(item, WIDTH, '  ').trimStart()}`)
    .join('\n')
}

/** Names in a sentence. */
function names(all: readonly string[]): string {
  const shown = all.slice(0, MOST_NAMES)
  return `${shown.join(', ')}${all.length > shown.length ? ` and ${all.length - shown.length} more` : ''}`
}

/** A block of code: its fence is longer than any in it. */
function fenced(language: string, text: string): string {
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length))
  const fence = '`'.repeat(longest + 1)
  return `${fence}${language}\n${text}\n${fence}`
}

/** Text in which nothing is markup. */
function escaped(text: string): string {
  return text.replace(/[\\`*<>[\]]|(?<!\w)_|_(?!\w)/g, (character) => `\\${character}`)
}
