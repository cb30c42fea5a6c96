/**
 * What a number of a trace is in the model.
 *
 * @module
 */
import type { Unit } from '../probe.js'
import type { MarkEvent, ProbeEvent } from './ftrace.js'

/** What must be known to read the numbers of a trace. */
export interface Reading {
  /** Address of the window. */
  readonly base: bigint
  /** Pages of the window. */
  readonly pages: number
  /** Notifiers by address. */
  readonly notifiers: ReadonlyMap<bigint, number>
  /** Owners of device memory by address; 0 is nobody. */
  readonly owners: ReadonlyMap<bigint, number>
  /** By how much sequence numbers are ahead of the model's. */
  readonly offset: bigint
}

const PAGE = 4096n
/** `HMM_PFN_REQ_FAULT` and `HMM_PFN_REQ_WRITE` are the two highest bits, the former the higher. */
const REQ_FAULT = 1n << 63n
const REQ_WRITE = 1n << 62n
/** `VM_FAULT_` bits: no memory, SIGBUS (and poison), SIGSEGV. */
const FAULT_OOM = 0x1n
const FAULT_SIGBUS = 0x32n
const FAULT_SIGSEGV = 0x40n
/** Whatever the model does not have. */
export const UNKNOWN = -0x3fffffff

/** The value in the model's terms. */
export function numberOf(given: bigint, unit: Unit, reading: Reading): number {
  switch (unit) {
    case 'page':
      return pageOf(given / PAGE - reading.base / PAGE, reading)
    case 'end':
      return pageOf((given - 1n) / PAGE - reading.base / PAGE, reading) + 1
    case 'sequence':
      return Number(given - reading.offset)
    case 'taken':
      return Math.max(0, Number(given))
    case 'notifier':
      return reading.notifiers.get(given) ?? UNKNOWN
    case 'owner':
      return reading.owners.get(given) ?? UNKNOWN
    case 'requests':
      return (given & REQ_FAULT ? 1 : 0) | (given & REQ_WRITE ? 2 : 0)
    case 'write':
      return Number(given & 1n)
    case 'fault':
      if (given & FAULT_OOM) return -1
      if (given & FAULT_SIGBUS) return -2
      return given & FAULT_SIGSEGV ? -3 : 0
    default:
      return Number(given)
  }
}

/** All pages outside of the window are the one after its last. */
function pageOf(page: bigint, { pages }: Reading): number {
  return page < 0n || page >= BigInt(pages) ? pages : Number(page)
}

/** The owners that are named, in order: the first is the device that the operations use. */
export function ownersOf(during: readonly (ProbeEvent | MarkEvent)[]): Map<bigint, number> {
  const owners = new Map<bigint, number>([[0n, -1]])
  for (const event of during) {
    const owner = event.kind === 'probe' ? event.fields.get('owner') : undefined
    if (owner !== undefined && !owners.has(owner)) owners.set(owner, owners.size - 1)
  }
  return owners
}

/** A world begins with this number. */
const FIRST_SEQUENCE = 2n

/** By how much the numbers of the trace are ahead of the model's: the number before the first invalidation is the first. */
export function offsetOf(during: readonly (ProbeEvent | MarkEvent)[]): bigint {
  for (const event of during) {
    if (event.kind !== 'probe' || event.function !== 'mn_itree_inv_start_range') continue
    const seq = event.fields.get('seq')
    if (seq !== undefined) return seq - FIRST_SEQUENCE
  }
  return 0n
}
