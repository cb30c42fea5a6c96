/**
 * A model prepared for execution: the control graph of its threads, its initial state, and the
 * counters of its statecharts. Every way of exploring starts from it.
 *
 * @module
 */
import { act, acting, inside, NOBODY, use } from '../../world/acting.js'
import { SpecificationError, Violation } from '../../world/errors.js'
import { type Model, mustBeClaims } from '../../world/model.js'
import { ControlGraph, FINISHED } from '../../world/procedures/control.js'
import type { Override } from '../../world/procedures/override.js'
import type { AnyProcedure } from '../../world/procedures/procedure.js'
import type { World } from '../../world/records/layout.js'
import { atPlaceOf, messageOf } from '../../world/thrown.js'
import { type Broken, ClaimThrew } from '../claims/judge.js'
import type { Reductions } from '../options.js'
import type { Locations } from './memo.js'
import { Normaliser } from './normalise.js'

/** The clause that a state violates if no thread can take a step. */
export const DEADLOCK = 'deadlock'

/** A state: the words of the world, then the location of each thread. */
export type State = Uint32Array

/** Whether states are shown after the checker's reductions, or without them. */
export type Telling = 'normalised' | 'asItIs'

/** Counts of the statechart transitions taken, one array for each chart. */
export type TakenTransitions = ReadonlyMap<string, Uint32Array>

/** The transition system of one model. */
export class TransitionSystem {
  readonly control: ControlGraph
  /** Words of a state. */
  readonly words: number
  /** Words of a state's world; the locations of the threads follow. */
  readonly worldWords: number
  readonly taken: TakenTransitions
  readonly normaliser: Normaliser
  /** {@link Model.unclaimed} */
  readonly unclaimed: ReadonlySet<string>

  constructor(
    readonly model: Model,
    overrides: readonly Override[] = [],
    reductions: Reductions = 'none',
  ) {
    if (Object.isFrozen(acting))
      throw new SpecificationError(
        'impure',
        'a loaded module has frozen `acting` of hmm-spec/world, in which the checker stores the thread ' +
          'that takes the step; a driver may only read it',
      )
    if (model.threads.length === 0)
      throw new SpecificationError('scenario', 'the model has no threads: there is nothing to explore')
    if (model.threads.length > model.layout.threads)
      throw new SpecificationError(
        'scenario',
        `the model has ${model.threads.length} threads, but its layout was declared for ${model.layout.threads}; give \`new Layout({ threads })\` the same number`,
      )
    mustBeClaims(model, 'the model')
    this.control = new ControlGraph([...(model.overrides ?? []), ...overrides])
    this.worldWords = Math.ceil(Math.max(1, model.layout.bytes) / 4)
    this.words = this.worldWords + model.threads.length
    this.taken = bindCharts(model)
    model.layout.seal()
    this.normaliser = new Normaliser(model, reductions)
    this.unclaimed = new Set(model.unclaimed)
  }

  /**
   * Sets `state` to the initial state.
   *
   * @param how - `asItIs` to skip reductions
   * @returns the claim that a thread violates before its first step, if one does
   */
  begin(state: State, how: Telling = 'normalised'): Broken | undefined {
    const { model, control, worldWords } = this
    const w = this.world(state)
    state.fill(0)
    w.set(model.layout.initial())
    act(NOBODY, this.unclaimed)
    use(w)
    model.initialise?.()
    if (how === 'normalised') this.normaliser.apply(w)
    try {
      inside(() => {
        model.threads.forEach((thread, i) => {
          try {
            state[worldWords + i] = control.start(thread.program, thread.args)
          } catch (error) {
            const isThrown = error instanceof SpecificationError && error.code === 'procedure-threw'
            throw isThrown ? this.between(error, i) : error
          }
        })
      })
    } catch (error) {
      if (error instanceof Violation) return brokenBy(error)
      throw error
    }
    return undefined
  }

  /** The bytes of `state`'s world. */
  world(state: State): World {
    return new Uint8Array(state.buffer, state.byteOffset, this.worldWords * 4)
  }

