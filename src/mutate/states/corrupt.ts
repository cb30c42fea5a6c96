/**
 * Mutation of states: one field of a reachable state is changed to a value that makes the state unreachable. A claim should
 * object, at once or a few steps later; a field for which none ever does is guarded by nothing.
 *
 * @module
 */
import { parametersOf } from '../../checker/check.js'
import { Judge } from '../../checker/claims/judge.js'
import { Exploration } from '../../checker/explore/explore.js'
import { Stepper } from '../../checker/explore/stepper.js'
import type { State } from '../../checker/explore/system.js'
import { installGuards } from '../../checker/guard.js'
import { inside } from '../../world/acting.js'
import { SpecificationError, Violation } from '../../world/errors.js'
import type { Bounds, Model, Scenario } from '../../world/model.js'
import { BLOCKED } from '../../world/procedures/procedure.js'
import type { Cell } from '../../world/records/layout.js'
import { numbersFrom } from '../choosing/shuffled.js'

/** How states are changed. */
export interface CorruptOptions {
  readonly bounds: Bounds
  /** How many states of each scenario are changed, each in every field. */
  readonly states: number
  readonly seed: number
  /** Within how many steps a claim must object. */
  readonly steps: number
}

/** What was found of one field: those of all elements of an array are one. */
export interface FieldFindings {
  /** Its name with no index: `mm[].pte[].frame`. */
  readonly field: string
  readonly ghost: boolean
  /** Changes that made a state which is not reachable. */
  changes: number
  /** Of them, those that a claim objects to. */
  noticed: number
  /** Of the others, those that end in a message which blames the author of the scenario. */
  blamed: number
  /** Of the others, those after which every thread goes on as it would have: the field meant nothing there. */
  silent: number
}

/** What was found of a scenario. */
export interface CorruptFindings {
  readonly scenario: string
  readonly fields: readonly FieldFindings[]
  /** Claims of states and steps that the model makes, by clause and name. */
  readonly claims: readonly string[]
  /** Those of them, and clauses that are asserted in the text, that some change breaks. */
  readonly broken: readonly string[]
}

/** Most states that are looked at after one change. */
const MOST_STATES = 300

/**
 * Explores `scenario`, and changes some of its states.
 *
 * @throws SpecificationError if the scenario itself is wrong, or breaks a claim
 */
export function corruptStates(scenario: Scenario, options: CorruptOptions): CorruptFindings {
  installGuards()
  const model = scenario.build(parametersOf(scenario, options))
  const exploration = new Exploration(model)
  while (!exploration.done) exploration.advance(4096)
  if (exploration.breach !== undefined)
    throw new SpecificationError('scenario', `${scenario.name} breaks ${exploration.breach.clause} by itself`)
  const runner = new Runner(model, exploration)
  const next = numbersFrom(options.seed)
  const fields = new Map<string, FieldFindings>()
  const broken = new Set<string>()
  const state: State = new Uint32Array(exploration.system.words)
  const { store } = exploration
  for (let i = 0; i < options.states; i++) {
    store.load(next(store.count), state)
    for (const cell of model.layout.cells) {
      const changed = otherValue(state, cell, exploration, next)
      if (changed === undefined) continue
      const findings = findingsOf(fields, cell)
      findings.changes++
      const heard = runner.listen(state, changed, options.steps)
      if (heard.kind === 'missed') continue
      findings[heard.kind]++
      if (heard.kind === 'noticed') broken.add(heard.claim)
    }
  }
  const claims = [...(model.invariants ?? []), ...(model.stepClaims ?? [])]
  return {
    scenario: scenario.name,
    fields: [...fields.values()],
    claims: [...new Set(claims.map(({ clause, name }) => `${clause}: ${name}`))],
    broken: [...broken],
  }
}

function findingsOf(fields: Map<string, FieldFindings>, cell: Cell<unknown>): FieldFindings {
  const field = cell.name.replace(/\[\d+\]/g, '[]')
  let findings = fields.get(field)
  if (findings === undefined) {
    findings = { field, ghost: cell.options.ghost ?? false, changes: 0, noticed: 0, blamed: 0, silent: 0 }
    fields.set(field, findings)
  }
  return findings
}

