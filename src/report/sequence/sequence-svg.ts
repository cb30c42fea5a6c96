/**
 * A trace as a drawing: a column for each thread, time going down, locks and windows of invalidation as bars beside its line.
 *
 * @module
 */
import type { Change, Trace } from '../../checker/result.js'
import { wrap } from '../form/figures.js'
import { changeLabel, claimLabel, stepLabel } from './sequence.js'
import { type Excerpt, type Hold, type Run, type Sequence, sequenceOf } from './sequence-model.js'

/** What a drawing can be told. */
export interface SvgOptions extends Excerpt {
  /** True for a file of its own: the drawing brings its colours with it. In a page they are the page's. */
  readonly standalone?: boolean
  /** Where a step leads to: from the procedure that takes it and the index of its row; undefined for nowhere. */
  readonly linkTo?: (procedure: string, row: number) => string | undefined
  /** What is said below the last step. */
  readonly end?: string
}

const GUTTER = 34
const HEAD = 34
const LINE = 17
const SMALL = 15
/** Room for bars left of a thread's line, by lane. */
const LANE = 7
const LABEL_SIZE = 13
const SMALL_SIZE = 12
/** Width of a character, as far as one can say without the font. */
const CHARACTER = { label: 7.3, small: 7.3 }
/** Most changes that a step shows. */
const MOST_CHANGES = 6

const COLOURS = `
.sequence { color-scheme: light dark; font: ${LABEL_SIZE}px system-ui, sans-serif; fill: CanvasText }
.sequence .line { stroke: GrayText } .sequence .ghost, .sequence .number { fill: GrayText } .sequence .number { text-anchor: end }
.sequence .small { font: ${SMALL_SIZE}px ui-monospace, monospace }
.sequence .lock { fill: #b7791f } .sequence .window { fill: #2b6cb0 }
.sequence .handed { stroke: #b7791f; fill: none } .sequence .breach { fill: #c53030; font-weight: 600 }
`

interface Block {
  readonly label: readonly string[]
  readonly notes: readonly { readonly text: string; readonly ghost: boolean }[]
  readonly height: number
}

/** Draws a trace, with what it breaks below its last step. */
export function traceSvg(trace: Trace, options: SvgOptions = {}): string {
  const whole = options.steps === undefined || options.steps >= trace.steps.length
  return sequenceSvg(trace, { ...(whole ? { end: `✗ ${claimLabel(trace)}` } : {}), ...options })
}

/** Draws a run. */
export function sequenceSvg(run: Run, options: SvgOptions = {}): string {
  return new Drawing(sequenceOf(run, options), options).draw()
}

class Drawing {
  private readonly parts: string[] = []
  private readonly lanes: readonly number[]
  private readonly left: readonly number[]
  private readonly width: number
  private readonly column: number
  private readonly blocks: readonly Block[]
  private readonly tops: readonly number[]
  private readonly bottom: number

  constructor(
    private readonly sequence: Sequence,
    private readonly options: SvgOptions,
  ) {
    const { threads, rows } = sequence
    const laneOf = lanesOf(sequence)
    this.lanes = sequence.holds.map((hold) => laneOf.get(hold) ?? 0)
    this.column = threads.length <= 1 ? 520 : threads.length === 2 ? 370 : 290
    const most = threads.map((_, i) =>
      Math.max(0, ...sequence.holds.map((hold, h) => (hold.thread === i ? this.lanes[h] + 1 : 0))),
    )
    let x = GUTTER
    this.left = threads.map((_, i) => {
      x += most[i] * LANE + 6
      const line = x
      x += this.column
      return line
    })
    this.width = x + 8
    this.blocks = rows.map((_, i) => this.blockOf(i))
    let y = HEAD
    this.tops = this.blocks.map(({ height }) => {
      y += height
      return y - height
    })
    this.bottom = y
  }

  draw(): string {
    const { sequence, options, parts } = this
    sequence.threads.forEach((name, i) => {
      const x = this.left[i]
      parts.push(
        `<text class="head" x="${x}" y="20" font-weight="600">${escaped(name)}</text>`,
        `<path class="line" d="M${x} ${HEAD - 6}V${this.bottom}" stroke="currentColor" stroke-opacity=".35"/>`,
      )
    })
    sequence.holds.forEach((hold, i) => {
      this.bar(hold, this.lanes[i])
    })
    sequence.rows.forEach((_, i) => {
      this.row(i)
    })
    const end = this.footer()
    const style = options.standalone ? `<style>${COLOURS}</style>` : ''
    return (
      `<svg class="sequence" xmlns="http://www.w3.org/2000/svg" role="group" width="${this.width}" height="${end}" ` +
      `viewBox="0 0 ${this.width} ${end}" font-size="${LABEL_SIZE}" fill="currentColor">` +
      `<title>${escaped(this.title())}</title>${style}${parts.join('')}</svg>`
    )
  }

  private title(): string {
    const { threads, rows } = this.sequence
    return `A run of ${rows.length} steps by ${threads.join(', ')}`
  }

