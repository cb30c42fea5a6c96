/**
 * The set of visited states: exact, in visiting order, each with a link to the state from which it
 * was reached.
 *
 * A state is `words` 32-bit words. States are stored in chunks, so that growing copies nothing. An
 * open-addressing table holds their numbers. The bits of a slot that the number does not need hold
 * bits of the hash, so that nearly every comparison of whole states succeeds.
 *
 * @module
 */
import { bytesOf, halvesOf, type Parts, wordsOf } from './saved.js'

const CHUNK_BITS = 15
const CHUNK = 1 << CHUNK_BITS
const CHUNK_MASK = CHUNK - 1
/** Bits of a step's outcome: a step has at most 8192 outcomes, and there are at most 8 threads. */
const CHOICE_BITS = 13
const EMPTY = -1
/**
 * Number of states that are hashed before they are looked up: enough for their memory accesses to
 * overlap.
 */
export const FETCH = 64

/** Exact storage of states, numbered from 0 in the order of insertion. */
export class StateStore {
  private readonly chunks: Uint32Array[] = []
  private readonly parents: Uint32Array[] = []
  private readonly moves: Uint16Array[] = []
  private table: Int32Array
  /** Bits of a slot that hold the number of a state. The rest hold bits of its hash. */
  private numberBits: number
  /** The mask of those bits. The table has a slot for each such number, so it masks hashes too. */
  private mask: number
  private limit: number
  /**
   * @internal assigned so that the prefetch is not optimised away
   * @internal kept so that fetching is not optimised away
   */
  fetched = 0
  /** Number of states. */
  count = 0
  /** Whether the last {@link insert} added a state. */
  added = false

  /**
   * @param words - 32-bit words of a state
   * @param expected - initial capacity, approximately
   */
  constructor(
    readonly words: number,
    expected = 1 << 12,
  ) {
    this.numberBits = Math.max(10, 32 - Math.clz32(expected))
    this.mask = maskOf(this.numberBits)
    this.table = new Int32Array(1 << this.numberBits).fill(EMPTY)
    this.limit = StateStore.load(this.numberBits)
  }

  /** A table is doubled when it is three quarters full. */
  private static load(bits: number): number {
    return Math.floor(2 ** bits * 0.75)
  }

  /** Bytes used by states, links and index. */
  get bytes(): number {
    return this.table.byteLength + this.chunks.length * CHUNK * (4 * (this.words + 1) + 2)
  }

  /**
   * Bytes needed in addition to {@link bytes} to add `more` states: chunks, and the old table
   * beside the new.
   */
  bytesToGrow(more: number): number {
    const count = this.count + more
    const chunks = Math.max(0, Math.ceil(count / CHUNK) - this.chunks.length)
    let bits = this.numberBits
    while (StateStore.load(bits) < count) bits++
    const table = bits === this.numberBits ? 0 : 2 ** bits * 4 * 1.5 - this.table.byteLength
    return table + chunks * CHUNK * (4 * (this.words + 1) + 2)
  }

  /** Copies state `index` to the start of `into`. */
  load(index: number, into: Uint32Array): void {
    const chunk = this.chunks[index >>> CHUNK_BITS]
    const words = this.words
    const offset = (index & CHUNK_MASK) * words
    for (let i = 0; i < words; i++) into[i] = chunk[offset + i]
  }

  /** The state from which `index` was first reached. The parent of the initial state is itself. */
  parent(index: number): number {
    return this.parents[index >>> CHUNK_BITS][index & CHUNK_MASK]
  }

  /** The step by which state `index` was first reached. */
  moveTo(index: number): { readonly thread: number; readonly choice: number } {
    const move = this.moves[index >>> CHUNK_BITS][index & CHUNK_MASK]
    return { thread: move >>> CHOICE_BITS, choice: move & ((1 << CHOICE_BITS) - 1) }
  }

  /** The hash of the state at the start of `state`, for {@link insertHashed}. */
  hash(state: Uint32Array): number {
    return hashOf(state, this.words)
  }

  /**
   * Prefetches the memory that {@link insertHashed} will read for the first `count` of `hashes`.
   * The accesses overlap, instead of being waited for one after the other.
   */
  fetch(hashes: Int32Array, count: number): void {
    const { mask, table } = this
    let fetched = 0
    for (let i = 0; i < count; i++) fetched ^= table[hashes[i] & mask]
    this.fetched = fetched
  }

  /**
   * The number of the state at the start of `state`. The state is added if it is new: see {@link
   * added}.
   */
  insert(state: Uint32Array, parent: number): number {
    return this.insertHashed(state, hashOf(state, this.words), parent)
  }

  /** As {@link StateStore.insert}, for a state whose {@link StateStore.hash} is known. */
  insertHashed(state: Uint32Array, hash: number, parent: number, thread = 0, choice = 0): number {
    const mask = this.mask
    const table = this.table
    // The low bits of the hash choose the slot; the high bits are stored in it.
    const tag = hash & ~mask
    let slot = hash & mask
    for (;;) {
      const entry = table[slot]
      if (entry === EMPTY) break
      if ((entry & ~mask) === tag) {
        const index = entry & mask
        if (this.equals(index, state)) {
          this.added = false
          return index
        }
      }
      slot = (slot + 1) & mask
    }
    this.added = true
    const index = this.append(state, parent, (thread << CHOICE_BITS) | choice)
    table[slot] = tag | index
    if (this.count > this.limit) this.grow()
    return index
  }

