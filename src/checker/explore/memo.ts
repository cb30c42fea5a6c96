/**
 * Remembers the results of claims. They are evaluated millions of times and have few different
 * results. The result of a claim is a function of the fields that it reads. It is remembered in a
 * decision tree: each node is a field, or a question about the position of a thread; each branch is
 * one of its values; each leaf is a result. Only if a branch is missing is the claim evaluated,
 * while its reads are recorded.
 *
 * @module
 */
import { SpecificationError } from '../../world/errors.js'
import type { View } from '../../world/model.js'
import type { AnyProcedure } from '../../world/procedures/procedure.js'
import { type Recorder, recordedBy } from '../../world/records/footprint.js'
import type { Bits, Cell, World } from '../../world/records/layout.js'

/** A view that also returns the location of a thread. */
export interface Locations extends View {
  /** The location of `thread`. All answers of a view are functions of the locations. */
  location(thread: number): number
}

/** Evaluates a claim for the step of `thread`, or for the state of the view `to`. */
export type Ask<A> = (thread: number, from: View, to: View) => A

/** The world before a state that is judged without a step: none. */
export const NO_STEP: World = new Uint8Array(0)

/** The kind of a node. */
enum Look {
  /** A field of at most eight bits, after the step. */
  after,
  /** A field of at most eight bits, before the step. */
  before,
  /** A larger field, or a question to a view. */
  other,
}

/** A question to a view. */
interface Question {
  readonly of: 'from' | 'to'
  readonly about: 'step' | 'inside' | 'finished'
  readonly thread: number
  readonly procedure: AnyProcedure | undefined
}

/** One read of a claim during its evaluation, with the value. */
interface Seen {
  readonly look: Look
  readonly cell?: Cell<unknown> | undefined
  readonly old?: boolean
  readonly question?: Question
  readonly value: number | string | boolean
}

/**
 * The target of a branch: 0 if unknown, a positive number for a node, a negative one for a result.
 */
export type Branch = number
const UNKNOWN: Branch = 0

/** A node that is not a small field. */
interface Other {
  readonly cell: Cell<unknown> | undefined
  readonly old: boolean
  readonly question: Question | undefined
  /** By location, for a question to a view. */
  readonly byLocation: Branch[]
  readonly byValue: Map<number | string | boolean, Branch>
}

/**
 * A small field is encoded in one word: kind and position in the world. The branches, by value of
 * the field, are the words after it. Walking through nodes takes most of the time of an
 * exploration, so they are in one array of numbers.
 */
const SHIFT_AT = 2
const MASK_AT = 5
const OFFSET_AT = 13
/** Maximum size of a world, in bytes, whose fields fit into such a word. */
const MOST_BYTES = 1 << 16

function wordFor(look: Look, { offset, shift, mask }: Bits): number {
  return look | (shift << SHIFT_AT) | (mask << MASK_AT) | (offset << OFFSET_AT)
}

/** Maximum number of nodes of one tree. Beyond it, the claim reads too much to be remembered. */
const MOST_NODES = 1 << 17
/** Maximum number of words of one tree, likewise. */
const MOST_WORDS = 1 << 22
/** Number of evaluations after which it is decided whether remembering pays. */
const TRIAL = 4096
/** One in this number of remembered results is compared with an evaluation. A power of two. */
export const COMPARED = 1 << 14

/** The remembered results of one claim. */
export class Memo<A> {
  /** Root nodes, by thread. */
  private readonly roots: Branch[] = []
  private table = new Int32Array(64)
  /** Words of the table in use. The first word is not used, since 0 means unknown. */
  private taken = 1
  private readonly others: Other[] = []
  private readonly answers: A[] = []
  /** The read of each node. A claim that has read the same values must read the same field next. */
  private readonly looks = new Map<Branch, Seen>()
  private nodes = 0
  private asked = 0
  private missed = 0
  private forgets = false

  /**
   * @param name - name of the claim, for errors
   * @param ask - evaluates the claim
   */
  constructor(
    private readonly name: string,
    private readonly ask: Ask<A>,
  ) {}

  /**
   * The result of the claim for the step of `thread` from the world `before` to the world `after`;
   * for a state, of `after` and `to`. The two are the worlds in use, as in an evaluation of the
   * claim itself.
   *
   * @throws SpecificationError `non-deterministic` if the claim is found to depend on more than the
   * world and the views
   */
  answer(before: World, after: World, thread: number, from: Locations, to: Locations): A {
    return this.answerFrom(this.roots[thread] ?? UNKNOWN, before, after, thread, from, to)
  }

