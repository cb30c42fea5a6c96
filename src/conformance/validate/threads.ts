/**
 * The threads of a race in the model: where each stands, its events, and its steps.
 *
 * @module
 */

import { act, acting } from '../../world/acting.js'
import {
  type AnyProcedure,
  BLOCKED,
  ControlGraph,
  FINISHED,
  NOBODY,
  SpecificationError,
  use,
  type World,
} from '../../world/index.js'
import { bindingsOf, eventOf, type ModelEnd, type ModelEvent } from './instrument.js'
import type { Place } from './place.js'
import { isFork, probeKey, type Race, type RaceEvent } from './trace/race.js'
import type { RaceWorld } from './world.js'

/** The words of the world, then for each thread the location of its operation and that of an invalidation of other pages. */
export type State = Uint32Array

/** A step that a thread may take in one of its ways. */
export interface Move {
  readonly thread: number
  readonly choice: number
}

/** Claims are not judged here: a trace that breaks one is a trace of the kernel all the same. */
export const NOTHING_CLAIMED: ReadonlySet<string> = new (class extends Set<string> {
  override has(): boolean {
    return true
  }
})()

const NO_EVENT = 0x7fffffff

/** Takes steps and events over states of one race. */
export class Threads {
  readonly control: ControlGraph
  readonly words: number
  private readonly worldWords: number
  /**
   * By thread, twice (of its operations, of its invalidations of other pages), and by index of an event: the next one from there on,
   * and the last one before.
   */
  private readonly next: Int32Array[]
  private readonly last: Int32Array[]
  private readonly events: (ModelEvent | ModelEnd | undefined)[] = []

  constructor(
    readonly race: Race,
    readonly world: RaceWorld,
  ) {
    this.control = new ControlGraph(world.overrides)
    this.worldWords = Math.ceil(world.layout.bytes / 4)
    world.layout.seal()
    this.words = this.worldWords + 2 * race.threads.length
    const indices = indicesOf(race)
    this.next = indices.next
    this.last = indices.last
  }

  /** The state at the beginning: no operation is under way. */
  initial(): State {
    const state = new Uint32Array(this.words)
    this.worldOf(state).set(this.world.initial)
    return state
  }

  /** The bytes of the world of `state`. */
  worldOf(state: State): World {
    return new Uint8Array(state.buffer, state.byteOffset, this.worldWords * 4)
  }

  /** Index of the event that `thread` has next where it stands. */
  nextEvent(state: State, thread: number, { index, ahead }: Place): number {
    const row = this.next[this.slotOf(state, thread) - this.worldWords]
    let next = row[index]
    while (ahead.includes(next)) next = row[next + 1]
    return next
  }

  /** Index of the event that `thread` has had last where it stands; -1 if it has had none. */
  private lastEvent(state: State, thread: number, { index, ahead }: Place): number {
    const slot = this.slotOf(state, thread) - this.worldWords
    const later = ahead.findLast((each) => this.last[slot][each + 1] === each)
    return later ?? this.last[slot][index]
  }

  /** True if `thread` stands within an invalidation of other pages. */
  isAside(state: State, thread: number): boolean {
    return this.slotOf(state, thread) !== this.worldWords + 2 * thread
  }

  /** Where in a state the location is with which `thread` goes on. */
  slotOf(state: State, thread: number): number {
    const main = this.worldWords + 2 * thread
    return state[main + 1] === FINISHED ? main : main + 1
  }

  /** True if no thread does anything. */
  isQuiet(state: State): boolean {
    for (let slot = this.worldWords; slot < this.words; slot++) if (state[slot] !== FINISHED) return false
    return true
  }

  /** True if the thread is in no operation. */
  isIdle(state: State, thread: number): boolean {
    return state[this.slotOf(state, thread)] === FINISHED
  }

  /** Starts what event `index` says that its thread begins with. False if it cannot. */
  begin(state: State, event: RaceEvent): boolean {
    const { thread } = event
    const main = this.worldWords + 2 * thread
    if (event.kind === 'begin') {
      if (state[main] !== FINISHED || state[main + 1] !== FINISHED) return false
      const { procedure, args } = this.world.operation(thread, event.operation)
      state[main] = this.control.start(procedure, args)
      if (isFork(event)) {
        const child = this.childOf(thread)
        const { procedure, args } = this.world.child(child)
        if (!this.isIdle(state, child)) return false
        state[this.worldWords + 2 * child] = this.control.start(procedure, args)
      }
      return true
    }
    if (event.kind !== 'aside' || state[main + 1] !== FINISHED) return false
    const { procedure, args } = this.world.aside(thread, event.event)
    state[main + 1] = this.control.start(procedure, args)
    return true
  }

  /** True if the child of `thread` has ended, or there is none. */
  hasNoChild(state: State, thread: number): boolean {
    const child = this.childOf(thread)
    return child < 0 || this.isIdle(state, child)
  }

  private childOf(thread: number): number {
    return this.race.threads.findIndex(({ forkedBy }) => forkedBy === thread)
  }

  /** The event at which `thread` stands, if it is one. */
  standsAt(state: State, thread: number): ModelEvent | ModelEnd | undefined {
    const location = state[this.slotOf(state, thread)]
    if (location === FINISHED) return undefined
    if (location >= this.events.length) this.learn()
    return this.events[location]
  }

