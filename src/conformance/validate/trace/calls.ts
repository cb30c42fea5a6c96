/**
 * The calls that each thread of a trace is in, and which of them the model does not have.
 *
 * @module
 */
import type { MarkEvent, ProbeEvent } from './ftrace.js'

/** The function that evicts a chunk of a device's memory, whosever the pages are. */
const EVICTING = 'dmirror_device_evict_chunk'

/** The function that a migration of an address space collects and unmaps its pages in. */
const SETUP = 'migrate_vma_setup'

/** Functions that a migration of an address space calls, and the eviction of a chunk too. */
const OF_A_MIGRATION: ReadonlySet<string> = new Set(['migrate_device_unmap'])

const FAULT = 'handle_mm_fault'
const FAULT_FLAG_VMA_LOCK = 0x1000n
const VM_FAULT_RETRY = 0x400n

interface Call {
  readonly function: string
  readonly isPassedOver: boolean
}

/** Follows the calls of a process, event by event. */
export class Calls {
  private readonly open = new Map<number, Call[]>()
  /** Functions of which the trace has returns. */
  private readonly returning = new Set<string>()
  /** Faults, at entry and return, that were tried under the lock of the VMA and given up. */
  private readonly givenUp = new Set<ProbeEvent>()

  constructor(events: readonly (ProbeEvent | MarkEvent)[]) {
    const faults = new Map<number, ProbeEvent[]>()
    for (const event of events) {
      if (event.kind !== 'probe') continue
      if (event.at === 'return') this.returning.add(event.function)
      if (event.function !== FAULT) continue
      const own = faults.get(event.pid) ?? []
      faults.set(event.pid, own)
      if (event.at === 'entry') own.push(event)
      else this.returned(own.pop(), event)
    }
  }

  private returned(entry: ProbeEvent | undefined, event: ProbeEvent): void {
    const flags = entry?.fields.get('flags') ?? 0n
    const ret = event.fields.get('ret') ?? 0n
    if (entry === undefined || !(flags & FAULT_FLAG_VMA_LOCK) || !(ret & VM_FAULT_RETRY)) return
    this.givenUp.add(entry).add(event)
  }

  /** Why an event of a function that is judged is none that the model has; undefined if it is one. */
  reason(event: ProbeEvent): string | undefined {
    if (this.givenUp.has(event))
      return 'tried under the lock of the VMA and given up: the model faults under the mmap lock at once'
    const isOfChunk =
      OF_A_MIGRATION.has(event.function) &&
      (this.isIn(event, EVICTING) || (this.returning.has(SETUP) && !this.isIn(event, SETUP)))
    return isOfChunk ? 'within the eviction of a chunk: the number of pages is that of the chunk' : undefined
  }

  private isIn({ pid }: ProbeEvent, name: string): boolean {
    return this.open.get(pid)?.some((call) => call.function === name) ?? false
  }

  /**
   * Goes past an event. A return has no address: it is passed over if its entry was.
   *
   * @param isPassedOver - whether the event itself is to be passed over
   */
  isPassedOver({ pid, function: name, at }: ProbeEvent, isPassedOver: boolean): boolean {
    const calls = this.open.get(pid) ?? []
    this.open.set(pid, calls)
    if (at === 'entry') {
      if (this.returning.has(name)) calls.push({ function: name, isPassedOver })
      return isPassedOver
    }
    const index = calls.findLastIndex((call) => call.function === name)
    if (index < 0) return isPassedOver
    // What was entered since has not returned: its return was not recorded.
    const [call] = calls.splice(index)
    return call.isPassedOver || isPassedOver
  }
}
