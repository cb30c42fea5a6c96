/**
 * What the page and the worker say to each other.
 *
 * @module
 */
import type { TourStop } from '../../spec/tours/index.js'
import type { Broken } from '../checker/claims/judge.js'
import type { Move } from '../checker/explore/stepper.js'
import type { CheckResult, Progress, TraceStep } from '../checker/result.js'
import type { Parameters } from '../world/model.js'
import type { CodedStep } from './address.js'
import type { Picture } from './picture.js'
import type { Ahead, Goal, Search } from './reach.js'
import type { Catalogue, Subject } from './subject.js'
import type { StateNow, ThreadNow, Way } from './walk.js'

/** A way to go on, and what is known to come of it. */
export interface KnownWay extends Way {
  /** The nearest breach after the step; `none` if every state was explored and there is none. */
  readonly ahead?: Ahead | 'none'
}

/** A thread, and what is known of its ways. */
export interface KnownThread extends ThreadNow {
  readonly ways: readonly KnownWay[]
}

/** A tour of the run that is shown. */
export interface TourNow {
  /** The finding that it is of. */
  readonly finding: string
  /** After which step of the run each stop is, and what it says. */
  readonly stops: readonly (Pick<TourStop, 'says' | 'state'> & { readonly at: number })[]
}

/** A run as the page shows it, and where it stands in it. */
export interface Snapshot {
  readonly subject: Subject
  readonly parameters: Parameters
  readonly threads: readonly string[]
  readonly steps: readonly TraceStep[]
  /** Steps taken of them, at what is shown. */
  readonly at: number
  readonly now: readonly KnownThread[]
  readonly state: StateNow
  /** What the driver's own picture shows, or why it shows nothing. */
  readonly picture?: Picture | { readonly failed: string }
  /** A tour, if there is one of this run. */
  readonly tour?: TourNow
  /** What is broken there. */
  readonly broken?: Broken
  /** What the last step of the run breaks. */
  readonly end?: Broken
}

/** The answer to a check. */
export interface Checked {
  readonly result: CheckResult
  /** Bytes that the check could use. */
  readonly memoryBytes: number
  /** States of the map of what lies ahead; absent if there was nothing to map. */
  readonly mapped?: { readonly states: number; readonly exhaustive: boolean }
}

/** A driver that the reader has brought. */
export interface Brought {
  readonly key: string
  /** Names of the scenarios that it can be put into. */
  readonly scenarios: readonly string[]
  /** Its procedures and their texts. */
  readonly texts: readonly { readonly procedure: string; readonly text: string }[]
}

/** What the page asks for, by the name of the request. */
export interface Requests {
  catalogue: { asks: Record<never, never>; answer: Catalogue }
  /** Begins a run, with steps that must be those that the codes are of. */
  open: { asks: { subject: Subject; run: readonly CodedStep[]; at?: number }; answer: Snapshot }
  /** Takes steps from where the run stands; what came after is forgotten. */
  take: { asks: { moves: readonly Move[] }; answer: Snapshot }
  /** Goes to a place in the run. */
  go: { asks: { at: number }; answer: Snapshot }
  /** Replaces the run. */
  load: { asks: { moves: readonly Move[]; at: number }; answer: Snapshot }
  /** Runs the text of a driver. */
  driver: { asks: { text: string }; answer: Brought }
  check: { asks: Record<never, never>; answer: Checked }
  search: { asks: { goal: Goal; from: number }; answer: Search }
  /** Ends a check or a search. */
  stop: { asks: Record<never, never>; answer: null }
}

/** A request. */
export type Request = {
  [K in keyof Requests]: { readonly id: number; readonly name: K; readonly asks: Requests[K]['asks'] }
}[keyof Requests]

/** What the worker says. */
export type Message =
  | { readonly id: number; readonly answer: Requests[keyof Requests]['answer'] }
  | { readonly id: number; readonly error: string }
  | {
      readonly id: number
      readonly progress: Pick<Progress, 'phase' | 'states' | 'depth' | 'elapsedMs'> | number
    }
