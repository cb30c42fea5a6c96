/**
 * Invalidations of pages outside of the window: every program has some, of its stack, its heap, its libraries. A notifier that
 * covers the whole address space hears of them, and the sequence moves. No operation says that they are to come.
 *
 * @module
 */
import type { MarkEvent, ProbeEvent } from './ftrace.js'
import type { Reading } from './values.js'

/** One of them. */
export interface Aside {
  /** Its first event. */
  readonly first: ProbeEvent
  /** Its `mmu_notifier_event`. */
  event: number
}

const START = '__mmu_notifier_invalidate_range_start'
const END = '__mmu_notifier_invalidate_range_end'
const COUNT = 'mn_itree_inv_start_range'
const UNCOUNT = 'mn_itree_inv_end'
const CALLBACK = 'dmirror_interval_invalidate'

/** Finds them among the events of a process. */
export class Asides {
  private readonly found = new Map<ProbeEvent, Aside>()
  private readonly limit: bigint

  constructor(
    events: readonly (ProbeEvent | MarkEvent)[],
    private readonly reading: Reading,
  ) {
    this.limit = reading.base + BigInt(reading.pages) * 4096n
    const byThread = new Map<number, ProbeEvent[]>()
    for (const event of events) {
      if (event.kind !== 'probe') continue
      const own = byThread.get(event.pid)
      if (own) own.push(event)
      else byThread.set(event.pid, [event])
    }
    for (const own of byThread.values()) this.find(own)
  }

  /** The invalidation of other pages that an event is part of. */
  of(event: ProbeEvent): Aside | undefined {
    return this.found.get(event)
  }

  /** True for an event at an address outside of the window. */
  isOutside({ fields }: ProbeEvent): boolean {
    const end = fields.get('end') ?? fields.get('last')
    const start = fields.get('start') ?? fields.get('addr') ?? (end === undefined ? undefined : end - 1n)
    return start !== undefined && this.isOther(start, end ?? start + 1n)
  }

  private isOther(start: bigint, end: bigint): boolean {
    return end <= this.reading.base || start >= this.limit
  }

  /** Those of one thread, whose events these are. */
  private find(own: readonly ProbeEvent[]): void {
    let isOpen = false
    let aside: Aside | undefined
    for (const [index, event] of own.entries()) {
      const { function: name, at } = event
      if (at === 'entry' && (name === START || (name === COUNT && !isOpen))) {
        const told = name === START ? event : toldOf(own, index)
        isOpen = true
        if (told === undefined || this.isOutside(told))
          aside = { first: event, event: Number(told?.fields.get('event') ?? 0n) }
      }
      if (aside && isPart(name)) this.found.set(event, aside)
      if (at === 'entry' && isOpen && isLast(own, index)) {
        isOpen = false
        aside = undefined
      }
    }
  }
}

function isPart(name: string): boolean {
  return name === START || name === END || name === COUNT || name === UNCOUNT || name === CALLBACK
}

/** The first callback of the invalidation that is counted by event `index`: it has the range. */
function toldOf(own: readonly ProbeEvent[], index: number): ProbeEvent | undefined {
  for (let at = index + 1; at < own.length && own[at].function !== UNCOUNT; at++)
    if (own[at].function === CALLBACK && own[at].at === 'entry') return own[at]
  return undefined
}

/** True for the last event of an invalidation: that it is uncounted; or the end of the range, if that has no probe. */
function isLast(own: readonly ProbeEvent[], index: number): boolean {
  if (own[index].function === UNCOUNT) return true
  return own[index].function === END && own[index + 1]?.function !== UNCOUNT
}
