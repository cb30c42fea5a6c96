/**
 * The ranges that threads invalidate.
 *
 * @module
 */
import { claim } from '../world/index.js'
import { NotifyEvent } from './kinds.js'
import type { Machine, MmStruct, NotifierRange, OpenRange, Task } from './records.js'

/** The thread begins to invalidate `range`: part of the step that counts it. @kernel mmu_notifier_range_init */
export function openRange(current: Task, mm: MmStruct, range: NotifierRange): void {
  const outer = current.machine.openRanges[current.thread]
  const inner = current.machine.openRanges[current.thread + current.machine.layout.threads]
  const open = inner !== undefined && outer.mm !== 0 ? inner : outer
  claim('C32', open.mm === 0, 'a thread opens an invalidation while another of its own is open')
  open.mm = mm.index + 1
  open.start = range.start
  open.end = range.end
  open.event = range.event
  open.blockable = range.blockable
  open.owner = range.owner + 1
}

/**
 * True for a thread that has opened a range that is not blockable: it may not sleep until it has closed it, in a callback or
 * beside one. The kernel counts it around the callbacks of classic notifiers only (`task_struct::non_block_count`).
 *
 * @kernel non_block_start include/linux/kernel.h
 */
export function isNonBlocking(machine: Machine, thread: number): boolean {
  const { mm, blockable } = innermostRange(machine, thread)
  return mm !== 0 && !blockable
}

/** The thread has ended its invalidation of `range`, which is the one that it opened: part of the step that uncounts it. */
export function closeRange(current: Task, mm: MmStruct, range: NotifierRange): void {
  const open = innermostRange(current.machine, current.thread)
  claim('C12', open.mm !== 0, 'the end of an invalidation is said that is not open')
  claim(
    'C32',
    open.mm === mm.index + 1 &&
      open.start === range.start &&
      open.end === range.end &&
      open.event === range.event &&
      open.owner === range.owner + 1,
    `the end of an invalidation names ${pagesOf(range)}, and its start ${pagesOf(open)}`,
  )
  open.mm = 0
  open.start = 0
  open.end = 0
  open.event = NotifyEvent.UNMAP
  open.blockable = false
  open.owner = 0
  open.refused = false
}

function pagesOf({ event, start, end }: Pick<NotifierRange, 'event' | 'start' | 'end'>): string {
  return `${event} of pages ${start} to ${end}`
}

/** A classic notifier refuses the range that the thread has opened: its caller must give it up. Part of its step. */
export function refuseRange(current: Task): void {
  innermostRange(current.machine, current.thread).refused = true
}

/**
 * The range that `thread` has opened last and not closed: where a huge page is split in the middle of a change of its
 * page table, that of the split. The thread's own cells if it has none open.
 */
export function innermostRange({ openRanges, layout }: Machine, thread: number): OpenRange {
  const inner = openRanges[thread + layout.threads]
  return inner !== undefined && inner.mm !== 0 ? inner : openRanges[thread]
}
