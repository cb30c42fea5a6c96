/**
 * The thread that takes the current step, and its world. Steps are closures over records alone, so
 * that threads that run the same procedure with the same arguments share its control nodes. Locks
 * read here which thread takes them, and records which world they read.
 *
 * @module
 */

/** The packed bytes of one state. Only records made by a layout read and write them. */
export type World = Uint8Array

/** How often a clause was checked inside steps. */
export interface Asserted {
  /** Fields with a guard that were accessed, and their guard looked at. */
  guarded: number
  /** Claims that were made within steps, and by locks. */
  readonly byClause: Map<string, number>
}

/** The thread that acts, or {@link NOBODY}. Whoever runs a step sets it first. */
export const acting = {
  /** Index of the thread (0 …), or {@link NOBODY} while a state is only looked at. */
  thread: -1,
  /** Clauses that are not claimed of what runs. */
  unclaimed: new Set<string>() as ReadonlySet<string>,
  /** What steps were held to: whoever explores sets its own. */
  asserted: { guarded: 0, byClause: new Map() } as Asserted,
  /** What a claim or a guard raised since the acting thread began: text that catches it does not undo it. */
  raised: undefined as Error | undefined,
  /** True while procedures and claims run: nothing may be declared, and clock and chance are guarded. */
  inside: false,
  /** True while a model is built: the clock and random numbers are guarded. */
  building: false,
  /** The world in use: what properties of records read and write. */
  world: new Uint8Array(0) as World,
  /** The world before the step that is judged: what {@link old} reads. */
  before: new Uint8Array(0) as World,
}

/** The part that a procedure may read of {@link acting}. */
export const whoActs: {
  /** Index of the thread that takes the step (0 …), or {@link NOBODY} while a state is only looked at. */
  readonly thread: number
} = Object.freeze({
  get thread() {
    return acting.thread
  },
})

/** `thread` takes a step of a model of which `unclaimed` is not claimed. */
export function act(thread: number, unclaimed: ReadonlySet<string>): void {
  acting.thread = thread
  acting.unclaimed = unclaimed
  acting.raised = undefined
}

/** Runs what is neither procedure nor claim while one of them is under way. */
export function outside<T>(run: () => T): T {
  const before = acting.inside
  acting.inside = false
  try {
    return run()
  } finally {
    acting.inside = before
  }
}

/** Runs procedures or claims: see {@link acting.inside}. */
export function inside<T>(run: () => T): T {
  const before = acting.inside
  acting.inside = true
  try {
    return run()
  } finally {
    acting.inside = before
  }
}

/** Builds a model: see {@link acting.building}. */
export function building<T>(build: () => T): T {
  acting.building = true
  try {
    return build()
  } finally {
    acting.building = false
  }
}

/** Makes `w` the world in use. */
export function use(w: World): void {
  acting.world = w
}

/** What there is between two steps: no world. A field that is read or written there is an error. */
export const NO_WORLD: World = new Proxy(new Uint8Array(0), {
  get: () => betweenSteps('read'),
  set: () => betweenSteps('written'),
})

function betweenSteps(how: string): never {
  throw new BetweenSteps(`a field of the world is ${how} between two steps; look at it within a step`)
}

/** A field was used where there is no world. */
export class BetweenSteps extends Error {
  constructor(message: string) {
    super(message)
    acting.raised ??= this
  }
}

/** For what claims everything. */
export const ALL_CLAIMED: ReadonlySet<string> = new Set()

/** No thread acts: the world is being set up or looked at, and lock discipline does not apply. */
export const NOBODY = -1
