/**
 * Breadth-first exploration of every interleaving. The inner loop copies the state, runs one
 * closure, looks up one control location, and collects new states until there is a batch to insert.
 *
 * @module
 */

import { type Asserted, act, acting, inside, NOBODY, use } from '../../world/acting.js'
import { SpecificationError, Violation } from '../../world/errors.js'
import type { Model } from '../../world/model.js'
import { type ControlGraph, FINISHED } from '../../world/procedures/control.js'
import type { Override } from '../../world/procedures/override.js'
import { type AnyProcedure, BLOCKED } from '../../world/procedures/procedure.js'
import { running } from '../../world/procedures/running.js'
import type { World } from '../../world/records/layout.js'
import type { Samples } from '../audit/samples.js'
import { type Broken, Judge } from '../claims/judge.js'
import type { Digest } from '../digest.js'
import type { Asking, Reductions } from '../options.js'
import { Edges } from './edges.js'
import type { Locations } from './memo.js'
import { retakeLearned } from './resume.js'
import { bytesOf, type SavedExploration, wordsOf } from './saved.js'
import { Stepper } from './stepper.js'
import { FETCH, StateStore } from './store.js'
import { brokenBy, DEADLOCK, type State, type TakenTransitions, TransitionSystem } from './system.js'

/**
 * Each of the first steps, up to this number, is taken twice. It must lead to the same state again.
 */
const RETAKEN = 1 << 12
/** After them, one step in this number is. */
const RETAKEN_EACH = 1 << 6

/** A violated claim, and the step that violated it. */
export interface Breach extends Broken {
  /** The state that violates the claim, or from which the step was taken. */
  readonly state: number
  /** The step that violated it; absent if the state itself does. */
  readonly step?: { readonly thread: number; readonly choice: number }
}

/** An exploration. It advances in batches, and its findings can be read in between. */
export class Exploration {
  readonly system: TransitionSystem
  readonly control: ControlGraph
  readonly store: StateStore
  /** Steps taken. */
  transitions = 0
  /** The largest distance of a state from the initial state so far, in steps. */
  depth = 0
  breach: Breach | undefined
  /** For each witness, whether a state has satisfied it. */
  readonly reached: readonly boolean[]
  /**
   * For each invariant and then each step claim, the number of states or steps to which it applied.
   */
  readonly exercised: Float64Array
  /**
   * For each progress claim, the number of states in which it was pending. Filled by the progress
   * check.
   */
  readonly lasting: Float64Array
  readonly taken: TakenTransitions
  /** The steps between the states, if there are progress claims. */
  readonly edges: Edges | undefined
  /** Computes a digest of the exploration, if requested. */
  digest: Digest | undefined
  /** Counts of the checks inside its steps. */
  readonly asserted: Asserted = { guarded: 0, byClause: new Map() }
  private head = 0
  private levelEnd = 1
  /** The steps that returned a new result, in their order: state, thread and outcome of each. */
  private readonly learned: number[] = []
  private readonly judge: Judge
  // States found and not yet stored, each with its hash and the step that led to it.
  private pending = 0
  private readonly found: Uint32Array
  private readonly hashes = new Int32Array(FETCH)
  private readonly origins = new Uint32Array(FETCH)
  private readonly movers = new Uint8Array(FETCH)
  private readonly ways = new Uint32Array(FETCH)
  private readonly stepper: Stepper
  private readonly again: State
  private readonly current: State
  private readonly next: State
  private readonly currentWorld: World
  private readonly nextWorld: World
  private readonly currentView: Locations
  private readonly nextView: Locations

