/**
 * The set of visited states: exact, in visiting order, each with a link to the state it was reached from.
 *
 * A state is `words` 32-bit words. States lie in chunks, so that growing copies nothing; an open-addressing table
 * holds their numbers, with the bits of a slot that the number does not need filled with bits of the hash, so that
 * nearly every comparison of whole states is one that succeeds.
 *
 * @module
 */

const CHUNK_BITS = 15
const CHUNK = 1 << CHUNK_BITS
const CHUNK_MASK = CHUNK - 1
const EMPTY = 0xffffffff

/** Exact storage of states, numbered from 0 in the order of insertion. */
export class StateStore {
  private readonly chunks: Uint32Array[] = []
  private readonly parents: Uint32Array[] = []
  private table: Uint32Array
  /** Bits of a slot that hold a state's number; the rest hold bits of its hash. */
  private numberBits: number
  private limit: number
  /** Number of states. */
  count = 0
  /** Whether the last {@link insert} added a state. */
  added = false

  /**
   * @param words - 32-bit words of a state
   * @param expected - about how many states to make room for at first
   */
  constructor(
    readonly words: number,
    expected = 1 << 12,
  ) {
    this.numberBits = Math.max(10, 32 - Math.clz32(expected))
    this.table = new Uint32Array(1 << this.numberBits).fill(EMPTY)
    this.limit = StateStore.load(this.numberBits)
  }

  /** A table is doubled when it is three quarters full. */
  private static load(bits: number): number {
    return Math.floor(2 ** bits * 0.75)
  }

  /** Bytes held by states, links and index. */
  get bytes(): number {
    return this.table.byteLength + this.chunks.length * CHUNK * 4 * (this.words + 1)
  }

  /** Bytes needed on top of {@link bytes} while `more` states are added: chunks, and the old table beside the new. */
  bytesToGrow(more: number): number {
    const count = this.count + more
    const chunks = Math.max(0, Math.ceil(count / CHUNK) - this.chunks.length)
    let bits = this.numberBits
    while (StateStore.load(bits) < count) bits++
    const table = bits === this.numberBits ? 0 : 2 ** bits * 4 * 1.5 - this.table.byteLength
    return table + chunks * CHUNK * 4 * (this.words + 1)
  }

  /** Copies state `index` to the start of `into`. */
  load(index: number, into: Uint32Array): void {
    const chunk = this.chunks[index >>> CHUNK_BITS]
    const words = this.words
    const offset = (index & CHUNK_MASK) * words
    for (let i = 0; i < words; i++) into[i] = chunk[offset + i]
  }

  /** Number of the state that `index` was first reached from; the initial state's is its own. */
  parent(index: number): number {
    return this.parents[index >>> CHUNK_BITS][index & CHUNK_MASK]
  }

  /** Number of the state at the start of `state`, which is added if it is new: see {@link added}. */
  insert(state: Uint32Array, parent: number): number {
    const words = this.words
    const hash = hashOf(state, words)
    const numberBits = this.numberBits
    const numberMask = 2 ** numberBits - 1
    const tableMask = this.table.length - 1
    const table = this.table
    // The table's size is 2^numberBits: the low bits choose the slot, the high ones go into it.
    const tag = (hash & ~numberMask) >>> 0
    let slot = hash & tableMask
    for (;;) {
      const entry = table[slot]
      if (entry === EMPTY) break
      if ((entry & ~numberMask) >>> 0 === tag) {
        const index = entry & numberMask
        if (this.equals(index, state)) {
          this.added = false
          return index
        }
      }
      slot = (slot + 1) & tableMask
    }
    this.added = true
    const index = this.append(state, parent)
    table[slot] = (tag | index) >>> 0
    if (this.count > this.limit) this.grow()
    return index
  }

  /** Number of the state at the start of `state`, or -1 if it was never inserted. */
  find(state: Uint32Array): number {
    const hash = hashOf(state, this.words)
    const numberMask = 2 ** this.numberBits - 1
    const tableMask = this.table.length - 1
    const tag = (hash & ~numberMask) >>> 0
    for (let slot = hash & tableMask; ; slot = (slot + 1) & tableMask) {
      const entry = this.table[slot]
      if (entry === EMPTY) return -1
      if ((entry & ~numberMask) >>> 0 === tag && this.equals(entry & numberMask, state))
        return entry & numberMask
    }
  }

  private equals(index: number, state: Uint32Array): boolean {
    const chunk = this.chunks[index >>> CHUNK_BITS]
    const words = this.words
    const offset = (index & CHUNK_MASK) * words
    for (let i = 0; i < words; i++) if (chunk[offset + i] !== state[i]) return false
    return true
  }

  private append(state: Uint32Array, parent: number): number {
    const index = this.count
    const at = index & CHUNK_MASK
    if (at === 0) {
      this.chunks.push(new Uint32Array(CHUNK * this.words))
      this.parents.push(new Uint32Array(CHUNK))
    }
    const chunk = this.chunks[index >>> CHUNK_BITS]
    const words = this.words
    const offset = at * words
    for (let i = 0; i < words; i++) chunk[offset + i] = state[i]
    this.parents[index >>> CHUNK_BITS][at] = parent
    this.count = index + 1
    return index
  }

  private grow(): void {
    this.numberBits++
    this.limit = StateStore.load(this.numberBits)
    const size = 2 ** this.numberBits
    const mask = size - 1
    const table = new Uint32Array(size).fill(EMPTY)
    const state = new Uint32Array(this.words)
    this.table = new Uint32Array(0)
    for (let index = 0; index < this.count; index++) {
      this.load(index, state)
      const hash = hashOf(state, this.words)
      let slot = hash & mask
      while (table[slot] !== EMPTY) slot = (slot + 1) & mask
      table[slot] = ((hash & ~mask) | index) >>> 0
    }
    this.table = table
  }
}

/** Multiply and mix each word, then finish as MurmurHash3 does, so that low and high bits both depend on all. */
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
