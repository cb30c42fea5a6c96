/**
 * A naive explorer, to hold the checker against. It shares no code with `src/checker`, nor the memo of
 * `src/world/procedures/control.ts`: a thread is the list of its frames, each with the results it has received, and
 * every step runs the generators again from their beginning. States are texts, and all of them and all edges
 * are kept. It is slow, and short enough to be read for errors.
 */

/** What a procedure yields. */
export type Operation =
  | {
      readonly kind: 'step'
      readonly name: string
      readonly choices: number
      // biome-ignore lint/suspicious/noExplicitAny: each subject has worlds of its own
      readonly run: (...given: any[]) => unknown
    }
  | { readonly kind: 'call' | 'become'; readonly procedure: Program; readonly args: readonly unknown[] }

/** A procedure, as the explorer sees it. */
export interface Program {
  readonly procedureName: string
  // biome-ignore lint/suspicious/noExplicitAny: procedures take what they take
  readonly body: (...args: any[]) => Generator<Operation, unknown, any>
}

/** A mistake in what is explored, by the code that the checker gives it. */
export class Mistake extends Error {
  constructor(readonly code: string) {
    super(code)
  }
}

/** Where the threads stand. */
export interface Standing {
  step(thread: number): string
  inside(thread: number, procedure: Program): boolean
  finished(thread: number): boolean
}

/** What a claim says: see `Judgement` of the world. */
type Said = string | true | undefined

/** What is explored. */
export interface Subject<W> {
  readonly threads: readonly {
    readonly name: string
    readonly program: Program
    readonly args: readonly unknown[]
    readonly daemon?: boolean
  }[]
  readonly bodies: ReadonlyMap<Program, Program['body']>
  initial(): W
  copy(w: W): W
  /** A text that is equal for equal worlds only. */
  text(w: W): string
  /** A text that is equal for equal arguments and results only. */
  textOf(value: unknown): string
  /** Says which thread acts from now on; -1 for nobody. */
  act(thread: number): void
  /** The claim that a thrown error breaks; undefined if it is an error and nothing else. */
  brokenBy(error: unknown): { readonly kind: string; readonly clause: string } | undefined
  readonly blocked: number
  /** Takes a step on `w`. */
  run(run: (...given: unknown[]) => unknown, w: W, choice: number): unknown
  readonly invariants: readonly {
    readonly clause: string
    readonly name: string
    judge(w: W, view: Standing): Said
  }[]
  readonly stepClaims: readonly {
    readonly clause: string
    readonly name: string
    judge(before: W, after: W, thread: number, from: Standing, to: Standing): Said
  }[]
  readonly abstractions: readonly {
    readonly name: string
    /** True if the world and the statechart disagree. */
    disagrees(w: W, view: Standing): boolean
  }[]
  readonly witnesses: readonly { readonly name: string; holds(w: W, view: Standing): boolean }[]
  readonly progress: readonly {
    readonly clause: string
    readonly name: string
    pending(w: W, view: Standing): boolean
  }[]
  /** Replaces a world by the one that stands for it. */
  normalise(w: W): void
}

/** A claim that does not hold. */
export interface Found {
  readonly kind: string
  readonly clause: string
  readonly claim: string
  /** Steps of the run that shows it. */
  readonly steps: number
}

/** What was seen when the first claim broke, or at the end if none did. */
export interface Seen {
  readonly states: number
  readonly transitions: number
  readonly depth: number
}

/** What the naive explorer found. */
export interface Explored<W> {
  /** False if there were more states than it was to visit. */
  readonly complete: boolean
  /** The first claim that breaks, in the order of exploring. */
  readonly first: Found | undefined
  readonly seen: Seen
  /** The shortest run for each kind and clause that some run breaks, exploring past what is broken. */
  readonly shortest: ReadonlyMap<string, number>
  /** The first progress claim that a fair run breaks. */
  readonly lasting: { readonly clause: string; readonly name: string } | undefined
  readonly reached: readonly boolean[]
  /** In how many states or steps each invariant, step claim and progress claim had something to say. */
  readonly exercised: readonly number[]
  /** Steps taken, as `procedure: step`. */
  readonly taken: ReadonlySet<string>
  readonly procedures: ReadonlySet<string>
  /** Distinct places where a thread stood or called from, the end included. */
  readonly places: number
  readonly graph: Graph<W>
}

