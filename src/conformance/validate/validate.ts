/**
 * Judges a trace, of a concurrent run or of sequences: whether the model has a behaviour with these events in this order.
 *
 * @module
 */
import type { KernelVersion } from '../result.js'
import { ALL_TRANSITIONS, ChartActors } from './actors.js'
import { rerun } from './rerun.js'
import { type Mismatch, Search, type Searched, type SearchLimits } from './search.js'
import { hasSequences } from './sequences/read.js'
import { validateSequences } from './sequences/validate.js'
import type { State, Threads } from './threads.js'
import { parseTrace } from './trace/ftrace.js'
import { kernelOf, type PassedOver, type Race, raceOf } from './trace/race.js'
import { eventText, modelText } from './words.js'
import { RaceWorld } from './world.js'

/** What a trace is judged by. */
export interface ValidateOptions {
  /** The release that was recorded (default what the probes of the trace tell). */
  readonly kernel?: KernelVersion
  readonly limits?: Partial<SearchLimits>
}

/** Where a thread can be when the accepted part of a trace has ended. */
export interface ThreadState {
  readonly thread: string
  /** In at least one of the states that were reached there. */
  readonly places: readonly string[]
}

/** Why a trace is refused, or how far a search has come that was stopped. */
export interface Refusal {
  /** Line of the first event that no behaviour has; that none was found to have, if the search was stopped. */
  readonly line: number
  readonly thread: string
  /** The event. */
  readonly event: string
  /** What the thread would do there instead, in behaviours with all events before; the nearest first. */
  readonly instead: readonly string[]
  /** Where other threads would break with the trace later, if the event were passed. */
  readonly elsewhere: readonly { readonly line: number; readonly event: string; readonly instead: string }[]
  readonly threads: readonly ThreadState[]
  /** The last events before, as they were read. */
  readonly before: readonly { readonly line: number; readonly thread: string; readonly event: string }[]
}

/** How the run that explains an accepted trace was confirmed, and what it took. */
export interface Explanation {
  /** Steps of the run, all of which were taken again by an executor that shares nothing with the search. */
  readonly steps: number
  /** Steps of procedures that it took at least once, with how often. */
  readonly taken: Readonly<Record<string, number>>
  /** Transitions of statecharts that it took, as XState's actors have them. */
  readonly transitions: readonly string[]
  /** Signals that an actor had no transition for, with how often. */
  readonly refusedSignals: Readonly<Record<string, number>>
  /** Transitions that there are. */
  readonly allTransitions: number
}

/** The judgement. */
export interface Validation {
  readonly file: string
  readonly kernel: KernelVersion
  /** `undecided` if the limit came first. */
  readonly verdict: 'accepted' | 'refused' | 'undecided'
  /** How many sequences it has, one operation after another; absent of a race. */
  readonly sequences?: number
  /** Events that are judged, marks included. */
  readonly events: number
  /** Of which the longest prefix that is accepted has so many. */
  readonly accepted: number
  readonly operations: number
  readonly threads: readonly string[]
  readonly pages: number
  readonly base: string
  /** Judged events, by function. */
  readonly functions: Readonly<Record<string, number>>
  readonly passedOver: PassedOver & {
    /** Events that the tracer has lost. */
    readonly lost: readonly { readonly line: number; readonly events: number }[]
    /** Events of other tracers. */
    readonly others: Readonly<Record<string, number>>
  }
  /** Ends of windows that were come to: places where no operation is under way. */
  readonly windows: number
  /** States visited. */
  readonly states: number
  /** Line before which the search no longer knew how else it might have gone; absent if it always did. */
  readonly forgottenBefore?: number
  readonly explanation?: Explanation
  readonly refusal?: Refusal
}

/**
 * Judges a trace.
 *
 * @param text - as `/sys/kernel/tracing/trace` prints it
 * @param file - its name
 * @throws TraceError if it cannot be read, or has no race that can be judged
 */
