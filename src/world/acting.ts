/**
 * The acting thread and its world. Steps are closures that capture only records, so that threads
 * which run the same procedure with the same arguments share its control nodes. Locks read the
 * acting thread and the world here.
 *
 * @module
 */

/** The packed bytes of one state. Only records made by a layout read and write them. */
export type World = Uint8Array

/** How often each clause was checked inside steps. */
export interface Asserted {
  /** Accesses to guarded fields whose guard was checked. */
  guarded: number
  /** Claims made by steps and by locks. */
  readonly byClause: Map<string, number>
}

/** The acting thread, or {@link NOBODY}. The code that runs a step sets it first. */
export const acting = {
  /** Index of the thread (0 …), or {@link NOBODY} while the state is only inspected. */
  thread: -1,
  /** Clauses that the running model does not claim. */
  unclaimed: new Set<string>() as ReadonlySet<string>,
  /** Counts of the checks inside steps. Each explorer sets its own. */
  asserted: { guarded: 0, byClause: new Map() } as Asserted,
  /**
   * The error of a claim or a guard since the acting thread began its step. A procedure that
   * catches the error does not clear it.
   */
  raised: undefined as Error | undefined,
  /**
   * True while procedures and claims run. Nothing may be declared then, and the clock and random
   * numbers are guarded.
   */
  inside: false,
  /** True while a model is built: the clock and random numbers are guarded. */
  building: false,
  /** The current world, which the properties of records read and write. */
  world: new Uint8Array(0) as World,
  /** The world before the step that is being judged, which {@link old} reads. */
  before: new Uint8Array(0) as World,
}

/** The part of {@link acting} that a procedure may read. */
export const whoActs: {
  /**
   * Index of the thread that takes the step (0 …), or {@link NOBODY} while the state is only
   * inspected.
   */
  readonly thread: number
} = Object.freeze({
  get thread() {
    return acting.thread
  },
})

/** Makes `thread` the acting thread, in a model that does not claim `unclaimed`. */
export function act(thread: number, unclaimed: ReadonlySet<string>): void {
  acting.thread = thread
  acting.unclaimed = unclaimed
  acting.raised = undefined
}

/** Runs code that is neither a procedure nor a claim, while one of them is running. */
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

/** Makes `w` the current world. */
export function use(w: World): void {
  acting.world = w
}

/** The current world between two steps: none. Access to a field there is an error. */
export const NO_WORLD: World = new Proxy(new Uint8Array(0), {
  get: () => betweenSteps('read'),
  set: () => betweenSteps('written'),
})

function betweenSteps(how: string): never {
  throw new BetweenSteps(`a field of the world is ${how} between two steps; look at it within a step`)
}

/** A field was accessed between two steps. */
export class BetweenSteps extends Error {
  constructor(message: string) {
    super(message)
    acting.raised ??= this
  }
}

/** For code that claims everything. */
export const ALL_CLAIMED: ReadonlySet<string> = new Set()

/** No thread acts: the world is being set up or looked at, and lock discipline does not apply. */
export const NOBODY = -1
