/**
 * The invalidations that threads have open.
 *
 * @module
 */
import { claim } from '../world/index.js'
import { NotifyEvent } from './kinds.js'
import type { Machine, MmStruct, NotifierRange, OpenRange, Task } from './records.js'

/**
 * The thread opens an invalidation of `range`. Called inside the step that counts it.
 *
 * @kernel mmu_notifier_range_init
 */
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
 * True for a thread with an open invalidation that is not blockable: it must not sleep before it
 * closes it, inside a callback or outside. The kernel tracks this only around callbacks of classic
 * notifiers (`task_struct::non_block_count`).
 *
 * @kernel non_block_start include/linux/kernel.h
 */
export function isNonBlocking(machine: Machine, thread: number): boolean {
  const { mm, blockable } = innermostRange(machine, thread)
  return mm !== 0 && !blockable
}

/**
 * The thread closes its invalidation of `range`, which must be the one that it opened. Called
 * inside the step that uncounts it.
 */
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

/**
 * A classic notifier returns an error for the open invalidation: the caller must give it up. Called
 * inside the step of the notifier.
 */
export function refuseRange(current: Task): void {
  innermostRange(current.machine, current.thread).refused = true
}

/**
 * The innermost open invalidation of `thread`: that of a huge-page split if the split nests in
 * another. The thread's outer record if none is open.
 */
export function innermostRange({ openRanges, layout }: Machine, thread: number): OpenRange {
  const inner = openRanges[thread + layout.threads]
  return inner !== undefined && inner.mm !== 0 ? inner : openRanges[thread]
}
