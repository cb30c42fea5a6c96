/**
 * The search for a behaviour of the model that has the events of a trace, in their order.
 *
 * An event is the entry or the return of a function. The steps of its thread between two of its events fall between these two in
 * the trace; whose steps come first in between the trace does not say. Depth first: the thread whose event is next goes on, the
 * others are asked only when it cannot, or when what it saw does not fit.
 *
 * @module
 */
import type { ModelEnd, ModelEvent } from './instrument.js'
import { agrees, type Move, type State, Threads } from './threads.js'
import type { Race, RaceEvent } from './trace/race.js'
import type { RaceWorld } from './world.js'

/** What a run that explains a trace is made of: a step, or the next event of the trace. */
export type RunPart = { readonly kind: 'step'; readonly move: Move } | { readonly kind: 'event' }

/** How far a search may go. */
export interface SearchLimits {
  /** Most states that are visited (default 5 million). */
  readonly states: number
  /** So many states are kept to go back to: beyond them the search has forgotten how else it might have gone. */
  readonly kept: number
}

/** What was met where a thread could not have its event. */
export interface Mismatch {
  /** Index of the event. */
  readonly index: number
  /** What the model has in its place; absent where its thread has nothing to do. */
  readonly event: ModelEvent | ModelEnd | undefined
  readonly values: ReadonlyMap<string, number>
}

/** How a search ended. */
export interface Searched {
  readonly verdict: 'accepted' | 'refused' | 'limit'
  /** The run; up to the longest accepted prefix if there is none of the whole. */
  readonly run: readonly RunPart[]
  /** Number of events of the longest accepted prefix. */
  readonly accepted: number
  /** States that end that prefix: some of them. */
  readonly frontier: readonly State[]
  /** What the model had in the place of events. */
  readonly mismatches: readonly Mismatch[]
  /** States visited. */
  readonly states: number
  /** States visited that were left again. */
  readonly left: number
  /** Windows that were come to the end of: a window ends where no operation is under way. */
  readonly windows: number
  /** Index of the event before which the search does not know any more how else it might have gone; 0 if it does. */
  readonly forgotten: number
}

const DEFAULT_LIMITS: SearchLimits = { states: 5_000_000, kept: 100_000 }
const MOST_FRONTIER = 32
const MOST_MISMATCHES = 64

interface Frame {
  readonly state: State
  readonly index: number
  readonly moves: readonly (Move | 'event')[]
  at: number
  /** Parts of the run before it. */
  readonly parts: number
}

/** Searches one race. */
export class Search {
  readonly threads: Threads
  private readonly race: Race
  private readonly limits: SearchLimits
  private readonly run: RunPart[] = []
  private readonly visited = new Map<number, Set<string>>()
  private stack: Frame[] = []
  private frontier: State[] = []
  private deepest = -1
  private mismatches: Mismatch[] = []
  private states = 0
  private left = 0
  private forgotten = 0
  /** By index of the event that follows: whether a window ends there. */
  private readonly windowEnds: Uint8Array
  /** The last of them that was passed on the way to the state that was entered last. */
  private windowEnd = 0

  constructor(world: RaceWorld, race: Race, limits: Partial<SearchLimits> = {}) {
    this.race = race
    this.windowEnds = new Uint8Array(race.events.length + 1)
    this.threads = new Threads(race, world)
    this.limits = { ...DEFAULT_LIMITS, ...limits }
  }

  /** Searches until a run is found, or there is none. */
  search(): Searched {
    const { events } = this.race
    if (this.enter(this.threads.initial(), 0)) return this.ended('accepted')
    while (this.stack.length > 0) {
      if (this.states > this.limits.states) return this.ended('limit')
      const frame = this.stack[this.stack.length - 1]
      this.run.length = frame.parts
      if (frame.at === frame.moves.length) {
        this.stack.pop()
        this.left++
        continue
      }
      const move = frame.moves[frame.at++]
      const state = new Uint32Array(frame.state.length)
      if (move === 'event') {
        state.set(frame.state)
        if (!this.threads.begin(state, events[frame.index])) continue
        this.run.push({ kind: 'event' })
        if (!this.arrives(state, events[frame.index].thread, frame.index + 1)) continue
        if (this.enter(state, frame.index + 1)) return this.ended('accepted')
        continue
      }
      if (!this.threads.take(frame.state, move, state, frame.index)) continue
      this.run.push({ kind: 'step', move })
      if (!this.arrives(state, move.thread, frame.index)) continue
      if (this.enter(state, frame.index)) return this.ended('accepted')
    }
    return this.ended('refused')
  }

  /** Goes on from a state: has what events it can, and looks what may come then. True at the end of the trace. */
  private enter(state: State, from: number): boolean {
    this.windowEnd = 0
    const { index, fits } = this.pass(state, from)
    this.states++
    this.reached(state, index)
    if (!fits) return false
    if (index === this.race.events.length) return true
    if (!this.isNew(state, index)) return false
    if (this.windowEnd > 0 && this.stack.length >= this.limits.kept) this.forget(index)
    this.stack.push({ state, index, moves: this.moves(state, index), at: 0, parts: this.run.length })
    return false
  }

