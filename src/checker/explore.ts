/**
 * Breadth-first exploration of every interleaving. The inner loop is: copy the state, run one closure, look up one
 * control location, insert.
 *
 * @module
 */
import { acting, NOBODY } from '../world/acting.js'
import { ControlGraph, FINISHED } from '../world/control.js'
import { SpecificationError, Violation } from '../world/errors.js'
import type { World } from '../world/layout.js'
import type { Abstraction, Invariant, Model, StepClaim, View, Witness } from '../world/model.js'
import { type AnyProcedure, BLOCKED, type Override } from '../world/procedure.js'
import type { ViolationKind } from './result.js'
import { StateStore } from './store.js'

/** A claim that was broken, and by which step. */
export interface Breach {
  readonly kind: ViolationKind
  readonly clause: string
  readonly claim: string
  readonly detail: string
  /** The state in which it was seen, or from which the step was taken. */
  readonly state: number
  /** The step that broke it; absent where the state itself is wrong. */
  readonly step?: { readonly thread: number; readonly choice: number }
}

/** Counts of the statechart transitions taken, one array for each chart. */
export type TakenTransitions = ReadonlyMap<string, Uint32Array>

/** One exploration: advance it bit by bit, and look at what it has found. */
export class Exploration {
  readonly control: ControlGraph
  readonly store: StateStore
  /** Steps taken. */
  transitions = 0
  /** Length of the longest shortest run so far. */
  depth = 0
  breach: Breach | undefined
  readonly reached: boolean[]
  readonly exercised: Float64Array
  readonly taken: TakenTransitions
  private head = 0
  private levelEnd = 1
  private readonly worldWords: number
  private readonly current: Uint32Array
  private readonly next: Uint32Array
  private readonly currentWorld: World
  private readonly nextWorld: World
  private readonly currentView: LocationView
  private readonly nextView: LocationView
  private readonly invariants: readonly Invariant[]
  private readonly stepClaims: readonly StepClaim[]
  private readonly witnesses: readonly Witness[]
  private readonly abstractions: readonly Abstraction[]

  constructor(
    readonly model: Model,
    overrides: readonly Override[] = [],
  ) {
    if (model.threads.length > model.layout.threads)
      throw new SpecificationError(
        'scenario',
        `the model has ${model.threads.length} threads, its layout was declared for ${model.layout.threads}`,
      )
    this.control = new ControlGraph([...(model.overrides ?? []), ...overrides])
    this.invariants = model.invariants ?? []
    this.stepClaims = model.stepClaims ?? []
    this.witnesses = model.witnesses ?? []
    this.abstractions = model.abstractions ?? []
    this.reached = this.witnesses.map(() => false)
    this.exercised = new Float64Array(this.invariants.length + this.stepClaims.length)
    this.taken = bindCharts(model)

    this.worldWords = Math.ceil(Math.max(1, model.layout.bytes) / 4)
    const words = this.worldWords + model.threads.length
    this.current = new Uint32Array(words)
    this.next = new Uint32Array(words)
    this.currentWorld = new Uint8Array(this.current.buffer, 0, this.worldWords * 4)
    this.nextWorld = new Uint8Array(this.next.buffer, 0, this.worldWords * 4)
    this.currentView = new LocationView(this.control, this.current, this.worldWords)
    this.nextView = new LocationView(this.control, this.next, this.worldWords)
    this.store = new StateStore(words)

    this.nextWorld.set(model.layout.initial())
    acting.thread = NOBODY
    model.initialise?.(this.nextWorld)
    model.threads.forEach((thread, i) => {
      this.next[this.worldWords + i] = this.control.start(thread.program, thread.args)
    })
    this.store.insert(this.next, 0)
    this.look(0, undefined)
  }

  /** True when there is nothing left to explore, or a claim is broken. */
  get done(): boolean {
    return this.breach !== undefined || this.head >= this.store.count
  }

  /** States found but not yet explored. */
  get queue(): number {
    return this.store.count - this.head
  }

  /** Explores up to `states` more states. */
  advance(states: number): void {
    const { store, control, current, next, worldWords, nextWorld, stepClaims } = this
    const { runs, choices } = control
    const words = store.words
    const threads = this.model.threads.length
    for (let left = states; left > 0 && !this.done; left--) {
      const from = this.head
      if (from === this.levelEnd) {
        this.depth++
        this.levelEnd = store.count
      }
      this.head = from + 1
      store.load(from, current)
      let enabled = 0
      let thread = 0
      let choice = 0
      try {
        for (thread = 0; thread < threads; thread++) {
          const location = current[worldWords + thread]
          if (location === FINISHED) continue
          const run = runs[location]
          const outcomes = choices[location]
          for (choice = 0; choice < outcomes; choice++) {
            for (let i = 0; i < words; i++) next[i] = current[i]
            acting.thread = thread
            const result = run(nextWorld, choice)
            if (result === BLOCKED) {
              this.mustBeUnchanged(location)
              continue
            }
            enabled++
            this.transitions++
            next[worldWords + thread] = control.successor(location, result)
            if (stepClaims.length > 0 && !this.judgeStep(from, thread, choice)) return
            store.insert(next, from)
            if (store.added) {
              acting.thread = NOBODY
              if (!this.look(from, { thread, choice })) return
            }
          }
        }
      } catch (error) {
        if (!(error instanceof Violation)) throw this.explain(error, thread)
        this.breach = {
          kind: error.clause === 'refinement' ? 'refinement' : 'assertion',
          clause: error.clause,
          claim: error.clause,
          detail: error.detail,
          state: from,
          step: { thread, choice },
        }
        return
      } finally {
        acting.thread = NOBODY
      }
      if (enabled === 0 && this.stuck()) return
    }
  }