/** One place of a thread: its frames, the outermost first; no frames if it has ended. */
export interface Place {
  readonly frames: readonly Frame[]
  readonly operation: Extract<Operation, { kind: 'step' }> | undefined
  readonly key: string
}

interface Frame {
  readonly procedure: Program
  readonly args: readonly unknown[]
  readonly inputs: readonly unknown[]
  /** Equal for equal procedures, arguments and inputs only. */
  readonly key: string
}

/** A state. */
export interface Node<W> {
  readonly world: W
  readonly places: readonly Place[]
  readonly depth: number
  readonly edges: Edge[]
}

/** A step from a state to the state with the number `to`. */
export interface Edge {
  readonly thread: number
  readonly choice: number
  readonly result: unknown
  readonly to: number
}

/** All states that were visited, with all steps that were taken from them. */
export type Graph<W> = readonly Node<W>[]

/** Most calls without a step between, as in the checker. */
const MOST_CALLS = 1000

/** Where threads have been: every place they stood at or called from, and every procedure they entered. */
interface Trail {
  readonly keys: Set<string>
  readonly procedures: Set<string>
}

function enter<W>(subject: Subject<W>, procedure: Program, args: readonly unknown[]): Frame {
  return { procedure, args, inputs: [], key: subject.textOf([procedure, args]) }
}

function receive<W>(subject: Subject<W>, frame: Frame, input: unknown): Frame {
  const key = `${frame.key} ${subject.textOf(input)}`
  return { ...frame, inputs: [...frame.inputs, input], key }
}

/** Follows calls and returns until a step, or the end; runs each frame's generator from its beginning. */
function settle<W>(subject: Subject<W>, start: readonly Frame[], trail?: Trail): Place {
  const frames = [...start]
  const key = () => frames.map((frame) => frame.key).join(' > ')
  for (let calls = 0; calls < MOST_CALLS; calls++) {
    const top = frames[frames.length - 1]
    trail?.procedures.add(top.procedure.procedureName)
    const body = subject.bodies.get(top.procedure) ?? top.procedure.body
    const running = body(...top.args)
    let answer = running.next()
    for (const input of top.inputs) answer = running.next(input)
    if (answer.done) {
      frames.pop()
      const caller = frames.pop()
      if (caller === undefined) return { frames: [], operation: undefined, key: 'finished' }
      frames.push(receive(subject, caller, answer.value))
      continue
    }
    const operation = answer.value
    if (operation.kind === 'step') {
      trail?.keys.add(key())
      return { frames, operation, key: key() }
    }
    if (operation.kind === 'become') frames.pop()
    else trail?.keys.add(key())
    frames.push(enter(subject, operation.procedure, operation.args))
  }
  throw new Mistake('runaway')
}

/** The place of a thread before its first step. */
export function begin<W>(subject: Subject<W>, thread: number, trail?: Trail): Place {
  const { program, args } = subject.threads[thread]
  return settle(subject, [enter(subject, program, args)], trail)
}

/** The place after the step at `place` returned `result`. */
export function advance<W>(subject: Subject<W>, place: Place, result: unknown, trail?: Trail): Place {
  if (typeof result === 'number' && (!Number.isInteger(result) || Math.abs(result) >= 2 ** 20))
    throw new Mistake('invalid-result')
  const frames = place.frames.slice(0, -1)
  const top = place.frames[place.frames.length - 1]
  return settle(subject, [...frames, receive(subject, top, result)], trail)
}

/** The view that claims get. */
export function standing(places: readonly Place[]): Standing {
  return {
    step: (thread) => places[thread].operation?.name ?? 'finished',
    inside: (thread, procedure) => places[thread].frames.some((frame) => frame.procedure === procedure),
    finished: (thread) => places[thread].operation === undefined,
  }
}

