/**
 * Progress under weak fairness. A claim that something does not last is broken by a run that goes round for ever
 * among states in which it is pending: a strongly connected component of those states in which every thread either
 * takes a step or is, somewhere, unable to. The graph of all states is stored; its edges are found again by
 * running the steps.
 *
 * @module
 */
import type { ProgressClaim } from '../world/model.js'
import { BLOCKED } from '../world/procedure.js'
import type { Exploration } from './explore.js'
import type { TraceStep } from './result.js'
import { type Move, Stepper } from './stepper.js'
import { movesTo, retell } from './trace.js'

/** A run that never gets on. */
export interface Lasso {
  readonly claim: ProgressClaim
  /** Steps to the first state of the loop, or to the end of the run. */
  readonly stem: readonly TraceStep[]
  /** Steps that repeat for ever; none where the run ends. */
  readonly loop: readonly TraceStep[]
}

/**
 * Looks for a fair run that stays for ever in states where a claim is pending.
 *
 * @param exploration - one that has run to its end
 * @param claims - the claims to check, all of them over one pass
 * @param tick - called now and then; throws to stop
 */
export async function findLasso(
  exploration: Exploration,
  claims: readonly ProgressClaim[],
  tick: (explored: number) => Promise<boolean>,
): Promise<Lasso | 'stopped' | undefined> {
  const graph = await edgesOf(exploration, claims, tick)
  if (graph === undefined) return 'stopped'
  const cyclic = components(graph, () => true)
  const state = new Uint32Array(exploration.store.words)
  const stepper = new Stepper(exploration.system)
  const world = stepper.world(state)
  const view = exploration.viewOf(state)
  const isPending = (claim: ProgressClaim, index: number): boolean => {
    exploration.store.load(index, state)
    return claim.pending(world, view)
  }
  const ends = endsOf(graph)
  for (const claim of claims) {
    // A run that ends stays for ever in its last state.
    const end = ends.find((index) => isPending(claim, index))
    if (end !== undefined) return lassoOf(exploration, claim, movesTo(exploration, end), [])
    if (cyclic.length === 0) continue
    const pending = new Uint8Array(graph.size)
    for (const component of cyclic)
      for (const index of component) if (isPending(claim, index)) pending[index] = 1
    // States are numbered breadth first: the component that begins with the lowest has the shortest way to it.
    let first = graph.size
    let nearest: readonly number[] = []
    for (const component of components(graph, (index) => pending[index] === 1)) {
      const least = component.reduce((lowest, index) => Math.min(lowest, index))
      if (least >= first || !isFair(exploration, graph, component)) continue
      first = least
      nearest = component
    }
    if (nearest.length > 0)
      return lassoOf(
        exploration,
        claim,
        movesTo(exploration, first),
        goRound(exploration, graph, new Set(nearest), first),
      )
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

/** The graph of all states, edges by state of departure. */
class Graph {
  constructor(
    readonly offsets: Uint32Array,
    readonly targets: Uint32Array,
    readonly threads: Uint8Array,
    /** For each state, a bit for each thread that cannot move in it. */
    readonly disabled: Uint8Array,
  ) {}

  get size(): number {
    return this.disabled.length
  }
}

/** Bytes that looking for progress needs on top of the stored states: edges by state, and the marks of the search. */
export function bytesOfGraph(exploration: Exploration): number {
  return exploration.transitions * (4 + 1) + exploration.store.count * (4 + 1 + 3 * 4 + 1 + 1)
}

/** The states in which a run ends: nothing can go on. */
function endsOf(graph: Graph): number[] {
  const ends: number[] = []
  for (let index = 0; index < graph.size; index++)
    if (graph.offsets[index] === graph.offsets[index + 1]) ends.push(index)
  return ends
}

async function edgesOf(
  exploration: Exploration,
  claims: readonly ProgressClaim[],
  tick: (explored: number) => Promise<boolean>,
): Promise<Graph | undefined> {
  const { store, model } = exploration
  const stepper = new Stepper(exploration.system)
  const count = store.count
  const offsets = new Uint32Array(count + 1)
  const targets = new Uint32Array(exploration.transitions)
  const movers = new Uint8Array(exploration.transitions)
  const disabled = new Uint8Array(count)
  const state = new Uint32Array(store.words)
  const next = new Uint32Array(store.words)
  const world = stepper.world(state)
  const view = exploration.viewOf(state)
  let edges = 0
  for (let index = 0; index < count; index++) {
    if ((index & 0x3fff) === 0 && !(await tick(index))) return undefined
    offsets[index] = edges
    store.load(index, state)
    for (let i = 0; i < claims.length; i++) if (claims[i].pending(world, view)) exploration.lasting[i]++
    for (let thread = 0; thread < model.threads.length; thread++) {
      let moved = false
      for (let choice = stepper.outcomes(state, thread) - 1; choice >= 0; choice--) {
        if (stepper.take(state, thread, choice, next) === BLOCKED) continue
        moved = true
        targets[edges] = store.find(next)
        movers[edges++] = thread
      }
      if (!moved) disabled[index] |= 1 << thread
    }
  }
  offsets[count] = edges
  return new Graph(offsets, targets, movers, disabled)
}

/** Tarjan's strongly connected components of the states that `within` admits, without recursion. */
function components(graph: Graph, within: (index: number) => boolean): number[][] {
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
        if (component.length > 1 || hasLoop(graph, at)) found.push(component)
      }
    }
  }
  return found
}

