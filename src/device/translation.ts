/**
 * What a device keeps: a page table and a TLB of its own, and accesses that take time.
 *
 * @see reference G.2
 * @module
 */
import type { Frame, IntervalNotifier, MmStruct, NotifierRange } from '../machine/index.js'
import { READ_ONCE } from '../world/index.js'

/** A translation of the device: of its page table, its TLB, or an access that is under way. */
export interface Translation {
  /** The page that it leads to, if there is a translation. */
  frame: Frame | undefined
  write: boolean
  /** 1 if the device has the page to itself: atomic accesses may use it. Absent on a device that has none. */
  atomic: boolean
  /**
   * 1 if the entry leads to the struct page of device memory, behind which there is nothing that a program could read. Absent
   * where entries always lead to memory.
   */
  unbacked: boolean
}

/** An access that has translated and not yet touched memory. */
export interface Access extends Translation {
  /** 0, or the page plus 1. */
  page: number
  /** Ghost: since the access has faulted its driver has programmed the entry for it. Absent on a device without atomic accesses. */
  granted: boolean
  /** Ghost: what the driver has done to each page for the access that it makes itself. Empty for a device that makes its own accesses. */
  readonly touched: readonly { how: number }[]
}

/** What was done to a page: nothing, it was read, or it was written. */
export const Touched = { not: 0, read: 1, written: 2 } as const

/** The hardware of a device: what it looks up, and what it has under way. */
export interface Device {
  readonly name: string
  /** The address space that it uses. */
  readonly mm: MmStruct
  /** The pages of it that it may use: from `start` to `last`. */
  readonly notifier: Pick<IntervalNotifier, 'start' | 'last'>
  /** The device page table, by page. The device reads it at any time; the driver changes it under the lock that protects it. */
  readonly pageTable: readonly Translation[]
  readonly tlb: readonly Translation[]
  /** By thread: the access it has under way. */
  readonly accesses: ReadonlyMap<number, Access>
}

/** The first and the page after the last that both `device` and `range` cover. */
export function covered(
  device: Device,
  range: Pick<NotifierRange, 'start' | 'end'>,
): { start: number; end: number } {
  return {
    start: Math.max(range.start, device.notifier.start),
    end: Math.min(range.end, device.notifier.last + 1),
  }
}

/** There is no translation any more. Called inside an atomic step. */
export function forget(translation: Translation): void {
  translation.frame = undefined
  translation.write = false
  translation.atomic = false
  translation.unbacked = false
}

/** What `from` says is what `to` says from now on. Called inside an atomic step. */
export function copy(from: Translation, to: Translation): void {
  to.frame = READ_ONCE(from).frame
  to.write = READ_ONCE(from).write
  to.atomic = READ_ONCE(from).atomic
}
