/**
 * Samples for the audit: for each class of steps (location, outcome, next location) some of the
 * states from which exploration took such a step.
 *
 * @module
 */

/** A step that exploration took: the state, the thread and the outcome. */
export interface Sample {
  readonly state: number
  readonly thread: number
  readonly choice: number
  /** The number of its class: location, next location and outcome. */
  readonly of: number
  /**
   * True if it is the only step of its class. Another run that takes such a step will do as well.
   */
  readonly alone: boolean
}

/** The class of the steps from one location with one outcome that lead to one other location. */
export function classOf(location: number, reached: number, choice: number): number {
  return (location * 2 ** 20 + reached) * WAYS + choice
}

/** The parts of a class: location, next location and outcome. */
export function partsOf(of: number): {
  readonly location: number
  readonly reached: number
  readonly choice: number
} {
  const rest = Math.floor(of / WAYS)
  return { location: Math.floor(rest / 2 ** 20), reached: rest % 2 ** 20, choice: of % WAYS }
}

/** The samples of one class, and the number of its steps. */
interface Class {
  seen: number
  readonly samples: Omit<Sample, 'of' | 'alone'>[]
}

/** Samples as plain data. */
export interface SavedSamples {
  readonly classes: readonly (readonly [of: number, seen: number, samples: readonly MoveFrom[]])[]
  readonly ends: number
  readonly ended: readonly number[]
}

/** Maximum number of outcomes of a step: see MOST_CHOICES. */
const WAYS = 8192

/** Collects samples during exploration. */
export class Samples {
  private readonly classes = new Map<number, Class>()
  private ends = 0
  /** States in which no thread can take a step. */
  readonly ended: number[] = []

  /** @param most - number of samples of each class */
  constructor(readonly most: number) {}

  /**
   * Called for a step from `location` to the location `reached`. Keeps the first of its class, and
   * then ever fewer.
   */
  see(location: number, reached: number, state: number, thread: number, choice: number): void {
    const key = classOf(location, reached, choice)
    const known = this.classes.get(key)
    if (known === undefined) {
      this.classes.set(key, { seen: 1, samples: [{ state, thread, choice }] })
      return
    }
    const { samples } = known
    // The 2nd, 4th, 8th, … of a class: few states, from all over the graph.
    const seen = ++known.seen
    if (this.most === 1 || (seen & (seen - 1)) !== 0) return
    const at = samples.length < this.most ? samples.length : 1 + ((31 - Math.clz32(seen)) % (this.most - 1))
    samples[at] = { state, thread, choice }
  }

  /** Called for a state in which no thread can take a step. */
  seeEnd(state: number): void {
    const seen = ++this.ends
    if ((seen & (seen - 1)) === 0 && this.ended.length < 8) this.ended.push(state)
  }

  /** All samples as plain data, for {@link restore}. */
  saved(): SavedSamples {
    return {
      classes: [...this.classes].map(([of, { seen, samples }]) => [of, seen, samples]),
      ends: this.ends,
      ended: this.ended,
    }
  }

  /** Takes over the samples of {@link saved}. */
  restore({ classes, ends, ended }: SavedSamples): void {
    for (const [of, seen, samples] of classes) this.classes.set(of, { seen, samples: [...samples] })
    this.ends = ends
    this.ended.push(...ended)
  }

  /** All samples, those of the last states first, since their runs pass through others. */
  all(): Sample[] {
    const all: Sample[] = []
    for (const [of, { samples }] of this.classes)
      for (const sample of samples) all.push({ ...sample, of, alone: samples.length === 1 })
    return all.sort((a, b) => b.state - a.state)
  }
}

/** A step, and the state from which it is taken. */
export type MoveFrom = Pick<Sample, 'state' | 'thread' | 'choice'>

/**
 * Removes runs that are part of another run.
 *
 * @param wayTo - the steps of a run, including its last
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
