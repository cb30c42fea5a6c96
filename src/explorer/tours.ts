/**
 * Tours as runs: the subject and the steps of each, and whether its stops are there and say what is so.
 *
 * @module
 */
import { defects } from '../../spec/index.js'
import { indexOfStop, type Tour, type TourStop, type Turn, tours } from '../../spec/tours/index.js'
import type { Move } from '../checker/explore/stepper.js'
import { resolve, type Subject } from './subject.js'
import { Walk } from './walk.js'

/** Most steps that one thread takes in its turn. */
const LONGEST_TURN = 500

/** A tour that cannot be walked. The message names the tour and the stop or the turn. */
export class TourError extends Error {
  override readonly name = 'TourError'
}

/** What a tour explores. */
export function subjectOfTour({ finding, run }: Tour): Subject {
  if (run.kind === 'turns') return { scenario: run.scenario, bounds: 'smoke', set: {} }
  const defect = defects.find(({ name }) => name === run.defect)
  if (defect === undefined) throw new TourError(`tour ${finding}: there is no defect ${run.defect}`)
  const { name, scenario, set, generation } = defect
  return {
    scenario,
    bounds: 'smoke',
    set: set ?? {},
    ...(generation === undefined ? {} : { release: generation }),
    defect: name,
  }
}

/** The tour of this subject whose stops are all in `steps`, in their order, if there is one. */
export function tourThrough(
  { scenario, release, defect }: Subject,
  steps: Parameters<typeof indexOfStop>[0],
): { readonly tour: Tour; readonly stops: readonly number[] } | undefined {
  for (const tour of tours) {
    const subject = subjectOfTour(tour)
    if (subject.scenario !== scenario || subject.release !== release || subject.defect !== defect) continue
    const stops = tour.stops.map((stop) => indexOfStop(steps, stop))
    if (stops.every((at, i) => at > (i === 0 ? -1 : stops[i - 1]))) return { tour, stops }
  }
  return undefined
}

/**
 * Makes the run of a tour in which threads take turns.
 *
 * @throws TourError if a thread never takes the step that ends its turn
 */
export function takeTurns(tour: Tour, turns: readonly Turn[]): Walk {
  const walk = new Walk(resolve(subjectOfTour(tour)))
  for (const turn of turns) {
    const thread = walk.threads.indexOf(turn.thread)
    const isOver = () => {
      const last = walk.steps.at(-1)
      return last?.thread === thread && last.procedure === turn.procedure && last.step === turn.step
    }
    for (let i = 0; i === 0 || !isOver(); i++) {
      if (i === LONGEST_TURN)
        throw new TourError(
          `tour ${tour.finding}: ${turn.thread} never takes "${turn.step}" of ${turn.procedure}: correct its turn in spec/tours`,
        )
      walk.take([{ thread, choice: 0 }])
    }
  }
  return walk
}

/**
 * Walks a run of a tour, and compares what its stops say with the world.
 *
 * @param moves - the shortest run of the defect
 * @returns what is wrong, a sentence each; nothing if all is well
 */
export function problemsOf(tour: Tour, moves: readonly Move[]): string[] {
  const walk = new Walk(resolve(subjectOfTour(tour)))
  walk.take(moves)
  let before = -1
  return tour.stops.flatMap((stop, i) => {
    const at = indexOfStop(walk.steps, stop)
    const where = `tour ${tour.finding}, stop ${i + 1}`
    if (at < 0) return [`${where}: the run has no ${nameOf(stop)}`]
    if (at <= before) return [`${where}: ${nameOf(stop)} comes before stop ${i}`]
    before = at
    const fields = new Map(
      walk.stateAt(at + 1, walk.threadsAt(at + 1)).fields.map(({ name, value }) => [name, value]),
    )
    return Object.entries(stop.state).flatMap(([name, value]) => {
      const found = fields.get(name)
      if (found === undefined) return [`${where}: the world has no field ${name}`]
      return found === value ? [] : [`${where}: ${name} is ${found} after step ${at + 1}, and not ${value}`]
    })
  })
}

function nameOf({ thread, procedure, step, occurrence }: TourStop): string {
  return `step "${step}" of ${procedure} by ${thread}${occurrence === 1 ? '' : ` for the ${occurrence}. time`}`
}
