/**
 * Explores past violations and returns all of them. {@link check} stops at the first violated
 * clause of a broken scenario; a survey also shows its consequences.
 *
 * @module
 */
import { acting, use } from '../../world/acting.js'
import { SpecificationError, Violation } from '../../world/errors.js'
import type { Model, Scenario, View } from '../../world/model.js'
import { BLOCKED } from '../../world/procedures/procedure.js'
import type { World } from '../../world/records/layout.js'
import { parametersOf } from '../check.js'
import type { Broken } from '../claims/judge.js'
import type { CheckOptions } from '../options.js'
import type { TraceStep } from '../result.js'
import { movesAlong, retell } from '../runs/trace.js'
import { type Move, Stepper } from './stepper.js'
import { StateStore } from './store.js'
import { brokenBy, type State, TransitionSystem } from './system.js'

/** A clause that some run violates, and the first run that does. */
export interface SurveyedBreach extends Broken {
  /** Length of the shortest run that violates it, in steps. */
  readonly steps: number
  /** That run, including the step that violates the clause. */
  readonly run: () => SurveyedRun
}

/** A run that continues past violated claims. */
export interface SurveyedRun {
  readonly steps: readonly TraceStep[]
  /** Clauses that it violates before its last step, in order. */
  readonly past: readonly string[]
}

/** The result of {@link survey}. */
export interface SurveyResult {
  readonly scenario: string
  /** Distinct states visited. */
  readonly states: number
  /** False if the limit of states was reached first. */
  readonly exhaustive: boolean
  /** One for each violated clause, in the order in which they were found. */
  readonly breaches: readonly SurveyedBreach[]
}

/** Options of {@link survey}. */
export interface SurveyOptions extends Pick<CheckOptions, 'bounds' | 'set' | 'defects'> {
  /** Maximum number of distinct states (default none). */
  readonly states?: number
}

/**
 * Explores every interleaving of a scenario, and continues after a violation: a state or a step
 * that violates a claim is recorded. Only an assertion, or an event without a transition in its
 * statechart, ends a run, since the step cannot be completed. Progress claims and witnesses are not
 * checked.
 *
 * @param scenario - the scenario to explore
 * @param options - bounds, limit and defects
 * @throws SpecificationError if the scenario or one of its procedures is wrong
 */
export function survey(scenario: Scenario, options: SurveyOptions = {}): SurveyResult {
  const model = scenario.build(parametersOf(scenario, options))
  const overrides = (options.defects ?? []).flatMap((defect) => defect.overrides)
  return new Survey(model, new TransitionSystem(model, overrides)).explore(scenario.name, options.states)
}

class Survey {
  private readonly breaches = new Map<string, SurveyedBreach>()
  private readonly store: StateStore
  private readonly stepper: Stepper
  private readonly current: State
  private readonly next: State
  private readonly currentView: View
  private readonly nextView: View
  private readonly nextWorld: World
  private depth = 0

  constructor(
    private readonly model: Model,
    private readonly system: TransitionSystem,
  ) {
    this.store = new StateStore(system.words)
    this.stepper = new Stepper(system, 'asItIs')
    this.current = new Uint32Array(system.words)
    this.next = new Uint32Array(system.words)
    this.currentView = system.view(this.current)
    this.nextView = system.view(this.next)
    this.nextWorld = system.world(this.next)
  }

  explore(scenario: string, limit = Number.POSITIVE_INFINITY): SurveyResult {
    const { store, current, next } = this
    const early = this.system.begin(next)
    store.insert(next, 0)
    if (early !== undefined) this.note(early, 0)
    else this.judgeState(0)
    // A thread that violates a claim before its first step has no location, so that no run
    // continues.
    let head = early === undefined ? 0 : store.count
    for (let levelEnd = 1; head < store.count && store.count < limit; head++) {
      if (head === levelEnd) {
        this.depth++
        levelEnd = store.count
      }
      store.load(head, current)
      let enabled = 0
      for (let thread = 0; thread < this.model.threads.length; thread++)
        for (let choice = 0; choice < this.stepper.outcomes(current, thread); choice++)
          if (this.take(head, thread, choice)) enabled++
      const stuck = enabled === 0 ? this.system.stuck(current) : undefined
      if (stuck !== undefined) this.note(stuck, head)
    }
    return {
      scenario,
      states: store.count,
      exhaustive: head >= store.count,
      breaches: [...this.breaches.values()],
    }
  }

  /** Takes one step from the current state; false if it is blocked. */
  private take(from: number, thread: number, choice: number): boolean {
    const { current, next, store } = this
    if (this.stepper.finished(current, thread)) return false
    try {
      if (this.stepper.take(current, thread, choice, next) === BLOCKED) return false
    } catch (error) {
      if (error instanceof Violation) this.note(brokenBy(error), from, { thread, choice })
      else throw error instanceof SpecificationError ? this.system.explain(error, current, thread) : error
      return true
    }
    this.judgeStep(from, thread, choice)
    this.system.normaliser.settle(current, next, this.nextWorld)
    store.insert(next, from)
    if (store.added) this.judgeState(from, { thread, choice })
    return true
  }

  private judgeStep(from: number, thread: number, choice: number): void {
    for (const broken of this.brokenByStep(thread)) this.note(broken, from, { thread, choice })
  }

  private judgeState(from: number, step?: Move): void {
    for (const broken of this.brokenByState()) this.note(broken, from, step)
  }

  /** The claims that the step from the current state to the next violates. */
  private *brokenByStep(thread: number): Iterable<Broken> {
    acting.before = this.stepper.world(this.current)
    use(this.nextWorld)
    for (const { clause, name, judge } of this.model.stepClaims ?? []) {
      const judgement = judge(thread, this.currentView, this.nextView)
      if (typeof judgement === 'string') yield { kind: 'step', clause, claim: name, detail: judgement }
    }
  }

  /** The claims that the next state violates. */
  private *brokenByState(): Iterable<Broken> {
    use(this.nextWorld)
    for (const { clause, name, judge } of this.model.invariants ?? []) {
      const judgement = judge(this.nextView)
      if (typeof judgement === 'string') yield { kind: 'invariant', clause, claim: name, detail: judgement }
    }
  }

  /** Records the first violation of each clause. */
  private note(broken: Broken, state: number, step?: Move) {
    if (this.breaches.has(broken.clause)) return
    this.breaches.set(broken.clause, {
      ...broken,
      steps: this.depth + (step === undefined ? 0 : 1),
      run: () => this.runTo(state, step),
    })
  }

  /** The shortest run to state `index`, followed by `step`. */
  private runTo(index: number, step: Move | undefined): SurveyedRun {
    const { system, store } = this
    const path = [index]
    for (let at = index; at !== 0; ) {
      at = store.parent(at)
      path.push(at)
    }
    const moves = movesAlong({ system, store }, path.reverse())
    const run = step === undefined ? moves : [...moves, step]
    return { steps: retell(system, run).steps, past: this.brokenAlong(run.slice(0, -1)) }
  }

  /** Clauses that the states and steps of a run violate. */
  private brokenAlong(moves: readonly Move[]): readonly string[] {
    const { current, next, system } = this
    system.begin(next)
    const clauses = new Set([...this.brokenByState()].map(({ clause }) => clause))
    for (const { thread, choice } of moves) {
      current.set(next)
      this.stepper.take(current, thread, choice, next)
      for (const broken of [...this.brokenByStep(thread), ...this.brokenByState()]) clauses.add(broken.clause)
    }
    return [...clauses]
  }
}
