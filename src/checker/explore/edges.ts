/**
 * The edges of the explored graph: for each state its successors, and the threads that lead to
 * them. They are kept during exploration for the search for loops. Otherwise each step would have
 * to be taken a second time.
 *
 * @module
 */
import { bytesOf, type Parts, wordsOf } from './saved.js'

/** Initial capacity, in edges. */
const EXPECTED = 1 << 12

/** Edges in the order in which they were found: by source state, which never decreases. */
export class Edges {
  /** Number of edges. */
  count = 0
  private targets = new Uint32Array(EXPECTED)
  private movers = new Uint8Array(EXPECTED)
  /** By source state: its first edge. */
  private offsets = new Uint32Array(EXPECTED)
  private from = -1

  /** Bytes used. */
  get bytes(): number {
    return this.targets.byteLength + this.movers.byteLength + this.offsets.byteLength
  }

  /**
   * Adds the step of `thread` from state `from` to state `to`. `from` is not less than that of the
   * edge before.
   */
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

  /** Skips states without edges. */
  private begin(from: number): void {
    while (from >= this.offsets.length)
      this.offsets = doubled(this.offsets, new Uint32Array(this.offsets.length * 2))
    while (this.from < from) this.offsets[++this.from] = this.count
  }

  /** The arrays of all edges, for {@link restore}. */
  parts(): Parts {
    return {
      targets: [bytesOf(this.targets.subarray(0, this.count))],
      movers: [this.movers.subarray(0, this.count)],
      offsets: [bytesOf(this.offsets.subarray(0, this.from + 1))],
    }
  }

  /** Takes over the edges of {@link parts}. */
  restore({ targets, movers, offsets }: Parts): void {
    this.count = movers[0].length
    const room = roomFor(this.count)
    this.targets = new Uint32Array(room)
    this.targets.set(wordsOf(targets[0]))
    this.movers = new Uint8Array(room)
    this.movers.set(movers[0])
    const firsts = wordsOf(offsets[0])
    this.offsets = new Uint32Array(roomFor(firsts.length))
    this.offsets.set(firsts)
    this.from = firsts.length - 1
  }

  /** The graph of all edges between `states` states. No edge may be added afterwards. */
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

function roomFor(count: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(EXPECTED, count)))
}

function doubled<T extends Uint32Array | Uint8Array>(array: T, larger: T): T {
  larger.set(array)
  return larger
}

/** The graph of all states, with edges sorted by source state. */
export class Graph {
  constructor(
    /** By state: its first edge. The offset of the next state ends its edges. */
    readonly offsets: Uint32Array,
    readonly targets: Uint32Array,
    readonly threads: Uint8Array,
    /** For each state, a bit for each thread that is disabled in it. */
    readonly disabled: Uint8Array,
  ) {}

  /** Number of states. */
  get size(): number {
    return this.disabled.length
  }
}
