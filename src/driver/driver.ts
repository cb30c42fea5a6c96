/**
 * What a driver must provide: the interface that the reference driver, the recorded one and a user's implement.
 *
 * @module
 */
import type { NotifierRange, Task } from '../kernel/index.js'
import type { Procedure } from '../world/index.js'
import type { Mirror } from './device.js'

/** A driver that mirrors address spaces into its device's page table. */
export interface Driver {
  /** Name, as in traces. */
  readonly name: string
  /**
   * The notifier's callback: pages of `range` are about to change. When it returns 1 the device uses none of them
   * any more: entries removed, TLB flushed, accesses ended. It may return 0 only if `range.blockable` is false and it
   * would have to sleep.
   *
   * It must call `mmu_interval_set_seq` with `curSeq` under the update lock, also where nothing is mapped.
   */
  readonly invalidate: Procedure<
    [current: Task, mirror: Mirror, range: NotifierRange, curSeq: number],
    number
  >
  /**
   * A fault of the device: maps the pages from `start` to `end` (the page after the last) as the CPU has them, for
   * writing if `write`.
   *
   * @returns 0 when they are mapped, or a negative error number
   */
  readonly fault: Procedure<
    [current: Task, mirror: Mirror, start: number, end: number, write: boolean],
    number
  >
  /**
   * The address space is going away: halts the device, and returns when it makes no access any more. Only before Linux
   * 5.5: an interval notifier is told of it as of any other invalidation.
   */
  readonly release?: Procedure<[current: Task, mirror: Mirror], void>
}
