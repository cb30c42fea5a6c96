/**
 * Runs the checker and the naive explorer on one sketch, and says in what they differ.
 */
import { type CheckResult, check, survey } from '../../src/checker/index.js'
import { type Scenario, SpecificationError } from '../../src/world/index.js'
import {
  type Edge,
  type Explored,
  exploreNaively,
  type Found,
  Mistake,
  type Node,
  type Subject,
  standing,
} from './explore.js'
import type { Plain, PlainWorld } from './plain.js'
import { checkedSide, naiveSide } from './sides.js'
import type { Sketch } from './sketch.js'

/** How a comparison ended: in what the two differ, and what kind of model it was. */
export interface Compared {
  readonly differences: readonly string[]
  /** `holds`, a kind of violation, the code of a mistake, or `too large`. */
  readonly outcome: string
  readonly states: number
}

/** A scenario that builds `sketch` anew each time. */
export function scenarioOfSketch(sketch: Sketch): Scenario {
  return {
    name: 'sketch',
    summary: '',
    parameters: {},
    exercises: [],
    build: () => checkedSide(sketch).model,
  }
}

/** Compares the two on `sketch`, unless it has more than `most` states. */
export async function compareOn(sketch: Sketch, most: number): Promise<Compared> {
  const naive = naively(sketch, most)
  // The model and what is put into it must share procedures.
  const side = checkedSide(sketch)
  const scenario = { ...scenarioOfSketch(sketch), build: () => side.model }
  const options = { defects: side.defects }
  let checked: CheckResult | string
  try {
    checked = await check(scenario, { ...options, limits: { states: most + 1 } })
  } catch (error) {
    if (!(error instanceof SpecificationError)) throw error
    checked = error.code
  }
  if (typeof naive === 'string' || typeof checked === 'string') {
    const codes = [naive, checked].map((answer) => (typeof answer === 'string' ? answer : 'no mistake'))
    return {
      differences: codes[0] === codes[1] ? [] : [`mistake: naive ${codes[0]}, checker ${codes[1]}`],
      outcome: codes[0],
      states: 0,
    }
  }
  const { explored, plain, subject } = naive
  if (explored.first === undefined && !explored.complete)
    return { differences: [], outcome: 'too large', states: explored.graph.length }
  const differ = new Differences()
  compareVerdicts(differ, explored, checked)
  if (explored.first === undefined) compareWhole(differ, explored, plain, checked)
  if (checked.violation?.kind === 'invariant') compareRun(differ, explored, subject, checked)
  if (checked.violation?.kind === 'progress') compareLasso(differ, explored, checked)
  if (explored.complete && !sketch.normalised) {
    const side = checkedSide(sketch)
    const surveyed = survey({ ...scenario, build: () => side.model }, { defects: side.defects })
    const kinds = [...explored.shortest.keys()].filter((key) => !key.startsWith('abstraction '))
    differ.of(
      'clauses',
      [...new Set(kinds.map(clauseOf))].sort(),
      surveyed.breaches.map(({ clause }) => clause).sort(),
    )
    for (const { kind, clause, steps } of surveyed.breaches)
      differ.of(`shortest ${kind} ${clause}`, explored.shortest.get(`${kind} ${clause}`), steps)
    differ.of('surveyed states', Math.max(1, explored.graph.length), surveyed.states)
  }
  return {
    differences: differ.found,
    outcome: checked.violation?.kind ?? checked.verdict,
    states: explored.graph.length,
  }
}

function clauseOf(key: string): string {
  return key.slice(key.indexOf(' ') + 1)
}

function naively(
  sketch: Sketch,
  most: number,
): { explored: Explored<PlainWorld>; plain: Plain; subject: Subject<PlainWorld> } | string {
  const { subject, plain } = naiveSide(sketch)
  try {
    return { explored: exploreNaively(subject, most), plain, subject }
  } catch (error) {
    if (error instanceof Mistake) return error.code
    throw error
  }
}

class Differences {
  readonly found: string[] = []

  /** Notes a difference of `what`. */
  of(what: string, naive: unknown, checker: unknown): void {
    const [one, other] = [JSON.stringify(naive), JSON.stringify(checker)]
    if (one !== other) this.found.push(`${what}: naive ${one}, checker ${other}`)
  }
}

