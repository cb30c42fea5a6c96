/**
 * From a run of the model to a run of the kernel: at which entries and returns of functions threads must be held, and until when,
 * so that they take their steps in the order of the run.
 *
 * Where a run goes from one thread to another, the first must stand somewhere. Between two of its steps it can if it comes to a point
 * there. If it does not, its next steps up to a point are taken before the other's, or those since its last point after them: if
 * the run that this gives is one of the model, and breaks the clause as well.
 *
 * @module
 */

import type { Move } from '../../checker/explore/stepper.js'
import type { Trace } from '../../checker/result.js'
import type { Override, Scenario } from '../../world/index.js'
import { type Item, type Point, type Walk, Walker } from './walk.js'

export type { Point } from './walk.js'

/** A thread must not pass a point until another has come to so many of its own, or has ended. */
export interface Hold {
  readonly thread: number
  /** Absent for the place where the thread begins. */
  readonly point?: Point
  /** The how many-eth time that it comes there, since the hold before. */
  readonly nth: number
  readonly until: { readonly thread: number; readonly holds: number }
}

/** How a run is forced. */
export interface Schedule {
  /** In the order in which the run comes to them. */
  readonly holds: readonly Hold[]
  /** The steps as they are taken: those of the run, unless some had to be moved. */
  readonly steps: readonly string[]
  /** How many steps were moved. */
  readonly moved: number
}

/** Why a run cannot be forced. */
export interface Unforceable {
  /** Number of the step after which its thread would have to stand, from 1. */
  readonly step: number
  readonly name: string
}

/**
 * The schedule of a trace.
 *
 * @param scenario - the scenario that it names
 * @param trace - the trace; claims that break before its own are let pass
 * @param overrides - the defects that it names
 * @throws RangeError if its steps are not a run of the scenario that breaks its clause
 */
export function scheduleOf(
  scenario: Scenario,
  trace: Pick<Trace, 'parameters' | 'clause' | 'steps'>,
  overrides: readonly Override[] = [],
): Schedule | Unforceable {
  const walker = new Walker(scenario.build(trace.parameters), overrides, trace.clause)
  const moves = trace.steps.map(({ thread, choice }) => ({ thread, choice }))
  const first = walker.walk(moves)
  if (typeof first === 'number')
    throw new RangeError(
      first < moves.length
        ? `step ${first + 1} of the trace cannot be taken in ${scenario.name}`
        : `its steps do not break ${trace.clause} in ${scenario.name}`,
    )
  const queue: { readonly moves: readonly Move[]; readonly walk: Walk; readonly moved: number }[] = [
    { moves, walk: first, moved: 0 },
  ]
  const seen = new Set([keyOf(moves)])
  let furthest: Unforceable = { step: 0, name: '' }
  for (let tried = 0; queue.length > 0 && tried < MOST_TRIED; tried++) {
    queue.sort((a, b) => a.moved - b.moved)
    const [{ moves, walk, moved }] = queue.splice(0, 1)
    const split = firstSplit(moves, walk)
    if (split === undefined) return { holds: holdsOf(moves, walk), steps: walk.names, moved }
    if (split.last >= furthest.step) furthest = { step: split.last + 1, name: walk.names[split.last] }
    for (const other of [early(moves, walk, split), late(moves, walk, split)]) {
      if (other === undefined || seen.has(keyOf(other.moves))) continue
      seen.add(keyOf(other.moves))
      const walked = walkUpToBreach(walker, other.moves)
      if (walked !== undefined) queue.push({ ...walked, moved: moved + other.moved })
    }
  }
  return furthest
}

const MOST_TRIED = 500

/** The walk of a run that breaks the clause: up to there, if it does before its end. */
function walkUpToBreach(walker: Walker, moves: readonly Move[]) {
  const walk = walker.walk(moves)
  if (typeof walk !== 'number') return { moves, walk }
  if (walk >= moves.length - 1) return undefined
  const shorter = moves.slice(0, walk + 1)
  const again = walker.walk(shorter)
  return typeof again === 'number' ? undefined : { moves: shorter, walk: again }
}

function keyOf(moves: readonly Move[]): string {
  return moves.map(({ thread, choice }) => `${thread}.${choice}`).join(' ')
}

/** Steps of one thread in a row. */
interface Segment {
  readonly thread: number
  readonly first: number
  readonly last: number
}

function segmentsOf(moves: readonly Move[]): Segment[] {
  const segments: Segment[] = []
  moves.forEach(({ thread }, index) => {
    const before = segments.at(-1)
    if (before?.thread === thread) segments[segments.length - 1] = { ...before, last: index }
    else segments.push({ thread, first: index, last: index })
  })
  return segments
}

/** What the thread of `segment` does after it, up to its next step. */
function gapAfter(items: readonly Item[], { last }: Segment): Item[] {
  const from = items.findIndex((item) => 'step' in item && item.step === last) + 1
  const next = items.findIndex((item, i) => i >= from && 'step' in item)
  return items.slice(from, next < 0 ? items.length : next)
}