  /**
   * The node that the locations of the acting thread before and after the step lead to, before any
   * other read. It is the same for each step between these locations. Undefined if it is not known
   * yet.
   */
  start(thread: number, from: Locations, to: Locations): Branch | undefined {
    let at = this.forgets ? UNKNOWN : (this.roots[thread] ?? UNKNOWN)
    while (at > UNKNOWN) {
      const { question } = this.looks.get(at) as Seen
      if (question?.thread !== thread) break
      const other = this.others[this.table[at] >>> SHIFT_AT]
      at = branchOf(other, NO_STEP, question.of === 'from' ? from : to)
    }
    return at === UNKNOWN && !this.forgets ? undefined : at
  }

  /** The result at {@link start}, in an array; undefined if it is not a result. */
  answerAt(start: Branch): readonly [A] | undefined {
    return start < UNKNOWN ? [this.answers[~start]] : undefined
  }

  /** As {@link answer}, continuing from {@link start}. */
  answerFrom(start: Branch, before: World, after: World, thread: number, from: Locations, to: Locations): A {
    if (this.forgets) return this.ask(thread, from, to)
    const { table } = this
    let at = start
    while (at > UNKNOWN) {
      const word = table[at]
      switch (word & 3) {
        case Look.after:
          at =
            table[
              at + 1 + ((after[word >>> OFFSET_AT] >> ((word >> SHIFT_AT) & 7)) & ((word >> MASK_AT) & 255))
            ]
          break
        case Look.before:
          at =
            table[
              at + 1 + ((before[word >>> OFFSET_AT] >> ((word >> SHIFT_AT) & 7)) & ((word >> MASK_AT) & 255))
            ]
          break
        default: {
          const other = this.others[word >>> SHIFT_AT]
          at = branchOf(other, other.old ? before : after, other.question?.of === 'from' ? from : to)
        }
      }
    }
    if (at < UNKNOWN) {
      const answer = this.answers[~at]
      if ((++this.asked & (COMPARED - 1)) === 0) this.compare(answer, thread, from, to)
      return answer
    }
    return this.learn(before, after, thread, from, to)
  }

  /**
   * Evaluates the claim itself.
   *
   * @throws SpecificationError `non-deterministic` if its result is not the remembered one
   */
  compare(remembered: A, thread: number, from: View, to: View): void {
    if (this.ask(thread, from, to) !== remembered) this.refuse('it gives two answers in the same place')
  }

  private refuse(why: string): never {
    throw new SpecificationError(
      'non-deterministic',
      `the claim "${this.name}" reads more than the world and the positions of the threads: ${why}; ` +
        'a claim must not keep state between two evaluations',
    )
  }

  private learn(before: World, after: World, thread: number, from: Locations, to: Locations): A {
    this.missed++
    const path = new Path(this.name, before, after)
    const answer = recordedBy(path, () => this.ask(thread, path.view(from, 'from'), path.view(to, 'to')))
    this.insert(thread, path.seen, answer, from, to)
    if (
      this.nodes > MOST_NODES ||
      this.taken > MOST_WORDS ||
      (++this.asked > TRIAL && this.missed * 4 > this.asked)
    ) {
      this.forgets = true
      this.roots.length = 0
      this.table = new Int32Array(0)
    }
    return answer
  }

  private insert(thread: number, path: readonly Seen[], answer: A, from: Locations, to: Locations): void {
    let at = this.roots[thread] ?? UNKNOWN
    let hang = (branch: Branch): void => {
      this.roots[thread] = branch
    }
    for (const seen of path) {
      if (at === UNKNOWN) {
        at = this.add(seen)
        hang(at)
      } else if (!isSame(this.looks.get(at), seen))
        this.refuse('it reads other fields where it has read the same values')
      const { value } = seen
      if (seen.look !== Look.other) {
        const slot = at + 1 + (value as number)
        at = this.table[slot]
        hang = (branch) => {
          this.table[slot] = branch
        }
      } else {
        const { byValue, byLocation, question } = this.others[this.table[at] >>> SHIFT_AT]
        const location = question && (question.of === 'from' ? from : to).location(question.thread)
        at = byValue.get(value) ?? UNKNOWN
        if (at !== UNKNOWN && location !== undefined) byLocation[location] = at
        hang = (branch) => {
          byValue.set(value, branch)
          if (location !== undefined) byLocation[location] = branch
        }
      }
    }
    if (at === UNKNOWN) {
      this.nodes++
      hang(this.answerAs(answer))
    } else if (at > UNKNOWN || this.answers[~at] !== answer)
      this.refuse('it gives two answers in the same place')
  }

