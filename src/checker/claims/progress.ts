/**
 * Progress under weak fairness. A claim that something does not last is violated by a run that
 * stays for ever in states where it is pending: a strongly connected component of such states in
 * which every thread either takes a step, or is unable to take one in some state.
 *
 * @module
 */
import { inside, use } from '../../world/acting.js'
import type { ProgressClaim } from '../../world/model.js'
import type { Edges, Graph } from '../explore/edges.js'
import type { Exploration } from '../explore/explore.js'
import { NO_STEP } from '../explore/memo.js'
import { type Move, Stepper } from '../explore/stepper.js'
import type { State } from '../explore/system.js'
import type { TraceStep } from '../result.js'
import { movesTo, retell } from '../runs/trace.js'
import { asked } from './judge.js'

/** A run that never makes progress. */
export interface Lasso {
  readonly claim: ProgressClaim
  /** Steps to the first state of the loop, or to the end of the run. */
  readonly stem: readonly TraceStep[]
  /** Steps that repeat for ever; empty if the run ends. */
  readonly loop: readonly TraceStep[]
}

/**
 * Looks for a fair run that stays for ever in states where a claim is pending.
 *
 * @param exploration - a complete exploration
 * @param claims - the claims to check, all in one pass
 * @param tick - called now and then; returns false to stop
 */
export async function findLasso(
  exploration: Exploration,
  claims: readonly ProgressClaim[],
  tick: (explored: number) => Promise<boolean>,
): Promise<Lasso | 'stopped' | undefined> {
  if (!(await countPending(exploration, claims, tick))) return 'stopped'
  const threads = exploration.model.threads.length
  const graph = (exploration.edges as Edges).graph(exploration.store.count, threads)
  const search = new Search(graph, threads, tick)
  const cyclic = await search.components(() => true)
  if (cyclic === undefined) return 'stopped'
  const state = new Uint32Array(exploration.store.words)
  const stepper = new Stepper(exploration.system)
  const world = stepper.world(state)
  const view = exploration.viewOf(state)
  const isPending = (claim: ProgressClaim, index: number): boolean => {
    exploration.store.load(index, state)
    use(world)
    return inside(() => claim.pending(view))
  }
  const ends = endsOf(graph)
  for (const claim of claims) {
    // A run that ends stays in its last state for ever.
    const end = ends.find((index) => isPending(claim, index))
    if (end !== undefined) return lassoOf(exploration, claim, movesTo(exploration, end), [])
    if (cyclic.length === 0) continue
    const pending = new Uint8Array(graph.size)
    for (const component of cyclic)
      for (const index of component) {
        if (search.isTurn() && !(await search.turn())) return 'stopped'
        if (isPending(claim, index)) pending[index] = 1
      }
    const lasting = await search.components((index) => pending[index] === 1)
    if (lasting === undefined) return 'stopped'
    // States are numbered in breadth-first order, so the component with the lowest number has the
    // shortest stem.
    let first = graph.size
    let nearest: readonly number[] = []
    for (const component of lasting) {
      const least = component.reduce((lowest, index) => Math.min(lowest, index))
      if (least >= first || !search.isFair(component)) continue
      first = least
      nearest = component
    }
    if (nearest.length > 0) {
      const loop = search.goRound(new Set(nearest), first)
      return lassoOf(exploration, claim, movesTo(exploration, first), movesRound(exploration, first, loop))
    }
  }
  return undefined
}

function lassoOf(
  { system }: Exploration,
  claim: ProgressClaim,
  stem: readonly Move[],
  loop: readonly Move[],
): Lasso {
  const { steps } = retell(system, [...stem, ...loop])
  return { claim, stem: steps.slice(0, stem.length), loop: steps.slice(stem.length) }
}

/**
 * Bytes that the progress check needs in addition to states and edges: the disabled threads, and
 * the marks of the search.
 */
export function bytesOfGraph(exploration: Exploration): number {
  return exploration.store.count * (1 + 3 * 4 + 1 + 1)
}