/** The state with another value in `cell`; `undefined` if there is none, or that state is reachable too. */
function otherValue(
  state: State,
  cell: Cell<unknown>,
  { system, store }: Exploration,
  next: (below: number) => number,
): State | undefined {
  if (cell.max === 0) return undefined
  const changed = state.slice()
  const world = system.world(changed)
  const value = cell.readOnce(world)
  cell.set(world, (value + 1 + next(cell.max)) % (cell.max + 1))
  system.normaliser.apply(world)
  return store.find(changed) >= 0 ? undefined : changed
}

/** What comes of a change: a claim objects, or a message blames the author, or nothing is otherwise, or it is missed. */
type Heard =
  | { readonly kind: 'noticed'; readonly claim: string }
  | { readonly kind: 'blamed' | 'silent' | 'missed' }

/** A state after a change, and what it would be without it; `undefined` where that is not the same run any more. */
interface Pair {
  readonly changed: State
  readonly original: State | undefined
}

/** Runs on from states that no run reaches. */
class Runner {
  private readonly stepper: Stepper
  private readonly judge: Judge

  constructor(
    private readonly model: Model,
    private readonly exploration: Exploration,
  ) {
    this.stepper = new Stepper(exploration.system)
    this.judge = new Judge(model)
  }

  /** What comes of `changed`, in place of `original`, within `steps` steps. */
  listen(original: State, changed: State, steps: number): Heard {
    const atOnce = this.heardOf(() => this.judgeState(changed))
    if (atOnce?.kind === 'noticed') return atOnce
    let blamed = atOnce
    let isSilent = true
    let level: Pair[] = [{ changed, original }]
    let seen = 1
    for (let depth = 0; depth < steps && level.length > 0; depth++) {
      const following: Pair[] = []
      for (const pair of level)
        for (let thread = 0; thread < this.model.threads.length; thread++)
          for (let choice = 0; choice < this.stepper.outcomes(pair.changed, thread); choice++) {
            const next: State = new Uint32Array(pair.changed.length)
            let isBlocked = false
            const heard = this.heardOf(() => {
              isBlocked = this.stepper.take(pair.changed, thread, choice, next) === BLOCKED
              return isBlocked ? undefined : this.judgeStep(pair.changed, next, thread)
            })
            if (heard?.kind === 'noticed') return heard
            blamed ??= heard
            const original = this.without(pair, thread, choice, isBlocked ? undefined : next)
            if (original === 'otherwise') isSilent = false
            if (heard !== undefined || isBlocked || seen++ > MOST_STATES) continue
            following.push({ changed: next, original: typeof original === 'string' ? undefined : original })
          }
      level = following
    }
    return blamed ?? { kind: isSilent ? 'silent' : 'missed' }
  }

  /** Where the same step leads without the change, if the thread is then where it is with it. */
  private without(
    { original }: Pair,
    thread: number,
    choice: number,
    next: State | undefined,
  ): State | 'blocked' | 'otherwise' {
    if (original === undefined) return 'otherwise'
    const after: State = new Uint32Array(original.length)
    const isBlocked = inside(() => this.stepper.take(original, thread, choice, after)) === BLOCKED
    if (isBlocked) return next === undefined ? 'blocked' : 'otherwise'
    const place = this.exploration.system.worldWords + thread
    return next !== undefined && next[place] === after[place] ? after : 'otherwise'
  }

  private judgeState(state: State): string | undefined {
    const { system } = this.exploration
    const broken = this.judge.state(system.world(state), system.view(state))
    return broken && `${broken.clause}: ${broken.claim}`
  }

  private judgeStep(state: State, next: State, thread: number): string | undefined {
    const { system } = this.exploration
    const views = [system.view(state), system.view(next)]
    const broken = this.judge.step(system.world(state), system.world(next), thread, views[0], views[1])
    return broken === undefined ? this.judgeState(next) : `${broken.clause}: ${broken.claim}`
  }

  private heardOf(look: () => string | undefined): Heard | undefined {
    try {
      const claim = inside(look)
      return claim === undefined ? undefined : { kind: 'noticed', claim }
    } catch (error) {
      return error instanceof Violation ? { kind: 'noticed', claim: error.clause } : { kind: 'blamed' }
    }
  }
}
