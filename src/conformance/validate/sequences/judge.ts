/**
 * Judges a trace of sequences. One operation runs after another, so that the model has one behaviour: its events are those of the
 * trace, each with its values, or the trace is refused.
 *
 * @module
 */
import type { KernelVersion } from '../../result.js'
import type { JudgedFunction } from '../probe.js'
import { judgedIn, UNJUDGED } from '../table.js'
import { Asides } from '../trace/asides.js'
import { Calls } from '../trace/calls.js'
import { type ProbeEvent, type Trace, TraceError } from '../trace/ftrace.js'
import { ADDRESSED, probeKey } from '../trace/race.js'
import { numberOf, type Reading } from '../trace/values.js'
import { probeText, type Shown } from '../words.js'
import { inOrderOf } from './invalidations.js'
import { type DoneEvent, SequenceModel } from './model.js'
import { sequencesOf, type TracedOperation, type TracedSequence } from './read.js'

const PAGE = 4096n
const RELEASE = 5n
const START = '__mmu_notifier_invalidate_range_start'
/** The end of all addresses. */
const EVERYTHING = 2n ** 64n - 1n

/** The first event that does not fit. */
export interface Unfit {
  readonly line: number
  readonly event: string
  /** What the model does there. */
  readonly instead: string
}

/** What came of one sequence. */
export interface JudgedSequence {
  readonly sequence: TracedSequence
  /** Events that agree with the model's, and marks. */
  readonly accepted: number
  readonly events: number
  readonly model: SequenceModel
  readonly unfit: Unfit | undefined
  /** What was had before the event that does not fit; all of it if there is none. */
  readonly had: readonly { readonly line: number; readonly event: string }[]
}

/** What is counted of a whole trace. */
export class Counts {
  readonly functions: Record<string, number> = {}
  readonly unjudged = new Map<string, { events: number; reason: string }>()
  outside = 0
  setupAndEnd = 0

  /** An event is passed over. */
  passOver(name: string, reason: string, events = 1): void {
    this.unjudged.set(name, { events: (this.unjudged.get(name)?.events ?? 0) + events, reason })
  }
}

/** An event that is judged, or an invalidation outside of the window. */
type Told =
  | { readonly kind: 'judged'; readonly event: ProbeEvent; readonly judged: JudgedFunction }
  | { readonly kind: 'other'; readonly mm: number; readonly event: number }

/** Operations that evict the memory of a device. */
const EVICTING: ReadonlySet<string> = new Set(['release', 'close'])

/** Operations after which an address of a notifier may be another one's. A snapshot has one of its own. */
const NEW_NOTIFIERS: ReadonlySet<string> = new Set(['open', 'open2', 'close', 'exit', 'snapshot'])

/** Judges the sequences of one trace. */
export class SequenceJudge {
  readonly sequences: readonly TracedSequence[]
  readonly base: bigint
  readonly counts = new Counts()
  private readonly judged: ReadonlyMap<string, JudgedFunction>
  private readonly probed: ReadonlySet<string>
  /** Owners, as they were first seen: whose number is whose device. */
  private readonly owners = new Bound([[0n, -1]])

  constructor(
    private readonly trace: Trace,
    private readonly kernel: KernelVersion,
  ) {
    this.sequences = sequencesOf(trace)
    this.judged = judgedIn(kernel)
    this.probed = new Set(
      trace.events.flatMap((event) => (event.kind === 'probe' ? [probeKey(event.function, event.at)] : [])),
    )
    this.base = this.baseOf()
  }

  /** Pages of the largest window. */
  get pages(): number {
    return Math.max(...this.sequences.map(pagesOf))
  }

  /** Judges one of them. */
  judge(sequence: TracedSequence): JudgedSequence {
    return new OneSequence(
      this.judged,
      this.probed,
      this.owners,
      this.counts,
      this.base,
      sequence,
      this.kernel,
    ).judge()
  }

  private baseOf(): bigint {
    for (const { operations } of this.sequences)
      for (const { operation, events } of operations) {
        const first = events.find(({ function: name, at }) => at === 'entry' && ADDRESSED.has(name))
        const start = first?.fields.get('start')
        if ('start' in operation && start !== undefined) return start - BigInt(operation.start) * PAGE
      }
    throw new TraceError(
      this.trace.file,
      1,
      `no operation is followed by an event of its process that has its address: the trace needs probes at ${[...ADDRESSED].join(' or ')}`,
    )
  }
}

/** Addresses of the trace, and what the model has in their place: one to one, as they are first seen together. */
class Bound {
  private readonly numbers: Map<bigint, number>

  constructor(known: readonly (readonly [bigint, number])[] = []) {
    this.numbers = new Map(known)
  }