/** What both say of the first claim that breaks, and how far they had come. */
function compareVerdicts(differ: Differences, explored: Explored<PlainWorld>, checked: CheckResult): void {
  const { lasting, seen, reached } = explored
  const first = shorter(explored)
  const { violation } = checked
  const missing = reached.indexOf(false)
  const broken =
    first ??
    (lasting ? { kind: 'progress', clause: lasting.clause, claim: lasting.name } : undefined) ??
    (missing < 0
      ? undefined
      : { kind: 'witness', clause: checked.violation?.clause, claim: `witness ${missing}` })
  differ.of('verdict', broken === undefined ? 'holds' : 'violated', checked.verdict)
  differ.of('kind', broken?.kind, violation?.kind)
  differ.of('clause', broken?.clause, violation?.clause)
  differ.of('claim', broken?.claim, violation?.claim)
  differ.of('states', seen.states, checked.states)
  differ.of('depth', seen.depth, checked.depth)
  if (first === undefined) return
  const steps = explored.shortest.get(`${first.kind} ${first.clause}`)
  differ.of('length', steps, violation?.trace.steps.length)
  differ.of('shortest', true, violation?.trace.shortest)
}

/** The first claim that breaks; where that is a deadlock by a step, a state of the same level that is stuck comes before. */
function shorter({ first, shortest }: Explored<PlainWorld>): Found | undefined {
  if (first?.kind !== 'assertion' || first.clause !== 'deadlock') return first
  const steps = first.steps - 1
  return shortest.get('deadlock deadlock') === steps ? { ...first, kind: 'deadlock', steps } : first
}

/** What both say of a graph that was explored to its end. */
function compareWhole(
  differ: Differences,
  explored: Explored<PlainWorld>,
  plain: Plain,
  checked: CheckResult,
): void {
  const { coverage, control } = checked
  differ.of('exhaustive', true, checked.exhaustive)
  differ.of('transitions', explored.seen.transitions, checked.transitions)
  differ.of('queue', 0, checked.queue)
  differ.of('places', explored.places, control.locations)
  differ.of('steps', [...explored.taken].sort(), coverage.steps)
  differ.of('procedures', [...explored.procedures].sort(), [...new Set(coverage.procedures)])
  differ.of(
    'witnesses',
    explored.reached,
    checked.witnesses.map(({ reached }) => reached),
  )
  differ.of(
    'exercised',
    explored.exercised,
    coverage.claims.map(({ exercised }) => exercised),
  )
  differ.of(
    'signalled',
    [...plain.signalled].map(([key, count]) => `${key} ${count}`).sort(),
    coverage.transitions
      .filter(({ taken }) => taken > 0)
      .map(({ state, event, taken }) => `${state} ${event} ${taken}`)
      .sort(),
  )
}

/** The run that is shown must end where the invariant does not hold. */
function compareRun(
  differ: Differences,
  { graph }: Explored<PlainWorld>,
  subject: Subject<PlainWorld>,
  { violation }: CheckResult,
): void {
  let at: Node<PlainWorld> | undefined = graph[0]
  for (const { thread, choice } of violation?.trace.steps ?? []) {
    const edge: Edge | undefined = at?.edges.find(
      (taken) => taken.thread === thread && taken.choice === choice,
    )
    at = edge === undefined ? undefined : graph[edge.to]
  }
  subject.act(-1)
  const claim = subject.invariants.find(({ name }) => name === violation?.claim)
  const said = at === undefined ? 'no run' : typeof claim?.judge(at.world, standing(at.places))
  differ.of('run', 'string', said)
}

/** A loop that is shown must be one of the naive graph, with the claim pending all along, and fair. */
function compareLasso(differ: Differences, explored: Explored<PlainWorld>, checked: CheckResult): void {
  const { graph } = explored
  const trace = checked.violation?.trace
  if (trace === undefined) return
  const path = [0]
  for (const { thread, choice } of trace.steps) {
    const edge = graph[path[path.length - 1]].edges.find(
      (edge) => edge.thread === thread && edge.choice === choice,
    )
    if (edge === undefined) {
      differ.of('loop', 'a run', `no step of ${thread} after ${path.length - 1}`)
      return
    }
    path.push(edge.to)
  }
  const loop = path.slice(trace.loopFrom ?? path.length - 1)
  const last = path[path.length - 1]
  if (trace.loopFrom === undefined) {
    differ.of('end', 0, graph[last].edges.length)
    return
  }
  differ.of('loop', last, loop[0])
  const moved = new Set(trace.steps.slice(trace.loopFrom).map(({ thread }) => thread))
  const unfair = graph[0].places.filter(
    (_, thread) =>
      !moved.has(thread) && loop.every((at) => graph[at].edges.some((edge) => edge.thread === thread)),
  )
  differ.of(
    'threads that the loop leaves out',
    [],
    unfair.map((_, thread) => thread),
  )
}
