/**
 * Explores a scenario and keeps what its steps do and its claims answer as decision trees: a program without procedures,
 * which other model checkers can run. Where a tree knows what happens, the step or claim itself is not run again.
 *
 * @module
 */
import { Stepper } from '../checker/explore/stepper.js'
import { StateStore } from '../checker/explore/store.js'
import { type State, TransitionSystem } from '../checker/explore/system.js'
import { inside, use } from '../world/acting.js'
import { SpecificationError, Violation } from '../world/errors.js'
import type { Model } from '../world/model.js'
import type { Override } from '../world/procedures/override.js'
import { BLOCKED } from '../world/procedures/procedure.js'
import { recordedBy } from '../world/records/footprint.js'
import type { World } from '../world/records/layout.js'
import { RecordedClaims } from './claims.js'
import { Closer } from './close.js'
import { Looks, Path, type Place } from './looks.js'
import type { Choices, Effect, Outcome, Recording } from './recording.js'
import { answerOf, Contradiction, grown } from './tree.js'
import { Values } from './values.js'

/** How a scenario is recorded. */
export interface RecordOptions {
  readonly overrides?: readonly Override[]
  /** `none` leaves states as they are (default `all`). */
  readonly reductions?: 'all' | 'none'
  /** Most distinct states (default none). */
  readonly states?: number
}

/**
 * Records `model`: all of it, or as far as the first broken claim and one step further.
 *
 * @throws SpecificationError if it has more states than the options allow, or cannot be explored
 */
export function record(model: Model, options: RecordOptions = {}): Recording {
  return new Recorder(model, options).run()
}

/** Levels that are recorded from that of the first broken claim: no run to it then meets what was not recorded. */
const LEVELS_AFTER_BREACH = 2

class Recorder {
  private readonly system: TransitionSystem
  private readonly stepper: Stepper
  private readonly looks = new Looks()
  private readonly claims: RecordedClaims
  private readonly threads: Map<number, Choices>[]
  private readonly store: StateStore
  private readonly current: State
  private readonly next: State
  private readonly world: World
  /** What claims about a step see. */
  private readonly stepPlace: Place
  /** What steps, and claims about states, see. */
  private readonly place: Place
  /** Fields that a renumbering looks at, and what it does. */
  private readonly renumberings: readonly { readonly names: ReadonlySet<string>; apply(): void }[]
  /** States that break a claim: runs end there. */
  private readonly ends = new Set<number>()
  private isBroken = false

  constructor(
    model: Model,
    private readonly options: RecordOptions,
  ) {
    const { overrides = [], reductions = 'all' } = options
    const system = new TransitionSystem(model, overrides, reductions)
    this.system = system
    this.stepper = new Stepper(system, 'asItIs')
    this.claims = new RecordedClaims(model, this.looks)
    this.threads = model.threads.map(() => new Map<number, Choices>())
    this.store = new StateStore(system.words)
    this.current = new Uint32Array(system.words)
    this.next = new Uint32Array(system.words)
    const [before, after] = [system.world(this.current), system.world(this.next)]
    const [from, to] = [system.view(this.current), system.view(this.next)]
    this.world = after
    this.stepPlace = { before, after, from, to }
    this.place = { before: after, after, from: to, to }
    this.renumberings = (reductions === 'all' ? (model.normalisations ?? []) : []).map((normalisation) => ({
      names: new Set(normalisation.cells.map(({ name }) => name)),
      apply: () => normalisation.apply(),
    }))
  }