  /** A view of the locations in `state`, which always shows its current contents. */
  view(state: State): Locations {
    return new LocationView(this.control, state, this.worldWords)
  }

  /**
   * A deadlock, unless all threads that have not ended in `state` are daemons. Called if no thread
   * can take a step.
   */
  stuck(state: State): Broken | undefined {
    const { control, model, worldWords } = this
    const waits: string[] = []
    model.threads.forEach((thread, i) => {
      const location = state[worldWords + i]
      if (location === FINISHED || thread.daemon) return
      waits.push(`${thread.name} waits at "${control.stepAt(location)?.name}"`)
    })
    if (waits.length === 0) return undefined
    return {
      kind: 'deadlock',
      clause: DEADLOCK,
      claim: DEADLOCK,
      detail: `nothing can go on: ${waits.join(', ')}`,
    }
  }

  /**
   * @throws SpecificationError if the step at `location` was blocked but has changed `before` to
   * `after`
   */
  mustBeUnchanged(before: State, after: State, location: number): void {
    for (let i = 0; i < this.worldWords; i++)
      if (after[i] !== before[i])
        throw new SpecificationError(
          'blocked-step-changed-world',
          `step "${this.control.stepAt(location)?.name}" of ${this.control.procedureAt(location)} changed the world and ` +
            'then returned BLOCKED; look first, change only when the step can be taken',
        )
  }

  /** The next step of `thread` in `state`, for messages. */
  place(state: State, thread: number): string {
    return this.placeAt(state[this.worldWords + thread], thread)
  }

  /** The step at `location`, for messages. */
  placeAt(location: number, thread: number): string {
    return `step "${this.control.stepAt(location)?.name}" of ${this.control.procedureAt(location)} (thread ${this.model.threads[thread]?.name})`
  }

  /**
   * An error that `thread` threw between two steps, with the name of the thread: threads share the
   * generators.
   */
  private between(error: SpecificationError, thread: number): SpecificationError {
    const name = this.model.threads[thread]?.name
    return new SpecificationError(error.code, `${error.message} (thread ${name})`, { cause: error })
  }

  /** An error that the step of `thread` from `state` threw, with its place. */
  explain(error: unknown, state: State, thread: number): unknown {
    const where = this.place(state, thread)
    if (error instanceof ClaimThrew)
      return new SpecificationError(error.code, `${where}: ${error.message}`, { cause: error })
    if (error instanceof SpecificationError && error.code === 'procedure-threw')
      return this.between(error, thread)
    if (error instanceof SpecificationError)
      return PLACELESS.has(error.code)
        ? new SpecificationError(error.code, `${where}: ${error.message}${atPlaceOf(error)}`, {
            cause: error,
          })
        : error
    return new SpecificationError(
      'procedure-threw',
      `${where} threw: ${messageOf(error)}${atPlaceOf(error)}`,
      { cause: error },
    )
  }
}

/** Codes of errors that are thrown where the step is not known. */
const PLACELESS: ReadonlySet<string> = new Set(['bound-overflow', 'impure', 'layout', 'scenario'])

/** The claim that a step violated by throwing `violation`. */
export function brokenBy(violation: Violation): Broken {
  const { clause, detail } = violation
  return { kind: clause === 'refinement' ? 'refinement' : 'assertion', clause, claim: clause, detail }
}

/** The positions of the threads in one state. */
class LocationView implements Locations {
  private readonly names: string[] = []
  private readonly within = new Map<AnyProcedure, Uint8Array>()

  constructor(
    private readonly control: ControlGraph,
    private readonly state: State,
    private readonly worldWords: number,
  ) {}

  location(thread: number): number {
    return this.state[this.worldWords + thread]
  }

  step(thread: number): string {
    const location = this.state[this.worldWords + thread]
    this.names[location] ??= this.control.stepAt(location)?.name ?? 'finished'
    return this.names[location]
  }

  /** Cached for each location: 0 unknown, 1 no, 2 yes. */
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

/** Binds each lifecycle of the model to its chart, if it has one. */
export function bindCharts(model: Model): TakenTransitions {
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
