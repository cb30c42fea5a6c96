/**
 * What a trace says of one race: whose threads they are, which pages they race on, and the events that are judged.
 *
 * @module
 */
import { OperationError } from '../../operations.js'
import type { KernelVersion } from '../../result.js'
import type { JudgedFunction } from '../probe.js'
import { judgedIn, UNJUDGED } from '../table.js'
import { Asides } from './asides.js'
import { Calls } from './calls.js'
import { type MarkEvent, type ProbeEvent, type Trace, TraceError } from './ftrace.js'
import { parseMark, parseRaceOperation, type RaceOperation } from './marks.js'
import { numberOf, offsetOf, ownersOf, type Reading } from './values.js'

/** One event that the model must have, in this place. */
export type RaceEvent = {
  readonly line: number
  /** Index of the thread. */
  readonly thread: number
  readonly cpu: number
  /** Microseconds of the trace's clock. */
  readonly time: number
} & (
  | { readonly kind: 'begin'; readonly operation: RaceOperation }
  | { readonly kind: 'end'; readonly answer: ReadonlyMap<string, number> }
  /** The child that the thread has forked is no more. */
  | { readonly kind: 'exited' }
  /** The thread invalidates pages outside of the window; the events of it follow. */
  | { readonly kind: 'aside'; readonly event: number }
  | {
      readonly kind: 'probe'
      readonly judged: JudgedFunction
      readonly at: 'entry' | 'return'
      readonly aside: boolean
      /** What the model is compared with, by field. */
      readonly values: ReadonlyMap<string, number>
    }
)

/** How many events were passed over, and why. */
export interface PassedOver {
  /** Of tasks that take no part in the race. */
  readonly otherTasks: number
  /** Before the world is known, and after the last operation. */
  readonly setupAndEnd: number
  /** At addresses outside of the window. */
  readonly outside: number
  /** Of functions that are not judged, by function. */
  readonly unjudged: ReadonlyMap<string, { readonly events: number; readonly reason: string }>
}

/** A thread of a race. */
export interface RaceThread {
  /** As reports have it: `tD-2673`. */
  readonly name: string
  /** Of the children of a thread: index of the thread. They are one process after another, and the trace has nothing of them. */
  readonly forkedBy?: number
}

/** A race. */
export interface Race {
  readonly file: string
  readonly kernel: KernelVersion
  readonly threads: readonly RaceThread[]
  /** Pages of the window: up to the last that an operation names. */
  readonly pages: number
  /** Address of the window. */
  readonly base: bigint
  readonly events: readonly RaceEvent[]
  /** Number of operations. */
  readonly operations: number
  /** Notifiers that were inserted before the race, one for each open file. */
  readonly notifiers: number
  /** By how much the sequence numbers of the trace are ahead of the model's. */
  readonly sequenceOffset: bigint
  /** Probes that were hit, whoever hit them: `function entry`. One that never was is taken for not set. */
  readonly probed: ReadonlySet<string>
  /** The same within invalidations of other pages. */
  readonly probedAside: ReadonlySet<string>
  readonly passedOver: PassedOver
}

/** What is recorded of a probe: `hmm_range_fault entry`. */
export function probeKey(name: string, at: 'entry' | 'return'): string {
  return `${name} ${at}`
}

const PAGE = 4096n

/** The release that the trace is of, as far as its probes tell. */
export function kernelOf({ events }: Trace): KernelVersion {
  return events.some((event) => event.kind === 'probe' && ONLY_NEW.has(event.function)) ? '7.3' : '6.1'
}

/** Functions that only newer kernels have, or whose probes only their definitions name. */
const ONLY_NEW: ReadonlySet<string> = new Set([
  'hmm_do_fault',
  'hmm_record_fault',
  'unmap_vmas',
  'dup_mmap',
  'make_device_exclusive',
])

/**
 * Finds the race in a trace.
 *
 * @throws TraceError where it has none, or one of operations that cannot be read
 */
export function raceOf(trace: Trace, kernel: KernelVersion): Race {
  return new Finder(trace, kernel).race()
}

/** Functions whose first event of an operation has the address of its first page. */
export const ADDRESSED: ReadonlySet<string> = new Set([
  'dmirror_do_read',
  'dmirror_do_write',
  'migrate_vma_setup',
  'make_device_exclusive_range',
  'make_device_exclusive',
])

class Finder {
  private readonly judged: ReadonlyMap<string, JudgedFunction>
  private readonly process: readonly (ProbeEvent | MarkEvent)[]
  private readonly otherTasks: number
  private readonly threads = new Map<number, { index: number; name: string }>()
  private readonly unjudged = new Map<string, { events: number; reason: string }>()
  private readonly probed: ReadonlySet<string>
  private readonly probedAside = new Set<string>()
  private outside = 0

