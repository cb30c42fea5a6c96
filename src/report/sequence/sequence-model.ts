/**
 * A run as a sequence diagram shows it, whatever draws it: who takes which step, which locks are held, which ranges
 * are being invalidated, and what each step touches.
 *
 * @module
 */
import type { Change, Trace, TraceStep } from '../../checker/result.js'

/** Which part of a trace is drawn. */
export interface Excerpt {
  /** Steps to draw, from the first (default all). */
  readonly steps?: number
  /** True to draw the steps that matter, and of the others what each thread was doing. */
  readonly folded?: boolean
}

/** How a thread holds what it holds: a lock, a semaphore for reading or for writing, a window of invalidation. */
export type HoldKind = 'lock' | 'read' | 'write' | 'window'

/** Something that a thread holds for some rows. */
export interface Hold {
  readonly thread: number
  readonly kind: HoldKind
  /** The lock, or the range and the event of the window. */
  readonly name: string
  /** Row of the step that takes it. */
  readonly from: number
  /** Row of the step that releases it; the number of rows if none does. */
  readonly to: number
}

/** One step. */
export interface SequenceRow {
  readonly step: TraceStep
  /** What it takes and what it releases. */
  readonly takes: readonly Hold[]
  readonly releases: readonly Hold[]
  /** Everything of the world that it touches: `mm[0]`, `gpu`, `frame[1]`. */
  readonly touches: readonly string[]
  /** What it changes, but for the records of open windows. */
  readonly changes: readonly Change[]
  /** Row in which another thread released the lock that this step takes, if no other step came by it since. */
  readonly after?: number
}

/** A run, ready to be drawn. */
export interface Sequence {
  readonly threads: readonly string[]
  readonly rows: readonly SequenceRow[]
  readonly holds: readonly Hold[]
  /** Row from which on the run repeats. */
  readonly loopFrom?: number
  /** Steps that are not drawn. */
  readonly left: number
}

/** What of a trace a diagram needs. */
export type Run = Pick<Trace, 'threads' | 'steps'> & Partial<Pick<Trace, 'loopFrom'>>

/** Verbs of the steps that take and release locks with one holder. */
const OWNED = /^(?:try|un)?lock (\S+)$/
/** The record of a window that a thread has opened. */
const WINDOW = /^range\[\d+\]\./

interface Open {
  readonly thread: number
  readonly kind: HoldKind
  readonly name: string
  readonly from: number
}

/** Reads a run: locks and windows are told from the cells that its steps change. */
export function sequenceOf(run: Run, excerpt: Excerpt = {}): Sequence {
  const drawn = Math.min(excerpt.steps ?? run.steps.length, run.steps.length)
  const owned = new Set(run.steps.flatMap(({ step }) => OWNED.exec(step)?.[1] ?? []))
  const open = new Map<string, Open>()
  const holds: Hold[] = []
  const lastRelease = new Map<string, { readonly row: number; readonly thread: number }>()
  const rows = run.steps.slice(0, drawn).map((step, row): SequenceRow => {
    const takes: Open[] = []
    const releases: Hold[] = []
    for (const { key, held, ...rest } of holdingsOf(step, owned)) {
      const before = open.get(key)
      if (held && before === undefined) {
        const taken = { ...rest, from: row }
        open.set(key, taken)
        takes.push(taken)
      } else if (!held && before !== undefined) {
        open.delete(key)
        const hold = { ...before, to: row }
        releases.push(hold)
        holds.push(hold)
      }
    }
    const handed = takes
      .filter(({ kind }) => kind !== 'window')
      .map(({ name }) => lastRelease.get(name))
      .find((release) => release !== undefined && release.thread !== step.thread)
    for (const { name } of takes) lastRelease.delete(name)
    for (const { name } of releases) lastRelease.set(name, { row, thread: step.thread })
    const changes = step.changes.filter(({ cell }) => !WINDOW.test(cell))
    return {
      step,
      takes: takes.map((taken) => ({ ...taken, to: drawn })),
      releases,
      touches: [...new Set(changes.filter(({ ghost }) => !ghost).map(({ cell }) => cell.split('.')[0]))],
      changes,
      ...(handed === undefined ? {} : { after: handed.row }),
    }
  })
  for (const taken of open.values()) holds.push({ ...taken, to: drawn })
  return {
    threads: run.threads,
    rows,
    holds: holds.sort((a, b) => a.from - b.from),
    ...(run.loopFrom === undefined ? {} : { loopFrom: run.loopFrom }),
    left: run.steps.length - drawn,
  }
}

/** What a thread holds during `row`, one that another thread acts in. */
export function heldDuring({ holds }: Sequence, thread: number, row: number): readonly Hold[] {
  return holds.filter((hold) => hold.thread === thread && hold.from <= row && row < hold.to)
}

interface Holding {
  readonly key: string
  readonly held: boolean
  readonly thread: number
  readonly kind: HoldKind
  readonly name: string
}

/** What `step` takes or releases, and for whom. */
function holdingsOf(step: TraceStep, owned: ReadonlySet<string>): Holding[] {
  return step.changes.flatMap(({ cell, before, after }): Holding[] => {
    const semaphore = /^(.*)\.(readers|writer)$/.exec(cell)
    if (semaphore?.[2] === 'readers') {
      const [was, is] = [Number(before), Number(after)]
      const [name] = semaphore.slice(1)
      return bits(was ^ is).map((thread) => ({
        key: `${cell} ${thread}`,
        held: ((is >> thread) & 1) === 1,
        thread,
        kind: 'read',
        name,
      }))
    }
    if (semaphore !== null || owned.has(cell)) {
      const held = after !== '0'
      const thread = Number(held ? after : before) - 1
      const name = semaphore?.[1] ?? cell
      return [{ key: cell, held, thread, kind: semaphore === null ? 'lock' : 'write', name }]
    }
    const window = /^(range\[\d+\])\.mm$/.exec(cell)
    if (window === null) return []
    return [
      {
        key: cell,
        held: after !== '0',
        thread: step.thread,
        kind: 'window',
        name: windowName(step, window[1]),
      },
    ]
  })
}

function bits(mask: number): number[] {
  return [...Array(31).keys()].filter((bit) => (mask >> bit) & 1)
}

/** The range and the event of a window, of which only what is not 0 is among the changes. */
function windowName({ changes }: TraceStep, record: string): string {
  const value = (field: string) => changes.find(({ cell }) => cell === `${record}.${field}`)?.after
  return `[${value('start') ?? 0}, ${value('end') ?? 0}) ${value('event') ?? 'UNMAP'}`
}
