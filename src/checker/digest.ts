/**
 * A digest of an explored graph. Equal graphs have equal digests, whatever the order of
 * exploration, the packing of the world into bits and the numbers of control locations. It detects
 * a wrong graph of the right size.
 *
 * A state is hashed from its nonzero cells, by name and value, and from the position of each
 * thread, by the names of procedures, their arguments and the results received. A step is hashed
 * from both states, the thread, the choice and the result. The digest changes if a cell or thread
 * is renamed, added or removed, if a value is numbered differently, if a procedure is renamed, or
 * if its arguments or the results of its steps change. It does not depend on the order of cells and
 * their bits, nor on the text of claims.
 *
 * @module
 */
import { acting, NOBODY } from '../world/acting.js'
import type { ControlGraph, FrameHistory } from '../world/procedures/control.js'
import { type Cell, givenName, isHandle, type World } from '../world/records/layout.js'
import { Lifecycle } from '../world/records/lifecycle.js'
import { fieldOf, isRecord } from '../world/records/record.js'
import type { State, TransitionSystem } from './explore/system.js'
import type { GraphDigest } from './result.js'

/** 128 bits. */
export type Hash = Int32Array

/** The hash of a text. Each of its four words depends on all of the text. */
export function hashText(text: string): Hash {
  const hash = new Int32Array([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344])
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    for (let lane = 0; lane < 4; lane++) {
      const word = Math.imul(hash[lane] ^ unit, ODD[lane])
      hash[lane] = word ^ (word >>> 15)
    }
  }
  hash[0] += text.length
  scramble(hash)
  return hash
}

/** Odd multipliers, one for each word. */
const ODD = [0x9e3779b1, 0x85ebca6b, 0xc2b2ae35, 0x27d4eb2f]

/**
 * Makes each bit depend on all others, so that a sum of hashes reveals more than a sum of the
 * hashed values.
 */
function scramble(hash: Hash): void {
  for (let round = 0; round < 2; round++) {
    hash[0] += hash[1] + hash[2] + hash[3]
    for (let lane = 1; lane < 4; lane++) hash[lane] += hash[0]
    for (let lane = 0; lane < 4; lane++) {
      let word = hash[lane] ^ ODD[lane]
      word = Math.imul(word ^ (word >>> 16), 0x85ebca6b)
      word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35)
      hash[lane] = word ^ (word >>> 16)
    }
  }
}

/** Contribution of a thread's position to the hash of a state. */
export function hashPlace(thread: string, frames: readonly FrameHistory[]): Hash {
  const texts = frames.map(
    ({ procedure, args, inputs }) =>
      `${procedure.procedureName}(${args.map(textOf).join()})[${inputs.map(textOf).join()}]`,
  )
  return hashText(`${thread}: ${texts.join(' > ')}`)
}

/** Contribution of a cell with a nonzero `value` to the hash of a state. */
export function hashCell(name: string, value: number): Hash {
  return hashText(`${name}=${value}`)
}

/** Turns the sum of the contributions of cells and threads into the hash of the state. */
export function hashState(sum: Hash): Hash {
  const hash = sum.slice()
  scramble(hash)
  return hash
}

/** The hash of a step without its states: the thread, the choice and the result. */
export function hashLabel(thread: number, choice: number, result: unknown): Hash {
  return hashText(`${thread} ${choice} ${textOf(result)}`)
}

/** Hash of a step between two states. */
export function hashStep(from: Hash, to: Hash, label: Hash): Hash {
  const hash = new Int32Array(4)
  for (let lane = 0; lane < 4; lane++)
    hash[lane] = Math.imul(from[lane], ODD[lane]) + to[3 - lane] + label[(lane + 1) & 3]
  scramble(hash)
  return hash
}

/** Adds `hash` to `sum`. The order of additions does not matter. */
export function addTo(sum: Hash, hash: Hash): void {
  for (let lane = 0; lane < 4; lane++) sum[lane] += hash[lane]
}

/** 32 hexadecimal digits. */
export function hexOf(hash: Hash): string {
  return [...hash].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('')
}

/** Descriptions of records already visited. */
const described = new WeakMap<object, string>()

/** Maximum depth to which a record is described. Records may refer to each other. */
const DEPTH = 3