  /** The events of the locations that were not known when this was last asked. */
  private learn(): void {
    for (let location = this.events.length; location < this.control.size; location++)
      this.events.push(location === FINISHED ? undefined : eventOf(this.control.runs[location]))
  }

  /** Goes past the event at which `thread` stands. */
  pass(state: State, thread: number): void {
    const slot = this.slotOf(state, thread)
    state[slot] = this.control.successor(state[slot], 0)
  }

  /** In how many ways `thread` may take its next step; 0 if it is in no operation, or stands at an event. */
  ways(state: State, thread: number): number {
    const event = this.standsAt(state, thread)
    if (event !== undefined && event.at !== 'sample') return 0
    return this.control.choices[state[this.slotOf(state, thread)]]
  }

  /**
   * Takes a step of `thread` from `state` into `to`.
   *
   * @param place - in the trace
   * @returns false if it cannot be taken now
   */
  take(state: State, { thread, choice }: Move, to: State, place: Place): boolean {
    const slot = this.slotOf(state, thread)
    const location = state[slot]
    const event = this.standsAt(state, thread)
    to.set(state)
    if (event?.at === 'sample') {
      if (!this.hasSampled(state, thread, event, place)) return false
      to[slot] = this.control.successor(location, 0)
      return true
    }
    act(thread, NOTHING_CLAIMED)
    const { inside } = acting
    acting.inside = true
    use(this.worldOf(to))
    try {
      const result = this.control.runs[location](choice)
      if (acting.raised !== undefined) throw acting.raised
      if (result === BLOCKED) return false
      to[slot] = this.control.successor(location, result)
      return true
    } catch (error) {
      throw error instanceof SpecificationError
        ? new SpecificationError(error.code, `${this.place(state, thread)}: ${error.message}`, {
            cause: error,
          })
        : error
    } finally {
      acting.thread = NOBODY
      acting.inside = inside
    }
  }

  /** Where a thread stands, for people. */
  place(state: State, thread: number): string {
    const location = state[this.slotOf(state, thread)]
    if (location === FINISHED) return 'in no operation'
    const event = this.standsAt(state, thread)
    if (event === undefined)
      return `before step "${this.control.stepAt(location)?.name}" of ${this.control.procedureAt(location)}`
    return event.at === 'end' ? 'at the end of its operation' : `at ${event.judged.function} (${event.at})`
  }

  /** What the model has of an event, by field. */
  valuesAt(state: State, event: ModelEvent): Map<string, number> {
    const { args, result } = event
    const bindings = bindingsOf(event)
    act(NOBODY, NOTHING_CLAIMED)
    use(this.worldOf(state))
    return new Map(Object.entries(bindings).map(([field, { of }]) => [field, of(args, result)]))
  }

  /**
   * True for an event that the trace cannot have: its probe is not in it, the kernel does not make the call, or it is the loop of
   * a function that the model writes as a call of itself.
   */
  isUntold(state: State, thread: number, event: ModelEvent): boolean {
    const { judged, at, args } = event
    if (this.race.threads[thread].forkedBy !== undefined) return true
    const slot = this.slotOf(state, thread)
    const probed = this.isAside(state, thread) ? this.race.probedAside : this.race.probed
    if (!probed.has(probeKey(judged.function, at === 'return' ? 'return' : 'entry'))) return true
    act(NOBODY, NOTHING_CLAIMED)
    use(this.worldOf(state))
    if (!judged.happens(args)) return true
    if (!judged.loops) return false
    return this.openCalls(state[slot], judged.procedure) > 1
  }

  /** How many calls of `procedure` a thread at `location` is in. */
  private openCalls(location: number, procedure: AnyProcedure): number {
    let calls = 0
    for (let at = this.control.standing(location); at !== undefined; at = at.below)
      if (at.node.frame.procedure === procedure) calls++
    return calls
  }

  private hasSampled(state: State, thread: number, event: ModelEvent, place: Place): boolean {
    const told = this.race.events[this.lastEvent(state, thread, place)]
    if (told?.kind !== 'probe' || told.judged !== event.judged || told.at !== 'entry') return true
    return agrees(told.values, this.valuesAt(state, event))
  }
}

/** True if the trace has no other value of any of the fields. */
export function agrees(told: ReadonlyMap<string, number>, model: ReadonlyMap<string, number>): boolean {
  for (const [field, value] of model) {
    const given = told.get(field)
    if (given !== undefined && given !== value) return false
  }
  return true
}

function indicesOf({ threads, events }: Race): { next: Int32Array[]; last: Int32Array[] } {
  const rows = [...threads.keys()].flatMap((thread) => [2 * thread, 2 * thread + 1])
  const next = rows.map(() => new Int32Array(events.length + 1).fill(NO_EVENT))
  const last = rows.map(() => new Int32Array(events.length + 1).fill(-1))
  const own = events.map(rowOf)
  for (let index = events.length - 1; index >= 0; index--)
    for (const row of rows) next[row][index] = own[index] === row ? index : next[row][index + 1]
  for (let index = 0; index < events.length; index++)
    for (const row of rows) last[row][index + 1] = own[index] === row ? index : last[row][index]
  return { next, last }
}

/** Whose event it is: an operation's, or an invalidation's of other pages; none for the beginning of one. */
function rowOf(event: RaceEvent): number {
  if (event.kind === 'aside') return -1
  return 2 * event.thread + (event.kind === 'probe' && event.aside ? 1 : 0)
}
