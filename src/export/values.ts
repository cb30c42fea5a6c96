/**
 * The values that fields and questions of a recording can have: all that is ever written, and what is answered anywhere.
 *
 * @module
 */
import type { State, TransitionSystem } from '../checker/explore/system.js'
import type { View } from '../world/model.js'
import type { Looks, Question } from './looks.js'
import type { Choices, Outcome } from './recording.js'
import { isLeaf, type Tree } from './tree.js'

/** What was recorded of threads. */
export interface Recorded {
  readonly system: TransitionSystem
  readonly looks: Looks
  readonly initial: State
  readonly threads: readonly ReadonlyMap<number, Choices>[]
}

/** Values by number of the field or question. */
export class Values {
  private readonly written: Set<number>[] = []
  private readonly answered: Set<number>[] = []
  private readonly answers = new Map<string, number>()
  private readonly scratch: State
  private readonly view: View

  constructor(private readonly recorded: Recorded) {
    const { system, initial, threads } = recorded
    this.scratch = initial.slice()
    this.view = system.view(this.scratch)
    for (const known of threads)
      for (const choices of known.values())
        for (const tree of choices) if (tree !== undefined) this.gather(tree)
  }

  /** The initial value of a field, and all that is ever written to it: no other value ever is there. */
  ofCell(cell: number): ReadonlySet<number> {
    this.written[cell] ??= new Set([this.initialOf(cell)])
    return this.written[cell]
  }

  /** The answers to a question at all locations of its thread. */
  ofQuestion(number: number): ReadonlySet<number> {
    const { looks, threads } = this.recorded
    const question = looks.questions[number]
    this.answered[number] ??= new Set(
      [...threads[question.thread].keys()].map((location) => this.answerAt(question, location)),
    )
    return this.answered[number]
  }

  /** The value of a field in the initial state. */
  initialOf(cell: number): number {
    const { looks, system, initial } = this.recorded
    return looks.cells[cell].get(system.world(initial))
  }

  /** The answer to a question while its thread stands at `location`. */
  answerAt(question: Question, location: number): number {
    const { looks, system } = this.recorded
    const key = `${looks.question(question)} ${location}`
    let answer = this.answers.get(key)
    if (answer === undefined) {
      this.scratch[system.worldWords + question.thread] = location
      answer = looks.answer(question, this.view)
      this.answers.set(key, answer)
    }
    return answer
  }

  /** Adds what the steps of `tree` write. */
  private gather(tree: Tree<Outcome>): void {
    if (!isLeaf(tree)) {
      for (const branch of tree.branches.values()) this.gather(branch)
      return
    }
    if (tree.leaf.kind !== 'step') return
    for (const values of [tree.leaf.written, tree.leaf.stored])
      for (const [cell, value] of values) {
        this.ofCell(cell)
        this.written[cell].add(value)
      }
  }
}