  /**
   * Has the events that are next, as far as their threads stand at them. They change nothing: whatever others do before them they
   * may do after them, too.
   *
   * @returns the index of the next event that is not to be had yet; `fits` is false if a thread has come to an event that is not
   * its next one
   */
  private pass(state: State, from: number): { index: number; fits: boolean } {
    const { events } = this.race
    let index = from
    for (; index < events.length; index++) {
      const event = events[index]
      const begins = event.kind === 'aside' || event.kind === 'begin'
      if (begins && this.threads.isQuiet(state)) {
        this.windowEnds[index] = 1
        this.windowEnd = index
      }
      if (event.kind === 'aside') break
      if (event.kind === 'begin') {
        if (!this.threads.begin(state, event)) break
      } else if (event.kind === 'exited') {
        if (!this.threads.hasNoChild(state, event.thread)) break
      } else {
        const at = this.threads.standsAt(state, event.thread)
        if (at === undefined || at.at === 'sample') break
        // It was compared as the thread came there, unless the thread is where this event cannot be.
        const isAside = event.kind === 'probe' && event.aside
        if (isAside !== this.threads.isAside(state, event.thread)) return { index, fits: false }
        this.threads.pass(state, event.thread)
      }
      this.run.push({ kind: 'event' })
      if (!this.arrives(state, event.thread, index + 1)) return { index: index + 1, fits: false }
    }
    return { index, fits: true }
  }

  /**
   * A thread has gone on: it goes past events that the trace cannot have.
   *
   * @returns false if it stands at an event that is not its next one in the trace
   */
  private arrives(state: State, thread: number, index: number): boolean {
    const { threads } = this
    for (;;) {
      const event = threads.standsAt(state, thread)
      if (event === undefined) return true
      if (event.at !== 'end' && threads.isUntold(state, thread, event)) {
        threads.pass(state, thread)
        continue
      }
      return event.at === 'sample' || this.isNext(state, thread, index, event)
    }
  }

  private isNext(state: State, thread: number, index: number, event: ModelEvent | ModelEnd): boolean {
    const next = this.threads.nextEvent(state, thread, index)
    const told = this.race.events[next]
    // The trace was cut off before: the thread may stand there at its end.
    if (told === undefined) return true
    const values =
      event.at === 'end' ? new Map(Object.entries(event.answer)) : this.threads.valuesAt(state, event)
    if (isSame(told, event, values)) return true
    this.differs({ index: next, event, values })
    return false
  }

  private differs(mismatch: Mismatch): void {
    if (mismatch.index < this.deepest) return
    if (this.mismatches.length < MOST_MISMATCHES) this.mismatches.push(mismatch)
  }

  /** What may come next, what is likely first. */
  private moves(state: State, index: number): readonly (Move | 'event')[] {
    const { threads, race } = this
    const event = race.events[index]
    const moves: (Move | 'event')[] = []
    if (event.kind === 'aside') moves.push('event')
    for (let i = 0; i < race.threads.length; i++) {
      const thread = (event.thread + i) % race.threads.length
      const ways = threads.ways(state, thread)
      for (let choice = 0; choice < ways; choice++) moves.push({ thread, choice })
    }
    return moves
  }

  private isNew(state: State, index: number): boolean {
    let visited = this.visited.get(index)
    if (visited === undefined) {
      visited = new Set()
      this.visited.set(index, visited)
    }
    const key = Buffer.from(state.buffer, state.byteOffset, state.byteLength).toString('latin1')
    if (visited.has(key)) return false
    visited.add(key)
    return true
  }

  private reached(state: State, index: number): void {
    if (index < this.deepest) return
    if (index > this.deepest) {
      this.deepest = index
      this.frontier = []
      this.mismatches = this.mismatches.filter((each) => each.index >= index)
    }
    if (this.frontier.length < MOST_FRONTIER) this.frontier.push(state)
  }

  /** A window has ended: the search forgets how else it might have come there. */
  private forget(index: number): void {
    this.forgotten = this.windowEnd
    this.stack = []
    for (const at of this.visited.keys()) if (at < index) this.visited.delete(at)
  }

  private ended(verdict: Searched['verdict']): Searched {
    const { frontier, mismatches, states, left, windowEnds, forgotten, deepest } = this
    return {
      verdict,
      run: [...this.run],
      accepted: Math.max(0, deepest),
      frontier,
      mismatches: mismatches.filter((each) => each.index >= deepest),
      states,
      left,
      windows: windowEnds.reduce((sum, ends) => sum + ends, 0),
      forgotten,
    }
  }
}

/** True if the event of the trace is that of the model. */
function isSame(told: RaceEvent, event: ModelEvent | ModelEnd, values: ReadonlyMap<string, number>): boolean {
  if (event.at === 'end') return told.kind === 'end' && agrees(told.answer, values)
  return (
    told.kind === 'probe' &&
    told.judged === event.judged &&
    told.at === event.at &&
    agrees(told.values, values)
  )
}