  constructor(
    readonly model: Model,
    overrides: readonly Override[] = [],
    reductions: Reductions = 'all',
    /** Samples for the audit; absent if there is none. */
    readonly samples?: Samples,
    isOwn: (procedure: AnyProcedure) => boolean = () => false,
    /** How claims are evaluated. */
    readonly asking: Asking = 'remembered',
  ) {
    const system = new TransitionSystem(model, overrides, reductions)
    system.control.isOwn = isOwn
    this.system = system
    this.control = system.control
    this.taken = system.taken
    this.judge = new Judge(model, asking)
    this.reached = this.judge.reached
    this.exercised = this.judge.exercised
    this.lasting = new Float64Array(model.progress?.length ?? 0)
    this.edges = this.lasting.length > 0 ? new Edges() : undefined
    this.found = new Uint32Array(FETCH * system.words)
    this.stepper = new Stepper(system)
    this.again = new Uint32Array(system.words)
    this.current = new Uint32Array(system.words)
    this.next = new Uint32Array(system.words)
    this.currentWorld = system.world(this.current)
    this.nextWorld = system.world(this.next)
    this.currentView = system.view(this.current)
    this.nextView = system.view(this.next)
    this.store = new StateStore(system.words)

    const early = system.begin(this.next)
    this.store.insert(this.next, 0)
    const broken = early ?? this.judgeInitial()
    if (broken !== undefined) this.breach = { ...broken, state: 0 }
  }

  private judgeInitial(): Broken | undefined {
    try {
      return inside(() => this.judge.state(this.nextWorld, this.nextView))
    } catch (error) {
      if (error instanceof Violation) return brokenBy(error)
      throw error
    }
  }

  /** True if the exploration is complete, or a claim is violated. */
  get done(): boolean {
    return this.breach !== undefined || this.head >= this.store.count
  }

  /** States found but not yet explored. */
  get queue(): number {
    return this.store.count - this.head
  }

  /** Explores up to `states` more states. */
  advance(states: number): void {
    inside(() => this.explore(states))
  }

  private explore(states: number): void {
    acting.asserted = this.asserted
    const { store, control, judge, current, next, currentWorld, nextWorld, currentView, nextView } = this
    const { words, worldWords, normaliser, unclaimed } = this.system
    const { digest } = this
    const { runs, choices, own } = control
    const { samples } = this
    const threads = this.model.threads.length
    let thread = 0
    let choice = 0
    running.locations = control
    try {
      for (let left = states; left > 0; left--) {
        if ((this.head === this.levelEnd || this.head === store.count) && !this.settle()) return
        if (this.head === store.count) return
        const from = this.head++
        if (from === this.levelEnd) {
          this.depth++
          this.levelEnd = store.count
        }
        store.load(from, current)
        digest?.enter(current)
        let enabled = 0
        for (thread = 0; thread < threads; thread++) {
          const location = current[worldWords + thread]
          if (location === FINISHED) continue
          const run = runs[location]
          const outcomes = choices[location]
          for (choice = 0; choice < outcomes; choice++) {
            for (let i = 0; i < words; i++) next[i] = current[i]
            running.location = location
            running.started++
            act(thread, unclaimed)
            use(nextWorld)
            const result = run(choice)
            if (acting.raised !== undefined) throw acting.raised
            if (result === BLOCKED) {
              this.system.mustBeUnchanged(current, next, location)
              continue
            }
            enabled++
            this.transitions++
            const seen = control.answersSeen
            const reached = control.successor(location, result)
            next[worldWords + thread] = reached
            acting.thread = NOBODY
            const isNew = control.answersSeen !== seen
            if (isNew) this.learned.push(from, thread, choice)
            if (samples !== undefined && (isNew || outcomes > 1 || own[location] || own[reached]))
              samples.see(location, reached, from, thread, choice)
            if (judge.judgesSteps) {
              const broken = judge.step(currentWorld, nextWorld, thread, currentView, nextView)
              if (broken !== undefined) {
                this.breakAt(broken, from, thread, choice)
                return
              }
            }
            normaliser.settle(current, next, nextWorld)
            if (this.transitions <= RETAKEN || (this.transitions & (RETAKEN_EACH - 1)) === 0)
              this.retake(thread, choice)
            digest?.step(thread, choice, result, next)
            if (!this.push(from, thread, choice)) return
          }
        }
        if (enabled === 0) {
          samples?.seeEnd(from)
          const broken = this.system.stuck(current)
          if (broken !== undefined) {
            this.breakAt(broken, from)
            return
          }
        }
      }
      this.settle()
    } catch (error) {
      acting.thread = NOBODY
      if (error instanceof Violation) this.breakAt(brokenBy(error), this.head - 1, thread, choice)
      // A claim that an earlier state violates comes first.
      else if (this.settle()) throw this.system.explain(error, current, thread)
    }
  }

