/**
 * Where in its author's text each step of a run stands.
 *
 * @module
 */
import type { TransitionSystem } from '../../checker/explore/system.js'
import type { Trace } from '../../checker/result.js'
import { placesOf } from '../../checker/runs/places.js'
import { shownPlace } from './places.js'

/**
 * A trace with the place of each step that somebody's text takes, or leads to.
 *
 * @param system - one that has not run yet: places are noted as texts are run for the first time
 * @param isTheirs - whether a file, as the host names it, is of the text that is looked for
 */
export function withPlaces(
  trace: Trace,
  system: TransitionSystem,
  isTheirs: (file: string) => boolean,
): Trace {
  const places = placesOf(system, trace, isTheirs)
  return {
    ...trace,
    steps: trace.steps.map((step, i) => {
      const place = places[i]
      if (place === undefined) return step
      const { procedure, isCall, within } = place
      return { ...step, place: { ...shownPlace(place), procedure, isCall, within } }
    }),
  }
}