/** The states in which a run ends, since no thread can take a step. */
function endsOf(graph: Graph): number[] {
  const ends: number[] = []
  for (let index = 0; index < graph.size; index++)
    if (graph.offsets[index] === graph.offsets[index + 1]) ends.push(index)
  return ends
}

/** Counts the states in which each claim is pending; false if it was stopped. */
async function countPending(
  exploration: Exploration,
  claims: readonly ProgressClaim[],
  tick: (explored: number) => Promise<boolean>,
): Promise<boolean> {
  const { store, lasting } = exploration
  const state = new Uint32Array(store.words)
  const world = exploration.system.world(state)
  const view = exploration.viewOf(state)
  const { asking } = exploration
  const askedOf = claims.map((claim) => asked(claim.name, (_, __, to) => claim.pending(to), asking))
  for (let first = 0; first < store.count; first += TURN) {
    if (!(await tick(first))) return false
    use(world)
    inside(() => {
      for (let index = first; index < Math.min(store.count, first + TURN); index++) {
        store.load(index, state)
        for (let i = 0; i < askedOf.length; i++)
          if (askedOf[i].answer(NO_STEP, world, 0, view, view)) lasting[i]++
      }
    })
  }
  return true
}

/** A step of a walk over the graph: the target state and the thread. */
interface Edge {
  readonly to: number
  readonly thread: number
}

/** Units of work between two looks at the clock. */
const TURN = 0x4000

/** Looks for loops in the graph, and yields to the event loop now and then. */
class Search {
  private work = 0

  constructor(
    private readonly graph: Graph,
    private readonly threads: number,
    private readonly tick: (explored: number) => Promise<boolean>,
  ) {}

  /** Counts a unit of work; true if it is time to yield. */
  isTurn(): boolean {
    return (++this.work & (TURN - 1)) === 0
  }

  /** Yields to the event loop; false if the search should stop. */
  turn(): Promise<boolean> {
    return this.tick(this.graph.size)
  }

  /**
   * Tarjan's strongly connected components of the states that `within` admits, without recursion.
   *
   * @returns `undefined` if it was stopped
   */
  async components(within: (index: number) => boolean): Promise<number[][] | undefined> {
    const { graph } = this
    const found: number[][] = []
    const count = graph.size
    const order = new Uint32Array(count)
    const low = new Uint32Array(count)
    const onStack = new Uint8Array(count)
    const next = new Uint32Array(count)
    const stack: number[] = []
    const path: number[] = []
    let counter = 0
    for (let root = 0; root < count; root++) {
      if (order[root] !== 0 || !within(root)) continue
      path.push(root)
      while (path.length > 0) {
        if (this.isTurn() && !(await this.turn())) return undefined
        const at = path[path.length - 1]
        if (order[at] === 0) {
          order[at] = low[at] = ++counter
          next[at] = graph.offsets[at]
          stack.push(at)
          onStack[at] = 1
        }
        let descended = false
        while (next[at] < graph.offsets[at + 1]) {
          const to = graph.targets[next[at]++]
          if (order[to] === 0) {
            if (!within(to)) continue
            path.push(to)
            descended = true
            break
          }
          if (onStack[to]) low[at] = Math.min(low[at], order[to])
        }
        if (descended) continue
        path.pop()
        const caller = path[path.length - 1]
        if (caller !== undefined) low[caller] = Math.min(low[caller], low[at])
        if (low[at] === order[at]) {
          const component: number[] = []
          let member: number
          do {
            member = stack.pop() as number
            onStack[member] = 0
            component.push(member)
          } while (member !== at)
          if (component.length > 1 || this.hasLoop(at)) found.push(component)
        }
      }
    }
    return found
  }

  private hasLoop(index: number): boolean {
    const { offsets, targets } = this.graph
    for (let e = offsets[index]; e < offsets[index + 1]; e++) if (targets[e] === index) return true
    return false
  }