  /**
   * Takes a step a second time. A step that leads to another state depends on more than the world.
   * Nothing is counted twice.
   *
   * @throws SpecificationError `non-deterministic`
   */
  private retake(thread: number, choice: number): void {
    const { system, current, next, again } = this
    const counts = [...this.taken.values()]
    const counted = counts.map((count) => count.slice())
    let same = false
    try {
      same =
        this.stepper.take(current, thread, choice, again) !== BLOCKED &&
        again.every((word, i) => word === next[i])
    } catch (error) {
      if (!(error instanceof Violation)) throw error
    }
    for (const [i, count] of counts.entries()) count.set(counted[i])
    if (!same)
      throw new SpecificationError(
        'non-deterministic',
        `${system.place(current, thread)}, taken again from the same state, led elsewhere; ` +
          'a step may read only the world, its choice and its arguments',
      )
  }

  /** Adds the state in `next` to the batch; false if a claim is violated. */
  private push(from: number, thread: number, choice: number): boolean {
    const { found, next } = this
    const { words } = this.system
    const at = this.pending
    for (let i = 0; i < words; i++) found[at * words + i] = next[i]
    this.hashes[at] = this.store.hash(next)
    this.origins[at] = from
    this.movers[at] = thread
    this.ways[at] = choice
    this.pending = at + 1
    return this.pending < FETCH || this.settle()
  }

  /**
   * Stores the states of the batch in order, and judges the new ones; false if a claim is violated.
   */
  private settle(): boolean {
    const { store, edges, judge, found, hashes, origins, movers, ways, next, nextWorld, nextView } = this
    const { words } = this.system
    const pending = this.pending
    this.pending = 0
    // The last step tried may have been blocked, which leaves its thread acting.
    acting.thread = NOBODY
    store.fetch(hashes, pending)
    let at = 0
    try {
      for (; at < pending; at++) {
        for (let i = 0; i < words; i++) next[i] = found[at * words + i]
        const to = store.insertHashed(next, hashes[at], origins[at], movers[at], ways[at])
        edges?.add(origins[at], movers[at], to)
        if (!store.added) continue
        const broken = judge.state(nextWorld, nextView)
        if (broken !== undefined) return this.breakFound(broken, at)
      }
    } catch (error) {
      if (error instanceof Violation) return this.breakFound(brokenBy(error), at)
      store.load(origins[at], this.current)
      throw this.system.explain(error, this.current, this.movers[at])
    }
    return true
  }

  private breakFound(broken: Broken, at: number): false {
    this.breach = {
      ...broken,
      state: this.origins[at],
      step: { thread: this.movers[at], choice: this.ways[at] },
    }
    return false
  }

  /**
   * Records a violation in state `from`, or by a step from it, unless an earlier state is recorded
   * already.
   */
  private breakAt(broken: Broken, from: number, thread?: number, choice = 0): void {
    if (!this.settle()) return
    this.breach = { ...broken, state: from, ...(thread === undefined ? {} : { step: { thread, choice } }) }
    // A step violates a clause one step later than a deadlocked state of the same level. The run to
    // that state is shorter.
    if (thread !== undefined && broken.clause === DEADLOCK) this.findStuck()
  }