/** The first segment, the last left out, after which its thread cannot stand. */
function firstSplit(moves: readonly Move[], walk: Walk): Segment | undefined {
  return segmentsOf(moves)
    .slice(0, -1)
    .find((segment) => {
      const items = walk.items[segment.thread]
      const isLast = !moves.slice(segment.last + 1).some(({ thread }) => thread === segment.thread)
      const gap = gapAfter(items, segment)
      return gap.length === 0 && !(isLast && walk.ended[segment.thread] && noMore(items, segment))
    })
}

function noMore(items: readonly Item[], { last }: Segment): boolean {
  const at = items.at(-1)
  return at !== undefined && 'step' in at && at.step === last
}

/** Takes the steps of the segment's thread up to its next point at once. */
function early(moves: readonly Move[], walk: Walk, { thread, last }: Segment) {
  const items = walk.items[thread]
  const from = items.findIndex((item) => 'step' in item && item.step === last) + 1
  const until = items.findIndex((item, i) => i >= from && 'point' in item)
  if (until < 0 && !walk.ended[thread]) return undefined
  const steps = items
    .slice(from, until < 0 ? items.length : until)
    .flatMap((item) => ('step' in item ? item : []))
  const indices = new Set(steps.map(({ step }) => step))
  const rest = moves.flatMap((move, i) => (i > last && !indices.has(i) ? move : []))
  return {
    moves: [...moves.slice(0, last + 1), ...steps.map(({ move }) => move), ...rest],
    moved: steps.length,
  }
}

/** Takes the steps of the segment since its last point where the thread goes on. */
function late(moves: readonly Move[], walk: Walk, { thread, first, last }: Segment) {
  const items = walk.items[thread]
  const at = items.findIndex((item) => 'step' in item && item.step === last)
  const point = items.findLastIndex((item, i) => i < at && 'point' in item)
  // A thread that has come to no point yet stands where it begins.
  const steps = items
    .slice(point + 1, at + 1)
    .flatMap((item) => ('step' in item && item.step >= first ? item : []))
  const again = moves.findIndex((move, i) => i > last && move.thread === thread)
  if (again < 0) return undefined
  const indices = new Set(steps.map(({ step }) => step))
  const others = (from: number, to: number) => moves.slice(from, to).filter((_, i) => !indices.has(from + i))
  return {
    moves: [...others(0, again), ...steps.map(({ move }) => move), ...moves.slice(again)],
    moved: steps.length,
  }
}

/** Where to stand, of the points in a gap: the last entry, and where every thread comes for other reasons last of all. */
function chosen(gap: readonly Item[]): Point | undefined {
  const points = gap.flatMap((item) => ('point' in item ? item.point : []))
  const rare = points.filter(({ function: name }) => name !== 'handle_mm_fault')
  const among = rare.length > 0 ? rare : points
  return among.findLast(({ at }) => at === 'entry') ?? among.at(-1)
}

function holdsOf(moves: readonly Move[], walk: Walk): Hold[] {
  const segments = segmentsOf(moves)
  const count = walk.items.map(() => 0)
  /** For each segment: what its thread has come to once it stands behind it. */
  const standing: { readonly point?: Point; readonly nth: number; readonly holds: number }[] = []
  const begun = new Set<number>()
  const previous = walk.items.map(() => -1)
  const begins = segments.flatMap(({ thread }, i) => {
    if (begun.has(thread)) return []
    begun.add(thread)
    if (i === 0) return []
    count[thread]++
    return [thread]
  })
  for (const segment of segments) {
    const { thread } = segment
    const items = walk.items[thread]
    const gap = gapAfter(items, segment)
    const point = chosen(gap)
    if (point === undefined) {
      standing.push({ nth: 0, holds: count[thread] + 1 })
      continue
    }
    const at = items.lastIndexOf(gap.find((item) => 'point' in item && item.point === point) as Item)
    const nth = items
      .slice(previous[thread] + 1, at + 1)
      .filter((item) => 'point' in item && isSame(item.point, point)).length
    previous[thread] = at
    standing.push({ point, nth, holds: ++count[thread] })
  }
  /** Index of the segment before the next one of `thread` after `i`; that of the last one if there is none. */
  const before = (thread: number, i: number) => {
    const next = segments.findIndex((segment, j) => j > i && segment.thread === thread)
    return next < 0 ? segments.length - 1 : next - 1
  }
  const untilAfter = (segment: number) => ({
    thread: segments[segment].thread,
    holds: standing[segment].holds,
  })
  return [
    ...begins.map((thread) => ({ thread, nth: 1, until: untilAfter(before(thread, -1)) })),
    ...segments.flatMap(({ thread }, i): Hold[] => {
      const { point, nth } = standing[i]
      return point === undefined ? [] : [{ thread, point, nth, until: untilAfter(before(thread, i)) }]
    }),
  ]
}

function isSame(a: Point, b: Point): boolean {
  return a.function === b.function && a.at === b.at
}
