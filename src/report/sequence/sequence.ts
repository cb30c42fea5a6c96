/**
 * A trace as a sequence diagram: a column for each thread, a row for each step, time going down.
 *
 * @module
 */
import type { Change, Trace, TraceStep } from '../../checker/result.js'
import type { Layout } from '../form/colours.js'
import { counted } from '../form/figures.js'
import { type Folded, foldOf, type Part } from './fold.js'
import { type Excerpt, heldDuring, type Sequence, sequenceOf } from './sequence-model.js'

export type { Excerpt } from './sequence-model.js'

/** Width of the step's number and the space after it. */
const GUTTER = 6
/** Preferred width of the last column. */
const LAST_COLUMN = 44
/** Least width of a column. */
const NARROWEST = 14
/** Most procedures that are named of steps that are folded. */
const MOST_PROCEDURES = 5

/** A step and its result, without the thread: `mmu_interval_read_retry: compare -> 0`. */
export function stepLabel(step: TraceStep): string {
  const way = step.choices > 1 ? ` [${step.way ?? `choice ${step.choice} of 0..${step.choices - 1}`}]` : ''
  return `${step.procedure}: ${step.step}${way} -> ${step.result}`
}

/** Where a step is in the text of a driver: ` @ driver.ts:12:3`; nothing for one that is in another text. */
function placeLabel({ place }: TraceStep): string {
  return place === undefined || place.isCall
    ? ''
    : ` @ ${place.file.slice(place.file.lastIndexOf('/') + 1)}:${place.line}:${place.column}`
}

