/**
 * Every final outcome of a litmus test: all interleavings of its threads, each distinct state once.
 *
 * @module
 */
import { renumberSequences } from '../../../spec/reductions/sequence-numbers.js'
import { Normaliser } from '../../checker/explore/normalise.js'
import { StateStore } from '../../checker/explore/store.js'
import { act, acting } from '../../world/acting.js'
import { BLOCKED, ControlGraph, FINISHED, NOBODY, use, Violation } from '../../world/index.js'
import type { ReadTest } from './test.js'
import { type LitmusOptions, LitmusWorld, returnedAt } from './world.js'

/** How far an exploration may go. */
export interface LitmusLimits extends LitmusOptions {
  /** Most distinct states (default 4 million). */
  readonly states?: number
}

/** What a test may end with. */
export interface Explored {
  /** Every outcome, sorted, with how many final states have it. */
  readonly outcomes: ReadonlyMap<string, number>
  /** Distinct states. */
  readonly states: number
  readonly transitions: number
  /** False if the limit of states came first: there may be more outcomes. */
  readonly exhaustive: boolean
  /** Where nothing can go on and a thread has not ended; absent if there is no such state. */
  readonly deadlock?: string
  /** How many steps use memory that is free. What would follow is not explored: it says nothing. */
  readonly usesOfFreeMemory: number
}

const MOST_STATES = 4_000_000

/** The only claim that is held here: after it is broken, nothing that is read means anything. */
const USE_AFTER_FREE = 'use-after-free'

const UNCLAIMED: ReadonlySet<string> = new (class extends Set<string> {
  override has(clause: string): boolean {
    return clause !== USE_AFTER_FREE
  }
})()

/** A second of retries: that an operation takes so long is left out. */
const EXPIRED = 'the time is over'

/** Explores a test. */
export function exploreTest(test: ReadTest, options: LitmusLimits = {}): Explored {
  return new LitmusExploration(test, options).explore()
}

class LitmusExploration {
  private readonly world: LitmusWorld
  private readonly control: ControlGraph
  private readonly normaliser: Normaliser
  private readonly worldWords: number
  private readonly threads: number
  private readonly store: StateStore
  private readonly current: Uint32Array
  private readonly next: Uint32Array
  private readonly most: number
  private transitions = 0
  private usesOfFreeMemory = 0

  constructor(test: ReadTest, { states = MOST_STATES, ...options }: LitmusLimits) {
    this.world = new LitmusWorld(test, options)
    this.most = states
    this.control = new ControlGraph(this.world.overrides)
    const { machine } = this.world
    const { layout } = machine
    this.worldWords = Math.ceil(layout.bytes / 4)
    layout.seal()
    this.normaliser = new Normaliser({
      layout,
      threads: [],
      normalisations: [renumberSequences(machine)],
    })
    this.threads = test.threads.length
    const words = this.worldWords + this.threads
    this.store = new StateStore(words)
    this.current = new Uint32Array(words)
    this.next = new Uint32Array(words)
    this.bytes(this.current).set(this.world.initial)
    act(NOBODY, UNCLAIMED)
    this.normaliser.apply(this.bytes(this.current))
    for (const [i, { program, args }] of this.world.threads.entries())
      this.current[this.worldWords + i] = this.control.start(program, args)
    this.store.insert(this.current, 0)
  }

  explore(): Explored {
    const { store, current } = this
    const ends: number[] = []
    let deadlock: string | undefined
    let head = 0
    for (; head < store.count && store.count <= this.most; head++) {
      store.load(head, current)
      if (this.expand(head)) continue
      const waiting = this.waiting()
      if (waiting.length === 0) ends.push(head)
      else deadlock ??= waiting.join(', ')
    }
    const found = new Map<string, number>()
    for (const end of ends) {
      store.load(end, current)
      const outcome = this.outcome()
      found.set(outcome, (found.get(outcome) ?? 0) + 1)
    }
    return {
      outcomes: new Map([...found].sort(([one], [other]) => (one < other ? -1 : 1))),
      states: store.count,
      transitions: this.transitions,
      exhaustive: head === store.count,
      ...(deadlock === undefined ? {} : { deadlock }),
      usesOfFreeMemory: this.usesOfFreeMemory,
    }
  }

  private bytes(state: Uint32Array): Uint8Array {
    return new Uint8Array(state.buffer, state.byteOffset, this.worldWords * 4)
  }

  /** Takes every step from the current state. False if there is none. */
  private expand(from: number): boolean {
    const { control, current, next, worldWords } = this
    let enabled = false
    for (let thread = 0; thread < this.threads; thread++) {
      const location = current[worldWords + thread]
      if (this.hasEnded(location)) continue
      const { [location]: ways } = control.ways
      for (let choice = 0; choice < control.choices[location]; choice++) {
        if (ways?.[choice] === EXPIRED) continue
        next.set(current)
        const result = this.take(thread, location, choice)
        if (result === BLOCKED) continue
        enabled = true
        this.transitions++
        if (result === FREED) {
          this.usesOfFreeMemory++
          continue
        }
        next[worldWords + thread] = control.successor(location, result)
        this.normaliser.settle(current, next, this.bytes(next))
        this.store.insert(next, from)
      }
    }
    return enabled
  }

  private take(thread: number, location: number, choice: number): unknown {
    const { inside } = acting
    acting.inside = true
    act(thread, UNCLAIMED)
    use(this.bytes(this.next))
    try {
      const result = this.control.runs[location](choice)
      if (acting.raised !== undefined) throw acting.raised
      return result
    } catch (error) {
      if (error instanceof Violation && error.clause === USE_AFTER_FREE) return FREED
      throw error
    } finally {
      acting.thread = NOBODY
      acting.inside = inside
    }
  }

  private hasEnded(location: number): boolean {
    return location === FINISHED || returnedAt(this.control.runs[location]) !== undefined
  }

  /** What the threads wait for that have not ended. */
  private waiting(): string[] {
    const { control, current, worldWords } = this
    return Array.from({ length: this.threads }, (_, thread) => current[worldWords + thread]).flatMap(
      (location, thread) =>
        this.hasEnded(location)
          ? []
          : [
              `thread ${thread} waits at "${control.stepAt(location)?.name}" of ${control.procedureAt(location)}`,
            ],
    )
  }

  private outcome(): string {
    const returned = Array.from(
      { length: this.threads },
      (_, thread) => returnedAt(this.control.runs[this.current[this.worldWords + thread]]) ?? [],
    )
    return this.world.outcome(this.bytes(this.current), returned)
  }
}

const FREED = Symbol('a step that uses free memory')
