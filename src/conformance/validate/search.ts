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
import { BEGINNING, hadBy, nextEvents, type Place, placeAfter } from './place.js'
import { agrees, type Move, type State, Threads } from './threads.js'
import type { Race, RaceEvent } from './trace/race.js'
import type { RaceWorld } from './world.js'

/** The event of the trace with this index. */
interface EventPart {
  readonly kind: 'event'
  readonly index: number
}

/** What a run that explains a trace is made of: steps, and the events of the trace. */
export type RunPart = { readonly kind: 'step'; readonly move: Move } | EventPart

/** How far a search may go. */
export interface SearchLimits {
  /** Most states that are visited (default 2 million). */
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
  /** Index of the first event that it does not have. */
  readonly next: number
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

const DEFAULT_LIMITS: SearchLimits = { states: 2_000_000, kept: 100_000 }
const MOST_FRONTIER = 32
const MOST_MISMATCHES = 64

interface Frame {
  readonly state: State
  readonly place: Place
  readonly moves: readonly RunPart[]
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
  private deepest: Place = BEGINNING
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
    if (this.enter(this.threads.initial(), BEGINNING)) return this.ended('accepted')
    while (this.stack.length > 0) {
      if (this.states > this.limits.states) return this.ended('limit')
      const frame = this.stack[this.stack.length - 1]
      this.run.length = frame.parts
      if (frame.at === frame.moves.length) {
        this.stack.pop()
        this.left++
        continue
      }
      if (this.goOn(frame, frame.moves[frame.at++])) return this.ended('accepted')
    }
    return this.ended('refused')
  }

  /** Takes a step from `frame`, or begins an invalidation of other pages there. True at the end of the trace. */
  private goOn({ state: from, place }: Frame, part: RunPart): boolean {
    const state = new Uint32Array(from.length)
    if (part.kind === 'step') {
      if (!this.threads.take(from, part.move, state, place)) return false
      this.run.push(part)
      return this.arrives(state, part.move.thread, place) && this.enter(state, place)
    }
    const event = this.race.events[part.index]
    state.set(from)
    if (!this.threads.begin(state, event)) return false
    this.run.push(part)
    const next = placeAfter(place, part.index)
    return this.arrives(state, event.thread, next) && this.enter(state, next)
  }

  /** Goes on from a state: has what events it can, and looks what may come then. True at the end of the trace. */
  private enter(state: State, from: Place): boolean {
    this.windowEnd = 0
    const { place, fits } = this.pass(state, from)
    this.states++
    this.reached(state, place)
    if (!fits) return false
    if (place.index === this.race.events.length) return true
    if (!this.isNew(state, place)) return false
    if (this.windowEnd > 0 && this.stack.length >= this.limits.kept) this.forget(place.index)
    this.stack.push({ state, place, moves: this.moves(state, place), at: 0, parts: this.run.length })
    return false
  }

  /**
   * Has the events that are next, as far as their threads stand at them. They change nothing: whatever others do before them they
   * may do after them, too.
   *
   * @returns the place from which no event is to be had; `fits` is false if a thread has come to an event that is not its next one
   */
  private pass(state: State, from: Place): { place: Place; fits: boolean } {
    const { events } = this.race
    let place = from
    for (;;) {
      this.lookForWindow(state, place)
      const index = nextEvents(events, place).find((next) => this.has(state, events[next]))
      if (index === undefined) return { place, fits: true }
      place = placeAfter(place, index)
      this.run.push({ kind: 'event', index })
      if (!this.arrives(state, events[index].thread, place)) return { place, fits: false }
    }
  }

  private lookForWindow(state: State, { index, ahead }: Place): void {
    const kind = this.race.events[index]?.kind
    if ((kind !== 'aside' && kind !== 'begin') || ahead.length > 0 || !this.threads.isQuiet(state)) return
    this.windowEnds[index] = 1
    this.windowEnd = index
  }

  /** Has `event`, if its thread stands at it: it was compared as the thread came there. False if it does not. */
  private has(state: State, event: RaceEvent): boolean {
    const { threads } = this
    const { thread } = event
    switch (event.kind) {
      // Within its operation a thread may begin it sooner or later: that is a move of its own.
      case 'aside':
        return false
      case 'begin':
        return threads.begin(state, event)
      case 'exited':
        return threads.hasNoChild(state, thread)
      default: {
        const at = threads.standsAt(state, thread)
        if (at === undefined || at.at === 'sample') return false
        const isAside = event.kind === 'probe' && event.aside
        if (isAside !== threads.isAside(state, thread)) return false
        threads.pass(state, thread)
        return true
      }
    }
  }

  /**
   * A thread has gone on: it goes past events that the trace cannot have.
   *
   * @returns false if it stands at an event that is not its next one in the trace
   */
  private arrives(state: State, thread: number, place: Place): boolean {
    const { threads } = this
    for (;;) {
      const event = threads.standsAt(state, thread)
      if (event === undefined) return true
      if (event.at !== 'end' && threads.isUntold(state, thread, event)) {
        threads.pass(state, thread)
        continue
      }
      return event.at === 'sample' || this.isNext(state, thread, place, event)
    }
  }

  private isNext(state: State, thread: number, place: Place, event: ModelEvent | ModelEnd): boolean {
    const next = this.threads.nextEvent(state, thread, place)
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
    if (mismatch.index < this.deepest.index) return
    if (this.mismatches.length < MOST_MISMATCHES) this.mismatches.push(mismatch)
  }

  /** What may come next, what is likely first. */
  private moves(state: State, place: Place): readonly RunPart[] {
    const { threads, race } = this
    const parts: RunPart[] = []
    for (const index of nextEvents(race.events, place))
      if (race.events[index].kind === 'aside') parts.push({ kind: 'event', index })
    const first = race.events[place.index].thread
    for (let i = 0; i < race.threads.length; i++) {
      const thread = (first + i) % race.threads.length
      const ways = threads.ways(state, thread)
      for (let choice = 0; choice < ways; choice++) parts.push({ kind: 'step', move: { thread, choice } })
    }
    return parts
  }

  private isNew(state: State, { index, ahead }: Place): boolean {
    let visited = this.visited.get(index)
    if (visited === undefined) {
      visited = new Set()
      this.visited.set(index, visited)
    }
    const bytes = Buffer.from(state.buffer, state.byteOffset, state.byteLength).toString('latin1')
    const key = ahead.length === 0 ? bytes : `${ahead.join()} ${bytes}`
    if (visited.has(key)) return false
    visited.add(key)
    return true
  }

  private reached(state: State, place: Place): void {
    const had = hadBy(place)
    const deepest = hadBy(this.deepest)
    if (had < deepest) return
    if (had > deepest) {
      this.deepest = place
      this.frontier = []
      this.mismatches = this.mismatches.filter((each) => each.index >= place.index)
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
      accepted: hadBy(deepest),
      next: deepest.index,
      frontier,
      mismatches: mismatches.filter((each) => each.index >= deepest.index),
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