/**
 * A text for an argument or a result that is the same in every process: names if there are any,
 * otherwise contents.
 */
export function textOf(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if ((typeof value !== 'object' && typeof value !== 'function') || value === null) return String(value)
  const name = nameOf(value)
  if (name !== undefined) return name
  if (!isShared(value)) return contentsOf(value, textOf)
  let text = described.get(value)
  if (text === undefined) {
    text = textOfRecord(value, DEPTH)
    described.set(value, text)
  }
  return text
}

/**
 * The name of a record, a cell, a lock, a procedure, or another named object; of other instances
 * the name of their class.
 */
function nameOf(value: object): string | undefined {
  const declared = givenName(value)
  if (declared !== undefined) return `<${declared}>`
  // Reading a field would read the world. A record without a name is described by the names of its
  // fields.
  if (isRecord(value)) {
    const fields = fieldsOf(value)
    return fields.length === 0 ? undefined : `<${fields.join()}>`
  }
  if ('procedureName' in value) return String(value.procedureName)
  if ('name' in value && typeof value.name === 'string') return `<${value.name}>`
  if (value instanceof Lifecycle) return `<${value.cell.name}>`
  if (Array.isArray(value) || value instanceof Map || Object.getPrototypeOf(value) === Object.prototype)
    return undefined
  return `<${value.constructor?.name ?? 'object'}>`
}

/** The names of a record's cells, which the accessors of its class do not reveal. */
function fieldsOf(record: object): string[] {
  const accessors = Object.getOwnPropertyDescriptors(Object.getPrototypeOf(record))
  return Object.entries(accessors)
    .filter(([, { get }]) => get !== undefined)
    .map(([key]) => fieldOf(record as Record<string, unknown>, key).name)
}

/**
 * True for values that a history compares by identity. They may be large and refer to themselves.
 */
function isShared(value: object): boolean {
  return isHandle(value) || value instanceof Map
}

function textOfRecord(value: unknown, depth: number): string {
  if (typeof value !== 'object' || value === null) return textOf(value)
  return nameOf(value) ?? (depth === 0 ? '…' : contentsOf(value, (inner) => textOfRecord(inner, depth - 1)))
}

function contentsOf(value: object, inner: (value: unknown) => string): string {
  if (Array.isArray(value)) return `[${value.map(inner).join()}]`
  const entries: readonly (readonly [unknown, unknown])[] =
    value instanceof Map ? [...value] : Object.entries(value)
  return `{${entries.map(([key, of]) => `${typeof key === 'object' ? '' : String(key)}:${inner(of)}`).join()}}`
}

/** Cells whose bits lie in one word of a state. */
type CellsByWord = readonly (readonly number[])[]

/** A digest of a part of the graph, as plain data. */
export interface SavedDigest {
  readonly states: readonly number[]
  readonly steps: readonly number[]
}

/** Adds up the digest during exploration. */
export class Digest {
  private readonly cells: readonly Cell[]
  private readonly cellsByWord: CellsByWord
  private readonly control: ControlGraph
  private readonly threads: readonly string[]
  private readonly worldWords: number
  /** Contributions of cells, by cell and value. */
  private readonly values: Map<number, Hash>[]
  /** Contributions of threads, by thread and location. */
  private readonly places: Hash[][]
  /** Hashes of steps that return a number, by thread, choice and number. */
  private readonly labels: Map<number, Hash>[][]
  private readonly states = new Int32Array(4)
  private readonly steps = new Int32Array(4)
  /** The state entered last and a scratch state, with the values of their cells and their sums. */
  private readonly from: Hashed
  private readonly to: Hashed
  private readonly base: Hash = new Int32Array(4)

  constructor(system: TransitionSystem) {
    const { layout, threads } = system.model
    this.cells = layout.cells
    this.control = system.control
    this.threads = threads.map(({ name }, i) => `${i} ${name}`)
    this.worldWords = system.worldWords
    this.cellsByWord = cellsByWord(this.cells, system)
    this.values = this.cells.map(() => new Map())
    this.places = threads.map(() => [])
    this.labels = threads.map(() => [])
    this.from = new Hashed(system)
    this.to = new Hashed(system)
  }