  run(): Recording {
    const { system, store, next, claims, options } = this
    const early = system.begin(next)
    if (early !== undefined)
      throw new SpecificationError(
        'scenario',
        `a thread breaks ${early.clause} before its first step (${early.detail}): there is nothing to record`,
      )
    const initial = next.slice()
    for (const [thread, known] of this.threads.entries()) known.set(initial[system.worldWords + thread], [])
    store.insert(next, 0)
    inside(() => this.judgeNew())
    let levelEnd = 1
    let levelsLeft = LEVELS_AFTER_BREACH
    for (let head = 0; head < store.count; head++) {
      if (head === levelEnd) {
        levelEnd = store.count
        if (this.isBroken && --levelsLeft < 0) break
      }
      if (options.states !== undefined && store.count > options.states)
        throw new SpecificationError(
          'scenario',
          `it has more than ${options.states} states; choose smaller bounds, or a higher limit of states`,
        )
      if (!this.ends.has(head)) inside(() => this.leave(head))
    }
    const { looks, threads } = this
    const recorded = { system, looks, initial, threads }
    const values = new Values(recorded)
    const valuesOf = (look: number) => {
      const { cell, question } = looks.all[look]
      return cell === undefined ? values.ofQuestion(question as number) : values.ofCell(cell)
    }
    claims.close(new Closer(looks, system.world(initial), valuesOf))
    return {
      ...recorded,
      invariants: claims.invariants,
      stepClaims: claims.stepClaims,
      progress: claims.progress,
      states: store.count,
      complete: !this.isBroken,
    }
  }

  /** Takes every step from state `from`. */
  private leave(from: number): void {
    const { system, store, current, next, claims } = this
    store.load(from, current)
    let enabled = 0
    for (const [thread, known] of this.threads.entries()) {
      const location = current[system.worldWords + thread]
      let choices = known.get(location)
      if (choices === undefined) {
        choices = []
        known.set(location, choices)
      }
      for (let choice = 0; choice < system.control.choices[location]; choice++) {
        const outcome = this.try(thread, choices, choice)
        if (outcome.kind !== 'blocked') enabled++
        if (outcome.kind === 'broken') this.isBroken = true
        if (outcome.kind !== 'step') continue
        next.set(current)
        next[system.worldWords + thread] = outcome.to
        if (!known.has(outcome.to)) known.set(outcome.to, [])
        this.write(outcome.written)
        if (!claims.holdOf(thread, this.stepPlace)) {
          this.isBroken = true
          continue
        }
        this.write(outcome.stored)
        store.insert(next, from)
        if (store.added) this.judgeNew()
      }
    }
    if (enabled === 0 && system.stuck(current) !== undefined) this.isBroken = true
  }

  /** The state in `next` was not met before. */
  private judgeNew(): void {
    if (this.claims.holdIn(this.place)) return
    this.isBroken = true
    this.ends.add(this.store.count - 1)
  }

  private write(values: Effect['stored']): void {
    for (const [cell, value] of values) this.looks.cells[cell].set(this.world, value)
  }

  /** What comes of a step from the current state. */
  private try(thread: number, choices: Choices, choice: number): Outcome {
    const { looks, place, current, next } = this
    next.set(current)
    const known = answerOf(choices[choice], (look) => looks.read(look, place))
    if (known !== undefined) return known
    const path = new Path(looks, place)
    const outcome = recordedBy(path, () => this.take(thread, choice, path))
    try {
      choices[choice] = grown(choices[choice], path.seen, outcome)
    } catch (error) {
      if (!(error instanceof Contradiction)) throw error
      throw new SpecificationError(
        'non-deterministic',
        `${this.system.place(current, thread)} looks at more than the world, its choice and its arguments`,
      )
    }
    return outcome
  }

  /** Takes a step, and what renumbers after it. */
  private take(thread: number, choice: number, path: Path): Outcome {
    const { system, stepper, current, next, looks } = this
    try {
      if (stepper.take(current, thread, choice, next) === BLOCKED) return { kind: 'blocked' }
    } catch (error) {
      if (error instanceof Violation) return { kind: 'broken', clause: error.clause }
      if (this.isBroken) return { kind: 'error' }
      throw system.explain(error, current, thread)
    }
    const written = this.valuesOf(path)
    use(this.world)
    for (const { names, apply } of this.renumberings)
      if ([...path.written].some((cell) => names.has(looks.cells[cell].name))) apply()
    return { kind: 'step', to: next[system.worldWords + thread], written, stored: this.valuesOf(path) }
  }

  private valuesOf({ written }: Path): Map<number, number> {
    const values = new Map<number, number>()
    recordedBy(undefined, () => {
      for (const cell of written) values.set(cell, this.looks.cells[cell].get(this.world))
    })
    return values
  }
}
