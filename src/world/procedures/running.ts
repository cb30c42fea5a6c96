/**
 * Position of the running code. The engine does not use it. A supervisor outside reads it when a
 * check is unresponsive.
 *
 * @module
 */
import { acting, NOBODY } from '../acting.js'

/** The part of a control graph that describes locations. */
interface Locations {
  procedureAt(location: number): string
  stepAt(location: number): { readonly name: string } | undefined
}

/** Written by the code that runs steps and procedures. */
export const running = {
  /** The locations of the model that runs. */
  locations: undefined as Locations | undefined,
  /** The location whose step started last. */
  location: 0,
  /** Number of steps started. Two reads of the same number have seen the same step. */
  started: 0,
  /** The procedure whose generator was resumed and has not yielded yet. */
  between: undefined as string | undefined,
}

/** Position of the running code, for people and programs. */
export interface Place {
  /** Name of the procedure. */
  readonly procedure: string
  /** The step that is being taken; absent between two steps. */
  readonly step?: string
  /** Index of the thread; absent if none acts. */
  readonly thread?: number
}

/** The procedure and step that run now; `undefined` if the engine itself runs, or nothing. */
export function placeOf(): Place | undefined {
  const { locations, location, between } = running
  const thread = acting.thread === NOBODY ? {} : { thread: acting.thread }
  if (between !== undefined) return { procedure: between, ...thread }
  if (acting.thread === NOBODY || locations === undefined) return undefined
  const step = locations.stepAt(location)?.name
  return { procedure: locations.procedureAt(location), ...(step === undefined ? {} : { step }), ...thread }
}
