/**
 * Searches breadth first, past claims that do not hold: for the shortest run to something, and for how far every state is
 * from a breach.
 *
 * @module
 */

import type { Broken } from '../checker/claims/judge.js'
import { type Move, Stepper } from '../checker/explore/stepper.js'
import { StateStore } from '../checker/explore/store.js'
import { brokenBy, type State, type TransitionSystem } from '../checker/explore/system.js'
import { acting, use } from '../world/acting.js'
import { SpecificationError, Violation } from '../world/errors.js'
import { BLOCKED } from '../world/procedures/procedure.js'
import { BREAKS, kindOf, outcomeOf } from './outcome.js'

/** What a run is looked for to. */
export type Goal =
  | { readonly kind: 'clause'; readonly clause: string }
  | {
      readonly kind: 'step'
      readonly procedure: string
      /** Its name; indices do not count. */
      readonly step: string
      /** How it must turn out; in any way if it is left out. */
      readonly outcome?: string
    }
  | { readonly kind: 'transition'; readonly chart: string; readonly state: string; readonly event: string }

/** How a search is watched and ended. */
export interface Watch {
  /** Most states. */
  readonly states: number
  /** Lets others run; false to end the search. Called after each few states. */
  readonly turn: (states: number) => Promise<boolean>
}

/** What a search has found. */
export interface Search {
  /** The shortest run, from the state that was started from; undefined if there is none. */
  readonly moves: readonly Move[] | undefined
  readonly states: number
  /** True if every state was visited: what was not found is not there. */
  readonly exhaustive: boolean
}

/** A step that a search has taken. */
interface Edge extends Move {
  readonly from: number
  /** The state it leads to; undefined if it broke a claim in the middle of its work. */
  readonly to: number | undefined
  /** What the step returned. */
  readonly result?: unknown
  /** What it breaks, or the state after it. */
  readonly broken: readonly Broken[]
}

/** States between two turns. */
const BATCH = 256

/** Explores from one state. */
class Breadth {
  readonly store: StateStore
  private readonly stepper: Stepper
  private readonly current: State
  private readonly next: State

  constructor(
    private readonly system: TransitionSystem,
    from: State,
  ) {
    this.store = new StateStore(system.words)
    this.stepper = new Stepper(system, 'asItIs')
    this.current = new Uint32Array(system.words)
    this.next = new Uint32Array(system.words)
    this.next.set(from)
    this.store.insert(this.next, 0)
  }

  /**
   * Takes every step of every state.
   *
   * @param enter - told of each step before it is taken
   * @param visit - told of each step that was taken; true to end there
   * @returns true if every state was visited
   */
  async explore(
    watch: Watch,
    visit: (edge: Edge) => boolean,
    enter: (state: State, thread: number) => void = () => {},
  ): Promise<boolean> {
    const { store, current, stepper, system } = this
    for (let head = 0; head < store.count; head++) {
      if (store.count > watch.states) return false
      if (head % BATCH === BATCH - 1 && !(await watch.turn(store.count))) return false
      store.load(head, current)
      let enabled = 0
      for (let thread = 0; thread < system.model.threads.length; thread++) {
        if (stepper.finished(current, thread)) continue
        for (let choice = 0; choice < stepper.outcomes(current, thread); choice++) {
          enter(current, thread)
          const edge = this.edge(head, thread, choice)
          if (edge === undefined) continue
          enabled++
          if (visit(edge)) return false
        }
      }
      const stuck = enabled === 0 ? system.stuck(current) : undefined
      if (stuck !== undefined && visit({ from: head, thread: -1, choice: 0, to: undefined, broken: [stuck] }))
        return false
    }
    return true
  }

  private edge(from: number, thread: number, choice: number): Edge | undefined {
    const { store, current, next, stepper, system } = this
    let result: unknown
    try {
      result = stepper.take(current, thread, choice, next)
      if (result === BLOCKED) return undefined
    } catch (error) {
      if (error instanceof Violation)
        return { from, thread, choice, to: undefined, broken: [brokenBy(error)] }
      throw error instanceof SpecificationError ? system.explain(error, current, thread) : error
    }
    const broken = this.stepBreaks(thread)
    system.normaliser.settle(current, next, system.world(next))
    const to = store.insertHashed(next, store.hash(next), from, thread, choice)
    // A state is judged whenever it is reached: the step to it leads to the breach.
    return { from, thread, choice, to, result, broken: [...broken, ...this.stateBreaks()] }
  }

  private stepBreaks(thread: number): Broken[] {
    const { system, current, next } = this
    acting.before = system.world(current)
    use(system.world(next))
    const [from, to] = [system.view(current), system.view(next)]
    return (system.model.stepClaims ?? []).flatMap((claim) =>
      told('step', claim, () => claim.judge(thread, from, to)),
    )
  }

  private stateBreaks(): Broken[] {
    const { system, next } = this
    use(system.world(next))
    const view = system.view(next)
    const invariants = (system.model.invariants ?? []).flatMap((claim) =>
      told('invariant', claim, () => claim.judge(view)),
    )
    const charts = (system.model.abstractions ?? []).flatMap(({ lifecycle, state }): Broken[] => {
      const [expected, charted] = [state(view), lifecycle.state()]
      if (charted === undefined || expected === charted) return []
      const detail = `${lifecycle.cell.name}: the world is in "${expected}", the statechart in "${charted}"`
      return [
        { kind: 'abstraction', clause: 'refinement', claim: `abstraction of ${lifecycle.kind}`, detail },
      ]
    })
    return [...invariants, ...charts]
  }

