/**
 * The state of a device: its page table, its TLB, and its accesses in progress.
 *
 * @see reference G.2
 * @module
 */
import type { Frame, IntervalNotifier, MmStruct, NotifierRange } from '../machine/index.js'
import { READ_ONCE } from '../world/index.js'

/** A translation of the device: in its page table, in its TLB, or of an access in progress. */
export interface Translation {
  /** The frame that it translates to; `undefined` if there is no translation. */
  frame: Frame | undefined
  write: boolean
  /**
   * True if the device has exclusive access to the page: atomic accesses may use the translation.
   * Absent on a device without atomic accesses.
   */
  atomic: boolean
  /**
   * True if the entry translates to a device page without memory behind it, as in the test driver.
   * Absent if entries always translate to memory.
   */
  unbacked: boolean
}

/** An access that has translated and has not accessed memory yet. */
export interface Access extends Translation {
  /** 0, or the page plus 1. */
  page: number
  /**
   * Ghost: the driver has programmed the entry for this access since it faulted. Absent on a device
   * without atomic accesses.
   */
  granted: boolean
  /**
   * Ghost: the accesses to each page that the driver has made on behalf of the device. Empty for a
   * device that makes its own accesses.
   */
  readonly touched: readonly { how: number }[]
}

/** The access to a page: none, read, or written. */
export const Touched = { not: 0, read: 1, written: 2 } as const

/** The hardware of a device: its page table and its accesses in progress. */
export interface Device {
  readonly name: string
  /** The address space that it mirrors. */
  readonly mm: MmStruct
  /** The pages that it may access: from `start` to `last`. */
  readonly notifier: Pick<IntervalNotifier, 'start' | 'last'>
  /** The device page table, by page. The device reads it at any time; the driver changes it under the lock that protects it. */
  readonly pageTable: readonly Translation[]
  readonly tlb: readonly Translation[]
  /** The access in progress, by thread. */
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

/** Clears the translation. Called inside an atomic step. */
export function forget(translation: Translation): void {
  translation.frame = undefined
  translation.write = false
  translation.atomic = false
  translation.unbacked = false
}

/** Copies the translation `from` to `to`. Called inside an atomic step. */
export function copy(from: Translation, to: Translation): void {
  to.frame = READ_ONCE(from).frame
  to.write = READ_ONCE(from).write
  to.atomic = READ_ONCE(from).atomic
}
