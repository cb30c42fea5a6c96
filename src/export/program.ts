/**
 * A recorded scenario as a program over variables: fields, and what is asked of where threads stand. What printers share.
 *
 * @module
 */
import { type Domains, type Known, reduced, type UNMET } from './formula.js'
import type { Answer, Effect, Outcome, RecordedClaim, Recording } from './recording.js'
import type { Tree } from './tree.js'
import { Values } from './values.js'

/** A tree over variables; `UNMET` where exploring has met nothing. */
export type Decided<L> = Tree<L | typeof UNMET>

/** Variables of a recording by number: its fields, and then its questions. */
export class Program {
  /** Number of fields; the variables that follow are questions. */
  readonly fields: number
  private readonly values: Values
  private readonly domains: Domains = (variable) => this.domain(variable)

  constructor(readonly recording: Recording) {
    this.fields = recording.looks.cells.length
    this.values = new Values(recording)
  }

  /** All values that a variable can have. */
  domain(variable: number): ReadonlySet<number> {
    return variable < this.fields
      ? this.values.ofCell(variable)
      : this.values.ofQuestion(variable - this.fields)
  }

  /** The value of a variable in the initial state. */
  initialOf(variable: number): number {
    if (variable < this.fields) return this.values.initialOf(variable)
    const { looks, system, initial } = this.recording
    const question = looks.questions[variable - this.fields]
    return this.values.answerAt(question, initial[system.worldWords + question.thread])
  }

  /** The variables that tell where `thread` stands, and their values at `location`. */
  standing(thread: number, location: number): Map<number, number> {
    const values = new Map<number, number>()
    for (const [i, question] of this.recording.looks.questions.entries())
      if (question.thread === thread) values.set(this.fields + i, this.values.answerAt(question, location))
    return values
  }

  /** A tree of steps over variables. */
  step(tree: Tree<Outcome> | undefined): Decided<Outcome> {
    return reduced(tree ?? { leaf: { kind: 'error' } }, this.domains, keyOfOutcome, (look) => ({
      variable: this.variableOf(look),
    }))
  }

  /** A tree about states over variables. */
  ofStates<L extends string | boolean>(tree: Tree<L>): Decided<L> {
    return reduced(tree, this.domains, String, (look, known) => valueOr(this.variableOf(look), known))
  }

  /**
   * What a claim says of a step of `thread` from `location` by `effect`, as a tree over the variables before the step.
   *
   * @param known - what is known of them
   */
  ofStep(
    claim: RecordedClaim,
    thread: number,
    location: number,
    { to, written }: Effect,
    known: Known,
  ): Decided<Answer> {
    const { all, questions } = this.recording.looks
    const tree = claim.trees[thread]
    if (tree === undefined) return { leaf: '' }
    return reduced(tree, this.domains, String, (number, further) => {
      const { when, cell, question } = all[number]
      if (question !== undefined && questions[question].thread === thread)
        return { value: this.values.answerAt(questions[question], when === 'before' ? location : to) }
      if (when === 'after' && cell !== undefined) {
        const value = written.get(cell)
        if (value !== undefined) return { value }
      }
      const variable = this.variableOf(number)
      const value = known.get(variable)
      return value === undefined ? valueOr(variable, further) : { value }
    })
  }

  private variableOf(look: number): number {
    const { cell, question } = this.recording.looks.all[look]
    return cell ?? this.fields + (question as number)
  }
}

function valueOr(variable: number, known: Known): { variable: number } | { value: number } {
  const value = known.get(variable)
  return value === undefined ? { variable } : { value }
}

function keyOfOutcome(outcome: Outcome): string {
  switch (outcome.kind) {
    case 'step':
      return `to ${outcome.to}: ${[...outcome.written]} / ${[...outcome.stored]}`
    case 'broken':
      return `broken ${outcome.clause}`
    default:
      return outcome.kind
  }
}
