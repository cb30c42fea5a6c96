/**
 * The live audit executes runs of the explored graph as plain JavaScript. It compares every
 * operation yielded, the effect of every result, every world, and whether threads are blocked. The
 * control graph runs each step and procedure only as often as it must, so that code which keeps
 * state outside of the world behaves differently here.
 *
 * The file is long because it is one executor, which shares nothing with the explorer.
 *
 * @module
 */

import { acting, inside, NOBODY, use, type World } from '../../world/acting.js'
import { SpecificationError, Violation } from '../../world/errors.js'
import type { Model } from '../../world/model.js'
import { FINISHED, type FrameHistory } from '../../world/procedures/control.js'
import type { Override } from '../../world/procedures/override.js'
import { BLOCKED } from '../../world/procedures/procedure.js'
import { isHandle } from '../../world/records/layout.js'
import { type Broken, Judge } from '../claims/judge.js'
import type { Exploration } from '../explore/explore.js'
import { type Move, Stepper } from '../explore/stepper.js'
import { brokenBy, type State, type TransitionSystem } from '../explore/system.js'
import type { CheckOptions } from '../options.js'
import type { Audit, ViolationReport } from '../result.js'
import { LiveRun, type LiveThread } from './live.js'
import { classOf, type MoveFrom, partsOf, type Sample } from './samples.js'

/**
 * Number of random steps after each sample. A shortest path shows only one history of each state.
 */
const TAIL = 20

/** Position of a thread that is outside of the code under test. */
const ELSEWHERE = 'what calls it'

/** A difference between the live run and the exploration. */
class Disagreement extends Error {}

/** The usual reason for a different number in a live run. */
const IN_A_FIELD =
  ' (a sequence number is kept in a field that the layout declares with `sequence`, not in what a step answers)'

/** A model to run live, with its overrides. */
export interface LiveModel {
  readonly model: Model
  readonly overrides: readonly Override[]
}

/** A run to take in freshly loaded modules, and the step of the code under test at its end. */
export interface FreshSample {
  readonly sample: Sample
  readonly step: string
}

/** The position of a step. It is turned into text only for a message. */
class Place {
  constructor(
    private readonly system: TransitionSystem,
    private readonly thread: number,
    private readonly location: number,
  ) {}

  toString(): string {
    return this.system.placeAt(this.location, this.thread)
  }
}

/** The time of a comparison. */
class After {
  constructor(
    private readonly place: Place,
    private readonly how = '',
  ) {}

  toString(): string {
    return `after ${this.place}${this.how}`
  }
}

/** Executes paths of an exploration live. */
export class Auditor {
  private readonly audit = { runs: 0, fresh: 0, steps: 0, edges: 0, disagreements: 0 }
  private readonly covered = new Set<number>()
  /** By location: see {@link ownPlaceOf}. */
  private readonly ownPlaces = new Map<number, string>()
  /** The model that runs live: the explored one, or the same from freshly loaded modules. */
  private running: LiveModel
  private readonly stored: State
  private readonly scratch: State
  private readonly expected: State
  private readonly scratchWorld: World
  private readonly stepper: Stepper
  private live!: LiveRun
  private seed = 0x2545f491
  private trail: Place[] = []

  constructor(
    private readonly exploration: Exploration,
    overrides: readonly Override[],
    private readonly options: Pick<CheckOptions, 'isOwn' | 'unchanged'> = {},
  ) {
    const { model, system } = exploration
    this.running = { model, overrides }
    this.stored = new Uint32Array(system.words)
    this.scratch = new Uint32Array(system.words)
    this.expected = new Uint32Array(system.words)
    this.scratchWorld = system.world(this.scratch)
    this.stepper = new Stepper(system)
  }

  /**
   * Audits a completed exploration.
   *
   * @param tick - called between runs; returns false to stop
   * @returns false if it was stopped
   * @throws SpecificationError `impure` if a run differs from the exploration
   */
  async run(tick: () => Promise<boolean>): Promise<boolean> {
    const { samples } = this.exploration
    if (samples === undefined) return true
    for (const { state, thread, choice, of, alone } of samples.all()) {
      if (alone && this.covered.has(of)) continue
      if (!(await tick())) return false
      this.guarded(state, () => {
        this.follow(state)
        this.compareBlocked(state, thread)
        this.takeKnown(thread, choice)
        this.wander()
        this.compareState('at the end')
      })
    }
    for (const state of samples.ended) {
      if (!(await tick())) return false
      this.guarded(state, () => {
        this.follow(state)
        this.compareBlocked(state)
      })
    }
    return true
  }