  /** Adds a state. The next steps start from it. */
  enter(state: State): void {
    // The last step tried may have been blocked, which leaves its thread acting.
    acting.thread = NOBODY
    this.move(this.from, state)
    addTo(this.states, this.hashOf(this.from, this.base))
  }

  /** Adds a step from the state entered last to `next`. */
  step(thread: number, choice: number, result: unknown, next: State): void {
    this.to.become(this.from)
    this.move(this.to, next)
    const reached = this.hashOf(this.to, new Int32Array(4))
    addTo(this.steps, hashStep(this.base, reached, this.labelOf(thread, choice, result)))
  }

  private labelOf(thread: number, choice: number, result: unknown): Hash {
    if (typeof result !== 'number') return hashLabel(thread, choice, result)
    const ofThread = this.labels[thread]
    ofThread[choice] ??= new Map()
    let label = ofThread[choice].get(result)
    if (label === undefined) {
      label = hashLabel(thread, choice, result)
      ofThread[choice].set(result, label)
    }
    return label
  }

  /** The sums so far, for {@link restore}. */
  saved(): SavedDigest {
    return { states: [...this.states], steps: [...this.steps] }
  }

  /** Continues from the sums of {@link saved}. */
  restore({ states, steps }: SavedDigest): void {
    this.states.set(states)
    this.steps.set(steps)
  }

  /** The digest of the graph explored so far. */
  get result(): GraphDigest {
    return { states: hexOf(this.states), steps: hexOf(this.steps) }
  }

  /** Updates `hashed` to `state`. Only changed words are compared cell by cell. */
  private move(hashed: Hashed, state: State): void {
    const { state: before, world, cells } = hashed
    for (let word = 0; word < this.worldWords; word++) {
      if (before[word] === state[word]) continue
      before[word] = state[word]
      for (const i of this.cellsByWord[word]) {
        const value = this.cells[i].readOnce(world)
        if (value === cells[i]) continue
        this.addValue(hashed.sum, i, cells[i], -1)
        this.addValue(hashed.sum, i, value, 1)
        cells[i] = value
      }
    }
    for (let word = this.worldWords; word < state.length; word++) before[word] = state[word]
  }

  private addValue(sum: Hash, cell: number, value: number, sign: 1 | -1): void {
    if (value === 0) return
    let hash = this.values[cell].get(value)
    if (hash === undefined) {
      hash = hashCell(this.cells[cell].name, value)
      this.values[cell].set(value, hash)
    }
    for (let lane = 0; lane < 4; lane++) sum[lane] += sign * hash[lane]
  }

  private hashOf({ sum, state }: Hashed, into: Hash): Hash {
    into.set(sum)
    for (let thread = 0; thread < this.threads.length; thread++)
      addTo(into, this.placeOf(thread, state[this.worldWords + thread]))
    scramble(into)
    return into
  }

  private placeOf(thread: number, location: number): Hash {
    const known = this.places[thread][location]
    if (known !== undefined) return known
    const hash = hashPlace(this.threads[thread], this.control.history(location))
    this.places[thread][location] = hash
    return hash
  }
}

/** A state, the values of its cells, and the sum of their contributions. */
class Hashed {
  readonly state: State
  readonly world: World
  readonly cells: Float64Array
  readonly sum: Hash = new Int32Array(4)

  constructor(system: TransitionSystem) {
    this.state = new Uint32Array(system.words)
    this.world = system.world(this.state)
    this.cells = new Float64Array(system.model.layout.cells.length)
  }

  become(other: Hashed): void {
    this.state.set(other.state)
    this.cells.set(other.cells)
    this.sum.set(other.sum)
  }
}

/** For each word of a state, the cells with bits in it. Found by setting each of their bits. */
function cellsByWord(cells: readonly Cell[], system: TransitionSystem): CellsByWord {
  const found: number[][] = Array.from({ length: system.worldWords }, () => [])
  const state: State = new Uint32Array(system.words)
  const world = system.world(state)
  for (const [i, cell] of cells.entries()) {
    for (let bit = 1; bit <= cell.max; bit *= 2) {
      cell.set(world, bit)
      for (const [word, among] of found.entries())
        if (state[word] !== 0 && among[among.length - 1] !== i) among.push(i)
      cell.set(world, 0)
    }
  }
  return found
}