function hasLoop(graph: Graph, index: number): boolean {
  for (let e = graph.offsets[index]; e < graph.offsets[index + 1]; e++)
    if (graph.targets[e] === index) return true
  return false
}

/** Every thread takes a step within the component, or is somewhere in it unable to. */
function isFair(exploration: Exploration, graph: Graph, component: readonly number[]): boolean {
  const inside = new Set(component)
  let served = 0
  for (const index of component) {
    served |= graph.disabled[index]
    for (let e = graph.offsets[index]; e < graph.offsets[index + 1]; e++)
      if (inside.has(graph.targets[e])) served |= 1 << graph.threads[e]
  }
  const everybody = 2 ** exploration.model.threads.length - 1
  return (served & everybody) === everybody
}

/** A step within a component: whose, from which state, to which. */
interface Hop {
  readonly from: number
  readonly to: number
  readonly thread: number
}

/**
 * A closed walk from `first` that shows the component to be fair: it takes a step of each thread that moves in it, and
 * visits a state in which each other thread cannot.
 */
function goRound(exploration: Exploration, graph: Graph, inside: ReadonlySet<number>, first: number): Move[] {
  const walk: Hop[] = []
  let at = first
  const go = (hops: readonly Hop[]): void => {
    walk.push(...hops)
    at = hops.at(-1)?.to ?? at
  }
  for (let thread = 0; thread < exploration.model.threads.length; thread++) {
    const own = hopOf(graph, inside, thread)
    go(shortestWalk(graph, inside, at, own?.from ?? whereDisabled(graph, inside, thread)))
    if (own !== undefined) go([own])
  }
  go(shortestWalk(graph, inside, at, first))
  return movesOf(exploration, walk)
}

/** The steps themselves. Two threads may step from one state to the same next one: whose step it is matters. */
function movesOf({ store, system }: Exploration, walk: readonly Hop[]): Move[] {
  const stepper = new Stepper(system)
  const from = new Uint32Array(store.words)
  const to = new Uint32Array(store.words)
  return walk.map((hop) => {
    store.load(hop.from, from)
    store.load(hop.to, to)
    return stepper.between(from, to, hop.thread)
  })
}

/** A step of `thread` that stays inside, if there is one. */
function hopOf(graph: Graph, inside: ReadonlySet<number>, thread: number): Hop | undefined {
  for (const from of inside)
    for (let e = graph.offsets[from]; e < graph.offsets[from + 1]; e++) {
      const to = graph.targets[e]
      if (graph.threads[e] === thread && inside.has(to)) return { from, to, thread }
    }
  return undefined
}

/** A state inside in which `thread` cannot move. */
function whereDisabled(graph: Graph, inside: ReadonlySet<number>, thread: number): number {
  for (const index of inside) if ((graph.disabled[index] >> thread) & 1) return index
  throw new Error('a component that is not fair was taken for one')
}

/** The steps of a shortest walk from `from` to `to` inside; none if they are the same. */
function shortestWalk(graph: Graph, inside: ReadonlySet<number>, from: number, to: number): Hop[] {
  if (from === to) return []
  const reachedBy = new Map<number, Hop>()
  const queue = [from]
  for (let head = 0; head < queue.length; head++) {
    const at = queue[head]
    for (let e = graph.offsets[at]; e < graph.offsets[at + 1]; e++) {
      const next = graph.targets[e]
      if (next === from || !inside.has(next) || reachedBy.has(next)) continue
      reachedBy.set(next, { from: at, to: next, thread: graph.threads[e] })
      if (next === to) {
        const walk: Hop[] = []
        for (let hop = reachedBy.get(to); hop !== undefined; hop = reachedBy.get(hop.from)) walk.push(hop)
        return walk.reverse()
      }
      queue.push(next)
    }
  }
  throw new Error('a strongly connected component is not connected')
}