  /** The moves to state `index`. */
  movesTo(index: number): Move[] {
    const moves: Move[] = []
    for (let at = index; at !== 0; at = this.store.parent(at)) moves.unshift(this.store.moveTo(at))
    return moves
  }
}

function told(
  kind: 'step' | 'invariant',
  { clause, name }: { readonly clause: string; readonly name: string },
  judge: () => unknown,
): Broken[] {
  try {
    const detail = judge()
    return typeof detail === 'string' ? [{ kind, clause, claim: name, detail }] : []
  } catch (error) {
    if (error instanceof Violation) return [brokenBy(error)]
    throw error
  }
}

/** Looks for the shortest run from `from` to `goal`. */
export async function shortest(
  system: TransitionSystem,
  from: State,
  goal: Goal,
  watch: Watch,
): Promise<Search> {
  const breadth = new Breadth(system, from)
  let found: Move[] | undefined
  let place = ''
  const [counts, index] = goal.kind === 'transition' ? counterOf(system, goal) : [undefined, 0]
  let before = 0
  const reaches = ({ broken, to, result }: Edge): boolean => {
    switch (goal.kind) {
      case 'clause':
        return broken.some(({ clause }) => clause === goal.clause)
      case 'step':
        if (place !== kindOf(`${goal.procedure}: ${goal.step}`)) return false
        return goal.outcome === undefined || (to === undefined ? BREAKS : outcomeOf(result)) === goal.outcome
      case 'transition':
        return counts !== undefined && counts[index] > before
    }
  }
  const exhaustive = await breadth.explore(
    watch,
    (edge) => {
      if (!reaches(edge)) return false
      const { thread, choice } = edge
      found = [...breadth.movesTo(edge.from), ...(thread < 0 ? [] : [{ thread, choice }])]
      return true
    },
    (state, thread) => {
      const location = state[system.worldWords + thread]
      if (goal.kind === 'step')
        place = kindOf(`${system.control.procedureAt(location)}: ${system.control.stepAt(location)?.name}`)
      before = counts?.[index] ?? 0
    },
  )
  return { moves: found, states: breadth.store.count, exhaustive }
}

/** Where a transition is counted. */
function counterOf(
  system: TransitionSystem,
  { chart, state, event }: Extract<Goal, { kind: 'transition' }>,
): [Uint32Array | undefined, number] {
  const table = system.model.charts?.[chart]
  if (table === undefined) return [undefined, 0]
  return [
    system.taken.get(chart),
    table.states.indexOf(state) * table.events.length + table.events.indexOf(event),
  ]
}

/** How far it is to a breach. */
export interface Ahead {
  readonly clause: string
  /** Steps, the one that breaks it included. */
  readonly steps: number
}

/** What is kept of a state that is a breach itself: 0 is that none is known. */
const HERE = 1

/** Every state that was explored, and how far each is from a breach. */
export class Atlas {
  private constructor(
    private readonly store: StateStore,
    private readonly distance: Uint32Array,
    private readonly clause: Uint16Array,
    private readonly clauses: readonly string[],
    /** True if every state is in it: one from which no breach is known has none ahead. */
    readonly exhaustive: boolean,
  ) {}

  /** States in it. */
  get states(): number {
    return this.store.count
  }

  /** Explores from the initial state, and back from every breach. */
  static async of(system: TransitionSystem, watch: Watch): Promise<Atlas> {
    const first: State = new Uint32Array(system.words)
    system.begin(first)
    const breadth = new Breadth(system, first)
    const sources: number[] = []
    const targets: number[] = []
    // States in which nothing can go on, and those from which one step breaks something.
    const stuck = new Map<number, string>()
    const breaking = new Map<number, string>()
    const exhaustive = await breadth.explore(watch, ({ from, to, thread, broken }) => {
      const [first] = broken
      if (first !== undefined) {
        const known = thread < 0 ? stuck : breaking
        if (!known.has(from)) known.set(from, first.clause)
      } else if (to !== undefined) {
        sources.push(from)
        targets.push(to)
      }
      return false
    })
    const count = breadth.store.count
    const clauses = [...new Set([...stuck.values(), ...breaking.values()])]
    const distance = new Uint32Array(count)
    const clause = new Uint16Array(count)
    // The edges that lead to each state, next to each other.
    const starts = new Uint32Array(count + 1)
    for (const to of targets) starts[to + 1]++
    for (let i = 0; i < count; i++) starts[i + 1] += starts[i]
    const filled = starts.slice(0, count)
    const into = new Uint32Array(targets.length)
    for (const [i, to] of targets.entries()) into[filled[to]++] = sources[i]
    const queue: number[] = []
    for (const [known, steps] of [
      [stuck, HERE],
      [breaking, HERE + 1],
    ] as const)
      for (const [state, name] of known) {
        if (distance[state] !== 0) continue
        distance[state] = steps
        clause[state] = clauses.indexOf(name)
        queue.push(state)
      }
    for (let head = 0; head < queue.length; head++) {
      const at = queue[head]
      for (let i = starts[at]; i < starts[at + 1]; i++) {
        const before = into[i]
        if (distance[before] !== 0) continue
        distance[before] = distance[at] + 1
        clause[before] = clause[at]
        queue.push(before)
      }
    }
    return new Atlas(breadth.store, distance, clause, clauses, exhaustive)
  }

  /** How far `state`, as the checker stores it, is from a breach; `none` if there is none ahead, undefined if it is not known. */
  ahead(state: State): Ahead | 'none' | undefined {
    const index = this.store.find(state)
    if (index < 0) return undefined
    const distance = this.distance[index]
    if (distance === 0) return this.exhaustive ? 'none' : undefined
    return { clause: this.clauses[this.clause[index]], steps: distance - HERE }
  }
}
