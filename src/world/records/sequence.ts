/**
 * Sequence numbers: the value of a counter at one time, stored in a field and compared with the
 * counter later. Only the order of such numbers matters, so they stay in fields, where all of them
 * can be renumbered together ({@link Layout.sequences}); no procedure has one among its local
 * variables.
 *
 * @module
 */
import { acting } from '../acting.js'
import { SpecificationError } from '../errors.js'
import type { Cell } from './layout.js'

/** How a sequence is looked at: as its thread may, without the lock that guards it, or as it was before the step. */
export const SEQUENCE_VIEWS = ['plain', 'once', 'old'] as const

/** One of {@link SEQUENCE_VIEWS}. */
export type SequenceView = (typeof SEQUENCE_VIEWS)[number]

/**
 * A field that holds a number taken of a counter, or none. A record's property reads as this handle, which is passed to the
 * procedures that take and compare numbers; assigning another one of the same counter copies the number.
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
    /** Where the number is kept. */
    readonly cell: Cell<unknown>,
    /** The field that counts. */
    readonly of: Cell<unknown>,
    view: SequenceView,
  ) {
    this.#view = view
  }

  /**
   * The number; 0 if there is none. Called inside an atomic step: what a step returns must not
   * depend on it, only on how numbers compare.
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

/** The number that `cell`, which holds a sequence, takes over from `value`. */
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
