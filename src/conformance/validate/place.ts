/**
 * A place in a trace: which of its events have been had.
 *
 * The tracer orders the events of one CPU. Those of two CPUs it orders by their clocks, which it prints in microseconds, and
 * which agree no better than that: events of different CPUs with the same time may have been in any order.
 *
 * @module
 */
import type { RaceEvent } from './trace/race.js'

/** Which events have been had: all before `index`, and some after it. */
export interface Place {
  /** The first that has not. */
  readonly index: number
  /** Those after it that have, in ascending order: of other CPUs, at the same time. */
  readonly ahead: readonly number[]
}

const NONE: readonly number[] = []

/** The beginning. */
export const BEGINNING: Place = { index: 0, ahead: NONE }

/** How many events have been had. */
export function hadBy({ index, ahead }: Place): number {
  return index + ahead.length
}

/** The place once event `had` has been had as well. */
export function placeAfter({ index, ahead }: Place, had: number): Place {
  if (had !== index) return { index, ahead: [...ahead, had].sort((a, b) => a - b) }
  if (ahead.length === 0) return { index: index + 1, ahead: NONE }
  let next = index + 1
  while (ahead.includes(next)) next++
  return { index: next, ahead: ahead.filter((each) => each > next) }
}

/** The events that may be next. */
export function nextEvents(events: readonly RaceEvent[], { index, ahead }: Place): readonly number[] {
  const first = events[index]
  if (first === undefined) return NONE
  if (events[index + 1]?.time !== first.time) return [index]
  const next = [index]
  const cpus = new Set([first.cpu])
  const threads = new Set([first.thread])
  for (let at = index + 1; events[at]?.time === first.time; at++) {
    if (ahead.includes(at)) continue
    const { cpu, thread } = events[at]
    if (!cpus.has(cpu) && !threads.has(thread)) next.push(at)
    cpus.add(cpu)
    threads.add(thread)
  }
  return next
}