  /** Looks for a deadlocked state in the rest of the level, and for nothing else. */
  private findStuck(): void {
    const { store, current } = this
    for (; this.head < this.levelEnd; this.head++) {
      store.load(this.head, current)
      const broken = this.canGoOn() ? undefined : this.system.stuck(current)
      if (broken === undefined) continue
      this.breach = { ...broken, state: this.head }
      return
    }
  }

  /** True if some thread can take a step from the current state, even one that violates a claim. */
  private canGoOn(): boolean {
    const { current, next, stepper } = this
    for (let thread = 0; thread < this.model.threads.length; thread++)
      for (let choice = 0; choice < stepper.outcomes(current, thread); choice++)
        try {
          if (stepper.take(current, thread, choice, next) !== BLOCKED) return true
        } catch (error) {
          if (!(error instanceof Violation)) throw this.system.explain(error, current, thread)
          return true
        }
    return false
  }

  /**
   * A checkpoint for {@link goOnFrom}. Call it between two calls of {@link advance}, while no claim is
   * broken. It shares its arrays with the exploration: write them before the next {@link advance}.
   *
   * @param elapsedMs - the time that the exploration has taken, in milliseconds
   */
  save(elapsedMs: number): SavedExploration {
    const { store, edges, samples, digest, asserted } = this
    return {
      facts: {
        elapsedMs,
        states: store.count,
        words: store.words,
        head: this.head,
        levelEnd: this.levelEnd,
        transitions: this.transitions,
        depth: this.depth,
        locations: this.control.size,
        reached: this.reached,
        exercised: [...this.exercised],
        taken: Object.fromEntries([...this.taken].map(([chart, counts]) => [chart, [...counts]])),
        guarded: asserted.guarded,
        asserted: [...asserted.byClause],
        ...(samples === undefined ? {} : { samples: samples.saved() }),
        ...(digest === undefined ? {} : { digest: digest.saved() }),
      },
      parts: {
        ...store.parts(),
        ...edges?.parts(),
        learned: [bytesOf(Uint32Array.from(this.learned))],
      },
    }
  }

  /**
   * Continues from a checkpoint of the same model. Call it before the first {@link advance}.
   *
   * @throws SpecificationError `checkpoint` if it is of another model
   */
  goOnFrom({ facts, parts }: SavedExploration): void {
    const { store, edges, samples, digest, system, asserted } = this
    const learned = wordsOf(parts.learned[0])
    const initial = new Uint32Array(system.words)
    store.load(0, initial)
    if (facts.words !== system.words)
      throw new SpecificationError(
        'checkpoint',
        `the checkpoint is of another model: a state has ${facts.words} words there, and ${system.words} here`,
      )
    store.restore(facts.states, parts)
    acting.asserted = asserted
    inside(() => retakeLearned(system, this.stepper, store, initial, learned))
    if (facts.locations !== this.control.size)
      throw new SpecificationError(
        'checkpoint',
        'the checkpoint is of another model: the number of locations differs',
      )
    edges?.restore(parts)
    if (facts.samples !== undefined) samples?.restore(facts.samples)
    if (facts.digest !== undefined) digest?.restore(facts.digest)
    for (const word of learned) this.learned.push(word)
    this.judge.goOnFrom(facts.exercised, facts.reached)
    for (const [chart, counts] of this.taken) counts.set(facts.taken[chart])
    asserted.guarded = facts.guarded
    asserted.byClause.clear()
    for (const [clause, times] of facts.asserted) asserted.byClause.set(clause, times)
    this.head = facts.head
    this.levelEnd = facts.levelEnd
    this.transitions = facts.transitions
    this.depth = facts.depth
  }

  /** Bytes used by states and edges. */
  get bytes(): number {
    return this.store.bytes + (this.edges?.bytes ?? 0)
  }

  /** Words of the world in a state. The locations of the threads follow. */
  get worldSize(): number {
    return this.system.worldWords
  }

  /** A view of the locations in `state`. */
  viewOf(state: State): Locations {
    return this.system.view(state)
  }
}
