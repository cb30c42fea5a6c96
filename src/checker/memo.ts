/**
 * Claims that are asked millions of times and give the same few answers. What a claim answers is a function of the fields
 * that it reads, so its answers are remembered as a decision tree over them: each node is a field, or a question about
 * where a thread stands, each branch one of its values, each leaf an answer. Only where a branch is missing is the claim
 * itself asked, while the fields tell what it reads.
 *
 * @module
 */
import { SpecificationError } from '../world/errors.js'
import { type Recorder, recordedBy } from '../world/footprint.js'
import type { Bits, Cell, World } from '../world/layout.js'
import type { View } from '../world/model.js'
import type { AnyProcedure } from '../world/procedure.js'

/** A view that tells where a thread stands by number. */
export interface Locations extends View {
  /** The location of `thread`: what a view answers is a function of it. */
  location(thread: number): number
}

/** Asks a claim: of the step of `thread`, or of the state at which `to` looks. */
export type Ask<A> = (thread: number, from: View, to: View) => A

/** What there is before a state that is looked at by itself: no world. */
export const NO_STEP: World = new Uint8Array(0)

/** What a node looks at. */
enum Look {
  answer,
  /** A field of at most eight bits, after the step. */
  after,
  /** The same before the step. */
  before,
  /** A field of more bits. */
  wide,
  /** A question to a view. */
  view,
}

/** A question to a view. */
interface Question {
  readonly of: 'from' | 'to'
  readonly about: 'step' | 'inside' | 'finished'
  readonly thread: number
  readonly procedure: AnyProcedure | undefined
}

/** What was looked at while a claim was asked, and what was seen. */
interface Seen {
  readonly look: Look
  readonly cell?: Cell<unknown> | undefined
  readonly old?: boolean
  readonly question?: Question
  readonly value: number | string | boolean
}

/** All nodes are of one class, so that the walk through them sees one shape. */
class Node<A> {
  offset = 0
  shift = 0
  mask = 0
  /** By value of a field; by location for a question to a view. */
  readonly branches: (Node<A> | undefined)[] = []
  /** By value, where that is no small number. */
  values: Map<number | string | boolean, Node<A>> | undefined

  constructor(
    readonly look: Look,
    readonly cell: Cell<unknown> | undefined,
    readonly old: boolean,
    readonly question: Question | undefined,
    readonly answer: A | undefined,
  ) {
    const bits: Bits | undefined = cell?.bits
    if (bits !== undefined) {
      this.offset = bits.offset
      this.shift = bits.shift
      this.mask = bits.mask
    }
  }
}

/** Nodes of one tree: beyond them, the claim reads too much to be remembered. */
const MOST_NODES = 1 << 17
/** So often a claim is asked before it is judged whether remembering it pays. */
const TRIAL = 4096
/** Of so many remembered answers, one is compared with what the claim says. */
const COMPARED = 1 << 14

/** The remembered answers of one claim. */
export class Memo<A> {
  /** By thread. */
  private readonly roots: (Node<A> | undefined)[] = []
  private nodes = 0
  private asked = 0
  private missed = 0
  private forgets = false

  /**
   * @param name - of the claim, for errors
   * @param ask - the claim itself
   */
  constructor(
    private readonly name: string,
    private readonly ask: Ask<A>,
  ) {}

  /**
   * What the claim says of the step of `thread` from the world `before` to the world `after`; of a state, `after` and `to`.
   * The two worlds are those in use, as they are when the claim itself is asked.
   *
   * @throws SpecificationError `non-deterministic` if the claim is seen to look at more than the world and the views
   */
  answer(before: World, after: World, thread: number, from: Locations, to: Locations): A {
    if (this.forgets) return this.ask(thread, from, to)
    let node = this.roots[thread]
    while (node !== undefined) {
      switch (node.look) {
        case Look.after:
          node = node.branches[(after[node.offset] >> node.shift) & node.mask]
          break
        case Look.before:
          node = node.branches[(before[node.offset] >> node.shift) & node.mask]
          break
        case Look.answer:
          if ((++this.asked & (COMPARED - 1)) === 0) this.compare(node.answer as A, thread, from, to)
          return node.answer as A
        default:
          node = branchOf(node, node.old ? before : after, node.question?.of === 'from' ? from : to)
      }
    }
    return this.learn(before, after, thread, from, to)
  }