/** Visits every state, breadth first, on past claims that do not hold. */
export function exploreNaively<W>(subject: Subject<W>, most: number): Explored<W> {
  const graph: Node<W>[] = []
  const numbers = new Map<string, number>()
  const trail = { keys: new Set<string>(['finished']), procedures: new Set<string>() }
  const taken = new Set<string>()
  const shortest = new Map<string, number>()
  const reached = subject.witnesses.map(() => false)
  const exercised = [...subject.invariants, ...subject.stepClaims, ...subject.progress].map(() => 0)
  let transitions = 0
  let depth = 0
  let mistaken = false
  let first: Found | undefined
  let seen: Seen | undefined

  const note = (found: Found) => {
    if (first === undefined) {
      first = found
      seen = { states: Math.max(1, graph.length), transitions, depth }
    }
    const key = `${found.kind} ${found.clause}`
    shortest.set(key, Math.min(found.steps, shortest.get(key) ?? Number.POSITIVE_INFINITY))
  }
  /** Notes what `error` breaks; a mistake after a claim is broken only ends the exploring. */
  const thrown = (error: unknown, steps: number) => {
    const broken = subject.brokenBy(error)
    if (broken !== undefined) note({ ...broken, claim: broken.clause, steps })
    else if (first === undefined) throw error
    else mistaken = true
  }
  /** Judges a new state. */
  const judge = (world: W, places: readonly Place[], steps: number) => {
    const view = standing(places)
    let broken = false
    subject.act(-1)
    try {
      for (const [i, { clause, name, judge }] of subject.invariants.entries()) {
        const said = judge(world, view)
        if (said !== undefined) exercised[i]++
        if (typeof said !== 'string') continue
        note({ kind: 'invariant', clause, claim: name, steps })
        broken = true
      }
      if (broken) return
      for (const { name, disagrees } of subject.abstractions)
        if (disagrees(world, view))
          return note({ kind: 'abstraction', clause: 'refinement', claim: name, steps })
      for (const [i, witness] of subject.witnesses.entries()) reached[i] ||= witness.holds(world, view)
    } catch (error) {
      thrown(error, steps)
    }
  }
  /** Judges a step. */
  const judgeStep = (before: Node<W>, after: W, thread: number, places: readonly Place[]) => {
    const from = standing(before.places)
    const to = standing(places)
    subject.act(-1)
    for (const [i, { clause, name, judge }] of subject.stepClaims.entries()) {
      const said = judge(before.world, after, thread, from, to)
      if (said !== undefined) exercised[subject.invariants.length + i]++
      if (typeof said === 'string') note({ kind: 'step', clause, claim: name, steps: before.depth + 1 })
    }
  }
  const add = (world: W, places: readonly Place[], steps: number): number => {
    const key = `${subject.text(world)} | ${places.map((place) => place.key).join(' | ')}`
    const known = numbers.get(key)
    if (known !== undefined) return known
    numbers.set(key, graph.length)
    graph.push({ world, places, depth: steps, edges: [] })
    judge(world, places, steps)
    return graph.length - 1
  }

  subject.act(-1)
  const world = subject.initial()
  subject.normalise(world)
  try {
    const places = subject.threads.map((_, thread) => begin(subject, thread, trail))
    add(world, places, 0)
  } catch (error) {
    thrown(error, 0)
  }
  for (let head = 0; head < graph.length && graph.length <= most && !mistaken; head++) {
    const node = graph[head]
    depth = node.depth
    for (let thread = 0; thread < subject.threads.length; thread++) {
      const place = node.places[thread]
      const { operation } = place
      for (let choice = 0; operation !== undefined && choice < operation.choices; choice++) {
        const next = subject.copy(node.world)
        subject.act(thread)
        let places: Place[]
        let result: unknown
        try {
          result = subject.run(operation.run, next, choice) as number
          if (result === subject.blocked) {
            if (subject.text(next) !== subject.text(node.world))
              throw new Mistake('blocked-step-changed-world')
            continue
          }
          transitions++
          taken.add(`${place.frames.at(-1)?.procedure.procedureName}: ${operation.name}`)
          places = [...node.places]
          places[thread] = advance(subject, place, result, trail)
        } catch (error) {
          thrown(error, node.depth + 1)
          node.edges.push({ thread, choice, result: 0, to: -1 })
          continue
        }
        judgeStep(node, next, thread, places)
        subject.act(-1)
        subject.normalise(next)
        node.edges.push({ thread, choice, result, to: add(next, places, node.depth + 1) })
      }
    }
    const waits = node.places.some(
      ({ operation }, i) => operation !== undefined && !subject.threads[i].daemon,
    )
    if (node.edges.length === 0 && waits)
      note({ kind: 'deadlock', clause: 'deadlock', claim: 'deadlock', steps: node.depth })
  }
  const complete = graph.length <= most && !mistaken
  subject.act(-1)
  const lasting = complete && first === undefined ? lastingClaim(subject, graph, exercised) : undefined
  return {
    complete,
    first,
    seen: seen ?? { states: graph.length, transitions, depth },
    shortest,
    lasting,
    reached,
    exercised,
    taken,
    procedures: trail.procedures,
    places: trail.keys.size,
    graph,
  }
}

