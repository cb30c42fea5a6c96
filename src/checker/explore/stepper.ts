/**
 * Takes single steps outside the inner loop: for traces, replays, progress checks and random runs.
 *
 * @module
 */
import { act, acting, NOBODY, use } from '../../world/acting.js'
import { SpecificationError } from '../../world/errors.js'
import { type ControlGraph, FINISHED } from '../../world/procedures/control.js'
import { BLOCKED } from '../../world/procedures/procedure.js'
import { running } from '../../world/procedures/running.js'
import { isHandle, type Layout, nameOf, type World } from '../../world/records/layout.js'
import type { Change, TraceStep } from '../result.js'
import type { State, Telling, TransitionSystem } from './system.js'

/** A step to take: the thread, and the outcome. */
export interface Move {
  readonly thread: number
  readonly choice: number
}

/** Takes one step at a time over states of one model. */
export class Stepper {
  private readonly control: ControlGraph
  private readonly layout: Layout
  private readonly threads: readonly { readonly name: string }[]
  private readonly worldWords: number
  /** The target state of the last step, and its world. */
  private last: State = new Uint32Array(0)
  private lastWorld: World = new Uint8Array(0)

  constructor(
    private readonly system: TransitionSystem,
    private readonly how: Telling = 'normalised',
  ) {
    this.control = system.control
    this.layout = system.model.layout
    this.threads = system.model.threads
    this.worldWords = system.worldWords
  }

  /** The bytes of `state`'s world. */
  world(state: State): World {
    return this.system.world(state)
  }

  /**
   * Number of outcomes of the next step of `thread` in `state`: 0 if it has ended. Some may be
   * blocked.
   */
  outcomes(state: State, thread: number): number {
    return this.control.choices[state[this.worldWords + thread]]
  }

  /** True if `thread` has ended in `state`. */
  finished(state: State, thread: number): boolean {
    return state[this.worldWords + thread] === FINISHED
  }

  /**
   * Takes a step from `state` into `next`.
   *
   * @returns the result of the step, or {@link BLOCKED}
   * @throws Violation if the step violates a claim
   */
  take(state: State, thread: number, choice: number, next: State): unknown {
    const location = state[this.worldWords + thread]
    if (next !== this.last) {
      this.last = next
      this.lastWorld = this.world(next)
    }
    next.set(state)
    running.locations = this.control
    running.location = location
    running.started++
    act(thread, this.system.unclaimed)
    const { inside } = acting
    acting.inside = true
    use(this.lastWorld)
    try {
      const result = this.control.runs[location](choice)
      if (acting.raised !== undefined) throw acting.raised
      if (result === BLOCKED) return result
      next[this.worldWords + thread] = this.control.successor(location, result)
      acting.thread = NOBODY
      if (this.how === 'normalised') this.system.normaliser.settle(state, next, this.lastWorld)
      return result
    } finally {
      acting.thread = NOBODY
      acting.inside = inside
    }
  }

  /** Describes the step of `thread` from `state`, which led to `next` and returned `result`. */
  describe(state: State, next: State, thread: number, choice: number, result: unknown): TraceStep {
    const location = state[this.worldWords + thread]
    const way = this.control.ways[location]?.[choice]
    return {
      thread,
      name: this.threads[thread].name,
      procedure: this.control.procedureAt(location),
      step: this.control.stepAt(location)?.name ?? 'finished',
      choice,
      choices: this.control.choices[location],
      ...(way === undefined ? {} : { way }),
      result: answerIn(result),
      changes: this.changes(this.world(state), this.world(next)),
    }
  }

  /** Sets `state` to the initial state. */
  begin(state: State): void {
    this.system.begin(state, this.how)
  }

  /**
   * The step that leads from `state` to exactly `target`.
   *
   * @param of - the thread that must take it; any thread if left out
   */
  between(state: State, target: State, of?: number): Move {
    const next = new Uint32Array(state.length)
    for (let thread = of ?? 0; thread <= (of ?? this.threads.length - 1); thread++) {
      for (let choice = 0; choice < this.outcomes(state, thread); choice++) {
        const result = this.take(state, thread, choice, next)
        if (result !== BLOCKED && next.every((word, i) => word === target[i])) return { thread, choice }
      }
    }
    throw new SpecificationError(
      'non-deterministic',
      'a state that was reached before cannot be reached again from the same predecessor: a step of ' +
        'the scenario is not deterministic; a step may read only the world, its choice and its arguments',
    )
  }

  private changes(before: World, after: World): Change[] {
    const changes: Change[] = []
    for (const cell of this.layout.cells)
      if (cell.readOnce(before) !== cell.readOnce(after))
        changes.push({
          cell: cell.name,
          before: cell.show(before),
          after: cell.show(after),
          ghost: cell.options.ghost ?? false,
        })
    return changes
  }
}

/** The result of a step as traces store it: a number unchanged, anything else as text. */
export function answerIn(result: unknown): number | string {
  return typeof result === 'number' ? result : showAnswer(result)
}

function showAnswer(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(showAnswer).join(', ')}]`
  if (typeof value !== 'object' || value === null) return value === undefined ? 'none' : String(value)
  if (isHandle(value)) return nameOf(value)
  return `{ ${Object.entries(value)
    .map(([key, inner]) => `${key}: ${showAnswer(inner)}`)
    .join(', ')} }`
}
