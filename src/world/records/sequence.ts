/**
 * Sequence numbers: the value of a counter at one time, stored in a field and later compared with
 * the counter. Only their order matters. They stay in fields, so that all can be renumbered
 * together ({@link Layout.sequences}); no procedure keeps one in a local variable.
 *
 * @module
 */
import { acting } from '../acting.js'
import { SpecificationError } from '../errors.js'
import type { Cell } from './layout.js'

/**
 * How a sequence is read: as the acting thread may, without the lock that guards it, or as it was
 * before the step.
 */
export const SEQUENCE_VIEWS = ['plain', 'once', 'old'] as const

/** One of {@link SEQUENCE_VIEWS}. */
export type SequenceView = (typeof SEQUENCE_VIEWS)[number]

/**
 * A field that holds a value sampled from a counter, or none. The record's property reads as this
 * handle, which is passed to the procedures that sample and compare numbers. Assigning another
 * sequence of the same counter copies its number.
 *
 * @example
 * ```ts
 * const pages = layout.scope('pages', (l) => ({ notifierSeq: l.sequence('notifier_seq', notifier) }))
 * yield* mmu_interval_read_begin(notifier, range.notifierSeq)
 * yield* step('keep the number', () => {
 *   pages.notifierSeq = range.notifierSeq
 *   return 0
 * })
 * ```
 */
export class Sequence {
  readonly #view: SequenceView

  constructor(
    /** The cell of the number. */
    readonly cell: Cell<unknown>,
    /** The counter. */
    readonly of: Cell<unknown>,
    view: SequenceView,
  ) {
    this.#view = view
  }

  /**
   * The number; 0 if there is none. Called inside an atomic step. The result of the step must not
   * depend on the number itself, only on comparisons of numbers.
   */
  get number(): number {
    switch (this.#view) {
      case 'plain':
        return this.cell.value
      case 'once':
        return this.cell.once
      default:
        return this.cell.readOnce(acting.before)
    }
  }

  set number(number: number) {
    if (this.#view !== 'plain') throw new TypeError(`${this.cell.name} is only read here`)
    this.cell.value = number
  }

  /** Clears the number. Called inside an atomic step. */
  clear(): void {
    this.number = 0
  }
}

/** The number that `cell`, which holds a sequence, gets from `value`. */
export function numberFrom(cell: Cell<unknown>, value: unknown): number {
  const own = cell.values[0] as Sequence
  if (!(value instanceof Sequence))
    throw new TypeError(`${cell.name} was set to ${String(value)}, which is no sequence number`)
  if (value.of !== own.of)
    throw new SpecificationError(
      'scenario',
      `${cell.name} was set to ${value.cell.name}, which is a number of another notifier`,
    )
  return value.number
}