  /**
   * True if every thread takes a step within the component, or is unable to in one of its states.
   */
  isFair(component: readonly number[]): boolean {
    const { disabled, offsets, targets, threads } = this.graph
    const inside = new Set(component)
    let served = 0
    for (const index of component) {
      served |= disabled[index]
      for (let e = offsets[index]; e < offsets[index + 1]; e++)
        if (inside.has(targets[e])) served |= 1 << threads[e]
    }
    const everybody = 2 ** this.threads - 1
    return (served & everybody) === everybody
  }

  /**
   * A closed walk from `first` within a fair component that is itself fair: each thread takes a
   * step in it, or it visits a state in which the thread cannot.
   */
  goRound(inside: ReadonlySet<number>, first: number): Edge[] {
    const { disabled } = this.graph
    const walk: Edge[] = []
    let at = first
    let served = disabled[first]
    const go = (edges: readonly Edge[]) => {
      for (const edge of edges) {
        walk.push(edge)
        at = edge.to
        served |= (1 << edge.thread) | disabled[at]
      }
    }
    for (let thread = 0; thread < this.threads; thread++) {
      if ((served >> thread) & 1) continue
      const own = this.ownEdge(inside, thread)
      if (own !== undefined) {
        go(this.shortestWalk(inside, at, own.from))
        if (((served >> thread) & 1) === 0) go([own])
        continue
      }
      const blocked = [...inside].find((index) => (disabled[index] >> thread) & 1)
      if (blocked === undefined) throw new Error('a loop of an unfair component was asked for')
      go(this.shortestWalk(inside, at, blocked))
    }
    go(this.shortestWalk(inside, at, first))
    // In a single state where every thread is disabled or needs no step, any step within it still
    // makes the loop.
    if (walk.length === 0) go(this.loopAt(inside, first))
    return walk
  }

  /** A step of `thread` that stays in the component. */
  private ownEdge(
    inside: ReadonlySet<number>,
    thread: number,
  ): (Edge & { readonly from: number }) | undefined {
    const { offsets, targets, threads } = this.graph
    for (const from of inside)
      for (let e = offsets[from]; e < offsets[from + 1]; e++)
        if (threads[e] === thread && inside.has(targets[e])) return { from, to: targets[e], thread }
    return undefined
  }

  /** A shortest closed walk with at least one step. */
  private loopAt(inside: ReadonlySet<number>, first: number): Edge[] {
    const { offsets, targets, threads } = this.graph
    for (let e = offsets[first]; e < offsets[first + 1]; e++)
      if (inside.has(targets[e]))
        return [{ to: targets[e], thread: threads[e] }, ...this.shortestWalk(inside, targets[e], first)]
    throw new Error('a strongly connected component is not connected')
  }

  /** The steps of a shortest walk from `from` to `to` within `inside`; none if they are equal. */
  private shortestWalk(inside: ReadonlySet<number>, from: number, to: number): Edge[] {
    if (from === to) return []
    const { offsets, targets, threads } = this.graph
    const parents = new Map<number, Edge>([[from, { to: from, thread: 0 }]])
    const queue = [from]
    for (let head = 0; head < queue.length; head++) {
      const at = queue[head]
      for (let e = offsets[at]; e < offsets[at + 1]; e++) {
        const next = targets[e]
        if (!inside.has(next) || parents.has(next)) continue
        // Predecessor of `next`: the state and the thread.
        parents.set(next, { to: at, thread: threads[e] })
        if (next === to) {
          const walk: Edge[] = []
          for (let back = to; back !== from; ) {
            const { to: before, thread } = parents.get(back) as Edge
            walk.push({ to: back, thread })
            back = before
          }
          return walk.reverse()
        }
        queue.push(next)
      }
    }
    throw new Error('a strongly connected component is not connected')
  }
}

/** The steps of a closed walk from `first`, each by the thread of its edge. */
function movesRound({ system, store }: Exploration, first: number, walk: readonly Edge[]): Move[] {
  const stepper = new Stepper(system)
  const load = (index: number): State => {
    const state = new Uint32Array(store.words)
    store.load(index, state)
    return state
  }
  let from = first
  return walk.map(({ to, thread }) => {
    const move = stepper.between(load(from), load(to), thread)
    from = to
    return move
  })
}
