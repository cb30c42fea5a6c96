/**
 * A trace as a sequence diagram: a column for each thread, a row for each step, time going down.
 *
 * @module
 */
import type { Change, Trace, TraceStep } from '../checker/result.js'
import type { Layout } from './colours.js'
import { counted } from './figures.js'

/** The part of a trace to draw. */
export interface Excerpt {
  /** Steps to draw, from the first (default all). */
  readonly steps?: number
}

/** Width of the step's number and the space after it. */
const GUTTER = 6
/** Preferred width of the last column. */
const LAST_COLUMN = 44
/** Least width of a column. */
const NARROWEST = 14

/** A step and its result, without the thread: `mmu_interval_read_retry: compare -> 0`. */
export function stepLabel(step: TraceStep): string {
  const way = step.choices > 1 ? ` [choice ${step.choice} of 0..${step.choices - 1}]` : ''
  return `${step.procedure}: ${step.step}${way} -> ${step.result}`
}

/** A changed cell: `device.pte[0].generation 0 → 1`, with `~` before it if it is a ghost. */
export function changeLabel(change: Change): string {
  return `${change.ghost ? '~' : ''}${change.cell} ${change.before} → ${change.after}`
}

/** The message of the broken claim at the end of a trace. */
export function claimLabel(trace: Trace): string {
  const claim = trace.claim === trace.clause ? '' : ` (${trace.claim})`
  return `${trace.clause}${claim}: ${trace.detail}`
}

/**
 * Draws a trace as text. Only one thread acts in a row, so its text may extend over the columns to its right: nothing is
 * wrapped, and lines are as long as necessary.
 */
export function sequenceText(trace: Trace, layout: Layout, excerpt: Excerpt = {}): string {
  const { colours } = layout
  const drawn = Math.min(excerpt.steps ?? trace.steps.length, trace.steps.length)
  const columns = columnsOf(trace, layout.width)
  const lines: string[] = [
    colours.bold(
      `${' '.repeat(GUTTER)}${trace.threads.map((name, i) => name.padEnd(columns.at(i + 1) - columns.at(i))).join('')}`.trimEnd(),
    ),
  ]
  const row = (number: string, thread: number, text: string, paint: (text: string) => string) => {
    const before = lifelines(columns, 0, thread, columns.at(0))
    const from = columns.at(thread)
    const after = lifelines(columns, thread + 1, trace.threads.length, from + text.length)
    lines.push(
      `${colours.dim(number.padStart(GUTTER - 2))}  ${colours.dim(before)}${paint(text)}${colours.dim(after)}`.trimEnd(),
    )
  }
  trace.steps.slice(0, drawn).forEach((step, i) => {
    if (i === trace.loopFrom)
      lines.push(colours.yellow(`${' '.repeat(GUTTER)}── from here on, again and again ──`))
    row(String(i + 1), step.thread, stepLabel(step), (text) => text)
    for (const change of step.changes)
      row('', step.thread, `  ${changeLabel(change)}`, change.ghost ? colours.dim : colours.cyan)
  })
  if (drawn < trace.steps.length)
    lines.push(colours.dim(`${' '.repeat(GUTTER)}… ${counted(trace.steps.length - drawn, 'step')} to go`))
  else lines.push(`${' '.repeat(GUTTER - 2)}${colours.red('✗')} ${claimLabel(trace)}`)
  return lines.join('\n')
}

interface Columns {
  /** Where the column of thread `i` begins, counted from the first; `i` may be one past the last. */
  at(i: number): number
}

/** Makes each column as wide as its texts; if the page is too narrow, the widest columns shrink. */
function columnsOf(trace: Trace, width: number): Columns {
  const needs = trace.threads.map((name) => Math.max(NARROWEST, name.length + 2))
  const least = [...needs]
  for (const step of trace.steps)
    for (const text of [stepLabel(step), ...step.changes.map((change) => `  ${changeLabel(change)}`)])
      needs[step.thread] = Math.max(needs[step.thread], text.length + 2)
  let room = width - GUTTER - LAST_COLUMN
  const byNeed = trace.threads.map((_, i) => i).slice(0, -1)
  byNeed.sort((a, b) => needs[a] - needs[b])
  byNeed.forEach((thread, i) => {
    needs[thread] = Math.max(least[thread], Math.min(needs[thread], Math.floor(room / (byNeed.length - i))))
    room -= needs[thread]
  })
  const starts = [0]
  for (const need of needs) starts.push(starts[starts.length - 1] + need)
  return { at: (i) => starts[i] }
}

/** The lifelines of threads `from` … `to`-1, where they are not hidden by text that ends at `position`. */
function lifelines(columns: Columns, from: number, to: number, position: number): string {
  let line = ''
  for (let thread = from; thread < to; thread++) {
    const gap = columns.at(thread) - (position + line.length)
    if (gap < (from === 0 ? 0 : 1)) continue
    line += `${' '.repeat(gap)}│`
  }
  // The text before a thread's column extends up to that column.
  return from === 0 ? line.padEnd(columns.at(to)) : line
}

/** A trace as a Mermaid `sequenceDiagram`. */
export function sequenceMermaid(trace: Trace, excerpt: Excerpt = {}): string {
  const drawn = Math.min(excerpt.steps ?? trace.steps.length, trace.steps.length)
  const lines = ['sequenceDiagram', '  autonumber']
  trace.threads.forEach((name, i) => {
    lines.push(`  participant T${i} as ${escapeMermaid(name)}`)
  })
  const over = trace.threads.length > 1 ? `T0,T${trace.threads.length - 1}` : 'T0'
  let indent = '  '
  trace.steps.slice(0, drawn).forEach((step, i) => {
    if (i === trace.loopFrom) {
      lines.push('  loop again and again')
      indent = '    '
    }
    lines.push(`${indent}T${step.thread}->>T${step.thread}: ${escapeMermaid(stepLabel(step))}`)
    if (step.changes.length > 0) {
      const changes = step.changes.map((change) => escapeMermaid(changeLabel(change))).join('<br/>')
      lines.push(`${indent}Note right of T${step.thread}: ${changes}`)
    }
  })
  if (indent === '    ') lines.push('  end')
  if (drawn === trace.steps.length) lines.push(`  Note over ${over}: ${escapeMermaid(claimLabel(trace))}`)
  return `${lines.join('\n')}\n`
}

/** Mermaid reads `;` as the end of a statement, `#` as the start of an entity, and `<` as the start of a tag. */
function escapeMermaid(text: string): string {
  return text
    .replaceAll('->', '→')
    .replace(/[#;<>]/g, (character) => `#${character.charCodeAt(0)};`)
    .replace(/\s*\n\s*/g, ' ')
}