export function validateTrace(text: string, file: string, options: ValidateOptions = {}): Validation {
  const trace = parseTrace(text, file)
  const kernel = options.kernel ?? kernelOf(trace)
  if (hasSequences(trace)) return validateSequences(trace, kernel)
  const race = raceOf(trace, kernel)
  const search = new Search(new RaceWorld(race), race, options.limits)
  const searched = search.search()
  const functions: Record<string, number> = {}
  for (const event of race.events)
    if (event.kind === 'probe') functions[event.judged.function] = (functions[event.judged.function] ?? 0) + 1
  return {
    file,
    kernel: race.kernel,
    verdict: searched.verdict === 'limit' ? 'undecided' : searched.verdict,
    events: race.events.length,
    accepted: searched.accepted,
    operations: race.operations,
    threads: race.threads.map((_, index) => threadName(race, index)),
    pages: race.pages,
    base: `0x${race.base.toString(16)}`,
    functions,
    passedOver: { ...race.passedOver, lost: trace.lost, others: Object.fromEntries(trace.others) },
    windows: searched.windows,
    states: searched.states,
    ...(searched.forgotten > 0 ? { forgottenBefore: race.events[searched.forgotten].line } : {}),
    ...(searched.verdict === 'accepted' ? { explanation: explanationOf(race, searched) } : {}),
    ...(searched.verdict !== 'accepted' ? { refusal: refusalOf(race, search, searched) } : {}),
  }
}

function threadName({ threads }: Race, index: number): string {
  return threads[index].name
}

/** The run is taken again in another world, by other means. */
function explanationOf(race: Race, { run }: Searched): Explanation {
  const actors = new ChartActors()
  const { steps, taken } = rerun(new RaceWorld(race, { actors }), race, run)
  return {
    steps,
    taken: Object.fromEntries(taken),
    transitions: [...actors.taken].sort(),
    refusedSignals: Object.fromEntries(actors.refused),
    allTransitions: ALL_TRANSITIONS,
  }
}

const SHOWN_BEFORE = 8

function refusalOf(race: Race, { threads }: Search, searched: Searched): Refusal {
  const { next, frontier, mismatches } = searched
  // The whole trace may be accepted but for operations that have not ended.
  const event = race.events[Math.min(next, race.events.length - 1)]
  const here = mismatches.filter(({ index }) => index === next)
  return {
    line: event.line,
    thread: threadName(race, event.thread),
    event: eventText(event, race),
    instead: texts(nearestFirst(here, race, next), race),
    elsewhere: mismatches
      .filter(({ index }) => index > next)
      .slice(0, SHOWN_BEFORE)
      .map((mismatch) => ({
        line: race.events[mismatch.index].line,
        event: eventText(race.events[mismatch.index], race),
        instead: texts([mismatch], race)[0] ?? '',
      })),
    threads: race.threads.map((_, index) => ({
      thread: threadName(race, index),
      places: [...new Set(frontier.map((state) => placeOf(state, index, threads, race)))],
    })),
    before: race.events.slice(Math.max(0, next - SHOWN_BEFORE), next).map((each) => ({
      line: each.line,
      thread: threadName(race, each.thread),
      event: eventText(each, race),
    })),
  }
}

/** Where a thread stands; where a probe has read another value than there is, which value that is. */
function placeOf(state: State, thread: number, threads: Threads, race: Race): string {
  const event = threads.standsAt(state, thread)
  if (event === undefined || event.at !== 'sample') return threads.place(state, thread)
  return `${modelText(event, threads.valuesAt(state, event), race)}, as its probe would have it`
}

/** Those first that differ in the least: in a value, and not in the function. */
function nearestFirst(mismatches: readonly Mismatch[], { events }: Race, index: number): Mismatch[] {
  const told = events[index]
  const distance = ({ event }: Mismatch) => {
    if (event === undefined || event.at === 'end') return told.kind === 'end' ? 0 : 2
    if (told.kind !== 'probe' || told.judged !== event.judged) return 2
    return told.at === event.at ? 0 : 1
  }
  return [...mismatches].sort((a, b) => distance(a) - distance(b))
}

function texts(mismatches: readonly Mismatch[], race: Race): string[] {
  return [
    ...new Set(
      mismatches.flatMap(({ event, values }) =>
        event === undefined ? [] : [modelText(event, values, race)],
      ),
    ),
  ]
}