  /**
   * The runs to take in fresh modules: to each step of the code under test the shortest run, and
   * one of the longest. A step after other results, or with another outcome, counts as another
   * step.
   */
  freshSamples(): FreshSample[] {
    const { samples, control } = this.exploration
    const found = new Map<string, Sample[]>()
    const all = samples?.all().sort((a, b) => a.state - b.state) ?? []
    for (const sample of all) {
      if (!control.own[partsOf(sample.of).location]) continue
      const step = this.nameOfClass(sample.of)
      const known = found.get(step)
      if (known === undefined) found.set(step, [sample])
      // The first sample has the shortest run, the last one the longest.
      else known[1] = sample
    }
    return [...found].flatMap(([step, samples]) =>
      samples.map((sample, i) => ({ sample, step: i === 0 ? step : `${step}, late` })),
    )
  }

  /** The steps of the shortest run to a sample, including its own. */
  wayTo({ sample: { state, thread, choice } }: FreshSample): MoveFrom[] {
    const { store } = this.exploration
    const way: MoveFrom[] = [{ state, thread, choice }]
    for (let at = state; at !== 0; at = store.parent(at))
      way.unshift({ state: store.parent(at), ...store.moveTo(at) })
    return way
  }

  /**
   * Takes the run to a step in a model from freshly loaded modules. Their state is the initial one,
   * whatever the exploration did to the modules that it ran.
   *
   * @throws SpecificationError `impure` if the run differs from the exploration
   */
  runFresh({ state, thread, choice }: Sample, fresh: LiveModel): void {
    this.instead(fresh, () =>
      this.guarded(state, () => {
        this.follow(state)
        this.takeKnown(thread, choice)
        this.wander()
        this.compareState('at the end')
      }),
    )
  }

  /** Runs a model other than the explored one. */
  private instead(model: LiveModel, run: () => void): void {
    const { running } = this
    this.running = model
    try {
      run()
    } finally {
      this.running = running
    }
  }

  /** Counts of the audit so far. */
  get audited(): Audit {
    return { ...this.audit }
  }

  /**
   * Runs a counterexample live, and judges it again.
   *
   * @param fresh - the model from freshly loaded modules, if it is to be used
   * @throws SpecificationError `non-deterministic` if it does not violate the same claim
   */
  confirm(violation: ViolationReport, fresh = this.running): void {
    const { steps, loopFrom } = violation.trace
    // A thread that violates a claim before its first step has no run to repeat.
    if (steps.length === 0 && violation.kind === 'assertion') return
    this.instead(fresh, () => this.guarded(undefined, () => this.retrace(steps, violation, loopFrom)))
  }

  private begin(): LiveRun {
    const { model, overrides } = this.running
    return new LiveRun(model, overrides, this.exploration.system.worldWords * 4)
  }

  private guarded(state: number | undefined, run: () => void): void {
    this.audit.runs++
    if (this.isFresh) this.audit.fresh++
    try {
      this.live = this.begin()
      this.trail = []
      inside(run)
    } catch (error) {
      // A live run uses the counter's real values, which can overflow; renumbered sequence numbers
      // cannot.
      if (error instanceof SpecificationError && error.code === 'bound-overflow') return
      if (error instanceof SpecificationError) throw error
      this.audit.disagreements++
      const what = error instanceof Error ? error.message : String(error)
      const counterexample = state === undefined
      throw new SpecificationError(
        counterexample ? 'non-deterministic' : 'impure',
        `${counterexample ? 'a counterexample' : 'a run'} takes another course when it is run ${
          this.isFresh ? 'in modules that nothing has run before' : 'as JavaScript runs it'
        }: ${what}; ` +
          'between steps a procedure may read only its arguments and the results of its steps, a step may ' +
          'access only the world, and neither may keep state elsewhere' +
          (this.trail.length === 0 ? '' : ` (the run: ${this.trail.slice(-12).join('; ')})`),
        { cause: error },
      )
    } finally {
      acting.thread = NOBODY
    }
  }

  /** Takes the shortest run to a state, and compares everything on the way. */
  private follow(state: number): void {
    const { store } = this.exploration
    const path: number[] = []
    for (let at = state; at !== 0; at = store.parent(at)) path.push(at)
    store.load(0, this.stored)
    this.compareState('at the beginning')
    for (let i = path.length - 1; i >= 0; i--) {
      const { thread, choice } = store.moveTo(path[i])
      const location = this.locationOf(thread)
      store.load(path[i], this.expected)
      const place = this.placeOf(thread)
      const answer = this.take(thread, choice, place)
      if (answer === BLOCKED) throw new Disagreement(`${place} is blocked, and was not`)
      this.stored.set(this.expected)
      this.compareState(new After(place), thread, location, answer)
      this.covered.add(classOf(location, this.locationOf(thread), choice))
    }
  }