  constructor(
    private readonly trace: Trace,
    private readonly kernel: KernelVersion,
  ) {
    this.judged = judgedIn(kernel)
    this.probed = new Set(
      trace.events.flatMap((event) => (event.kind === 'probe' ? [probeKey(event.function, event.at)] : [])),
    )
    const racing = trace.events.filter((event) => event.kind === 'mark' && parseMark(event.text))
    if (racing.length === 0)
      throw new TraceError(
        trace.file,
        1,
        'no mark of a race: a thread writes "NAME> OPERATION" before each operation and "NAME< rc=0" after it',
      )
    const [{ tgid }] = racing
    const pids = new Set(racing.map(({ pid }) => pid))
    const other = racing.find((mark) => mark.tgid !== tgid)
    if (other)
      throw new TraceError(trace.file, other.line, 'a mark of another process: a race is that of one process')
    this.process = trace.events.filter((event) =>
      tgid === undefined ? pids.has(event.pid) : event.tgid === tgid,
    )
    this.otherTasks = trace.events.length - this.process.length
  }

  race(): Race {
    const { first, last } = this.extent()
    const during = this.process.slice(first, last + 1)
    const operations = this.operations(during)
    const pages = Math.max(
      1,
      ...[...operations.values()].flatMap(({ operations: each }) =>
        each.map((one) => ('end' in one ? one.end : 'page' in one ? one.page + 1 : 0)),
      ),
    )
    const base = this.baseOf(during, operations)
    const notifiers = this.notifiers(first)
    const reading: Reading = {
      base,
      pages,
      notifiers,
      owners: ownersOf(during),
      offset: offsetOf(during),
    }
    const events = this.events(during, operations, reading)
    return {
      file: this.trace.file,
      kernel: this.kernel,
      threads: this.withChildren(events),
      pages,
      base,
      events,
      operations: operations.size,
      notifiers: Math.max(notifiers.size, callbacksOf(events)),
      sequenceOffset: reading.offset,
      probed: this.probed,
      probedAside: this.probedAside,
      passedOver: {
        otherTasks: this.otherTasks,
        setupAndEnd: this.process.length - during.length,
        outside: this.outside,
        unjudged: this.unjudged,
      },
    }
  }

  /**
   * From where the notifiers of the race are all inserted, to the end of the last operation; to the end of the trace if that was
   * cut off within one.
   */
  private extent(): { first: number; last: number } {
    const isMark = (event: ProbeEvent | MarkEvent) =>
      event.kind === 'mark' && parseMark(event.text) !== undefined
    const begin = this.process.findIndex(isMark)
    const last = this.process.findLastIndex(isMark)
    const inserted = this.process.slice(0, begin).findLastIndex(isInsert)
    const kinds = this.process.map((event) => event.kind === 'mark' && parseMark(event.text)?.kind)
    const isCut =
      kinds.filter((kind) => kind === 'begin').length > kinds.filter((kind) => kind === 'end').length
    return { first: inserted + 1, last: isCut ? this.process.length - 1 : last }
  }

  private operations(during: readonly (ProbeEvent | MarkEvent)[]): Map<MarkEvent, RaceOperation> {
    const found = new Map<MarkEvent, RaceOperation>()
    for (const event of during) {
      if (event.kind !== 'mark') continue
      const mark = parseMark(event.text)
      if (mark?.kind !== 'begin') continue
      try {
        const operation = parseRaceOperation(mark.text)
        if (operation === undefined)
          throw new TraceError(
            this.trace.file,
            event.line,
            `there is no procedure for the operation ${JSON.stringify(mark.text)}; \`hmm-spec validate --help\` names those that there are`,
          )
        found.set(event, operation)
      } catch (error) {
        if (error instanceof OperationError) throw new TraceError(this.trace.file, event.line, error.message)
        throw error
      }
    }
    return found
  }

  /** The threads, and for each that forks one for its children. */
  private withChildren(events: readonly RaceEvent[]): RaceThread[] {
    const threads: RaceThread[] = [...this.threads].map(([pid, { name }]) => ({ name: `${name}-${pid}` }))
    const forking = new Set(events.filter(isFork).map(({ thread }) => thread))
    for (const thread of forking) threads.push({ name: `child of ${threads[thread].name}`, forkedBy: thread })
    return threads
  }

  /** The address of page 0: an operation names a page, and the events of its thread that follow the address. */
  private baseOf(
    during: readonly (ProbeEvent | MarkEvent)[],
    operations: ReadonlyMap<MarkEvent, RaceOperation>,
  ): bigint {
    for (const [mark, { operations: each }] of operations) {
      const [operation] = each
      if (!('start' in operation)) continue
      const next = during.find(
        (event) => event.pid === mark.pid && event.line > mark.line && isAddressed(event),
      )
      const start = next?.kind === 'probe' ? next.fields.get('start') : undefined
      const end = during.find(
        (event) => event.pid === mark.pid && event.line > mark.line && event.kind === 'mark',
      )
      if (next === undefined || start === undefined || (end && end.line < next.line)) continue
      return start - BigInt(operation.start) * PAGE
    }
    throw new TraceError(
      this.trace.file,
      1,
      `no operation is followed by an event of its thread that has its address: the trace needs probes at ${[...ADDRESSED].join(' or ')}`,
    )
  }

