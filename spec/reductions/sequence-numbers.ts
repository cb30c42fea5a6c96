/**
 * Sequence numbers are compared with each other for being equal or odd, and count for nothing else.
 *
 * @module
 */

import type { IntervalNotifier, Machine, Subscriptions } from '../../src/kernel/index.js'
import { type Cell, fieldOf, type Layout, type Normalisation } from '../../src/world/index.js'

/** The number that stands for every one which no interval has any more: whoever compares with it must retry. */
const STALE = 1
/** The least of the numbers that intervals have. */
const FIRST = 3

/**
 * Renumbers the invalidations of each address space: the numbers that are still in use become the least odd ones, in
 * their order, and a number that somebody has sampled and that is over becomes {@link STALE}.
 *
 * Sound since nothing else is done with a number than to compare it: with the interval's, with the address space's, and
 * for being odd; and since a number which was left behind never comes back. Every number is in a field of the layout
 * (`Layout.sequences`), those of drivers too; threads have none in their locals.
 */
export function renumberSequences({ layout, mms }: Machine): Normalisation {
  const spaces = mms
    .filter(({ subscriptions }) => subscriptions.intervals.length > 0)
    .map(({ subscriptions }) => new Numbers(subscriptions, layout))
  return {
    name: 'sequence numbers by their order',
    cells: spaces.flatMap(({ cells }) => cells),
    apply() {
      for (const space of spaces) space.renumber()
    },
  }
}

/** A number that somebody has taken of an interval. */
interface Sample {
  readonly of: IntervalNotifier
  readonly cell: Cell<unknown>
}

/** The numbers of one address space. */
class Numbers {
  private readonly samples: readonly Sample[]
  private readonly used: number[] = []

  constructor(
    private readonly subs: Subscriptions,
    { sequences }: Layout,
  ) {
    this.samples = subs.intervals.flatMap((of) => {
      const counter = fieldOf(of, 'seq')
      return sequences.filter((sequence) => sequence.of === counter).map(({ cell }) => ({ of, cell }))
    })
  }

  /** Every cell that holds one of them, or says whether it is still worth anything. */
  get cells(): Cell<unknown>[] {
    const { subs, samples } = this
    const own = subs.intervals.flatMap((sub) => [fieldOf(sub, 'allocated'), fieldOf(sub, 'seq')])
    return [fieldOf(subs, 'seq'), ...own, ...samples.map((sample) => sample.cell)]
  }

  renumber(): void {
    const { subs, samples, used } = this
    const current = subs.seq
    used.length = 0
    // The last odd one: an interval that is inserted while the number is even gets it again.
    const last = current & 1 ? current : current - 1
    if (current & 1) used.push(current)
    for (const sub of subs.intervals) if (sub.allocated) this.use(sub.seq)
    for (const sample of samples) if (sample.cell.value === last) this.use(last)
    used.sort((a, b) => a - b)
    for (const sample of samples) {
      const seq = sample.cell.value
      if (seq === 0) continue
      const lasts = seq === last || (sample.of.allocated && seq === sample.of.seq)
      sample.cell.value = lasts ? this.rank(seq) : STALE
    }
    // What is freed has none.
    for (const subRecord of subs.intervals) subRecord.seq = subRecord.allocated ? this.rank(subRecord.seq) : 0
    // An even number is one more than the invalidation that ended last, which an interval may still have or not.
    if (current & 1) subs.seq = this.rank(current)
    else if (used.includes(current - 1)) subs.seq = this.rank(current - 1) + 1
    else subs.seq = FIRST + 2 * used.length + 1
  }

  private use(seq: number): void {
    const odd = seq & 1 ? seq : seq - 1
    if (odd > 0 && !this.used.includes(odd)) this.used.push(odd)
  }

  /** What the number becomes; an even one, which only a defect gives to an interval, stays one more than the odd one before. */
  private rank(seq: number): number {
    const place = this.used.indexOf(seq & 1 ? seq : seq - 1)
    if (place < 0) return seq
    return FIRST + 2 * place + (seq & 1 ? 0 : 1)
  }
}