  /** Adds a node for a read. */
  private add(seen: Seen): Branch {
    const at = this.taken
    const { look, cell, old = false, question } = seen
    const bits = look === Look.other ? undefined : cell?.bits
    this.nodes++
    this.taken += bits === undefined ? 1 : bits.mask + 2
    if (this.taken > this.table.length) {
      const table = new Int32Array(2 * Math.max(this.taken, this.table.length))
      table.set(this.table)
      this.table = table
    }
    if (bits !== undefined) this.table[at] = wordFor(look, bits)
    else {
      this.table[at] = Look.other | (this.others.length << SHIFT_AT)
      this.others.push({ cell, old, question, byLocation: [], byValue: new Map() })
    }
    this.looks.set(at, seen)
    return at
  }

  private answerAs(answer: A): Branch {
    const known = this.answers.indexOf(answer)
    return ~(known < 0 ? this.answers.push(answer) - 1 : known)
  }
}

/** The branch of a node that is not a small field. */
function branchOf({ question, cell, byLocation, byValue }: Other, w: World, view: Locations): Branch {
  if (question === undefined) return byValue.get((cell as Cell<unknown>).readOnce(w)) ?? UNKNOWN
  const location = view.location(question.thread)
  const known = byLocation[location]
  if (known !== undefined) return known
  const found = byValue.get(answerOf(view, question)) ?? UNKNOWN
  if (found !== UNKNOWN) byLocation[location] = found
  return found
}

function answerOf(view: View, { about, thread, procedure }: Question): string | boolean {
  switch (about) {
    case 'step':
      return view.step(thread)
    case 'inside':
      return view.inside(thread, procedure as AnyProcedure)
    case 'finished':
      return view.finished(thread)
  }
}

function isSame(known: Seen | undefined, seen: Seen): boolean {
  if (known === undefined || known.look !== seen.look) return false
  const { question } = seen
  if (question === undefined)
    return known.question === undefined && known.cell === seen.cell && known.old === seen.old
  return known.question !== undefined && isQuestion(known.question, question)
}

/** Records the distinct reads of a claim, in order. */
class Path implements Recorder {
  readonly seen: Seen[] = []
  private readonly cells = new Set<Cell<unknown>>()
  private readonly oldCells = new Set<Cell<unknown>>()

  constructor(
    private readonly claim: string,
    private readonly before: World,
    private readonly after: World,
  ) {}

  read(cell: Cell<unknown>, w: World): void {
    const old = w === this.before
    if (!old && w !== this.after) throw new Error(`the claim "${this.claim}" looks at a world of its own`)
    const known = old ? this.oldCells : this.cells
    if (known.has(cell)) return
    known.add(cell)
    const isSmall = cell.bits !== undefined && cell.bits.offset < MOST_BYTES
    const look = isSmall ? (old ? Look.before : Look.after) : Look.other
    this.seen.push({ look, cell, old, value: recordedBy(NOBODY_RECORDS, () => cell.readOnce(w)) })
  }

  write(cell: Cell<unknown>): never {
    throw new SpecificationError(
      'impure',
      `the claim "${this.claim}" writes ${cell.name}; a claim may only read the world`,
    )
  }

  /** A view that records what the claim asks of `view`. */
  view(view: View, of: 'from' | 'to'): View {
    const ask = (about: Question['about'], thread: number, procedure?: AnyProcedure) => {
      const question: Question = { of, about, thread, procedure }
      const value = answerOf(view, question)
      if (!this.seen.some((seen) => seen.question !== undefined && isQuestion(seen.question, question)))
        this.seen.push({ look: Look.other, question, value })
      return value
    }
    return {
      step: (thread) => ask('step', thread) as string,
      inside: (thread, procedure) => ask('inside', thread, procedure) as boolean,
      finished: (thread) => ask('finished', thread) as boolean,
    }
  }
}

function isQuestion(one: Question, other: Question): boolean {
  return (
    one.of === other.of &&
    one.about === other.about &&
    one.thread === other.thread &&
    one.procedure === other.procedure
  )
}

const NOBODY_RECORDS: Recorder = { read() {}, write() {} }
