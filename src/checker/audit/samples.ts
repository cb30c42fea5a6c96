/**
 * What a check is to be audited by: for each class of steps (location, outcome, where it leads) some of the states in which
 * exploring took such a step.
 *
 * @module
 */

/** A step that exploring took: from which state, whose, which outcome. */
export interface Sample {
  readonly state: number
  readonly thread: number
  readonly choice: number
  /** The class that it is of, for `classOf`. */
  readonly of: number
  /** True if it is all that there is of its class: another run that takes such a step will do as well. */
  readonly alone: boolean
}

/** The class of the steps of a location that take one of its outcomes and lead to another location. */
export function classOf(location: number, reached: number, choice: number): number {
  return (location * 2 ** 20 + reached) * WAYS + choice
}

/** Where the steps of a class begin and lead to, and which outcome they take. */
export function partsOf(of: number): {
  readonly location: number
  readonly reached: number
  readonly choice: number
} {
  const rest = Math.floor(of / WAYS)
  return { location: Math.floor(rest / 2 ** 20), reached: rest % 2 ** 20, choice: of % WAYS }
}

/** The samples of one class, and how many steps of it there were. */
interface Class {
  seen: number
  readonly samples: Omit<Sample, 'of' | 'alone'>[]
}

/** Ways that a step may go, at most: see MOST_CHOICES. */
const WAYS = 8192

/** Gathers samples while states are explored. */
export class Samples {
  private readonly classes = new Map<number, Class>()
  private ends = 0
  /** States in which nothing can go on. */
  readonly ended: number[] = []

  /** @param most - samples of each class */
  constructor(readonly most: number) {}

  /** A step of `location` that led to the location `reached`: the first of its class is kept, and later ones now and then. */
  see(location: number, reached: number, state: number, thread: number, choice: number): void {
    const key = classOf(location, reached, choice)
    const known = this.classes.get(key)
    if (known === undefined) {
      this.classes.set(key, { seen: 1, samples: [{ state, thread, choice }] })
      return
    }
    const { samples } = known
    // The 2nd, 4th, 8th, … of a class: states from all over the graph, and few of them.
    const seen = ++known.seen
    if (this.most === 1 || (seen & (seen - 1)) !== 0) return
    const at = samples.length < this.most ? samples.length : 1 + ((31 - Math.clz32(seen)) % (this.most - 1))
    samples[at] = { state, thread, choice }
  }

  /** A state in which nothing can go on. */
  seeEnd(state: number): void {
    const seen = ++this.ends
    if ((seen & (seen - 1)) === 0 && this.ended.length < 8) this.ended.push(state)
  }

  /** Every sample, those of the states that were found last first: on the way to them lie others. */
  all(): Sample[] {
    const all: Sample[] = []
    for (const [of, { samples }] of this.classes)
      for (const sample of samples) all.push({ ...sample, of, alone: samples.length === 1 })
    return all.sort((a, b) => b.state - a.state)
  }
}

/** A step, and the state that it is taken from. */
export type MoveFrom = Pick<Sample, 'state' | 'thread' | 'choice'>

/**
 * Those of `runs` that are on the way of no other: who takes theirs takes all.
 *
 * @param wayTo - the steps of a run, the last one among them
 */
export function onNoWay<R>(runs: readonly R[], wayTo: (run: R) => readonly MoveFrom[]): R[] {
  const taken = new Set<string>()
  return runs
    .map((run) => ({
      run,
      way: wayTo(run).map(({ state, thread, choice }) => `${state} ${thread} ${choice}`),
    }))
    .sort((a, b) => b.way.length - a.way.length)
    .filter(({ way }) => {
      if (taken.has(way[way.length - 1])) return false
      for (const move of way) taken.add(move)
      return true
    })
    .map(({ run }) => run)
}
