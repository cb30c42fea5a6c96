/**
 * What a trace says of sequences that were performed one operation after another: a process for each, which writes
 * `NAME NUMBER p: OPERATION` before an operation of its own, and its child `NAME NUMBER c: OPERATION`.
 *
 * @module
 */
import { type Operation, OperationError, parseOperation } from '../../operations.js'
import { orphanIn } from '../../recording.js'
import { type MarkEvent, type ProbeEvent, type Trace, TraceError } from '../trace/ftrace.js'

/** One operation, and everything that its processes do until the next. */
export interface TracedOperation {
  /** Line of its mark; for the end of a child, which writes none, that of the next. */
  readonly line: number
  readonly text: string
  readonly operation: Operation
  /** Who performs it; `undefined` for the end of a child. */
  readonly pid: number | undefined
  /** Events of its process and of the other, in their order. */
  readonly events: readonly ProbeEvent[]
}

/** A sequence. */
export interface TracedSequence {
  readonly name: string
  readonly parent: number
  /** What the parent does before the first operation. */
  readonly before: readonly ProbeEvent[]
  /** Up to the first that nobody here has a procedure for. */
  readonly operations: readonly TracedOperation[]
  /** Operations from that one on. */
  readonly left: number
  /** Events of its processes, from before the first operation to the end. */
  readonly events: readonly ProbeEvent[]
  /** Events after the last operation that is judged. */
  readonly after: number
}

const EXIT = { name: 'exit', inChild: true } as const

const MARK = /^(?<name>\w+) (?<index>\d+) (?<who>[pc]): (?<text>.+)$/

interface Mark {
  readonly event: MarkEvent
  readonly name: string
  readonly index: number
  readonly inChild: boolean
  readonly text: string
}

function markOf(event: ProbeEvent | MarkEvent): Mark | undefined {
  const groups = event.kind === 'mark' ? MARK.exec(event.text)?.groups : undefined
  if (event.kind !== 'mark' || groups === undefined) return undefined
  const { name, index, who, text } = groups
  return { event, name, index: Number(index), inChild: who === 'c', text }
}

/** True for a trace whose first mark is that of a sequence. */
export function hasSequences({ events }: Trace): boolean {
  const first = events.find(({ kind }) => kind === 'mark')
  return first !== undefined && markOf(first) !== undefined
}

/**
 * Finds the sequences of a trace.
 *
 * @throws TraceError where a mark cannot be read, or is missing
 */
export function sequencesOf(trace: Trace): TracedSequence[] {
  const marks = trace.events.flatMap((event) => markOf(event) ?? [])
  const found: TracedSequence[] = []
  for (let first = 0; first < marks.length; ) {
    let end = first + 1
    while (end < marks.length && marks[end].name === marks[first].name && marks[end].index > 0) end++
    found.push(sequenceOf(trace, marks.slice(first, end)))
    first = end
  }
  return found
}

function sequenceOf(trace: Trace, marks: readonly Mark[]): TracedSequence {
  const [first] = marks
  const parent = first.event.pid
  const pids = new Set(marks.map(({ event }) => event.pid))
  const events = trace.events.filter(
    (event): event is ProbeEvent => event.kind === 'probe' && pids.has(event.pid),
  )
  const operations: TracedOperation[] = []
  let left = 0
  for (const [at, mark] of marks.entries()) {
    const { line, pid } = mark.event
    if (mark.inChild === (pid === parent))
      throw new TraceError(trace.file, line, `"${mark.name} ${mark.index}" is written by the wrong process`)
    const missing = mark.index - (at === 0 ? 0 : marks[at - 1].index + 1)
    // A child that ends writes no mark.
    if (missing === 1 && !mark.inChild && left === 0)
      operations.push({ line, pid: undefined, events: [], text: 'c:exit', operation: EXIT })
    else if (missing !== 0 && left === 0)
      throw new TraceError(trace.file, line, `operations are missing before "${mark.name} ${mark.index}"`)
    const read = left > 0 ? undefined : readOperation(trace, line, `${mark.inChild ? 'c:' : ''}${mark.text}`)
    if (read === undefined) left++
    else {
      const until = marks[at + 1]?.event.line ?? Number.POSITIVE_INFINITY
      const own = events.filter((event) => event.line > line && event.line < until)
      operations.push({ line, pid, events: own, ...read })
    }
  }
  const orphan = orphanIn(operations.map(({ text }) => text))
  if (orphan >= 0)
    throw new TraceError(
      trace.file,
      operations[orphan].line,
      'there is no child; a child is there from "fork" on',
    )
  const before = events.filter(({ line }) => line < first.event.line)
  const during = operations.reduce((sum, operation) => sum + operation.events.length, 0)
  return {
    name: first.name,
    parent,
    before,
    operations,
    left,
    events,
    after: events.length - before.length - during,
  }
}

function readOperation(
  trace: Trace,
  line: number,
  text: string,
): { text: string; operation: Operation } | undefined {
  try {
    const operation = parseOperation(text)
    return operation.name === 'unsupported' ? undefined : { text, operation }
  } catch (error) {
    if (error instanceof OperationError) throw new TraceError(trace.file, line, error.message)
    throw error
  }
}
