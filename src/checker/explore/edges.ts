/**
 * The edges of the explored graph: which states a state leads to, and by whose steps. They are kept while exploring, for
 * those who look for loops afterwards; without them each step would have to be taken a second time.
 *
 * @module
 */

/** Edges there is room for at first. */
const EXPECTED = 1 << 12

/** Edges in the order in which they were found: by state of departure, which only grows. */
export class Edges {
  /** Number of edges. */
  count = 0
  private targets = new Uint32Array(EXPECTED)
  private movers = new Uint8Array(EXPECTED)
  /** By state of departure: its first edge. */
  private offsets = new Uint32Array(EXPECTED)
  private from = -1

  /** Bytes held. */
  get bytes(): number {
    return this.targets.byteLength + this.movers.byteLength + this.offsets.byteLength
  }

  /** Adds the step of `thread` from state `from`, no lower than the one before, to state `to`. */
  add(from: number, thread: number, to: number): void {
    if (from !== this.from) this.begin(from)
    const at = this.count++
    if (at === this.targets.length) {
      this.targets = doubled(this.targets, new Uint32Array(at * 2))
      this.movers = doubled(this.movers, new Uint8Array(at * 2))
    }
    this.targets[at] = to
    this.movers[at] = thread
  }

  /** States without edges are passed over. */
  private begin(from: number): void {
    while (from >= this.offsets.length)
      this.offsets = doubled(this.offsets, new Uint32Array(this.offsets.length * 2))
    while (this.from < from) this.offsets[++this.from] = this.count
  }

  /** The graph of all edges between `states` states, none of which is added to any more. */
  graph(states: number, threads: number): Graph {
    this.begin(states)
    const { targets, movers, offsets, count } = this
    const disabled = new Uint8Array(states)
    const everybody = 2 ** threads - 1
    for (let state = 0; state < states; state++) {
      let moved = 0
      for (let edge = offsets[state]; edge < offsets[state + 1]; edge++) moved |= 1 << movers[edge]
      disabled[state] = everybody & ~moved
    }
    return new Graph(
      offsets.subarray(0, states + 1),
      targets.subarray(0, count),
      movers.subarray(0, count),
      disabled,
    )
  }
}

function doubled<T extends Uint32Array | Uint8Array>(array: T, larger: T): T {
  larger.set(array)
  return larger
}

/** The graph of all states, edges by state of departure. */
export class Graph {
  constructor(
    /** By state: its first edge; the next state's ends them. */
    readonly offsets: Uint32Array,
    readonly targets: Uint32Array,
    readonly threads: Uint8Array,
    /** For each state, a bit for each thread that cannot move in it. */
    readonly disabled: Uint8Array,
  ) {}

  /** Number of states. */
  get size(): number {
    return this.disabled.length
  }
}