  /** The number of the state at the start of `state`, or -1 if it was never inserted. */
  find(state: Uint32Array): number {
    const { mask, table } = this
    const hash = hashOf(state, this.words)
    const tag = hash & ~mask
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const entry = table[slot]
      if (entry === EMPTY) return -1
      if ((entry & ~mask) === tag && this.equals(entry & mask, state)) return entry & mask
    }
  }

  private equals(index: number, state: Uint32Array): boolean {
    const chunk = this.chunks[index >>> CHUNK_BITS]
    const words = this.words
    const offset = (index & CHUNK_MASK) * words
    for (let i = 0; i < words; i++) if (chunk[offset + i] !== state[i]) return false
    return true
  }

  private append(state: Uint32Array, parent: number, move: number): number {
    const index = this.count
    const at = index & CHUNK_MASK
    if (at === 0) {
      this.chunks.push(new Uint32Array(CHUNK * this.words))
      this.parents.push(new Uint32Array(CHUNK))
      this.moves.push(new Uint16Array(CHUNK))
    }
    const chunk = this.chunks[index >>> CHUNK_BITS]
    const words = this.words
    const offset = at * words
    for (let i = 0; i < words; i++) chunk[offset + i] = state[i]
    this.parents[index >>> CHUNK_BITS][at] = parent
    this.moves[index >>> CHUNK_BITS][at] = move
    this.count = index + 1
    return index
  }

  /** The arrays of states and links, for {@link restore}. */
  parts(): Parts {
    const filled = (arrays: readonly (Uint32Array | Uint16Array)[], each: number) =>
      arrays.map((array, i) =>
        bytesOf(array.subarray(0, Math.min(CHUNK, this.count - i * CHUNK) * each) as Uint32Array),
      )
    return {
      states: filled(this.chunks, this.words),
      parents: filled(this.parents, 1),
      moves: filled(this.moves, 1),
    }
  }

  /** Replaces all states by the `count` states of {@link parts}. */
  restore(count: number, { states, parents, moves }: Parts): void {
    this.count = count
    refill(this.chunks, states.map(wordsOf), () => new Uint32Array(CHUNK * this.words))
    refill(this.parents, parents.map(wordsOf), () => new Uint32Array(CHUNK))
    refill(this.moves, moves.map(halvesOf), () => new Uint16Array(CHUNK))
    let bits = this.numberBits
    while (StateStore.load(bits) < count) bits++
    this.index(bits)
  }

  private grow(): void {
    this.index(this.numberBits + 1)
  }

  /** Builds the hash table anew, with `bits` bits for the number of a state. */
  private index(bits: number): void {
    this.numberBits = bits
    this.limit = StateStore.load(this.numberBits)
    this.mask = maskOf(this.numberBits)
    const mask = this.mask
    const table = new Int32Array(2 ** this.numberBits).fill(EMPTY)
    this.table = table
    const state = new Uint32Array(this.words)
    const hashes = new Int32Array(FETCH)
    for (let first = 0; first < this.count; first += FETCH) {
      const batch = Math.min(FETCH, this.count - first)
      for (let i = 0; i < batch; i++) {
        this.load(first + i, state)
        hashes[i] = hashOf(state, this.words)
      }
      this.fetch(hashes, batch)
      for (let i = 0; i < batch; i++) {
        let slot = hashes[i] & mask
        while (table[slot] !== EMPTY) slot = (slot + 1) & mask
        table[slot] = (hashes[i] & ~mask) | (first + i)
      }
    }
  }
}

/** Replaces `chunks` by `found`. A chunk that is not full is copied into a whole one. */
function refill<A extends Uint32Array | Uint16Array>(chunks: A[], found: readonly A[], empty: () => A): void {
  const { length } = empty()
  chunks.length = 0
  for (const each of found) {
    if (each.length === length) {
      chunks.push(each)
      continue
    }
    const whole = empty()
    whole.set(each)
    chunks.push(whole)
  }
}

/** A 32-bit integer with its lowest `bits` bits set. */
function maskOf(bits: number): number {
  return (-1 >>> (32 - bits)) | 0
}

/**
 * Multiplies and mixes each word, then finishes like MurmurHash3, so that low and high bits depend
 * on all of it.
 */
function hashOf(state: Uint32Array, words: number): number {
  let hash = 0x9747b28c
  for (let i = 0; i < words; i++) {
    hash = Math.imul(hash ^ state[i], 0x9e3779b1)
    hash ^= hash >>> 15
  }
  hash = Math.imul(hash, 0x85ebca6b)
  hash ^= hash >>> 13
  hash = Math.imul(hash, 0xc2b2ae35)
  return hash ^ (hash >>> 16)
}