  /** Takes a step from the current stored state, and compares the state that it leads to. */
  private takeKnown(thread: number, choice: number): boolean {
    const { stored, expected } = this
    const location = this.locationOf(thread)
    const place = this.placeOf(thread)
    const modelled = this.stepper.take(stored, thread, choice, expected)
    const answer = this.take(thread, choice, place)
    if ((answer === BLOCKED) !== (modelled === BLOCKED))
      throw new Disagreement(
        answer === BLOCKED ? `${place} is blocked, and was not` : `${place} is taken, and was blocked`,
      )
    if (answer === BLOCKED) {
      this.compareState(new After(place, ', which was blocked,'))
      return false
    }
    if (this.exploration.store.find(expected) < 0)
      throw new Disagreement(`${place} leads to a state that exploring never reached`)
    stored.set(expected)
    this.compareState(new After(place), thread, location, answer)
    this.covered.add(classOf(location, this.locationOf(thread), choice))
    return true
  }

  /** Takes random steps from the current state. */
  private wander(): void {
    const { threads } = this.exploration.model
    for (let i = 0; i < TAIL; i++) {
      const first = this.random(threads.length)
      let moved = false
      for (let j = 0; j < threads.length && !moved; j++) {
        const thread = (first + j) % threads.length
        const choices = this.exploration.control.choices[this.locationOf(thread)]
        if (this.locationOf(thread) !== FINISHED) moved = this.takeKnown(thread, this.random(choices))
      }
      if (!moved) return
    }
  }

  /**
   * A thread that exploration found blocked must be blocked live. Other threads are not tried,
   * since that would take their step.
   */
  private compareBlocked(state: number, except?: number): void {
    const { control, model, store } = this.exploration
    store.load(state, this.stored)
    for (let thread = 0; thread < model.threads.length; thread++) {
      if (thread === except) continue
      const location = this.locationOf(thread)
      if (location === FINISHED) continue
      for (let choice = 0; choice < control.choices[location]; choice++) {
        if (this.stepper.take(this.stored, thread, choice, this.expected) !== BLOCKED) continue
        const place = this.placeOf(thread)
        if (this.take(thread, choice, place) !== BLOCKED)
          throw new Disagreement(`${place} is taken, and was blocked`)
        this.compareState(new After(place, ', which was blocked,'))
      }
    }
  }

  private take(thread: number, choice: number, place: Place): unknown {
    this.audit.steps++
    this.trail.push(place)
    if (this.live.threads[thread].step === undefined)
      throw new Disagreement(`${place} is not there: the thread has ended`)
    try {
      return this.live.take(thread, choice)
    } catch (error) {
      if (error instanceof SpecificationError) throw error
      throw new Disagreement(`${place} throws ${error instanceof Error ? error.message : String(error)}`)
    }
  }

  /**
   * The normalised live world and the positions of the live threads must equal the stored state.
   */
  private compareState(when: After | string, mover?: number, location?: number, answer?: unknown): void {
    const { exploration, live, scratch, scratchWorld, stored } = this
    const { system, control, model } = exploration
    const { worldWords, normaliser } = system
    scratchWorld.set(live.world)
    acting.thread = NOBODY
    normaliser.apply(scratchWorld)
    for (let i = 0; i < worldWords; i++)
      if (scratch[i] !== stored[i]) throw new Disagreement(`${when} ${this.difference()} is another`)
    if (mover !== undefined && location !== undefined) {
      // Records of two models differ even if they mean the same. Then the next location shows
      // whether the results agree.
      const next =
        this.isFresh && isObject(answer) ? stored[worldWords + mover] : control.known(location, answer)
      if (next !== stored[worldWords + mover])
        throw new Disagreement(
          `${when} the answer was ${show(answer)}, which it was not when it was explored` +
            (typeof answer === 'number' ? IN_A_FIELD : ''),
        )
      this.audit.edges++
      this.compareThread(mover, when, 'where it acts')
      this.mustKeepNothing(location, this.locationOf(mover))
    } else
      for (let thread = 0; thread < model.threads.length; thread++) this.compareThread(thread, when, 'whole')
  }