  agrees(address: bigint, number: number): boolean {
    const before = this.numbers.get(address)
    if (before !== undefined) return before === number
    if ([...this.numbers.values()].includes(number)) return false
    this.numbers.set(address, number)
    return true
  }
}

class OneSequence {
  private readonly asides: Asides
  private readonly calls: Calls
  private readonly reading: Reading
  private readonly model: SequenceModel
  /** By address space: how many invalidations outside of the window the trace has had and the model has not. */
  private readonly ahead: number[] = []
  /** By process: the line at which it begins to end. */
  private readonly ends: ReadonlyMap<number, number>
  /** By address space. */
  private readonly notifiers = new Map<number, Bound>()
  private readonly had: { line: number; event: string }[] = []
  private forks = 0
  private events = 0

  constructor(
    private readonly judged: ReadonlyMap<string, JudgedFunction>,
    private readonly probed: ReadonlySet<string>,
    private readonly owners: Bound,
    private readonly counts: Counts,
    base: bigint,
    private readonly sequence: TracedSequence,
    kernel: KernelVersion,
  ) {
    this.reading = { base, pages: pagesOf(sequence), notifiers: new Map(), owners: new Map(), offset: 0n }
    this.asides = new Asides(sequence.events, this.reading)
    this.calls = new Calls(sequence.events)
    this.ends = endsOf(sequence)
    this.model = new SequenceModel(
      sequence.operations.map(({ operation }) => operation),
      this.reading.pages,
      kernel,
    )
  }

  judge(): JudgedSequence {
    const { sequence, counts } = this
    this.haveInvalidations(this.classified(sequence.before))
    counts.setupAndEnd += sequence.before.length + sequence.after
    let unfit: Unfit | undefined
    for (const operation of sequence.operations) {
      unfit = this.operation(operation)
      if (unfit) break
    }
    if (sequence.left > 0)
      counts.passOver(
        'marks',
        'the oracle has no procedure for the operation, or for one before',
        sequence.left,
      )
    const accepted = this.had.length
    return { sequence, accepted, events: this.events, model: this.model, unfit, had: this.had }
  }

  private operation(traced: TracedOperation): Unfit | undefined {
    const { operation, pid, line, text } = traced
    const told = this.classified(traced.events, pid)
    const first = told.findIndex((each) => each.kind === 'judged')
    const before = first < 0 ? told.length : first
    this.haveInvalidations(told.slice(0, before))
    const done = this.model
      .perform(operation)
      .filter(({ judged, at }) => this.probed.has(probeKey(judged.function, at)))
    if (operation.name === 'fork') this.forks++
    if (NEW_NOTIFIERS.has(operation.name)) this.notifiers.clear()
    // The end of a child has no mark: what it does is not judged.
    if (pid === undefined) return undefined
    this.events++
    this.had.push({ line, event: `begins ${text}` })
    const firsts = told.flatMap((each) =>
      each.kind === 'judged' && each.event.function === START && each.event.at === 'entry'
        ? [this.valuesOf(each.event, each.judged, 0).get('start') ?? -1]
        : [],
    )
    const ordered = EVICTING.has(operation.name) ? inOrderOf(done, firsts) : done
    const unfit = this.compared(traced, told.slice(before), ordered)
    this.haveInvalidations(told.slice(before))
    this.ahead.length = 0
    return unfit
  }

  /** The first event that is not the model's. */
  private compared(
    { line, text }: TracedOperation,
    told: readonly Told[],
    done: readonly DoneEvent[],
  ): Unfit | undefined {
    let next = 0
    for (const each of told) {
      if (each.kind === 'other') this.ahead[each.mm] = (this.ahead[each.mm] ?? 0) + 1
      else {
        const { event, judged } = each
        const model = done.at(next++)
        const said = this.eventText(event, judged, model?.mm ?? 0)
        this.events++
        this.counts.functions[event.function] = (this.counts.functions[event.function] ?? 0) + 1
        if (model === undefined) return { line: event.line, event: said, instead: `ends ${text}` }
        if (model.judged !== judged || model.at !== event.at || !this.agrees(event, model))
          return { line: event.line, event: said, instead: this.modelText(model) }
        this.had.push({ line: event.line, event: said })
      }
    }
    if (next === done.length) return undefined
    return { line, event: `ends ${text}`, instead: this.modelText(done[next]) }
  }

  /** The model has those invalidations outside of the window, which move the sequence. */
  private haveInvalidations(told: readonly Told[]): void {
    for (const each of told) if (each.kind === 'other') this.model.invalidateOther(each.event, each.mm > 0)
  }

