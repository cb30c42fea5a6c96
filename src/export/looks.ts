/**
 * What steps and claims look at, by number: fields, fields as they were before the step, and where threads stand.
 *
 * @module
 */
import { SpecificationError } from '../world/errors.js'
import type { View } from '../world/model.js'
import type { AnyProcedure } from '../world/procedures/procedure.js'
import { type Recorder, recordedBy } from '../world/records/footprint.js'
import type { Cell, World } from '../world/records/layout.js'
import type { Seen } from './tree.js'

/** A question about where a thread stands. */
export interface Question {
  readonly about: 'step' | 'inside' | 'finished'
  readonly thread: number
  readonly procedure?: AnyProcedure
}

/** One thing that can be looked at: a field, or a question, after the step or before it. */
export interface Look {
  readonly when: 'before' | 'after'
  /** Index of a field in {@link Looks.cells}. */
  readonly cell?: number
  /** Index of a question in {@link Looks.questions}. */
  readonly question?: number
}

/** Where things are looked at: the two worlds and the two views of a step. Of a state, both are the same. */
export interface Place {
  readonly before: World
  readonly after: World
  readonly from: View
  readonly to: View
}

/** Gives numbers to all that is looked at. */
export class Looks {
  /** Fields that a step or claim has touched, in the order in which they were. */
  readonly cells: Cell<unknown>[] = []
  readonly questions: Question[] = []
  readonly all: Look[] = []
  private readonly cellNumbers = new Map<Cell<unknown>, number>()
  private readonly numbers = new Map<string, number>()
  private readonly texts: string[] = []
  private readonly textNumbers = new Map<string, number>()

  /** The number of a field. */
  cell(cell: Cell<unknown>): number {
    let number = this.cellNumbers.get(cell)
    if (number === undefined) {
      number = this.cells.push(cell) - 1
      this.cellNumbers.set(cell, number)
    }
    return number
  }

  /** The number of a question. */
  question(asked: Question): number {
    const known = this.questions.findIndex(
      (question) =>
        question.about === asked.about &&
        question.thread === asked.thread &&
        question.procedure === asked.procedure,
    )
    return known >= 0 ? known : this.questions.push(asked) - 1
  }

  /** The number of what is looked at. */
  number(look: Look): number {
    const key = `${look.when} ${look.cell ?? ''} ${look.question ?? ''}`
    let number = this.numbers.get(key)
    if (number === undefined) {
      number = this.all.push(look) - 1
      this.numbers.set(key, number)
    }
    return number
  }

  /** What `look` sees at `place`, as a number. */
  read(look: number, place: Place): number {
    const { when, cell, question } = this.all[look]
    if (cell !== undefined) return this.cells[cell].get(when === 'before' ? place.before : place.after)
    return this.answer(this.questions[question as number], when === 'before' ? place.from : place.to)
  }

  /** What a view answers to a question, as a number. */
  answer({ about, thread, procedure }: Question, view: View): number {
    switch (about) {
      case 'step':
        return this.text(view.step(thread))
      case 'inside':
        return view.inside(thread, procedure as AnyProcedure) ? 1 : 0
      case 'finished':
        return view.finished(thread) ? 1 : 0
    }
  }

  /** The name of a step, by the number that {@link answer} has given it. */
  textOf(number: number): string {
    return this.texts[number]
  }

  private text(text: string): number {
    let number = this.textNumbers.get(text)
    if (number === undefined) {
      number = this.texts.push(text) - 1
      this.textNumbers.set(text, number)
    }
    return number
  }
}

/** What one run of a step or claim looks at, each thing once, in its order, and which fields it writes. */
export class Path implements Recorder {
  readonly seen: Seen[] = []
  readonly written = new Set<number>()
  private readonly known = new Set<number>()

  constructor(
    private readonly looks: Looks,
    private readonly place: Place,
  ) {}

  read(cell: Cell<unknown>, w: World): void {
    const number = this.looks.cell(cell)
    // Whoever steps has a view of the state of its own.
    const when = w.buffer === this.place.after.buffer ? 'after' : 'before'
    if (when === 'before' && w.buffer !== this.place.before.buffer)
      throw new SpecificationError('impure', `${cell.name} is read in a world that is not the one in use`)
    // What it has written itself it does not learn from the world.
    if (when === 'after' && this.written.has(number)) return
    this.see({ when, cell: number })
  }

  write(cell: Cell<unknown>, w: World): void {
    if (w.buffer !== this.place.after.buffer)
      throw new SpecificationError('impure', `${cell.name} is written in a world that is not the one in use`)
    this.written.add(this.looks.cell(cell))
  }

  /** `view`, seen by a claim. */
  view(view: View, when: Look['when']): View {
    const ask = (question: Question): number => {
      this.see({ when, question: this.looks.question(question) })
      return this.looks.answer(question, view)
    }
    return {
      step: (thread) => this.looks.textOf(ask({ about: 'step', thread })),
      inside: (thread, procedure) => ask({ about: 'inside', thread, procedure }) === 1,
      finished: (thread) => ask({ about: 'finished', thread }) === 1,
    }
  }

  private see(look: Look): void {
    const number = this.looks.number(look)
    if (this.known.has(number)) return
    this.known.add(number)
    this.seen.push({ look: number, value: recordedBy(undefined, () => this.looks.read(number, this.place)) })
  }
}