  /** The code under test that ran between two locations must have kept no state. */
  private mustKeepNothing(from: number, to: number): void {
    const { unchanged } = this.options
    if (unchanged === undefined || this.isFresh) return
    const [before, after] = [this.ownPlaceOf(from), this.ownPlaceOf(to)]
    if (before !== after) unchanged(`between ${before} and ${after}`)
  }

  /**
   * The position of a thread at `location` in the code under test, with the results that it had
   * received.
   */
  private ownPlaceOf(location: number): string {
    const known = this.ownPlaces.get(location)
    if (known !== undefined) return known
    const own = this.exploration.control
      .history(location)
      .findLast(({ procedure }) => this.options.isOwn?.(procedure))
    const place = own === undefined ? ELSEWHERE : `${own.procedure.procedureName} (${told(own)})`
    this.ownPlaces.set(location, place)
    return place
  }

  /**
   * A thread must have yielded the operation that the control graph has, in the same calls with the
   * same arguments.
   *
   * @param how - `where it acts` to skip the arguments of waiting calls that were compared before
   */
  private compareThread(thread: number, when: After | string, how: 'whole' | 'where it acts'): void {
    const { control, model } = this.exploration
    const { frames, step } = this.live.threads[thread]
    const { name } = model.threads[thread]
    let at = control.standing(this.stored[this.exploration.system.worldWords + thread])
    if (at === undefined || step === undefined) {
      if (at === undefined && step === undefined) return
      throw new Disagreement(
        `${when} thread ${name} ${step === undefined ? 'has ended' : `goes to ${this.stepOf(this.live.threads[thread])}`}, and ${
          at === undefined
            ? 'had ended'
            : `was at step "${at.node.operation.kind === 'step' ? at.node.operation.name : ''}" of ${at.node.frame.procedure.procedureName}`
        }`,
      )
    }
    const { operation } = at.node
    if (operation.kind !== 'step' || operation.name !== step.name || operation.choices !== step.choices)
      throw new Disagreement(
        `${when} thread ${name} goes to ${this.stepOf(this.live.threads[thread])}, where it had gone to step ` +
          `"${operation.kind === 'step' ? operation.name : ''}" of ${at.node.frame.procedure.procedureName}`,
      )
    for (let i = frames.length - 1; ; i--) {
      const frame = frames[i]
      const standing = at?.node.frame
      if (frame === undefined && standing === undefined) return
      if (!this.isSame(frame?.procedure, standing?.procedure))
        throw new Disagreement(
          `${when} thread ${name} is in other calls: ${this.stepOf(this.live.threads[thread])}`,
        )
      if (frame !== undefined && standing !== undefined) {
        const isKnown = how === 'where it acts' && i < frames.length - 1 && frame.compared === standing
        if (!isKnown && !this.isSame(frame.args, standing.args))
          throw new Disagreement(`${when} ${frame.procedure.procedureName} has other arguments`)
        frame.compared = standing
      }
      at = at?.below
    }
  }

  private get isFresh(): boolean {
    return this.running.model !== this.exploration.model
  }

  /**
   * In two models, procedures with the same name are equal, and records are not compared: the world
   * is.
   */
  private isSame(a: unknown, b: unknown): boolean {
    return same(a, b, this.isFresh)
  }

  /** `procedure: step`, the outcome, and the next step. */
  private nameOfClass(of: number): string {
    const { location, reached, choice } = partsOf(of)
    const { control } = this.exploration
    const named = (at: number) => {
      const standing = control.standing(at)
      if (standing === undefined) return 'finished'
      const { node } = standing
      return `${node.frame.procedure.procedureName}: ${node.operation.kind === 'step' ? node.operation.name : ''}`
    }
    // The results received so far decide what the procedure does next. Each distinct history is a
    // step of its own.
    return `${named(location)} (${told(control.history(location).at(-1))}) [${choice}] → ${named(reached)}`
  }

