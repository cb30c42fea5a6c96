/**
 * States that collide: the store holds bits of a state's hash, and the whole state. Two states with one hash are two.
 */
import { StateStore } from '../../src/checker/explore/store.js'

/** What the hash of a state is after its first word: as in `store.ts`. */
function afterFirstWord(word: number): number {
  const hash = Math.imul(0x9747b28c ^ word, 0x9e3779b1)
  return hash ^ (hash >>> 15)
}

/** The second word with which a state has the hash of its group, whatever its first word. */
export function secondWord(first: number, group: number): number {
  return (afterFirstWord(first) ^ afterFirstWord(0) ^ group) >>> 0
}

/** Fills a store with groups of states that have one hash, and says what it gets wrong. */
export function faultsOfStore(words: number): string[] {
  const store = new StateStore(words, 1)
  const state = new Uint32Array(words)
  const hashes = new Set<number>()
  const groups = 40
  const count = groups * 150
  const faults: string[] = []
  const fill = (i: number) => {
    state.fill(7)
    state[0] = i
    state[1] = secondWord(i, i % groups)
  }
  for (let i = 0; i < count; i++) {
    fill(i)
    hashes.add(store.hash(state))
    if (store.find(state) !== -1) faults.push(`state ${i} is there before it was inserted`)
    if (store.insert(state, i >>> 1) !== i || !store.added) faults.push(`state ${i} is taken for another`)
    if (faults.length > 0) return faults
  }
  if (hashes.size !== groups) faults.push('the hash is another one: make collisions of that')
  if (store.count !== count) faults.push(`there are ${store.count} states`)
  const loaded = new Uint32Array(words)
  for (let i = 0; i < count; i++) {
    fill(i)
    store.load(i, loaded)
    if (loaded.join() !== state.join()) faults.push(`state ${i} is stored as another`)
    if (store.find(state) !== i || store.insert(state, 0) !== i || store.added)
      faults.push(`state ${i} is not found`)
    if (store.parent(i) !== i >>> 1) faults.push(`state ${i} has another parent`)
  }
  return faults.slice(0, 3)
}

/** Inserts states that differ in a single bit, and says which are taken for others. */
export function faultsOfBits(words: number): string[] {
  const store = new StateStore(words, 1)
  const state = new Uint32Array(words)
  for (let word = 0; word < words; word++)
    for (let bit = 0; bit < 32; bit++) {
      state.fill(0)
      state[word] = 2 ** bit
      if (store.insert(state, 0) !== word * 32 + bit || !store.added) return [`bit ${bit} of word ${word}`]
    }
  return []
}

/**
 * Inserts two states that differ in their last word only, have the same upper bits of the hash, and lie beside each other,
 * so that the second is compared with the first. Their hashes differ: with one hash, they would differ elsewhere too.
 */
export function faultsOfNeighbours(): string[] {
  const store = new StateStore(2, 1)
  const slots = 1024
  const state = new Uint32Array(2)
  const stateOf = (first: number, last: number) => {
    state[0] = first
    state[1] = last
    return state
  }
  const tags = new Map<number, number>()
  for (let last = 0; last < 2 ** 20; last++) {
    const hash = store.hash(stateOf(5, last))
    const other = tags.get(hash >>> 10)
    tags.set(hash >>> 10, last)
    if (other === undefined) continue
    const [low, otherLow] = [hash & (slots - 1), store.hash(stateOf(5, other)) & (slots - 1)]
    if (Math.abs(low - otherLow) !== 1) continue
    // The one whose slot comes first finds it taken, and goes on to the other's.
    const [first, second] = low < otherLow ? [last, other] : [other, last]
    let filler = 0
    while ((store.hash(stateOf(6, filler)) & (slots - 1)) !== Math.min(low, otherLow)) filler++
    store.insert(stateOf(6, filler), 0)
    store.insert(stateOf(5, second), 0)
    if (store.insert(stateOf(5, first), 0) !== 2) return ['a state is taken for its neighbour']
    return []
  }
  return ['there are no such states: the hash is another one']
}