  /** The addresses of notifiers, in the order in which they were inserted; or are first read, if that is not in the trace. */
  private notifiers(first: number): Map<bigint, number> {
    const found = new Map<bigint, number>()
    const take = (event: ProbeEvent | MarkEvent) => {
      const sub = event.kind === 'probe' ? event.fields.get('sub') : undefined
      if (sub !== undefined && !found.has(sub)) found.set(sub, found.size)
    }
    const before = this.process.slice(0, first).filter(isInsert)
    before.forEach(take)
    if (found.size === 0) this.process.forEach(take)
    return found
  }

  private events(
    during: readonly (ProbeEvent | MarkEvent)[],
    operations: ReadonlyMap<MarkEvent, RaceOperation>,
    reading: Reading,
  ): RaceEvent[] {
    const asides = new Asides(during, reading)
    const calls = new Calls(during)
    const events: RaceEvent[] = []
    for (const event of during) {
      if (event.kind === 'mark') {
        const operation = operations.get(event)
        const mark = parseMark(event.text)
        const at = { line: event.line, thread: this.threadOf(event), cpu: event.cpu, time: event.time }
        if (operation) events.push({ ...at, kind: 'begin', operation })
        else if (mark?.kind === 'end') events.push({ ...at, kind: 'end', answer: mark.answer })
        else if (mark?.kind === 'exited') events.push({ ...at, kind: 'exited' })
        continue
      }
      const judged = this.judged.get(event.function)
      const aside = asides.of(event)
      const isOutside = aside === undefined && asides.isOutside(event)
      const why = judged === undefined ? reasonOf(event) : calls.reason(event)
      if (calls.isPassedOver(event, isOutside || why !== undefined) || judged === undefined) {
        if (why === undefined) this.outside++
        else this.passOver(event, why)
        continue
      }
      if (judged.return === undefined && event.at === 'return') continue
      const at = { line: event.line, thread: this.threadOf(event), cpu: event.cpu, time: event.time }
      if (aside?.first === event) events.push({ ...at, kind: 'aside', event: aside.event })
      if (aside) this.probedAside.add(probeKey(event.function, event.at))
      events.push({
        ...at,
        kind: 'probe',
        judged,
        at: event.at,
        aside: aside !== undefined,
        values: this.values(event, judged, reading),
      })
    }
    return events
  }

  private values(event: ProbeEvent, judged: JudgedFunction, reading: Reading): Map<string, number> {
    const bindings = event.at === 'entry' ? { ...judged.entry, ...judged.sampled } : (judged.return ?? {})
    const values = new Map<string, number>()
    for (const [field, { unit }] of Object.entries(bindings)) {
      const given = event.fields.get(field)
      if (given !== undefined) values.set(field, numberOf(given, unit, reading))
    }
    return values
  }

  private passOver({ function: name }: ProbeEvent, reason: string): void {
    const before = this.unjudged.get(name)
    this.unjudged.set(name, { events: (before?.events ?? 0) + 1, reason })
  }

  private threadOf({ pid, task }: ProbeEvent | MarkEvent): number {
    let thread = this.threads.get(pid)
    if (thread === undefined) {
      thread = { index: this.threads.size, name: task }
      this.threads.set(pid, thread)
    }
    return thread.index
  }
}

/** How many callbacks the first invalidation calls that is of other pages: as many as there are files open. */
function callbacksOf(events: readonly RaceEvent[]): number {
  const aside = events.findIndex(({ kind }) => kind === 'aside')
  if (aside < 0) return 0
  const { thread } = events[aside]
  let callbacks = 0
  for (const event of events.slice(aside + 1)) {
    if (event.thread !== thread || event.kind !== 'probe') continue
    if (event.judged.function === 'mn_itree_inv_end') break
    if (event.judged.function === 'dmirror_interval_invalidate' && event.at === 'entry') callbacks++
  }
  return callbacks
}

/** True for an event that begins a fork. */
export function isFork(event: RaceEvent): boolean {
  return event.kind === 'begin' && event.operation.operations.some(({ name }) => name === 'fork')
}

/** Why events of a function are not judged. */
function reasonOf({ function: name }: ProbeEvent): string {
  return UNJUDGED.find((each) => each.function === name)?.reason ?? 'the table has no procedure for it'
}

function isInsert(event: ProbeEvent | MarkEvent): boolean {
  return event.kind === 'probe' && event.at === 'entry' && event.function === 'mmu_interval_notifier_insert'
}

function isAddressed(event: ProbeEvent | MarkEvent): boolean {
  return event.kind === 'probe' && event.at === 'entry' && ADDRESSED.has(event.function)
}