  /** Words of the state's bytes; the locations of the threads follow. */
  get worldSize(): number {
    return this.worldWords
  }

  /** A view of the locations in `state`. */
  viewOf(state: Uint32Array): View {
    return new LocationView(this.control, state, this.worldWords)
  }

  /** A thread cannot move and will never: a deadlock, unless only daemons are left. */
  private stuck(): boolean {
    const left = this.model.threads.filter(
      (thread, i) => !thread.daemon && this.current[this.worldWords + i] !== FINISHED,
    )
    if (left.length === 0) return false
    const waits = left
      .map((thread) => `${thread.name} waits at "${this.currentView.step(this.model.threads.indexOf(thread))}"`)
      .join(', ')
    this.breach = {
      kind: 'deadlock',
      clause: 'deadlock',
      claim: 'deadlock',
      detail: `nothing can go on: ${waits}`,
      state: this.head - 1,
    }
    return true
  }

  /** Judges the new state in `next`. */
  private look(from: number, step: { thread: number; choice: number } | undefined): boolean {
    const w = this.nextWorld
    const view = this.nextView
    const breach = (kind: ViolationKind, clause: string, claim: string, detail: string): false => {
      this.breach = { kind, clause, claim, detail, state: from, ...(step ? { step } : {}) }
      return false
    }
    for (let i = 0; i < this.invariants.length; i++) {
      const invariant = this.invariants[i]
      const judgement = invariant.judge(w, view)
      if (judgement === undefined) continue
      this.exercised[i]++
      if (judgement !== true) return breach('invariant', invariant.clause, invariant.name, judgement)
    }
    for (let i = 0; i < this.abstractions.length; i++) {
      const { lifecycle, state } = this.abstractions[i]
      const expected = state(w, view)
      const charted = lifecycle.state(w)
      if (charted !== undefined && expected !== charted)
        return breach(
          'abstraction',
          'refinement',
          `abstraction of ${lifecycle.kind}`,
          `${lifecycle.cell.name}: the world is in "${expected}", the statechart ${lifecycle.kind} in "${charted}"`,
        )
    }
    for (let i = 0; i < this.witnesses.length; i++)
      if (!this.reached[i] && this.witnesses[i].holds(w, view)) this.reached[i] = true
    return true
  }

  private judgeStep(from: number, thread: number, choice: number): boolean {
    acting.thread = NOBODY
    for (let i = 0; i < this.stepClaims.length; i++) {
      const claim = this.stepClaims[i]
      const judgement = claim.judge(this.currentWorld, this.nextWorld, thread, this.currentView, this.nextView)
      if (judgement === undefined) continue
      this.exercised[this.invariants.length + i]++
      if (judgement !== true) {
        this.breach = {
          kind: 'step',
          clause: claim.clause,
          claim: claim.name,
          detail: judgement,
          state: from,
          step: { thread, choice },
        }
        return false
      }
    }
    return true
  }

  private mustBeUnchanged(location: number): void {
    for (let i = 0; i < this.worldWords; i++)
      if (this.next[i] !== this.current[i])
        throw new SpecificationError(
          'blocked-step-changed-world',
          `step "${this.control.stepAt(location)?.name}" of ${this.control.procedureAt(location)} changed the world and ` +
            'then returned BLOCKED; look first, change only when the step can be taken',
        )
  }

  /** Says in which step an error was thrown that is none of ours. */
  private explain(error: unknown, thread: number): unknown {
    const location = this.current[this.worldWords + thread]
    const where = `step "${this.control.stepAt(location)?.name}" of ${this.control.procedureAt(location)} (thread ${this.model.threads[thread]?.name})`
    if (error instanceof SpecificationError) {
      return error.code === 'bound-overflow' ? new SpecificationError(error.code, `${where}: ${error.message}`, { cause: error }) : error
    }
    return new SpecificationError(
      'procedure-threw',
      `${where} threw: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    )
  }
}

/** Where the threads stand in one state. */
class LocationView implements View {
  private readonly names: string[] = []
  private readonly within = new Map<AnyProcedure, Uint8Array>()

  constructor(
    private readonly control: ControlGraph,
    private readonly state: Uint32Array,
    private readonly worldWords: number,
  ) {}

  step(thread: number): string {
    const location = this.state[this.worldWords + thread]
    this.names[location] ??= this.control.stepAt(location)?.name ?? 'finished'
    return this.names[location]
  }

  /** Remembered for each location: 0 not looked at, 1 no, 2 yes. */
  inside(thread: number, procedure: AnyProcedure): boolean {
    const location = this.state[this.worldWords + thread]
    let known = this.within.get(procedure)
    if (known === undefined || known.length <= location) {
      const larger = new Uint8Array(Math.max(64, this.control.size * 2))
      if (known !== undefined) larger.set(known)
      known = larger
      this.within.set(procedure, known)
    }
    if (known[location] === 0) known[location] = this.control.isInside(location, procedure) ? 2 : 1
    return known[location] === 2
  }

  finished(thread: number): boolean {
    return this.state[this.worldWords + thread] === FINISHED
  }
}

/** Gives each lifecycle of the model its chart; a lifecycle without one is left alone. */
function bindCharts(model: Model): TakenTransitions {
  const taken = new Map<string, Uint32Array>()
  for (const lifecycle of model.layout.lifecycles) {
    const table = model.charts?.[lifecycle.kind]
    if (table === undefined) continue
    let counts = taken.get(lifecycle.kind)
    if (counts === undefined) {
      counts = new Uint32Array(table.targets.length)
      taken.set(lifecycle.kind, counts)
    }
    lifecycle.bind(table, counts)
  }
  return taken
}
