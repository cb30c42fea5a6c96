/**
 * Invalidations of a sequence that the model has in another order.
 *
 * @module
 */
import type { DoneEvent } from './model.js'

const START = '__mmu_notifier_invalidate_range_start'
const LAST = 'mn_itree_inv_end'

/**
 * What the model does as it evicts the chunks of a device, in the order of the trace: the kernel goes by frame numbers, and which page
 * has which a trace does not tell.
 *
 * @param done - all that the model does
 * @param firsts - the first page of each invalidation of the trace, in order
 */
export function inOrderOf(done: readonly DoneEvent[], firsts: readonly number[]): readonly DoneEvent[] {
  const places = done.flatMap(({ judged, at }, index) =>
    judged.function === START && at === 'entry' ? [index] : [],
  )
  const blocks = places.map((from) => {
    const length = done.slice(from).findIndex(({ judged }) => judged.function === LAST) + 1
    return done.slice(from, from + length)
  })
  const left = [...blocks.keys()]
  const ordered = [...done]
  for (const [place, first] of firsts.entries()) {
    const found = left.findIndex((index) => blocks[index][0]?.values.get('start') === first)
    if (found < 0 || place >= places.length) return done
    const [taken] = left.splice(found, 1)
    if (blocks[taken].length !== blocks[place].length) return done
    for (const [index, event] of blocks[taken].entries())
      ordered[places[place] + index] = numberedAs(event, blocks[place][index])
  }
  return ordered
}

/** The event with the sequence numbers that one in this place has. */
function numberedAs(event: DoneEvent, { values }: DoneEvent): DoneEvent {
  const { judged } = event
  const bindings = { ...judged.entry, ...judged.sampled, ...judged.return }
  const numbered = [...event.values].map(
    ([field, value]) =>
      [field, bindings[field].unit === 'sequence' ? (values.get(field) ?? value) : value] as const,
  )
  return { ...event, values: new Map(numbered) }
}