/** What a thread did in steps that are folded: `… 5 steps: mmget_not_zero, hmm_range_fault`. */
function foldedLabel({ steps, procedures }: Folded): string {
  const shown = procedures.slice(0, MOST_PROCEDURES)
  const rest = procedures.length - shown.length
  return `… ${counted(steps, 'step')}: ${shown.join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`
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
 * wrapped, and lines are as long as necessary. The line of a thread tells what it holds meanwhile.
 */
export function sequenceText(trace: Trace, layout: Layout, excerpt: Excerpt = {}): string {
  const { colours } = layout
  const sequence = sequenceOf(trace, excerpt)
  const { steps } = trace
  const parts: readonly Part[] = excerpt.folded
    ? foldOf(trace)
    : sequence.rows.map((_, at) => ({ kind: 'step', at }))
  const columns = columnsOf(trace, parts, layout.width)
  const lines: string[] = [
    colours.bold(
      `${' '.repeat(GUTTER)}${trace.threads.map((name, i) => name.padEnd(columns.at(i + 1) - columns.at(i))).join('')}`.trimEnd(),
    ),
  ]
  const used = new Set<string>()
  const row = (i: number, number: string, thread: number, text: string, paint: (text: string) => string) => {
    const bar = (other: number) => {
      const line = barOf(sequence, other, i)
      used.add(line)
      return line
    }
    const before = lifelines(columns, 0, thread, columns.at(0), bar)
    const from = columns.at(thread)
    const after = lifelines(columns, thread + 1, trace.threads.length, from + text.length, bar)
    lines.push(
      `${colours.dim(number.padStart(GUTTER - 2))}  ${colours.dim(before)}${paint(text)}${colours.dim(after)}`.trimEnd(),
    )
  }
  for (const part of parts) {
    const first = part.kind === 'step' ? part.at : part.from
    if (first === sequence.loopFrom)
      lines.push(colours.yellow(`${' '.repeat(GUTTER)}── from here on, again and again ──`))
    if (part.kind === 'folded') {
      part.threads.forEach((folded, i) => {
        row(first, i === 0 ? '…' : '', folded.thread, foldedLabel(folded), colours.dim)
      })
      continue
    }
    const step = steps[part.at]
    row(part.at, String(part.at + 1), step.thread, `${stepLabel(step)}${placeLabel(step)}`, (text) => text)
    for (const change of step.changes)
      row(part.at, '', step.thread, `  ${changeLabel(change)}`, change.ghost ? colours.dim : colours.cyan)
  }
  if (sequence.left > 0)
    lines.push(colours.dim(`${' '.repeat(GUTTER)}… ${counted(sequence.left, 'step')} to go`))
  else lines.push(`${' '.repeat(GUTTER - 2)}${colours.red('✗')} ${claimLabel(trace)}`)
  const legend = Object.entries(BARS).filter(([bar]) => used.has(bar))
  if (legend.length > 0)
    lines.push(
      colours.dim(`${' '.repeat(GUTTER)}${legend.map(([bar, meaning]) => `${bar} ${meaning}`).join('   ')}`),
    )
  return lines.join('\n')
}

/** The lines of threads that hold something. */
const BARS = { '┃': 'holds a lock', '║': 'invalidates', '╫': 'both' } as const

/** The line of a thread in a row that another acts in. */
function barOf(sequence: Sequence, thread: number, row: number): keyof typeof BARS | '│' {
  const held = heldDuring(sequence, thread, row)
  const windows = held.filter(({ kind }) => kind === 'window').length
  if (windows === 0) return held.length === 0 ? '│' : '┃'
  return windows === held.length ? '║' : '╫'
}

interface Columns {
  /** Where the column of thread `i` begins, counted from the first; `i` may be one past the last. */
  at(i: number): number
}

/** Makes each column as wide as its texts; if the page is too narrow, the widest columns shrink. */
function columnsOf(trace: Trace, parts: readonly Part[], width: number): Columns {
  const needs = trace.threads.map((name) => Math.max(NARROWEST, name.length + 2))
  const least = [...needs]
  const need = (thread: number, text: string) => {
    needs[thread] = Math.max(needs[thread], text.length + 2)
  }
  for (const part of parts)
    if (part.kind === 'folded') for (const folded of part.threads) need(folded.thread, foldedLabel(folded))
    else {
      const step = trace.steps[part.at]
      need(step.thread, `${stepLabel(step)}${placeLabel(step)}`)
      for (const change of step.changes) need(step.thread, `  ${changeLabel(change)}`)
    }
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
function lifelines(
  columns: Columns,
  from: number,
  to: number,
  position: number,
  bar: (thread: number) => string,
): string {
  let line = ''
  for (let thread = from; thread < to; thread++) {
    const gap = columns.at(thread) - (position + line.length)
    if (gap < (from === 0 ? 0 : 1)) continue
    line += `${' '.repeat(gap)}${bar(thread)}`
  }
  // The text before a thread's column extends up to that column.
  return from === 0 ? line.padEnd(columns.at(to)) : line
}

/**
 * A trace as a Mermaid `sequenceDiagram`, to be pasted where Mermaid is drawn: an arrow leads from the thread to what
 * its step touches, and a thread is active while it holds a lock or invalidates.
 */
export function sequenceMermaid(trace: Trace, excerpt: Excerpt = {}): string {
  const { threads, rows, loopFrom, left } = sequenceOf(trace, excerpt)
  const objects = [...new Set(rows.flatMap(({ touches }) => touches))]
  const lines = ['sequenceDiagram', '  autonumber']
  threads.forEach((name, i) => {
    lines.push(`  participant T${i} as ${escapeMermaid(name)}`)
  })
  objects.forEach((name, i) => {
    lines.push(`  participant O${i} as ${escapeMermaid(name)}`)
  })
  const last = objects.length > 0 ? `O${objects.length - 1}` : `T${threads.length - 1}`
  let indent = '  '
  rows.forEach(({ step, touches, takes, releases, changes }, i) => {
    if (i === loopFrom) {
      lines.push('  loop again and again')
      indent = '    '
    }
    const from = `T${step.thread}`
    const [to = from, ...others] = touches.map((name) => `O${objects.indexOf(name)}`)
    lines.push(`${indent}${from}->>${to}: ${escapeMermaid(stepLabel(step))}`)
    for (const hold of releases) lines.push(`${indent}deactivate T${hold.thread}`)
    for (const hold of takes) {
      lines.push(`${indent}activate T${hold.thread}`)
      if (hold.kind === 'window')
        lines.push(`${indent}Note left of T${hold.thread}: invalidates ${escapeMermaid(hold.name)}`)
    }
    if (changes.length > 0) {
      const over = [to, ...others].at(-1)
      const text = changes.map((change) => escapeMermaid(changeLabel(change))).join('<br/>')
      lines.push(`${indent}Note right of ${over}: ${text}`)
    }
  })
  if (indent === '    ') lines.push('  end')
  if (left === 0)
    lines.push(`  Note over ${last === 'T0' ? 'T0' : `T0,${last}`}: ${escapeMermaid(claimLabel(trace))}`)
  return `${lines.join('\n')}\n`
}

/** Mermaid reads `;` as the end of a statement, `#` as the start of an entity, and `<` as the start of a tag. */
function escapeMermaid(text: string): string {
  return text
    .replaceAll('->', '→')
    .replace(/[#;<>]/g, (character) => `#${character.charCodeAt(0)};`)
    .replace(/\s*\n\s*/g, ' ')
}