  private blockOf(row: number): Block {
    const { step, takes, changes } = this.sequence.rows[row]
    const room = this.column - 18
    // What a step returns stays with its last word.
    const text = stepLabel(step).replace(/ -> (?=-?\d+$)/, '\u00a0->\u00a0')
    const label = wrap(text, Math.floor(room / CHARACTER.label)).split('\n')
    const shown = changes.slice(0, MOST_CHANGES)
    const notes = [
      ...takes
        .filter(({ kind }) => kind === 'window')
        .map(({ name }) => ({ text: `opens the window ${name}`, ghost: false })),
      ...shown.map((change: Change) => ({
        // Nobody else acts in this row: a note may run on over the columns to its right.
        text: clipped(
          changeLabel(change),
          Math.floor((this.width - this.left[step.thread] - 30) / CHARACTER.small),
        ),
        ghost: change.ghost,
      })),
      ...(changes.length > shown.length
        ? [{ text: `and ${changes.length - shown.length} more`, ghost: true }]
        : []),
    ]
    return { label, notes, height: label.length * LINE + notes.length * SMALL + 9 }
  }

  private row(i: number): void {
    const { step, after } = this.sequence.rows[i]
    const { label, notes } = this.blocks[i]
    const x = this.left[step.thread]
    const top = this.tops[i]
    if (i === this.sequence.loopFrom)
      this.parts.push(
        `<path d="M4 ${top - 2}H${this.width - 8}" stroke="currentColor" stroke-dasharray="6 4"/>`,
        `<text class="small ghost" x="${this.width - 8}" y="${top - 6}" text-anchor="end">from here on, again and again</text>`,
      )
    if (after !== undefined) this.handover(after, i)
    const href = this.options.linkTo?.(step.procedure, i)
    const lines = label.map(
      (text, k) => `<text x="${x + 12}" y="${top + 13 + k * LINE}">${escaped(text)}</text>`,
    )
    this.parts.push(
      `<text class="number" x="${GUTTER - 12}" y="${top + 13}">${i + 1}</text>`,
      `<circle cx="${x}" cy="${top + 9}" r="4"/>`,
      href === undefined ? lines.join('') : `<a href="${escaped(href)}">${lines.join('')}</a>`,
      ...notes.map(
        ({ text, ghost }, k) =>
          `<text class="small${ghost ? ' ghost' : ''}" x="${x + 20}" y="${top + 11 + label.length * LINE + k * SMALL}">${escaped(text)}</text>`,
      ),
    )
  }

  private bar({ thread, kind, name, from, to }: Hold, lane: number): void {
    const x = this.left[thread] - (lane + 1) * LANE - 1
    const top = this.tops[from] + 9
    const end = to < this.tops.length ? this.tops[to] + 9 : this.bottom
    const how = { lock: 'holds', read: 'reads under', write: 'writes under', window: 'invalidates' }[kind]
    this.parts.push(
      `<rect class="${kind === 'window' ? 'window' : 'lock'}" x="${x}" y="${top}" width="${LANE - 2}" height="${Math.max(4, end - top)}" rx="2"` +
        `${kind === 'read' ? ' fill-opacity=".55"' : ''}><title>${escaped(`${how} ${name}`)}</title></rect>`,
    )
  }

  /** An arrow from the thread that released a lock to the step that takes it next, in the gap above that step. */
  private handover(from: number, to: number): void {
    const [a, b] = [from, to].map((row) => this.left[this.sequence.rows[row].step.thread])
    const top = this.tops[to]
    this.parts.push(
      `<path class="handed" d="M${a} ${top - 2}H${b}v6m-3 -3l3 3l3 -3" fill="none" stroke-dasharray="4 3">` +
        `<title>released in step ${from + 1}</title></path>`,
    )
  }

  /** What is said below the last step, and what the bars mean; returns the height of the whole. */
  private footer(): number {
    const { sequence, options, parts } = this
    let y = this.bottom + 8
    const said = sequence.left > 0 ? `… ${sequence.left} steps to go` : options.end
    if (said !== undefined)
      for (const text of wrap(said, Math.floor((this.width - GUTTER) / CHARACTER.label)).split('\n')) {
        y += LINE
        parts.push(
          `<text class="${sequence.left > 0 ? 'ghost' : 'breach'}" x="${GUTTER}" y="${y}">${escaped(text)}</text>`,
        )
      }
    const kinds = new Set(sequence.holds.map(({ kind }) => (kind === 'window' ? 'window' : 'lock')))
    if (kinds.size === 0) return y + 12
    y += 24
    let x = GUTTER
    for (const [kind, meaning] of [
      ['lock', 'a lock is held (lighter: for reading)'],
      ['window', 'a range is being invalidated'],
    ] as const) {
      if (!kinds.has(kind)) continue
      parts.push(
        `<rect class="${kind}" x="${x}" y="${y - 11}" width="5" height="14" rx="2"/>`,
        `<text class="small ghost" x="${x + 11}" y="${y}">${meaning}</text>`,
      )
      x += 11 + meaning.length * CHARACTER.small + 20
    }
    return y + 12
  }
}

/** Puts bars of a thread that overlap beside each other. */
function lanesOf({ holds }: Sequence): ReadonlyMap<Hold, number> {
  const lanes = new Map<Hold, number>()
  for (const hold of holds) {
    const beside = holds.filter(
      (other) =>
        lanes.has(other) && other.thread === hold.thread && other.from < hold.to && hold.from < other.to,
    )
    const taken = new Set(beside.map((other) => lanes.get(other)))
    let lane = 0
    while (taken.has(lane)) lane++
    lanes.set(hold, lane)
  }
  return lanes
}

function clipped(text: string, room: number): string {
  return text.length > room ? `${text.slice(0, room - 1)}…` : text
}

/** Text as XML holds it. */
export function escaped(text: string): string {
  return text.replace(/[&<"]/g, (character) => `&#${character.charCodeAt(0)};`)
}