/** The first progress claim with a fair run that stays where it is pending. */
function lastingClaim<W>(
  subject: Subject<W>,
  graph: Graph<W>,
  exercised: number[],
): { clause: string; name: string } | undefined {
  const skip = subject.invariants.length + subject.stepClaims.length
  let found: { clause: string; name: string } | undefined
  for (const [i, { clause, name, pending }] of subject.progress.entries()) {
    const lasts = graph.map(({ world, places }) => pending(world, standing(places)))
    exercised[skip + i] = lasts.filter(Boolean).length
    if (found !== undefined) continue
    const ends = graph.some((node, at) => lasts[at] && node.edges.length === 0)
    if (ends || componentsOf(graph, lasts).some((component) => isFair(subject, graph, component)))
      found = { clause, name }
  }
  return found
}

/** Kosaraju's strongly connected components of the states that are `within`; each has an edge inside. */
function componentsOf<W>(graph: Graph<W>, within: readonly boolean[]): Set<number>[] {
  const back: number[][] = graph.map(() => [])
  graph.forEach((node, from) => {
    for (const { to } of node.edges) if (within[from] && within[to]) back[to].push(from)
  })
  const walked = new Set<number>()
  const order: number[] = []
  for (const root of graph.keys()) {
    if (!within[root] || walked.has(root)) continue
    walked.add(root)
    const path = [{ at: root, edge: 0 }]
    while (path.length > 0) {
      const last = path[path.length - 1]
      const { edges } = graph[last.at]
      if (last.edge === edges.length) {
        order.push(last.at)
        path.pop()
        continue
      }
      const { to } = edges[last.edge++]
      if (!within[to] || walked.has(to)) continue
      walked.add(to)
      path.push({ at: to, edge: 0 })
    }
  }
  const assigned = new Set<number>()
  const components: Set<number>[] = []
  for (const root of order.reverse()) {
    if (assigned.has(root)) continue
    const component = new Set([root])
    assigned.add(root)
    for (const at of component)
      for (const from of back[at])
        if (!assigned.has(from)) {
          assigned.add(from)
          component.add(from)
        }
    if ([...component].some((at) => graph[at].edges.some(({ to }) => component.has(to))))
      components.push(component)
  }
  return components
}

/** A run may stay in it for ever and be fair: each thread takes a step in it, or cannot somewhere in it. */
function isFair<W>(subject: Subject<W>, graph: Graph<W>, component: ReadonlySet<number>): boolean {
  return subject.threads.every((_, thread) =>
    [...component].some((at) => {
      const own = graph[at].edges.filter((edge) => edge.thread === thread)
      return own.length === 0 || own.some(({ to }) => component.has(to))
    }),
  )
}