  private retrace(moves: readonly Move[], broken: Broken, loopFrom: number | undefined): void {
    const { exploration, stored, expected } = this
    const { system } = exploration
    const judge = new Judge(exploration.model)
    const before = new Uint8Array(this.live.world.length)
    system.begin(stored)
    let loop: State | undefined
    for (const [i, { thread, choice }] of moves.entries()) {
      if (i === loopFrom) loop = stored.slice()
      const place = this.placeOf(thread)
      const last = i === moves.length - 1
      const from = stored.slice()
      before.set(this.live.world)
      let modelled: unknown
      try {
        modelled = this.stepper.take(stored, thread, choice, expected)
      } catch (error) {
        if (!(error instanceof Violation) || !last) throw error
        this.mustBreak(() => this.live.take(thread, choice), error, place)
        return
      }
      const location = this.locationOf(thread)
      const answer = this.take(thread, choice, place)
      if (answer === BLOCKED || modelled === BLOCKED) throw new Disagreement(`${place} is blocked`)
      stored.set(expected)
      this.compareState(new After(place), thread, location, answer)
      if (!last || broken.kind === 'progress' || broken.kind === 'deadlock') continue
      const [fromView, toView] = [system.view(from), system.view(stored.slice())]
      acting.thread = NOBODY
      const { world } = this.live
      const again = broke(
        () => judge.step(before, world, thread, fromView, toView) ?? judge.state(world, toView),
      )
      if (again?.clause !== broken.clause)
        throw new Disagreement(`it breaks ${again?.clause ?? 'nothing'}, not ${broken.clause}`)
    }
    if (broken.kind === 'deadlock' && system.stuck(stored) !== undefined) this.compareAllBlocked()
    if (loop?.some((word, i) => word !== stored[i]))
      throw new Disagreement('its loop does not come back to where it began')
  }

  private compareAllBlocked(): void {
    for (const [thread, { step }] of this.live.threads.entries())
      for (let choice = 0; choice < (step?.choices ?? 0); choice++)
        if (this.take(thread, choice, this.placeOf(thread)) !== BLOCKED)
          throw new Disagreement(`${this.placeOf(thread)} can be taken`)
  }

  private mustBreak(take: () => unknown, { clause }: Violation, place: Place): void {
    try {
      take()
    } catch (error) {
      if (error instanceof Violation && brokenBy(error).clause === clause) return
      throw new Disagreement(`${place} throws ${error instanceof Error ? error.message : String(error)}`)
    }
    throw new Disagreement(`${place} breaks nothing, where it had broken ${clause}`)
  }

  /** The first field with a different value. */
  private difference(): string {
    const { exploration, scratch, stored } = this
    const { system, model } = exploration
    const [there, here] = [system.world(stored), system.world(scratch)]
    use(here)
    const cell = model.layout.cells.find((field) => field.readOnce(here) !== field.readOnce(there))
    return cell === undefined
      ? 'the world'
      : `${cell.name} is ${cell.show(here)}, not ${cell.show(there)}, which`
  }

  private locationOf(thread: number): number {
    return this.stored[this.exploration.system.worldWords + thread]
  }

  private placeOf(thread: number): Place {
    return new Place(this.exploration.system, thread, this.locationOf(thread))
  }

  private stepOf({ frames, step }: LiveThread): string {
    return `step "${step?.name}" of ${frames[frames.length - 1]?.procedure.procedureName}`
  }

  /**
   * A pseudo-random number. The sequence is the same each time, so that findings can be reproduced.
   */
  private random(below: number): number {
    this.seed ^= this.seed << 13
    this.seed ^= this.seed >>> 17
    this.seed ^= this.seed << 5
    return (this.seed >>> 0) % below
  }
}

/** The violation that a judge returns, or throws. */
function broke(judge: () => Broken | undefined): Broken | undefined {
  try {
    return judge()
  } catch (error) {
    if (error instanceof Violation) return brokenBy(error)
    throw error
  }
}

/**
 * Equality as in the keys of the control graph, without making keys.
 *
 * @param byName - for two models: compares procedures by name, and treats all records as equal
 */
function same(a: unknown, b: unknown, byName: boolean): boolean {
  if (a === b || Object.is(a, b)) return true
  if (byName && typeof a === 'function' && typeof b === 'function') return nameOf(a) === nameOf(b)
  if (!isObject(a) || !isObject(b)) return false
  if (isHandle(a) || isHandle(b)) return byName && isHandle(a) && isHandle(b)
  const keys = Object.keys(a)
  if (keys.length !== Object.keys(b).length) return false
  return keys.every((key) =>
    same((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key], byName),
  )
}

/** The results that a procedure received until its current position. */
function told(frame: FrameHistory | undefined): string {
  return frame?.inputs.map(inWords).join(' ') ?? ''
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

/** A result in a few characters. All records look alike. */
function inWords(answer: unknown): string {
  return isObject(answer) && isHandle(answer)
    ? 'record'
    : (JSON.stringify(answer) ?? String(answer)).slice(0, 60)
}

function nameOf(of: object): unknown {
  return 'procedureName' in of ? of.procedureName : 'name' in of ? of.name : undefined
}

function show(value: unknown): string {
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value)
}