  /** What is to be judged of events that follow each other, and the invalidations outside of the window between them. */
  private classified(events: readonly ProbeEvent[], pid?: number): Told[] {
    const told: Told[] = []
    for (const event of events) {
      if (event.line >= (this.ends.get(event.pid) ?? Number.POSITIVE_INFINITY)) {
        this.counts.setupAndEnd++
        continue
      }
      const aside = this.asides.of(event)
      if (aside) {
        const mm = event.pid === this.sequence.parent ? 0 : this.forks
        if (aside.first === event) told.push({ kind: 'other', mm, event: aside.event })
        this.counts.outside++
        continue
      }
      if (pid === undefined) continue
      const judged = this.judgedOf(event, pid)
      if (judged) told.push({ kind: 'judged', event, judged })
    }
    return told
  }

  /** How the event is judged; `undefined` if it is not. */
  private judgedOf(event: ProbeEvent, pid: number): JudgedFunction | undefined {
    const judged = this.judged.get(event.function)
    const why =
      event.pid === pid
        ? judged === undefined
          ? (UNJUDGED.find((each) => each.function === event.function)?.reason ??
            'the table has no procedure for it')
          : this.calls.reason(event)
        : 'of the process that does not perform the operation'
    const isOutside = this.asides.isOutside(event)
    if (this.calls.isPassedOver(event, isOutside || why !== undefined) || judged === undefined) {
      if (why === undefined) this.counts.outside++
      else this.counts.passOver(event.function, why)
      return undefined
    }
    return judged.return === undefined && event.at === 'return' ? undefined : judged
  }

  private agrees(event: ProbeEvent, { judged, values, mm }: DoneEvent): boolean {
    const bindings = { ...judged.entry, ...judged.sampled, ...judged.return }
    const read = this.valuesOf(event, judged, mm)
    return [...values].every(([field, value]) => {
      const given = event.fields.get(field)
      if (given === undefined) return true
      const { unit } = bindings[field]
      if (unit === 'notifier') return this.notifiersOf(mm).agrees(given, value)
      if (unit === 'owner') return this.owners.agrees(given, value)
      return read.get(field) === this.clamped(value, unit)
    })
  }

  private notifiersOf(mm: number): Bound {
    const bound = this.notifiers.get(mm) ?? new Bound()
    this.notifiers.set(mm, bound)
    return bound
  }

  private clamped(value: number, unit: string): number {
    const { pages } = this.reading
    return unit === 'page' ? Math.min(value, pages) : unit === 'end' ? Math.min(value, pages + 1) : value
  }

  private valuesOf(event: ProbeEvent, judged: JudgedFunction, mm: number): Map<string, number> {
    const bindings = event.at === 'entry' ? { ...judged.entry, ...judged.sampled } : (judged.return ?? {})
    const reading = { ...this.reading, offset: this.offset(mm) }
    const values = new Map<string, number>()
    for (const [field, { unit }] of Object.entries(bindings)) {
      const given = event.fields.get(field)
      // What an address stands for is not known before it has been compared.
      if (given !== undefined && unit !== 'owner' && unit !== 'notifier')
        values.set(field, numberOf(given, unit, reading))
    }
    return values
  }

  /** Each invalidation moves the sequence by two. */
  private offset(mm: number): bigint {
    return 2n * BigInt(this.ahead[mm] ?? 0)
  }

  private eventText(event: ProbeEvent, judged: JudgedFunction, mm: number): string {
    return this.text(event.function, event.at, judged, this.valuesOf(event, judged, mm), mm)
  }

  private modelText({ judged, at, values, mm }: DoneEvent): string {
    return this.text(judged.function, at, judged, values, mm)
  }

  private text(
    name: string,
    at: 'entry' | 'return',
    judged: JudgedFunction,
    values: ReadonlyMap<string, number>,
    mm: number,
  ): string {
    const shown: Shown = { pages: this.reading.pages, sequenceOffset: this.offset(mm) }
    return probeText(name, at, values, shown, { ...judged.entry, ...judged.sampled, ...judged.return })
  }
}

/** The line at which each process begins to end: its address space is released, or all of it unmapped. */
function endsOf({ events }: TracedSequence): Map<number, number> {
  const ends = new Map<number, number>()
  const counted = new Map<number, number>()
  for (const { pid, line, function: name, at, fields } of events) {
    if (name === 'mn_itree_inv_start_range' && at === 'entry') counted.set(pid, line)
    if (ends.has(pid)) continue
    if (fields.get('event') === RELEASE) ends.set(pid, counted.get(pid) ?? line)
    else if (name === START && fields.get('end') === EVERYTHING) ends.set(pid, line)
  }
  return ends
}

function pagesOf({ operations }: TracedSequence): number {
  return Math.max(
    1,
    ...operations.map(({ operation }) =>
      Math.max(
        'end' in operation ? operation.end : 'page' in operation ? operation.page + 1 : 0,
        'to' in operation ? operation.to.end : 0,
      ),
    ),
  )
}
