/**
 * Invalidations of a sequence that the model has in another order, or once where the kernel has them twice.
 *
 * @module
 */
import type { ProbeEvent } from '../trace/ftrace.js'
import type { DoneEvent } from './model.js'

const START = '__mmu_notifier_invalidate_range_start'
const LAST = 'mn_itree_inv_end'
const CLEAR = 1n
const HUGE = 512n * 4096n

/**
 * The second of two invalidations that the kernel makes as it splits a huge page: one to split the entry, and one to unmap what it is
 * then. The model has the first. Both have the same range, and come one after the other.
 *
 * @param events - those of one operation
 */
export function secondOfSplits(events: readonly ProbeEvent[]): ReadonlySet<ProbeEvent> {
  const found = new Set<ProbeEvent>()
  let split: bigint | undefined
  let isSecond = false
  for (const event of events) {
    const { function: name, at, fields } = event
    if (name === START && at === 'entry') {
      const [start, end] = [fields.get('start') ?? 0n, fields.get('end') ?? 0n]
      const isHuge = fields.get('event') === CLEAR && end - start === HUGE
      isSecond = isHuge && split === start
      split = isHuge && !isSecond ? start : undefined
    }
    if (isSecond) found.add(event)
    if (name === LAST && at === 'entry') isSecond = false
  }
  return found
}

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
