/**
 * The position of the code that runs. The engine does not read it: it serves a supervisor outside
 * that finds a check unresponsive.
 *
 * @module
 */
import { acting, NOBODY } from '../acting.js'

/** What a control graph knows of its locations. */
interface Locations {
  procedureAt(location: number): string
  stepAt(location: number): { readonly name: string } | undefined
}

/** Written by whoever runs steps and procedures. */
export const running = {
  /** The locations of the model that runs. */
  locations: undefined as Locations | undefined,
  /** The location whose step was started last. */
  location: 0,
  /** Steps started so far: two looks that find the same number have found the same step. */
  started: 0,
  /** The procedure whose generator was resumed and has not yielded yet. */
  between: undefined as string | undefined,
}

/** Where the text that runs stands, for people and programs. */
export interface Place {
  /** The procedure, as it names itself. */
  readonly procedure: string
  /** The step that is being taken; absent between two steps. */
  readonly step?: string
  /** Index of the thread; absent where none acts. */
  readonly thread?: number
}

/** The procedure and step that run now; `undefined` while the engine is at work, or nothing is. */
export function placeOf(): Place | undefined {
  const { locations, location, between } = running
  const thread = acting.thread === NOBODY ? {} : { thread: acting.thread }
  if (between !== undefined) return { procedure: between, ...thread }
  if (acting.thread === NOBODY || locations === undefined) return undefined
  const step = locations.stepAt(location)?.name
  return { procedure: locations.procedureAt(location), ...(step === undefined ? {} : { step }), ...thread }
}