  private compare(remembered: A, thread: number, from: View, to: View): void {
    if (this.ask(thread, from, to) !== remembered) this.refuse('it gives two answers in the same place')
  }

  private refuse(why: string): never {
    throw new SpecificationError(
      'non-deterministic',
      `the claim "${this.name}" looks at more than the world and where the threads stand: ${why}; ` +
        'a claim keeps nothing from one time to the next',
    )
  }

  private learn(before: World, after: World, thread: number, from: Locations, to: Locations): A {
    this.missed++
    const path = new Path(this.name, before, after)
    const answer = recordedBy(path, () => this.ask(thread, path.view(from, 'from'), path.view(to, 'to')))
    this.insert(thread, path.seen, answer, from, to)
    if (this.nodes > MOST_NODES || (++this.asked > TRIAL && this.missed * 4 > this.asked)) {
      this.forgets = true
      this.roots.length = 0
    }
    return answer
  }

  private insert(thread: number, path: readonly Seen[], answer: A, from: Locations, to: Locations): void {
    let node = this.roots[thread]
    let hang = (made: Node<A>): void => {
      this.roots[thread] = made
    }
    for (const seen of path) {
      if (node === undefined) {
        node = new Node<A>(seen.look, seen.cell, seen.old ?? false, seen.question, undefined)
        this.nodes++
        hang(node)
      } else if (!isSame(node, seen)) this.refuse('it reads other fields where it has read the same values')
      const parent: Node<A> = node
      const { value } = seen
      switch (parent.look) {
        case Look.after:
        case Look.before:
          node = parent.branches[value as number]
          hang = (made) => {
            parent.branches[value as number] = made
          }
          break
        default: {
          parent.values ??= new Map()
          const { values } = parent
          const at = parent.question && (parent.question.of === 'from' ? from : to)
          const location = parent.question && at?.location(parent.question.thread)
          node = values.get(value)
          if (node !== undefined && location !== undefined) parent.branches[location] = node
          hang = (made) => {
            values.set(value, made)
            if (location !== undefined) parent.branches[location] = made
          }
        }
      }
    }
    if (node === undefined) {
      this.nodes++
      hang(new Node<A>(Look.answer, undefined, false, undefined, answer))
    } else if (node.look !== Look.answer || node.answer !== answer)
      this.refuse('it gives two answers in the same place')
  }
}

/** The branch of a node that is no small field; `undefined` where the tree has none yet. */
function branchOf<A>(node: Node<A>, w: World, view: Locations): Node<A> | undefined {
  const { question } = node
  if (question === undefined) return node.values?.get((node.cell as Cell<unknown>).readOnce(w))
  const location = view.location(question.thread)
  const known = node.branches[location]
  if (known !== undefined) return known
  const found = node.values?.get(answerOf(view, question))
  if (found !== undefined) node.branches[location] = found
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

function isSame<A>(node: Node<A>, seen: Seen): boolean {
  if (node.look !== seen.look) return false
  const { question } = seen
  if (question === undefined) return node.cell === seen.cell && node.old === (seen.old ?? false)
  return isQuestion(node.question as Question, question)
}

/** Notes what a claim looks at, each thing once, in its order. */
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
    const look = cell.bits === undefined ? Look.wide : old ? Look.before : Look.after
    this.seen.push({ look, cell, old, value: recordedBy(NOBODY_RECORDS, () => cell.readOnce(w)) })
  }

  write(cell: Cell<unknown>): never {
    throw new SpecificationError(
      'impure',
      `the claim "${this.claim}" writes ${cell.name}; a claim only looks at the world`,
    )
  }

  /** `view`, seen by the claim. */
  view(view: View, of: 'from' | 'to'): View {
    const ask = (about: Question['about'], thread: number, procedure?: AnyProcedure) => {
      const question: Question = { of, about, thread, procedure }
      const value = answerOf(view, question)
      if (!this.seen.some((seen) => seen.question !== undefined && isQuestion(seen.question, question)))
        this.seen.push({ look: Look.view, question, value })
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
