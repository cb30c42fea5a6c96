/**
 * Reads what the kernel's tracer prints: one event a line, with kprobe and kretprobe events of any name and the marks that a
 * program has written into the trace. A probe is known by the function that it stands at, which each line names.
 *
 * @module
 */

/** Where a function is when an event is recorded. */
export type At = 'entry' | 'return'

/** What every line of a trace says. */
export interface TraceLine {
  /** Number of the line in the file, from 1. */
  readonly line: number
  /** Name of the task: at most 15 characters. */
  readonly task: string
  readonly pid: number
  /** Number of the process; absent where the trace was made without `record-tgid`. */
  readonly tgid?: number
  readonly cpu: number
  /** Microseconds of the trace's clock. */
  readonly time: number
}

/** A probe was hit. */
export interface ProbeEvent extends TraceLine {
  readonly kind: 'probe'
  /** The function that it stands at. */
  readonly function: string
  readonly at: At
  /** What the probe has read, by the name that its definition gives it. */
  readonly fields: ReadonlyMap<string, bigint>
}

/** A program has written a mark. */
export interface MarkEvent extends TraceLine {
  readonly kind: 'mark'
  readonly text: string
}

/** A trace, as it was read. */
export interface Trace {
  /** Name of the file, for messages. */
  readonly file: string
  readonly events: readonly (ProbeEvent | MarkEvent)[]
  /** Events of other tracers, by name: nothing is known of them. */
  readonly others: ReadonlyMap<string, number>
  /** Places where the ring buffer was full: the line, and how many events are missing. */
  readonly lost: readonly { readonly line: number; readonly events: number }[]
}

/** A line that cannot be read. The message names the file and the line. */
export class TraceError extends Error {
  override readonly name = 'TraceError'

  constructor(file: string, line: number, what: string) {
    super(`${file}:${line}: ${what}`)
  }
}

const LINE =
  /^\s*(?<task>.{1,16}?)-(?<pid>\d+)\s+(?:\(\s*(?<tgid>\d+|-+)\)\s+)?\[(?<cpu>\d+)\]\s+(?:\S+\s+)?(?<seconds>\d+)\.(?<micro>\d{6}):\s+(?<event>[^\s:]+):\s?(?<rest>.*)$/
const LOST = /^CPU:\d+ \[LOST (?:(\d+) )?EVENTS\]/
const WRITTEN = /^#.*entries-in-buffer\/entries-written: (\d+)\/(\d+)/
const RETURN = /^\((?:[^()]*) <- ([\w.]+)\)/
const ENTRY = /^\(([\w.]+)(?:\+0x[0-9a-f]+)?\/?(?:0x[0-9a-f]+)?(?: \[\w+\])?\)/
const FIELD = /(\w+)=(-?(?:0x[0-9a-f]+|\d+))(?=\s|$)/g

/**
 * Reads a trace.
 *
 * @param text - as `/sys/kernel/tracing/trace` prints it
 * @param file - its name, for messages
 * @throws TraceError at the first line that is none of a trace
 */
export function parseTrace(text: string, file: string): Trace {
  const events: (ProbeEvent | MarkEvent)[] = []
  const others = new Map<string, number>()
  const lost: { line: number; events: number }[] = []
  for (const [index, content] of text.split('\n').entries()) {
    const line = index + 1
    if (content.trim() === '') continue
    if (content.startsWith('#')) {
      const written = WRITTEN.exec(content)
      const missing = written ? Number(written[2]) - Number(written[1]) : 0
      // A full buffer drops the oldest: what is missing is missing at the beginning.
      if (missing > 0) lost.push({ line, events: missing })
      continue
    }
    const gap = LOST.exec(content)
    if (gap) {
      lost.push({ line, events: Number(gap[1] ?? 0) })
      continue
    }
    const event = parseLine(content, file, line)
    if (event.kind === 'other') others.set(event.name, (others.get(event.name) ?? 0) + 1)
    else events.push(event)
  }
  if (events.length === 0)
    throw new TraceError(
      file,
      1,
      'no event of a kprobe and no mark: this is no trace; give the text of /sys/kernel/tracing/trace',
    )
  return { file, events, others, lost }
}

type Parsed = ProbeEvent | MarkEvent | { readonly kind: 'other'; readonly name: string }

function parseLine(content: string, file: string, line: number): Parsed {
  const groups = LINE.exec(content)?.groups
  if (groups === undefined)
    throw new TraceError(
      file,
      line,
      `${JSON.stringify(content.slice(0, 80))} is no line of a trace: TASK-PID [CPU] FLAGS TIME: EVENT: …`,
    )
  const { task, pid, tgid, cpu, seconds, micro, event, rest } = groups
  const common = {
    line,
    task: task.trim(),
    pid: Number(pid),
    ...(tgid === undefined || tgid.startsWith('-') ? {} : { tgid: Number(tgid) }),
    cpu: Number(cpu),
    time: Number(seconds) * 1_000_000 + Number(micro),
  }
  if (event === 'tracing_mark_write') return { ...common, kind: 'mark', text: rest.trim() }
  const from = RETURN.exec(rest)
  const to = from ?? ENTRY.exec(rest)
  if (to === null) return { kind: 'other', name: event }
  const fields = new Map<string, bigint>()
  for (const [, name, value] of rest.slice(to[0].length).matchAll(FIELD)) fields.set(name, numberOf(value))
  return { ...common, kind: 'probe', function: to[1], at: from ? 'return' : 'entry', fields }
}

function numberOf(text: string): bigint {
  return text.startsWith('-') ? -BigInt(text.slice(1)) : BigInt(text)
}
